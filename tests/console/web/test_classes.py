"""Do the classes of holes that such consoles had elsewhere have no door here?"""

from __future__ import annotations

from urllib.parse import quote

import orjson
import pytest

from citywatch.model import Alert, Ticket, from_doc, to_doc
from citywatch.ports import Query
from console.web import showcase
from console.web.accounts import get_user
from console.web.app import WAYS
from console.web.door import COOKIE
from tests.console.web.conftest import PASSWORD, Browser, SmallHouse
from tests.console.web.test_access import enter
from tests.console.web.test_hostile import ATTACKS, Finder

KINDS = ("session", "token", "user", "audit", "undo", "liking", "invite", "idempotency")


def written(house: SmallHouse) -> bytes:
    """All that the store keeps of people, as bytes."""
    found = [house.store.find(kind, Query(order="id", limit=500)).records for kind in KINDS]
    return orjson.dumps([record.doc for records in found for record in records])


# -- header injection and log forging ------------------------------------------------------------

LINES = ("x\r\nSet-Cookie: evil=1", "x\nLocation: https://evil.example/", "x\x85y", "x\u2028y", "x\x00y")


@pytest.mark.parametrize("text", LINES)
def test_no_text_of_a_visitor_becomes_a_header(
    browser: Browser, house: SmallHouse, city: list[Alert], text: str
) -> None:
    enter(browser, house, "lan")
    alert, csrf = city[0], browser.token("/alerts")
    answers = [
        browser.get("/login", params={"next": f"/{text}"}, follow_redirects=False),
        browser.get("/alerts/next", params={"after": text}, follow_redirects=False),
        browser.get("/tables/" + quote(text, safe="") + ".csv", follow_redirects=False),
        browser.post(
            "/alerts/do",
            data={
                "csrf": csrf,
                "id": alert.id,
                "deed": "acknowledge",
                "back": f"/{text}",
            },
            follow_redirects=False,
        ),
        browser.post(
            "/look",
            data={"csrf": csrf, "language": text, "back": text},
            follow_redirects=False,
        ),
    ]
    for answer in answers:
        assert "evil" not in answer.headers.get("set-cookie", "")
        assert "evil.example" not in answer.headers.get("location", "")
        assert not [
            name for name, value in answer.headers.items() if "\r" in value or "\n" in value or not name
        ]


def test_what_a_visitor_types_is_one_line_of_the_audit(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    before = house.store.find("audit", Query(order="seq", limit=0)).total
    browser.submit("/login", page="/login", name="lan\n2026-11-22 admin login", password="wrong" * 3)
    page = house.store.find("audit", Query(order="seq", limit=10))
    assert page.total == before + 1
    assert "\n" not in str(page.records[0].doc["by"])


# -- sessions and tokens ------------------------------------------------------------


def test_a_session_that_somebody_brought_along_is_not_taken_over(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    browser.cookies.set(COOKIE, "chosen-by-the-attacker", domain="localhost.local")
    browser.log_in("lan")
    mine = [cookie.value for cookie in browser.cookies.jar if cookie.name == COOKIE]
    assert mine[-1] not in {None, "chosen-by-the-attacker"}
    other = browser.__class__(browser.app, base_url="http://localhost")
    other.cookies.set(COOKIE, "chosen-by-the-attacker", domain="localhost.local")
    assert other.get("/alerts", follow_redirects=False).status_code == 303
    assert house


def test_no_secret_is_kept_or_shown_as_it_is(browser: Browser, house: SmallHouse, city: list[Alert]) -> None:
    assert city
    browser.log_in("lan")
    [session] = {cookie.value for cookie in browser.cookies.jar if cookie.name == COOKIE}
    page = browser.submit("/me/tokens", page="/me", name="t", scope="read", days="30").text
    token = page.partition('id="token">')[2].partition("<")[0]
    assert token
    assert session
    kept = written(house)
    for secret in (session, token, PASSWORD):
        assert secret.encode() not in kept
    for path in ("/me", "/alerts", "/me/factor"):
        text = browser.get(path).text
        assert token not in text
        assert session not in text


def test_no_way_takes_a_session_or_a_token_in_its_address(browser: Browser, house: SmallHouse) -> None:
    user = get_user(house.store, "lan")
    assert user is None
    for way in WAYS:
        assert "token" not in way.path.replace("/me/tokens", "")
        assert "session" not in way.path.replace("/me/sessions", "")
    assert browser.get("/api/v1/alerts?token=x&access_token=x").status_code == 401


# -- mass assignment ------------------------------------------------------------

MORE = {
    "role": "admin",
    "agency": "",
    "active": "1",
    "epoch": "0",
    "id": "admin",
    "totp": "",
    "sees_all": "1",
}


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/look", {"language": "en", "theme": "dark"}),
        ("/me/password", {"present": PASSWORD, "password": "another-one-1", "again": "another-one-1"}),
        ("/alerts/columns", {"column": "title"}),
        ("/alerts/views", {"name": "v"}),
    ],
)
def test_more_fields_than_a_form_has_change_nothing_of_an_account(
    browser: Browser, house: SmallHouse, city: list[Alert], path: str, form: dict[str, str]
) -> None:
    assert city
    enter(browser, house, "yte")
    before = get_user(house.store, "yte")
    browser.submit(path, page="/me", **form, **MORE)
    after = get_user(house.store, "yte")
    assert before
    assert after
    assert (after.id, after.role, after.agency, after.active) == (before.id, "agency", "so-y-te", True)


def test_a_ticket_takes_no_field_that_its_form_does_not_have(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    enter(browser, house, "lan")
    record = house.store.find("ticket", Query(order="id", limit=1)).records[0]
    before = from_doc(record.doc, Ticket)
    more = {"agency": "so-tai-chinh", "severity": "4", "state": "closed", "opened_at": "", "history": ""}
    browser.submit(f"/tickets/{record.id}/comment", page=f"/tickets/{record.id}", note="n", **more)
    held = house.store.get("ticket", record.id)
    assert held
    after = from_doc(held.doc, Ticket)
    for name in ("agency", "severity", "state", "opened_at"):
        assert getattr(after, name) == getattr(before, name)
    assert len(after.history) == len(before.history) + 1


# -- what attackers write, on the newer pages ------------------------------------------------------------


@pytest.mark.parametrize("attack", ATTACKS)
def test_newer_pages_show_what_attackers_write_and_run_nothing(
    browser: Browser, house: SmallHouse, city: list[Alert], attack: str
) -> None:
    run = showcase.run_of(house.store, city[0], house.playbooks[0], house.clock())
    doc = to_doc(run)
    doc["group"] = doc["error"] = attack
    doc["alert"]["title"] = doc["alert"]["title_vi"] = attack
    for step in doc["steps"]:
        step |= {"error": attack, "decided_by": attack, "value": attack, "output": {attack: attack}}
    house.store.put_many("run", {run.id: doc})
    hunt = to_doc(showcase.hunts(house.clock())[0]) | {
        "name": attack,
        "q": attack,
        "error": attack,
        "owner": attack,
    }
    house.store.put_many("hunt", {"hunt1": hunt})
    alert = to_doc(city[0]) | {"title": attack, "title_vi": attack, "subject_fields": {attack: attack}}
    house.store.put_many("alert", {city[0].id: alert})
    enter(browser, house, "admin")
    for path in (
        "/playbooks",
        f"/runs/{run.id}",
        "/approvals",
        "/hunts",
        "/health",
        "/setup",
        f"/alerts/{city[0].id}",
    ):
        answer = browser.get(path)
        assert answer.status_code == 200, path
        finder = Finder(answer.text.split('nonce="')[1].split('"')[0])
        finder.feed(answer.text)
        assert not finder.bad, path
        assert "49{%" not in answer.text
    page = browser.submit(
        "/alerts/do", page="/alerts?state=any", deed="suppress", id=[city[0].id], back=f"/{attack}"
    )
    finder = Finder(page.text.split('nonce="')[1].split('"')[0])
    finder.feed(page.text)
    assert not finder.bad
