"""Does the inbox show what waits, page by page, and do deeds reach just what was chosen?"""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from citywatch.errors import StoreUnreachable
from citywatch.model import Alert
from citywatch.ports import Is, Query
from console.web import inbox
from console.web.accounts import get_user
from console.web.desk import Desk
from console.web.inbox import Ask
from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.test_access import enter


def ids(page: str) -> list[str]:
    return re.findall(r'<tr data-id="([0-9a-f]{32})"', page)


def states(house: SmallHouse, state: str) -> int:
    return house.store.find("alert_state", Query(where=Is("state", state), order="changed_at", limit=1)).total


@pytest.fixture
def analyst(browser: Browser, house: SmallHouse, city: list[Alert]) -> Browser:
    assert city
    enter(browser, house, "lan")
    return browser


def test_the_inbox_shows_open_alerts_newest_first(
    analyst: Browser, city: list[Alert], house: SmallHouse
) -> None:
    page = analyst.get("/alerts").text
    shown = ids(page)
    times = {alert.id: alert.last_seen for alert in city}
    assert len(shown) == inbox.PAGE
    assert [times[one] for one in shown] == sorted((times[one] for one in shown), reverse=True)
    closed = house.store.find(
        "alert_state", Query(where=Is("state", "closed"), order="changed_at", limit=500)
    )
    assert not {record.id for record in closed.records} & set(shown)


@pytest.mark.parametrize("state", ["open", "new", "closed", "any", "acknowledged"])
def test_pages_give_every_alert_of_a_state_once(
    analyst: Browser, house: SmallHouse, city: list[Alert], state: str
) -> None:
    assert analyst
    user = get_user(house.store, "lan")
    assert user
    desk = Desk(house.store, user)
    seen: list[str] = []
    after = ""
    for _ in range(100):
        shelf = inbox.read_shelf(desk, Ask(state=state, after=after), (), limit=7)
        seen += [row.alert.id for row in shelf.rows]
        if shelf.next is None:
            break
        after = shelf.next
    wanted = inbox.VIEWS[state]
    all_states = desk.states(city)
    expected = [one.id for one in city if not wanted or all_states[one.id].state in wanted]
    assert sorted(seen) == sorted(expected)


def test_a_filter_is_a_link_that_can_be_sent_on(analyst: Browser, city: list[Alert]) -> None:
    page = analyst.get("/alerts?q=severity:critical+agency:so-y-te&state=any").text
    expected = {one.id for one in city if one.severity == 4 and one.agency == "so-y-te"}
    assert set(ids(page)) == expected
    assert 'value="severity:critical agency:so-y-te"' in page
    assert "There is no such field" in analyst.get("/alerts?q=nonsense.field:x").text


def test_htmx_gets_the_table_alone(analyst: Browser) -> None:
    part = analyst.get("/alerts", headers={"hx-request": "true", "hx-target": "table"}).text
    assert part.lstrip().startswith('<div id="table">')


def test_the_chosen_are_acknowledged_and_undone(analyst: Browser, house: SmallHouse) -> None:
    chosen = ids(analyst.get("/alerts?state=new").text)[:5]
    before = states(house, "acknowledged")
    page = analyst.submit("/alerts/do", deed="acknowledge", id=chosen).text
    assert "5 alerts acknowledged." in page
    assert states(house, "acknowledged") == before + 5
    undo = re.search(r'name="undo" value="(\w+)"', page)
    assert undo
    assert "Undone for 5 alerts." in analyst.submit("/alerts/undo", undo=undo[1]).text
    assert states(house, "acknowledged") == before
    assert "can no longer be undone" in analyst.submit("/alerts/undo", undo=undo[1]).text


def test_undo_leaves_alone_what_somebody_changed_since(analyst: Browser, house: SmallHouse) -> None:
    one, two = ids(analyst.get("/alerts?state=new").text)[:2]
    page = analyst.submit("/alerts/do", deed="close", id=[one, two], reason="x").text
    undo = re.search(r'name="undo" value="(\w+)"', page)
    assert undo
    enter(analyst, house, "lead")
    analyst.submit("/alerts/do", deed="reopen", id=[one])
    analyst.submit("/alerts/do", deed="acknowledge", id=[one])
    assert "can no longer be undone" in analyst.submit("/alerts/undo", undo=undo[1]).text
    enter(analyst, house, "lan")
    assert "Undone for 1 alerts." in analyst.submit("/alerts/undo", undo=undo[1]).text
    record = house.store.get("alert_state", one)
    assert record
    assert record.doc["state"] == "acknowledged"


def test_all_that_match_on_every_page_are_closed_together(
    analyst: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    before = states(house, "closed")
    user = get_user(house.store, "lan")
    assert user
    open_now = sum(
        1 for state in Desk(house.store, user).states(city).values() if state.state in inbox.VIEWS["open"]
    )
    analyst.submit("/alerts/do", deed="close", scope="all", state="open", q="", reason="Bảo trì")
    assert states(house, "closed") == before + open_now
    assert "No alert matches" in analyst.get("/alerts").text


def test_closing_needs_a_reason(analyst: Browser, house: SmallHouse) -> None:
    before = states(house, "closed")
    chosen = ids(analyst.get("/alerts").text)[:2]
    assert "Give a reason." in analyst.submit("/alerts/do", deed="close", id=chosen).text
    assert states(house, "closed") == before


def test_a_suppression_says_before_how_much_it_hides_and_then_hides_it(
    analyst: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    alert = next(one for one in city if one.category == "spam")
    alike = [one for one in city if (one.rule_id, one.subject) == (alert.rule_id, alert.subject)]
    page = analyst.get(f"/alerts/{alert.id}/suppress").text
    assert f"{len(alike)} past alert" in page
    field = "citywatch.portal.id"
    back = f"/alerts/{alert.id}/suppress"
    assert "Give a reason." in analyst.submit(back, page=back, field=field, days="7").text
    analyst.submit(back, page=back, field=field, days="7", reason="Nâng cấp đã báo trước")
    assert alert.id not in analyst.get(f"/alerts?state=any&q=rule:{alert.rule_id}").text
    assert alert.id in analyst.get(f"/alerts?state=any&hidden=1&q=rule:{alert.rule_id}").text
    assert "Suppressed until" in analyst.get(f"/alerts/{alert.id}").text
    house.clock.now += timedelta(days=8)
    enter(analyst, house, "lan")
    assert alert.id in analyst.get(f"/alerts?state=any&q=rule:{alert.rule_id}").text


def test_a_suppression_can_be_ended(analyst: Browser, house: SmallHouse, city: list[Alert]) -> None:
    back = f"/alerts/{city[0].id}/suppress"
    analyst.submit(back, page=back, field=next(iter(city[0].subject_fields)), days="30", reason="r")
    made = house.store.find("suppression", Query(order="at")).records[0].id
    page = analyst.submit(f"/suppressions/{made}/end").text
    assert "Nothing is suppressed." in page


def test_the_alert_page_says_why_and_what_to_do(analyst: Browser, city: list[Alert]) -> None:
    alert = next(one for one in city if one.category == "web_attack")
    page = analyst.get(f"/alerts/{alert.id}").text
    for reason in alert.explanation:
        assert reason.field in page
        assert reason.pattern in page
    assert "Restore a clean copy" in page
    assert "/search?q=url.path" in page


def test_next_goes_to_another_new_alert(analyst: Browser, city: list[Alert]) -> None:
    answer = analyst.get(f"/alerts/next?after={city[0].id}")
    assert answer.url.path.startswith("/alerts/")
    assert not answer.url.path.endswith(city[0].id)


def test_times_are_those_of_the_city(analyst: Browser, city: list[Alert]) -> None:
    assert city[0].last_seen.startswith("2026-11-22T07:")
    assert "22/11 14:" in analyst.get("/alerts").text


def test_a_store_that_is_gone_is_told_and_nothing_breaks(
    analyst: Browser, house: SmallHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise StoreUnreachable("the store does not answer")

    monkeypatch.setattr(house.store, "find", gone, raising=True)
    assert analyst.get("/alerts").status_code == 503
