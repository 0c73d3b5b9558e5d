"""Do an agency's maintenance windows and pictures stand on its portal's page, and on nobody else's?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

import pytest

from citywatch.clock import stamp
from citywatch.model import Alert
from citywatch.ports import Query
from console import cares
from console.maintenance import window_at
from console.web import showcase
from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.test_access import enter

if TYPE_CHECKING:
    from console.house import House

PORTAL = "cong-so-y-te"
PAGE = f"/portals/{PORTAL}"


def local(house: SmallHouse, hours: float) -> str:
    zone = ZoneInfo(house.settings.timezone)
    return (house.clock() + timedelta(hours=hours)).astimezone(zone).strftime("%Y-%m-%dT%H:%M")


def wish_of(house: SmallHouse) -> cares.Wish:
    return cares.read_wish(cast("House", house), PORTAL)


def is_open(house: SmallHouse, hours: float) -> bool:
    wish = wish_of(house)
    moment = house.clock() + timedelta(hours=hours)
    return window_at(wish.calendar, moment, house.settings.timezone) is not None


def test_an_agency_adds_windows_and_takes_them_away(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    enter(browser, house, "ytechinh")
    values = {"start": local(house, 1), "end": local(house, 3), "what": "Nâng cấp <b>giao diện</b>"}
    page = browser.submit(f"{PAGE}/window", page=PAGE, **values).text
    assert "alarm nobody" in page
    assert "Nâng cấp &lt;b&gt;giao diện&lt;/b&gt;" in page
    browser.submit(f"{PAGE}/window", page=PAGE, start=local(house, 30), end=local(house, 31))
    assert [is_open(house, hours) for hours in (0.5, 2, 10, 30.5)] == [False, True, False, True]
    assert wish_of(house).changed_by == "ytechinh"
    browser.submit(f"{PAGE}/windows/clear", page=PAGE)
    assert not is_open(house, 2)


@pytest.mark.parametrize(
    ("start", "end"), [(3, 1), (1, 1), (1, 24 * 20), (-5, -2)], ids=["backward", "empty", "long", "over"]
)
def test_a_window_that_is_none_is_refused(
    browser: Browser, house: SmallHouse, city: list[Alert], start: float, end: float
) -> None:
    assert city
    enter(browser, house, "ytechinh")
    page = browser.submit(f"{PAGE}/window", page=PAGE, start=local(house, start), end=local(house, end)).text
    assert "A window has a start" in page
    assert "A window has a start" in browser.submit(f"{PAGE}/window", page=PAGE, start="x", end="").text
    assert not wish_of(house).calendar


def test_an_agency_says_how_its_portal_is_watched(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    enter(browser, house, "ytechinh")
    page = browser.submit(
        f"{PAGE}/care", page=PAGE, sensitivity="low", inner_pages="5", hours="22:00 - 05:00", outside="none"
    ).text
    wish = wish_of(house)
    assert (wish.sensitivity, wish.inner_pages, wish.hours, wish.outside) == ("low", 5, "22:00-05:00", "none")
    assert wish.changed_by == "ytechinh"
    assert 'value="22:00-05:00"' in page
    audit = house.store.find("audit", Query(order="id", limit=500)).records
    assert any(row.doc["what"] == "care_changed" for row in audit)
    browser.submit(f"{PAGE}/care", page=PAGE, hours="", inner_pages="5")
    assert (wish_of(house).hours, wish_of(house).sensitivity) == ("", "low"), "what is not sent stays"


@pytest.mark.parametrize(
    "values", [{"hours": "25:00-26:00"}, {"sensitivity": "deaf"}, {"outside": "<b>"}, {"inner_pages": "201"}]
)
def test_a_wrong_wish_is_refused(
    browser: Browser, house: SmallHouse, city: list[Alert], values: dict[str, str]
) -> None:
    assert city
    enter(browser, house, "ytechinh")
    assert "Write the hours as" in browser.submit(f"{PAGE}/care", page=PAGE, **values).text
    assert wish_of(house) == cares.Wish(id=PORTAL)


def test_another_agency_changes_nothing_and_readers_see_it(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    enter(browser, house, "giaoduc")
    own = "/portals/cong-so-giao-duc"
    assert browser.submit(f"{PAGE}/care", page=own, sensitivity="low").status_code == 404
    assert wish_of(house) == cares.Wish(id=PORTAL)
    enter(browser, house, "viewer")
    assert "normal" in browser.get(PAGE).text


def test_a_portal_shows_its_newest_picture_to_its_agency_alone(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    kept = house.evidence.keep(showcase.drawing(changed=False), "image/png")
    now = stamp(house.clock())
    event = {
        "@timestamp": now, "event.id": "a" * 32, "event.sequence": 99_999, "event.ingested": now,
        "event.kind": "event", "event.dataset": "portal.picture", "citywatch.portal.id": PORTAL,
        "citywatch.portal.agency": "so-y-te", "citywatch.evidence.sha256": [kept],
        "citywatch.evidence.what": ["picture_after"],
    }  # fmt: skip
    house.store.append([event])
    enter(browser, house, "yte")
    assert f"{PAGE}/picture" in browser.get(PAGE).text
    answer = browser.get(f"{PAGE}/picture")
    assert answer.headers["content-type"] == "image/png"
    enter(browser, house, "giaoduc")
    assert browser.get(f"{PAGE}/picture").status_code == 404
    assert browser.get("/portals/cong-so-giao-duc/picture").status_code == 404, "no picture yet"
