"""Can an analyst allow what an alert shows, see beforehand what that closes, and take it back?"""

from __future__ import annotations

from dataclasses import replace

from citywatch.model import Alert, to_doc
from citywatch.ports import Query
from citywatch.respond.allow import active
from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.test_access import enter

ENDS = {"source.ip": ["198.51.100.7"], "destination.ip": ["10.20.0.9"]}


def scan(house: SmallHouse, city: list[Alert]) -> Alert:
    """An alert of a pair, and one that goes beyond it."""
    first = city[0]
    made = replace(first, id="1" * 32, values=ENDS, subject_fields={"source.ip": "198.51.100.7"})
    beyond = replace(made, id="2" * 32, values=ENDS | {"destination.ip": ["10.20.0.9", "10.20.0.10"]})
    house.store.put_many("alert", {one.id: to_doc(one) for one in (made, beyond)})
    return made


def state(house: SmallHouse, alert_id: str) -> str:
    record = house.store.get("alert_state", alert_id)
    return str(record.doc["state"]) if record else "new"


def test_an_alert_is_allowed_after_a_preview_and_opened_again(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    alert = scan(house, city)
    enter(browser, house, "lead")
    assert f"/alerts/{alert.id}/allow" in browser.get(f"/alerts/{alert.id}").text
    page = browser.get(f"/alerts/{alert.id}/allow").text
    assert 'value="198.51.100.7"' in page
    assert 'value="10.20.0.9"' in page
    assert ">1 " in page.partition('id="would-close"')[2][:40]
    query = "source=198.51.100.7&destination=&owner=lan&days=7&reason=r"
    assert (
        ">2 " in browser.get(f"/alerts/{alert.id}/allow?{query}").text.partition('id="would-close"')[2][:40]
    )
    said = {
        "source": "198.51.100.7",
        "destination": "10.20.0.9",
        "owner": "Lan",
        "days": "7",
        "reason": "ours",
    }
    form = said | {"csrf": browser.token(f"/alerts/{alert.id}/allow")}
    assert browser.post(f"/alerts/{alert.id}/allow", data=form).status_code == 200
    (made,) = active(house.store, house.clock)
    assert (made.owner, made.rule_id, made.either_way) == ("Lan", alert.rule_id, True)
    assert (state(house, "1" * 32), state(house, "2" * 32)) == ("closed", "new")
    assert "198.51.100.7" in browser.get("/allowances").text
    ended = {"csrf": browser.token("/allowances"), "undo": "1"}
    browser.post(f"/allowances/{made.id}/end", data=ended)
    assert state(house, "1" * 32) == "new"
    assert active(house.store, house.clock) == []
    audit = [str(record.doc["what"]) for record in house.store.find("audit", Query(order="at")).records]
    assert {"allow", "disallow"} <= set(audit)


def test_what_is_wrong_is_told_and_not_made(browser: Browser, house: SmallHouse, city: list[Alert]) -> None:
    alert = scan(house, city)
    enter(browser, house, "lead")
    page = browser.get(f"/alerts/{alert.id}/allow?source=<b>x&destination=&owner=lan&reason=r").text
    assert "neither an address nor a network" in page
    assert "<b>x" not in page
    form = {
        "csrf": browser.token(f"/alerts/{alert.id}/allow"),
        "source": "nobody",
        "owner": "l",
        "reason": "r",
    }
    browser.post(f"/alerts/{alert.id}/allow", data=form)
    assert active(house.store, house.clock) == []


def test_the_packets_come_as_a_file_and_are_evidence(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    alert = scan(house, city)
    enter(browser, house, "lead")
    answer = browser.post(
        f"/alerts/{alert.id}/packets",
        data={"csrf": browser.token(f"/alerts/{alert.id}")},
        follow_redirects=False,
    )
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith('attachment; filename="111111111111-')
    assert house.evidence.get(answer.headers["x-evidence-sha256"]) == answer.content
