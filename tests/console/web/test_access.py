"""May each role do just what it may, on every route there is, with things of its own and of others?"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import httpx2 as httpx
import pytest

from citywatch.model import Alert, to_doc
from citywatch.ports import Query
from citywatch.respond.advisory import Advisory
from citywatch.respond.allow import Allowance
from console import standing
from console.drafts import Draft
from console.web import api, programs, sessions, showcase
from console.web.access import may
from console.web.accounts import get_user
from console.web.app import WAYS
from console.web.door import Way
from console.web.invite import Invite
from console.web.suppress import Suppression
from tests.console.web.conftest import PAGE_HASH, ROLES, Browser, SmallHouse

OTHERS = {
    "/alerts/{id}": "alert",
    "/alerts/{id}/suppress": "alert",
    "/alerts/{id}/allow": "alert",
    "/alerts/{id}/packets": "alert",
    "/allowances/{id}/end": "allowance",
    "/alerts/{id}/evidence/{sha256}": "defaced",
    "/tickets/{id}": "ticket",
    "/tickets/{id}/comment": "ticket",
    "/tickets/{id}/move": "ticket",
    "/tickets/{id}/assign": "ticket",
    "/tickets/{id}/facts": "ticket",
    "/tickets/{id}/task": "ticket",
    "/tickets/{id}/task/done": "ticket",
    "/tickets/{id}/observable": "ticket",
    "/tickets/{id}/join": "ticket",
    "/tickets/{id}/split": "ticket",
    "/tickets/{id}/leave": "ticket",
    "/tickets/{id}/report": "ticket",
    "/tickets/{id}/evidence/{sha256}": "ticket",
    "/tickets/{id}/attach": "ticket",
    "/portals/{id}": "portal",
    "/portals/{id}/proof": "portal",
    "/portals/{id}/change": "portal",
    "/portals/{id}/recheck": "portal",
    "/portals/{id}/accept": "portal",
    "/portals/{id}/picture": "portal",
    "/portals/{id}/face": "portal",
    "/portals/{id}/face/look": "portal",
    "/portals/{id}/face/revert": "portal",
    "/portals/{id}/face/ignored": "portal",
    "/portals/{id}/pictures": "portal",
    "/portals/{id}/pictures/{sha256}": "portal",
    "/portals/{id}/care": "portal",
    "/portals/{id}/window": "portal",
    "/portals/{id}/windows/clear": "portal",
    "/badge/{id}.svg": "portal",
    "/people/{id}": "colleague",
    "/people/invites/{id}/end": "invite",
    "/invite/{code}": "nothing",
    "/events/{id}": "event",
    "/events/{id}/evidence/{sha256}": "proof_event",
    "/suppressions/{id}/end": "suppression",
    "/approvals/{id}": "approval",
    "/accounts/{id}": "user",
    "/accounts/{id}/factor": "user",
    "/rules/drafts/{id}": "draft",
    "/rules/drafts/{id}/ask": "draft",
    "/rules/drafts/{id}/decide": "draft",
    "/rules/{id}": "rule",
    "/alerts/{id}/difference": "alert",
    "/playbooks/{name}": "nothing",
    "/runs/{id}": "run",
    "/hunts/{id}/drop": "hunt",
    "/runs/{id}/steer": "run",
    "/tables/{file}": "nothing",
    "/advisories/{id}": "advisory",
    "/advisories/{id}/product": "advisory",
    "/advisories/{id}/say": "advisory",
    "/feeds/block/{form}": "nothing",
    "/api/v1/alerts/{id}": "alert",
    "/api/v1/alerts/{id}/state": "alert",
    "/api/v1/tickets/{id}": "ticket",
    "/api/v1/hunts/{id}/events": "hunt",
}
"""Every route with an id in it, and what the id is of. A new one without a row here fails the tests."""

PATHS = {way.name: way.path for way in WAYS if not way.api}
OTHERS.update(
    {
        way.path: OTHERS[PATHS[pair.of]]
        for pair, way in zip(programs.ALL, api.FORMS, strict=True)
        if "{" in way.path
    }
)
"""The counterparts for programs name the same things as the console's routes."""

OWN_TEST = {
    "live",
    "event_evidence",
    "me_session_end",
    "me_token_end",
    "approval",
    "passkey_end",
    "portal_proof",
    "portal_prove",
    "rule_decide",
    "table",
    "alert_difference",
    "playbook",
    "run_steer",
    "setup_choose",
    "portal_picture",
    "portal_picture_one",
}
"""Routes whose good answer needs more than an id; each has a test of its own."""


def things(house: SmallHouse, city: list[Alert], *, agency: str) -> dict[str, str]:
    """Ids of things, those that belong to somebody being of this agency."""
    record = house.store.find("ticket", Query(order="id", limit=1)).records[0]
    house.store.put_many("ticket", {record.id: record.doc | {"agency": agency}})
    alert = next(one for one in city if one.agency == agency)
    defaced = next(one for one in city if one.category == "defacement")
    made = Suppression(
        id="hidden1", rule_id=alert.rule_id, title="t", values={"agency": "x"}, reason="r", by="lan",
        at="2026-11-22T08:00:00.000000Z", until="2027-11-22T08:00:00.000000Z",
    )  # fmt: skip
    house.store.put_many("suppression", {made.id: to_doc(made)})
    allowed = Allowance(
        id="allowed1", source="192.0.2.1", owner="lan", reason="r", by="lan",
        at="2026-11-22T08:00:00.000000Z", until="2027-11-22T08:00:00.000000Z",
    )  # fmt: skip
    house.store.put_many("allowance", {allowed.id: to_doc(allowed)})
    invited = Invite(
        id="e" * 64, role="agency", agency=agency, by="lead",
        at="2026-11-22T08:00:00.000000Z", until="2027-11-22T08:00:00.000000Z",
    )  # fmt: skip
    house.store.put_many("invite", {invited.id: to_doc(invited)})
    defaced_own = replace(defaced, id="d" * 32, agency=agency)
    house.store.put_many("alert", {defaced_own.id: to_doc(defaced_own)})
    playbook = house.playbooks[0]
    run = showcase.run_of(house.store, alert, playbook, house.clock())
    hunt = showcase.hunts(house.clock())[0]
    standing.keep(house.store, hunt)
    draft = Draft(id="web_shell", text="title: t", samples="", by="lan", at="2026-11-22T08:00:00.000000Z")
    house.store.put_many("draft", {draft.id: to_doc(draft)})
    warned = Advisory(id="adv1", title="t", number="1/CB")
    house.store.put_many("advisory", {warned.id: to_doc(warned)})
    return {
        "advisory": warned.id,
        "draft": draft.id,
        "rule": next(iter(house.rules)),
        "alert": alert.id,
        "defaced": defaced_own.id,
        "ticket": record.id,
        "portal": f"cong-{agency}",
        "event": alert.event["event.id"],
        "proof_event": alert.event["event.id"],
        "suppression": made.id,
        "allowance": allowed.id,
        "run": run.id,
        "hunt": hunt.id,
        "approval": "nothing",
        "user": "viewer",
        "colleague": "yte" if agency == "so-y-te" else "giaoduc",
        "invite": invited.id,
        "nothing": "nothing",
    }


def path_of(way: Way, held: dict[str, str]) -> str:
    if "{" not in way.path:
        return way.path
    return way.path.replace("{id}", held[OTHERS[way.path]]).replace("{sha256}", PAGE_HASH)


def ask(browser: Browser, house: SmallHouse, way: Way, path: str, name: str) -> httpx.Response:
    """Ask as this person (an empty name: as nobody), with everything in order but the person."""
    if way.api:
        user = get_user(house.store, name) if name else None
        headers = {}
        if user:
            token = sessions.new_token(house.store, house.clock, user, "t", scope="write", days=1)
            headers = {"authorization": f"Bearer {token}"}
        if way.method == "GET":
            return browser.get(path, headers=headers)
        body = to_doc(api.SPECS["POST", way.path].body.example)
        return browser.post(path, headers=headers, json=body)
    if way.method == "GET":
        return browser.get(path, follow_redirects=False)
    token = browser.token("/me" if name else "/login")
    values = {"csrf": token, "note": "n", "deed": "acknowledge", "role": "analyst"}
    return browser.post(path, data=values, follow_redirects=False)


def enter(browser: Browser, house: SmallHouse, name: str) -> None:
    """Be logged in without the cost of a password."""
    user = get_user(house.store, name)
    assert user
    token, _ = sessions.open_session(house.store, house.clock, user, "test")
    browser.cookies.set("citywatch_session", token, domain="localhost.local")


def test_every_route_with_an_id_is_in_the_matrix() -> None:
    assert {way.path for way in WAYS if "{" in way.path} <= set(OTHERS)


def test_every_route_that_needs_no_login_is_known() -> None:
    free = {way.name for way in WAYS if way.needs is None}
    assert free == {
        "login", "log_in", "welcome", "use_code", "log_out", "set_look", "healthz", "readyz", "api_openapi",
        "login_code", "login_code_check", "passkey_ask", "passkey_check", "oidc", "oidc_back",
        "join", "join_do", "badge", "block_list",
    }  # fmt: skip


def test_nobody_gets_nothing(browser: Browser, house: SmallHouse, city: list[Alert]) -> None:
    held = things(house, city, agency="so-y-te")
    for way in WAYS:
        if way.needs is not None:
            answer = ask(browser, house, way, path_of(way, held), "")
            place = answer.headers.get("location", "")
            assert answer.status_code == 401 if way.api else place.startswith("/login"), way.path


@pytest.mark.parametrize("name", list(ROLES))
def test_a_role_gets_what_its_permissions_say(
    browser: Browser, house: SmallHouse, city: list[Alert], name: str
) -> None:
    wrong: list[str] = []
    for way in WAYS:
        if way.needs is None or way.name.removeprefix("api_") in OWN_TEST:
            continue
        held = things(house, city, agency="so-y-te")  # what the way before took away is there again
        browser.cookies.clear()
        enter(browser, house, name)
        answer = ask(browser, house, way, path_of(way, held), name)
        agency = ROLES[name][0]
        foreign = bool(agency) and agency != "so-y-te" and "{" in way.path
        allowed = may(ROLES[name][1], way.needs) and not foreign
        good = answer.status_code in {200, 303, 400, 409} if allowed else answer.status_code == 404
        if not good:
            wrong.append(f"{way.method} {way.path}: {answer.status_code}")
    assert not wrong


@pytest.mark.parametrize("name", ["yte", "giaoduc"])
def test_lists_show_an_agency_only_what_is_its_own(
    browser: Browser, house: SmallHouse, city: list[Alert], name: str
) -> None:
    own = ROLES[name][0]
    enter(browser, house, name)
    foreign = {one.id for one in city if one.agency != own}
    user = get_user(house.store, name)
    assert user
    token = sessions.new_token(house.store, house.clock, user, "t", scope="read", days=1)
    found: list[dict[str, Any]] = []
    for path in ("/api/v1/alerts?limit=500", "/api/v1/tickets?limit=500", "/api/v1/portals?limit=500"):
        answer = browser.get(path, headers={"authorization": f"Bearer {token}"}).json()
        found += next(answer[name] for name in ("alerts", "tickets", "portals") if name in answer)
    assert found
    assert {one["agency"] for one in found} == {own}
    for path in ("/alerts?state=any", "/tickets?state=any", "/portals"):
        page = browser.get(path).text
        assert not [one for one in foreign if one in page]
        assert not re.search(r"(cong|dichvu)-so-tai-chinh", page)


def test_an_agency_without_a_name_sees_nothing(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    user = get_user(house.store, "yte")
    assert user
    house.store.put_many("user", {"yte": to_doc(user) | {"agency": ""}})
    enter(browser, house, "yte")
    assert browser.get(f"/alerts/{city[0].id}").status_code == 404
    assert "data-id" not in browser.get("/alerts?state=any").text


def test_agencies_are_told_apart_by_letter_case(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    user = get_user(house.store, "yte")
    assert user
    house.store.put_many("user", {"yte": to_doc(user) | {"agency": "SO-Y-TE"}})
    enter(browser, house, "yte")
    assert city
    assert "data-id" not in browser.get("/alerts?state=any").text


def test_a_ticket_can_be_answered_by_its_agency_but_not_closed(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    ticket = things(house, city, agency="so-y-te")["ticket"]
    record = house.store.get("ticket", ticket)
    assert record
    house.store.put_many("ticket", {ticket: record.doc | {"state": "recovered"}})
    enter(browser, house, "yte")
    page = browser.get(f"/tickets/{ticket}").text
    assert 'value="closed"' not in page
    browser.submit(f"/tickets/{ticket}/move", page=f"/tickets/{ticket}", to="closed", note="x")
    browser.submit(f"/tickets/{ticket}/comment", page=f"/tickets/{ticket}", note="Đã khôi phục bản sạch")
    after = house.store.get("ticket", ticket)
    assert after
    assert after.doc["state"] == "recovered"
    assert after.doc["history"][-1]["note"] == "Đã khôi phục bản sạch"
