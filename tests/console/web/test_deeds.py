"""Is what is done with many alerts done to all of them, told, and undone?"""

from __future__ import annotations

import re

import orjson
import pytest

from citywatch.model import Alert, AlertState, Ticket, from_doc
from citywatch.ports import Is, Query
from console.web.deeds import groups_of
from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.test_access import enter


@pytest.fixture
def analyst(browser: Browser, house: SmallHouse, city: list[Alert]) -> Browser:
    assert city
    enter(browser, house, "lan")
    return browser


def fresh(house: SmallHouse, city: list[Alert], number: int) -> list[Alert]:
    """Alerts that nobody did anything with."""
    known = house.store.get_many("alert_state", [one.id for one in city])
    return [one for one in city if one.id not in known][:number]


def state_of(house: SmallHouse, alert: Alert) -> AlertState:
    record = house.store.get("alert_state", alert.id)
    return from_doc(record.doc, AlertState) if record else AlertState(alert_id=alert.id)


def undo_in(page: str) -> str:
    found = re.search(r'name="undo" value="([0-9a-f]+)"', page)
    assert found
    return found[1]


def test_chosen_alerts_become_one_ticket_and_are_taken_out_again(
    analyst: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    some = fresh(house, city, 3)
    page = analyst.submit("/alerts/do", deed="merge", id=[one.id for one in some], reason="một vụ").text
    assert "3 alerts put into the ticket" in page
    ticket_id = state_of(house, some[0]).ticket_id
    record = house.store.get("ticket", ticket_id)
    assert record
    ticket = from_doc(record.doc, Ticket)
    assert set(ticket.alert_ids) == {one.id for one in some}
    assert ticket.severity == max(one.severity for one in some)
    assert "một vụ" in analyst.get(f"/tickets/{ticket_id}").text
    more = fresh(house, city, 1)
    analyst.submit("/alerts/do", deed="merge", id=[more[0].id], ticket=ticket_id)
    assert state_of(house, more[0]).ticket_id == ticket_id
    assert "Undone for 3 alerts" in analyst.submit("/alerts/undo", undo=undo_in(page)).text
    assert state_of(house, some[0]) == AlertState(alert_id=some[0].id)
    record = house.store.get("ticket", ticket_id)
    assert record
    assert record.doc["alert_ids"] == [more[0].id]


def test_a_ticket_that_is_not_there_takes_nothing(
    analyst: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    alert = fresh(house, city, 1)[0]
    page = analyst.submit("/alerts/do", deed="merge", id=[alert.id], ticket="HN-2026-999999").text
    assert "There is no such ticket." in page
    assert state_of(house, alert).state == "new"


def test_many_are_suppressed_after_a_look_at_what_that_hides_and_undone(
    analyst: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    some = [one for one in city if one.title == "Port scan"][:4]
    page = analyst.submit("/alerts/do", deed="suppress", id=[one.id for one in some]).text
    groups = [
        orjson.loads(text.replace("&#34;", '"')) for text in re.findall(r'name="group" value="([^"]+)"', page)
    ]
    assert len(groups) == len(groups_of(some))
    assert not house.store.find("suppression", Query(order="at")).records, "nothing before it was confirmed"
    chosen = [orjson.dumps(group).decode() for group in groups]
    told = analyst.submit(
        "/alerts/suppress", page="/me", group=chosen, reason="máy quét của Bộ", days="7"
    ).text
    assert f"{len(groups)} suppressions saved" in told
    assert some[0].id not in analyst.get("/alerts?state=any").text
    assert "suppressions ended" in analyst.submit("/alerts/undo", undo=undo_in(told)).text
    assert some[0].id in analyst.get("/alerts?state=any&q=title:port*").text


@pytest.mark.parametrize("group", ["", "x", "[]", '["a"]', '["r", "t", {}]', '["r", "t", 7]', "9"])
def test_a_group_that_we_did_not_write_suppresses_nothing(
    analyst: Browser, house: SmallHouse, group: str
) -> None:
    page = analyst.submit("/alerts/suppress", page="/me", group=[group], reason="r").text
    assert "No alert was chosen" in page
    assert not house.store.find("suppression", Query(order="at")).records


def test_after_a_deed_on_its_page_the_next_older_alert_follows(
    analyst: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    first, second = fresh(house, city, 2)
    values = {"id": first.id, "own": "1", "back": f"/alerts/{first.id}", "deed": "acknowledge"}
    assert analyst.submit("/alerts/do", **values, onward="1").url.path == f"/alerts/{second.id}"
    assert analyst.submit("/alerts/do", **values).url.path == f"/alerts/{first.id}", (
        "who does not want that stays"
    )
    assert 'name="onward" value="1">' in analyst.get(f"/alerts/{second.id}").text, "and it is remembered"


def test_the_undo_of_thousands_fills_no_index(analyst: Browser, house: SmallHouse, city: list[Alert]) -> None:
    analyst.submit("/alerts/do", deed="acknowledge", scope="all", state="any")
    analyst.submit("/alerts/do", deed="close", scope="all", state="any", reason="r")
    for record in house.store.find("undo", Query(order="at")).records:
        assert set(record.doc) == {"by", "at", "deed", "packed"}
    assert house.store.find(
        "alert_state", Query(where=Is("state", "closed"), order="changed_at")
    ).total == len(city)


def test_a_view_of_what_was_closed_has_it_last_closed_first(
    analyst: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    some = fresh(house, city, 2)
    for one in (some[0], some[1]):
        analyst.submit("/alerts/do", deed="close", id=[one.id], reason="r")
    page = analyst.get("/alerts?state=closed").text
    assert page.index(some[1].id) < page.index(some[0].id)
    narrowed = analyst.get(f"/alerts?state=closed&q=agency:{some[0].agency}").text
    assert some[0].id in narrowed
    assert (some[1].id in narrowed) == (some[0].agency == some[1].agency)
