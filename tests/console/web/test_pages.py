"""Do tickets, search, health, accounts, tokens and the programs' interface do what they say?"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import cast

import pytest

from citywatch.errors import StoreUnreachable
from citywatch.model import Alert, Ticket, from_doc
from citywatch.ports import Query, Store
from console.web import accounts, sessions
from console.web.app import WAYS
from tests.console.web.conftest import PASSWORD, Browser, SmallHouse, waiting_run
from tests.console.web.test_access import enter


@pytest.fixture
def lan(browser: Browser, house: SmallHouse, city: list[Alert]) -> Browser:
    assert city
    enter(browser, house, "lan")
    return browser


def one_ticket(house: SmallHouse, state: str) -> str:
    record = house.store.find("ticket", Query(order="id", limit=1)).records[0]
    house.store.put_many("ticket", {record.id: record.doc | {"state": state, "history": []}})
    return record.id


def test_a_ticket_moves_as_its_lifecycle_says(lan: Browser, house: SmallHouse) -> None:
    ticket = one_ticket(house, "new")
    page = f"/tickets/{ticket}"
    lan.submit(f"{page}/move", page=page, to="confirmed", note="đúng")
    assert "cannot go" in lan.submit(f"{page}/move", page=page, to="closed", note="x").text
    assert "Give a reason." in lan.submit(f"{page}/move", page=page, to="on_hold").text
    record = house.store.get("ticket", ticket)
    assert record
    held = from_doc(record.doc, Ticket)
    assert held.state == "confirmed"
    assert [line.what for line in held.history] == ["new → confirmed"]
    assert "New → Confirmed" in lan.get(page).text


def test_two_people_do_not_overwrite_each_other(lan: Browser, house: SmallHouse) -> None:
    ticket = one_ticket(house, "new")
    page = f"/tickets/{ticket}"
    for number in range(3):
        lan.submit(f"{page}/comment", page=page, note=f"note {number}")
    record = house.store.get("ticket", ticket)
    assert record
    assert [line["note"] for line in record.doc["history"]] == ["note 0", "note 1", "note 2"]


def test_a_ticket_is_assigned(lan: Browser, house: SmallHouse) -> None:
    ticket = one_ticket(house, "triage")
    lan.submit(f"/tickets/{ticket}/assign", page=f"/tickets/{ticket}", assignee="minh")
    record = house.store.get("ticket", ticket)
    assert record
    assert record.doc["assignee"] == "minh"


def test_tickets_are_filtered(lan: Browser, house: SmallHouse) -> None:
    ticket = one_ticket(house, "on_hold")
    assert ticket in lan.get("/tickets?state=on_hold").text
    assert ticket not in lan.get("/tickets?state=closed").text
    assert ticket in lan.get("/tickets?state=any&q=" + ticket).text


def test_search_finds_counts_and_leads_on(lan: Browser, city: list[Alert]) -> None:
    scans = [one for one in city if one.title == "Port scan"]
    page = lan.get("/search?q=destination.port:445&range=all&by=source.ip").text
    assert f"{len(scans)} events" in page
    assert "<rect" in page
    first = re.search(r'href="(/events/[0-9a-f]{32})"', page)
    assert first
    event = lan.get(first[1]).text
    assert "destination.port" in event
    assert "/search?q=destination.port%3A445" in event
    assert "did you mean" in lan.get("/search?q=url.paht:x").text
    assert "No event matches" in lan.get("/search?q=destination.port:1&range=1h").text


def test_a_bar_of_the_histogram_narrows_the_time(lan: Browser) -> None:
    page = lan.get("/search?range=24h").text
    bar = re.search(r'<a href="(/search\?[^"]+from[^"]+)" aria-label="(\d+)"', page)
    assert bar
    narrowed = lan.get(bar[1].replace("&amp;", "&")).text
    assert f"{int(bar[2]):,} event" in narrowed


def test_healthz_and_readyz_answer_without_a_login_and_tell_nothing(browser: Browser) -> None:
    for path in ("/healthz", "/readyz"):
        answer = browser.get(path)
        assert (answer.status_code, answer.json()) == (200, {"ok": True})


def test_a_console_whose_store_is_away_lives_and_is_not_ready(browser: Browser, house: SmallHouse) -> None:
    class Away:
        def health(self) -> object:
            raise StoreUnreachable("it is away")

        def get(self, kind: str, key: str) -> object:
            raise StoreUnreachable(f"{kind} {key}")

    house.store = cast("Store", Away())
    assert browser.get("/healthz").json() == {"ok": True}
    answer = browser.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ok": False})


def test_health_shows_the_parts(lan: Browser, house: SmallHouse) -> None:
    part = {
        "part": "shipper",
        "at": "2026-11-22T08:00:00.000000Z",
        "counts": {"events": 12},
        "problems": ["bad.pcap: byte 24: cut off"],
        "error": "",
    }
    house.store.put_many("health", {"shipper": part})
    page = lan.get("/health").text
    assert "shipper" in page
    assert "bad.pcap: byte 24" in page


def test_the_matrix_has_the_techniques_of_the_rules(lan: Browser) -> None:
    page = lan.get("/attack?technique=T1491.002").text
    assert "T1110.001" in page
    assert "Home page replaced by a defacement" in page


def test_an_account_is_made_changed_and_switched_off(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    enter(browser, house, "admin")
    values = {"name": "Hoa", "full_name": "Hoa", "role": "agency", "agency": "nowhere", "password": PASSWORD}
    assert "needs the id of a known agency" in browser.submit("/accounts", page="/accounts", **values).text
    values["agency"] = "so-y-te"
    assert "The account was made." in browser.submit("/accounts", page="/accounts", **values).text
    assert "already" in browser.submit("/accounts", page="/accounts", **values).text
    hoa = accounts.get_user(house.store, "hoa")
    assert hoa
    token, _ = sessions.open_session(house.store, house.clock, hoa, "x")
    browser.submit("/accounts/hoa", page="/accounts", role="agency", active="0")
    assert sessions.find_session(house.store, house.clock, token) is None
    assert "last administrator" in browser.submit("/accounts/admin", page="/accounts", active="0").text


def test_a_new_password_logs_every_other_browser_out(lan: Browser, house: SmallHouse) -> None:
    user = accounts.get_user(house.store, "lan")
    assert user
    other, _ = sessions.open_session(house.store, house.clock, user, "elsewhere")
    values = {"password": "mot-mat-khau-moi", "again": "mot-mat-khau-moi"}
    assert "present password is wrong" in lan.submit("/me/password", page="/me", present="no", **values).text
    page = lan.submit("/me/password", page="/me", present=PASSWORD, **values)
    assert "The password was changed" in page.text
    assert sessions.find_session(house.store, house.clock, other) is None
    assert lan.get("/alerts").url.path == "/alerts"


def test_one_ends_only_ones_own_sessions_and_tokens(lan: Browser, house: SmallHouse) -> None:
    lead = accounts.get_user(house.store, "lead")
    assert lead
    token, session = sessions.open_session(house.store, house.clock, lead, "x")
    assert lan.submit("/me/sessions/end", page="/me", session=session.id).status_code == 404
    assert sessions.find_session(house.store, house.clock, token)
    secret = sessions.new_token(house.store, house.clock, lead, "t", scope="read", days=1)
    held = sessions.tokens_of(house.store, "lead")[0]
    assert lan.submit("/me/tokens/end", page="/me", token=held.id).status_code == 404
    assert sessions.find_token(house.store, house.clock, secret, writes=False)
    assert sessions.find_token(house.store, house.clock, secret, writes=True) is None


def test_a_token_is_shown_once_and_ends(lan: Browser, house: SmallHouse) -> None:
    page = lan.submit("/me/tokens", page="/me", name="siem", scope="read", days="7").text
    found = re.search(r'id="token">(cw_[\w-]+)<', page)
    assert found
    assert found[1] not in lan.get("/me").text
    bearer = {"authorization": f"Bearer {found[1]}"}
    assert lan.get("/api/v1/alerts", headers=bearer).status_code == 200
    house.clock.now += timedelta(days=8)
    assert lan.get("/api/v1/alerts", headers=bearer).status_code == 401


def test_programs_read_and_change_with_a_token(lan: Browser, house: SmallHouse, city: list[Alert]) -> None:
    user = accounts.get_user(house.store, "lan")
    assert user
    secret = sessions.new_token(house.store, house.clock, user, "t", scope="write", days=1)
    bearer = {"authorization": f"Bearer {secret}"}
    seen: list[str] = []
    after = ""
    while True:
        answer = lan.get("/api/v1/alerts", params={"limit": "40", "after": after}, headers=bearer).json()
        seen += [one["id"] for one in answer["alerts"]]
        after = answer["next"]
        if not after:
            break
    assert sorted(seen) == sorted(one.id for one in city)
    path = f"/api/v1/alerts/{city[1].id}/state"
    assert lan.post(path, json={"do": "close"}, headers=bearer).status_code == 400
    done = lan.post(path, json={"do": "close", "reason": "ok"}, headers=bearer)
    assert done.json()["state"] == "closed"
    ticket = one_ticket(house, "new")
    moved = lan.post(f"/api/v1/tickets/{ticket}", json={"to": "confirmed"}, headers=bearer)
    assert moved.json()["state"] == "confirmed"
    assert lan.post(f"/api/v1/tickets/{ticket}", json={"to": "closed"}, headers=bearer).status_code == 409
    assert lan.post(f"/api/v1/tickets/{ticket}", content=b"[1]", headers=bearer).status_code == 400
    events = lan.get("/api/v1/events", params={"q": "destination.port:445"}, headers=bearer).json()
    assert events["total"] > 0
    for bad in ("limit=0", "limit=x", "after=zz", "q=nonsense.x:1"):
        assert lan.get(f"/api/v1/events?{bad}", headers=bearer).status_code == 400


def test_the_interface_describes_every_way_of_its_own(browser: Browser) -> None:
    described = browser.get("/api/v1/openapi.json").json()["paths"]
    for way in WAYS:
        if way.api and way.needs and way.path.startswith("/api/"):
            assert way.method.lower() in described[way.path]


def test_a_wrong_token_is_no_cookie(lan: Browser) -> None:
    assert lan.get("/api/v1/alerts").status_code == 401
    assert lan.get("/api/v1/alerts", headers={"authorization": "Bearer x"}).status_code == 401
    for _ in range(5):
        lan.get("/api/v1/alerts", headers={"authorization": "Bearer x"})
    assert lan.get("/api/v1/alerts", headers={"authorization": "Bearer x"}).status_code == 429


def test_a_step_that_waits_is_approved_by_a_second_person(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    waiting_run(house, city[0])
    try:
        answer = {"step": "takedown", "item": "0", "answer": "yes"}
        enter(browser, house, "lan")
        assert "takedown" in browser.get("/approvals").text
        assert browser.submit("/approvals/run1", page="/me", **answer).status_code == 404
        enter(browser, house, "lead")
        assert "second person" in browser.submit("/approvals/run1", page="/me", **answer).text
        enter(browser, house, "admin")
        assert "Approved." in browser.submit("/approvals/run1", page="/me", **answer).text
        assert "decided or has expired" in browser.submit("/approvals/run1", page="/me", **answer).text
    finally:
        house.runner.close()
    record = house.store.get("run", "run1")
    assert record
    assert record.doc["steps"][0]["decided_by"] == "admin"


def test_the_agencies_page_shows_contacts_and_who_is_called_now(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    record = house.store.find("agency", Query(order="name", newest_first=False)).records[0]
    contacts = [
        {"role": "on_call", "name": "Bà Trực", "email": "truc@a.vn", "phone": "0901 234 567", "hours": ""},
        {"role": "lead", "name": "Ông Phụ", "email": "lead@a.vn", "phone": "", "hours": ""},
    ]
    house.store.put_many("agency", {record.id: record.doc | {"contacts": contacts}})
    enter(browser, house, "lan")
    row = browser.get("/agencies").text.partition(f'data-id="{record.id}"')[2].partition("</tr>")[0]
    first, second = row.split("<li>")[1:]
    assert "On call" in first
    assert "0901 234 567" in first
    assert "is called now" in first
    assert "is called now" not in second
