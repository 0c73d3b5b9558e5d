"""Are portals that nobody looked at named, and rules that are loud?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from citywatch.clock import stamp
from citywatch.model import Alert, Portal, to_doc
from console import meter
from console.cares import Wish
from console.meter import Cost, Ill, Reading
from console.web.health import unseen_portals
from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.test_access import enter
from tests.console.web.test_api import bearer

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
    put(house, "closed")
    wish = Wish(id="closed", hours="22:00-05:00", outside="none")
    house.store.put_many("care", {"closed": to_doc(wish)})
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


def test_rules_that_are_slow_or_fail_are_named_there_in_metrics_and_for_programs(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    rule = next(iter(house.rules.values()))
    cost = Cost(id=rule.id, title=rule.title, source=rule.source, events=200, us=512.5, worst_ms=3.5)
    evil = '"><img src=x onerror=alert(1)>\n'
    ill = (
        Ill(id=rule.id, title=rule.title, source=rule.source, what="slow", detail="512.5 µs"),
        Ill(id=evil, title=evil, source="own/x.yml", what="fails", detail=evil),
    )
    reading = Reading(at="2026-11-22T08:00:00.000000Z", rules=90, measured=80, dearest=(cost,), ill=ill)
    house.store.put_many(meter.KIND, {meter.KEY: to_doc(reading)})
    enter(browser, house, "viewer")
    assert city
    page = browser.get("/health").text
    assert f'href="/rules/{rule.id}"' in page
    assert "512.5" in page
    assert "<img" not in page
    held = bearer(house, "viewer", "read")
    families = {
        one.name: one for one in text_string_to_metric_families(browser.get("/metrics", headers=held).text)
    }
    [sample] = families["citywatch_rule_microseconds"].samples
    assert (sample.labels, sample.value) == ({"rule": rule.id}, 512.5)
    assert [one.labels["what"] for one in families["citywatch_rule_ill"].samples] == ["slow", "fails"]
    told = browser.get("/api/v1/health", headers=held).json()["rules"]
    assert [one["what"] for one in told["ill"]] == ["slow", "fails"]
