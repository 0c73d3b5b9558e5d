"""Are portals that nobody looked at named, and rules that are loud?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from citywatch.clock import stamp
from citywatch.model import Alert, Portal, to_doc
from console.web.health import unseen_portals
from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.test_access import enter

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def put(house: SmallHouse, name: str, *, level: int = 3, active: bool = True) -> None:
    portal = Portal(
        id=name, url=f"https://{name}.example/", name=name, agency="a", level=level, active=active
    )
    house.store.put_many("portal", {name: to_doc(portal)})


def saw(house: SmallHouse, name: str, ago: timedelta) -> None:
    house.store.put_many("visit", {name: {"portal": name, "at": stamp(NOW - ago)}})


def test_a_portal_is_unseen_after_three_times_its_pace(house: SmallHouse) -> None:
    for name, level in (("fresh", 3), ("old", 3), ("slow", 1), ("never", 3)):
        put(house, name, level=level)
    put(house, "off", active=False)
    saw(house, "fresh", timedelta(hours=2))
    saw(house, "old", timedelta(hours=4))
    saw(house, "slow", timedelta(hours=4))
    assert [one.portal.id for one in unseen_portals(house.store, NOW, 3600)] == ["never", "old"]


def test_the_page_names_them_and_the_loudest_rules(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    put(house, "never")
    enter(browser, house, "viewer")
    page = browser.get("/health").text
    assert "/portals/never" in page
    assert city[0].rule_id in page
