"""Does a program do what a person does, by the same decisions, and is it told when somebody was faster?"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import httpx2 as httpx
import pytest

from citywatch.clock import parse_stamp
from citywatch.model import Alert
from citywatch.ports import Query
from console.web import accounts, programs, sessions
from console.web.app import WAYS
from console.web.codes import WORDS
from console.web.counterpart import STATES
from console.web.ways import CONSOLE
from tests.console.test_bench import RULE, SAMPLES
from tests.console.web.conftest import Browser, SmallHouse, waiting_run

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
Asking = Any
"""Asks in the name of an account."""


@pytest.fixture
def asking(browser: Browser, house: SmallHouse, city: list[Alert]) -> Asking:
    assert city

    def ask(name: str, path: str, body: dict[str, Any] | None = None, **given: Any) -> httpx.Response:
        user = accounts.get_user(house.store, name)
        assert user
        scope = given.pop("scope", "write")
        token = sessions.new_token(house.store, house.clock, user, "t", scope=scope, days=1)
        headers = {"authorization": f"Bearer {token}"} | given.pop("headers", {})
        if body is None:
            return browser.get(f"/api/v1/{path}", headers=headers, params=given)
        return browser.post(f"/api/v1/{path}", headers=headers, json=body)

    return ask


def test_every_route_of_the_console_has_a_counterpart_or_a_reason() -> None:
    of = [pair.of for pair in programs.ALL]
    told = {*of, *programs.OWN, *programs.NOT_FOR_PROGRAMS}
    assert {way.name for way in CONSOLE} == told
    assert not set(programs.NOT_FOR_PROGRAMS) & {*of, *programs.OWN}
    assert all(programs.NOT_FOR_PROGRAMS.values())
    assert set(programs.OWN.values()) <= {way.name for way in WAYS if way.api}


def test_a_counterpart_needs_what_the_console_needs() -> None:
    needs = {way.name: way.needs for way in CONSOLE}
    by_path = {(way.method, way.path): way for way in WAYS}
    for pair in programs.ALL:
        twin = pair.way(CONSOLE)
        assert by_path[twin.method, twin.path].needs == needs[pair.of], pair.of


def test_every_note_that_refuses_is_one_that_there_is() -> None:
    assert set(WORDS["note"]) >= STATES


def test_many_alerts_are_closed_and_undone(asking: Asking, house: SmallHouse, city: list[Alert]) -> None:
    ids = [one.id for one in city[:40]]
    told = asking("lan", "alerts/do", {"deed": "close", "id": ids, "reason": "planned"}).json()
    assert (told["result"], told["count"]) == ("closed", 40)
    assert {house.store.get("alert_state", key).doc["state"] for key in ids} == {"closed"}  # pyright: ignore[reportOptionalMemberAccess]
    assert asking("lead", "alerts/undo", {"undo": told["undo"]}).status_code == 409
    assert asking("lan", "alerts/undo", {"undo": told["undo"]}).json()["count"] == 40
    assert asking("lan", "alerts/do", {"deed": "close", "id": ids}).status_code == 400


def test_an_agencys_program_neither_closes_nor_sees_alerts_of_others(
    asking: Asking, city: list[Alert]
) -> None:
    foreign = next(one for one in city if one.agency != "so-y-te")
    assert asking("yte", "alerts/do", {"deed": "close", "id": [foreign.id], "reason": "x"}).status_code == 404
    assert asking("yte", f"alerts/{foreign.id}/difference").status_code == 404


def test_a_suppression_is_tried_before_it_is_made_and_ended(asking: Asking, city: list[Alert]) -> None:
    alert = next(one for one in city if one.agency)
    same = [one for one in city if (one.rule_id, one.agency) == (alert.rule_id, alert.agency)]
    before = asking("lan", f"alerts/{alert.id}/suppress", field=["agency"], days="30").json()
    assert before["would_hide"] == len(same)
    assert not asking("lan", "suppressions").json()["suppressions"]
    body = {"field": ["agency"], "days": "30", "reason": "known"}
    made = asking("lan", f"alerts/{alert.id}/suppress", body).json()
    [held] = asking("lan", "suppressions").json()["suppressions"]
    assert (held["id"], held["reason"], made["count"]) == (made["id"], "known", len(same))
    days = parse_stamp(held["until"]) - parse_stamp(held["at"])
    assert days.days == 30
    assert asking("lan", f"suppressions/{held['id']}/end", {}).status_code == 200
    assert not asking("lan", "suppressions").json()["suppressions"]
    assert (
        asking("lan", f"alerts/{alert.id}/suppress", {"field": ["agency"], "reason": ""}).status_code == 400
    )


def test_who_comes_too_late_gets_what_is_there_now(asking: Asking, house: SmallHouse) -> None:
    ticket = house.store.find("ticket", Query(order="id", limit=1)).records[0].id
    seen = asking("lan", f"tickets/{ticket}").json()
    body = {"assignee": "minh", "version": str(seen["version"])}
    first = asking("lan", f"tickets/{ticket}/assign", body | {"assignee": "first"})
    assert first.status_code == 200
    late = asking("lead", f"tickets/{ticket}/assign", body)
    assert late.status_code == 409
    assert (late.json()["ticket"]["assignee"], late.json()["version"]) == ("first", first.json()["version"])
    again = body | {"version": str(late.json()["version"])}
    assert asking("lead", f"tickets/{ticket}/assign", again).json()["ticket"]["assignee"] == "minh"
    field = {"assignee": "x", "was_assignee": "first"}
    stale = asking("lead", f"tickets/{ticket}/assign", field)
    assert (stale.status_code, stale.json()["ticket"]["assignee"]) == (409, "minh")
    wrong = asking("lead", f"tickets/{ticket}/assign", {"assignee": "x", "version": "newest"})
    assert wrong.status_code == 400


def test_a_portal_is_changed_only_as_it_was_seen(asking: Asking) -> None:
    seen = asking("lan", "portals/cong-so-y-te").json()
    body = {"name": "Sở Y tế", "version": str(seen["version"])}
    assert asking("ytechinh", "portals/cong-so-y-te/change", body).json()["portal"]["name"] == "Sở Y tế"
    late = asking("lan", "portals/cong-so-y-te/change", body | {"name": "khác"})
    assert (late.status_code, late.json()["portal"]["name"]) == (409, "Sở Y tế")
    assert asking("giaoduc", "portals/cong-so-y-te").status_code == 404


def test_a_ticket_takes_tasks_links_and_proof(asking: Asking, house: SmallHouse) -> None:
    one, two = (record.id for record in house.store.find("ticket", Query(order="id", limit=2)).records)
    task = asking("lan", f"tickets/{one}/task", {"note": "gọi điện"}).json()["ticket"]["tasks"][-1]
    done = asking("lan", f"tickets/{one}/task/done", {"task": task["id"], "done": "1"}).json()
    assert done["ticket"]["tasks"][-1]["done_by"] == "lan"
    linked = asking("lan", f"tickets/{one}/join", {"other": two, "deed": "link"}).json()["ticket"]
    assert two in linked["links"]
    proof = {"name": "../../a.png", "base64": b64encode(PNG).decode()}
    kept = asking("lan", f"tickets/{one}/attach", proof).json()["ticket"]["evidence"][-1]
    assert (kept["media_type"], "/" in kept["what"]) == ("image/png", False)
    raw = asking("lan", f"tickets/{one}/evidence/{kept['sha256']}", **{"as": "file"})
    assert raw.content == PNG
    for bad in ("MZ" * 50, "<html>" * 9):
        told = asking(
            "lan",
            f"tickets/{one}/attach",
            {"name": "x.png", "base64": b64encode(bad.encode() + b"\x00").decode()},
        )
        assert (told.status_code, told.json()["code"]) == (400, "upload_type")
    assert asking("lan", f"tickets/{one}/attach", {"name": "x", "base64": "?"}).status_code == 400


def test_a_comment_by_a_program_tells_who_is_named(asking: Asking, house: SmallHouse) -> None:
    ticket = house.store.find("ticket", Query(order="id", limit=1)).records[0].id
    for path, body in (("", {"note": "@lead nhìn này"}), ("/comment", {"note": "@lead lần nữa"})):
        assert asking("lan", f"tickets/{ticket}{path}", body).status_code == 200
    named = house.store.find("mention", Query(order="at", limit=10)).records
    assert [record.doc["user"] for record in named] == ["lead", "lead"]


def test_approval_by_a_program_needs_a_second_person_too(
    asking: Asking, house: SmallHouse, city: list[Alert]
) -> None:
    waiting_run(house, city[0])
    answer = {"step": "takedown", "item": "0", "answer": "yes"}
    try:
        [waits] = asking("lan", "approvals").json()["approvals"]
        assert (waits["id"], waits["step"]) == ("run1", "takedown")
        assert asking("lan", "approvals/run1", answer).status_code == 404
        own = asking("lead", "approvals/run1", answer)
        assert (own.status_code, own.json()["code"]) == (409, "approve_other")
        assert asking("admin", "approvals/run1", answer, scope="read").status_code == 401
        assert asking("admin", "approvals/run1", answer).json()["result"] == "approved"
        gone = asking("admin", "approvals/run1", answer)
        assert (gone.status_code, gone.json()["code"]) == (409, "approve_gone")
        assert asking("admin", "runs/run1/steer", {"deed": "cancel"}).json()["result"] == "run_canceled"
        assert asking("admin", "runs/run1/steer", {"deed": "pause"}).json()["code"] == "run_refused"
        assert asking("lan", "runs", state="canceled").json()["runs"][0]["id"] == "run1"
        assert asking("lan", "runs/run1").json()["over"] is True
    finally:
        house.runner.close()


def test_a_rule_by_a_program_is_tried_and_enabled_by_another(asking: Asking) -> None:
    key = asking("lan", "rules/drafts", {}).json()["id"]
    body = {"text": RULE, "samples": SAMPLES}
    early = asking("lan", f"rules/drafts/{key}/ask", {})
    assert (early.status_code, early.json()["draft"]["id"]) == (409, key)
    told = asking("lan", f"rules/drafts/{key}", body | {"try": "1", "days": "0"}).json()
    assert told["outcome"]["sound"] is True
    assert asking("lan", f"rules/drafts/{key}/ask", {}).json()["result"] == "rule_asked"
    late = asking("lan", f"rules/drafts/{key}", body | {"version": "1"})
    assert (late.status_code, late.json()["draft"]["sound"]) == (409, True)
    assert asking("lan", f"rules/drafts/{key}/decide", {"answer": "enable"}).status_code == 404
    assert (
        asking("lead", f"rules/drafts/{key}/decide", {"answer": "enable"}).json()["result"] == "rule_enabled"
    )


def test_a_hunt_is_kept_and_dropped(asking: Asking) -> None:
    made = asking("lan", "hunts", {"name": "night", "q": "source.ip:10.0.0.0/8", "every": "day"}).json()
    [held] = [one for one in asking("lan", "hunts").json()["hunts"] if one["id"] == made["id"]]
    assert (held["q"], held["every"], held["owner"]) == ("source.ip:10.0.0.0/8", "day", "lan")
    wrong = asking("lan", "hunts", {"name": "x", "q": "nofield:1"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "hunt_wrong")
    assert asking("lan", f"hunts/{made['id']}/drop", {}).status_code == 200
    assert asking("lan", f"hunts/{made['id']}/drop", {}).status_code == 404


def test_portals_come_in_one_by_one_and_as_a_list(asking: Asking) -> None:
    one = {"url": "https://moi.soyte.example/", "level": "2"}
    made = asking("ytechinh", "portals", one | {"agency": "so-tai-chinh"}).json()
    held = asking("ytechinh", f"portals/{made['id']}").json()["portal"]
    assert (held["agency"], held["active"]) == ("so-y-te", False)
    inside = asking("lan", "portals", {"url": "http://169.254.169.254/", "agency": "so-y-te"})
    assert inside.status_code == 400
    csv = "url,name\nhttps://a.soyte.example/,A\nhttp://127.0.0.1/,B\n"
    told = asking("ytechinh", "portals/list", {"csv": csv}).json()
    assert (told["taken"], len(told["wrong"])) == (1, 1)
    proof = asking("ytechinh", f"portals/{made['id']}/proof").json()
    assert proof["text"] in proof["record"] or proof["text"].startswith("citywatch")


def test_accounts_are_told_without_their_secrets(asking: Asking, house: SmallHouse) -> None:
    for path in ("accounts", "people", "me"):
        text = asking("admin", path).text
        assert "argon2" not in text
        assert "password" not in text
        assert "csrf" not in text
    assert asking("lead", "accounts").status_code == 404
    made = {"name": "minh2", "role": "analyst", "password": "mot-mat-khau-dai"}
    assert asking("admin", "accounts", made).json()["result"] == "user_added"
    assert asking("admin", "accounts", made).json()["code"] == "user_taken"
    assert asking("admin", "accounts/minh2", {"password": "x" * 12}).status_code == 400
    assert asking("admin", "accounts/admin", {"active": "0"}).json()["code"] == "last_admin"
    keys = [record.doc for record in house.store.find("answered", Query(order="id", limit=50)).records]
    assert "mot-mat-khau-dai" not in str(keys)


def test_a_change_is_made_once_under_its_key(asking: Asking) -> None:
    key = {"idempotency-key": "keep-1"}
    body = {"name": "night", "q": ""}
    first, again = (asking("lan", "hunts", body, headers=key) for _ in range(2))
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert len([one for one in asking("lan", "hunts").json()["hunts"] if one["name"] == "night"]) == 1


def test_the_link_of_an_invitation_is_told_once_and_kept_nowhere(asking: Asking, house: SmallHouse) -> None:
    body = {"role": "agency", "agency": "so-y-te"}
    refused = asking("lead", "people", body, headers={"idempotency-key": "invite-1"})
    assert (refused.status_code, "holds a secret" in refused.json()["error"]) == (400, True)
    told = asking("lead", "people", body).json()
    code = told["link"].rpartition("/")[2]
    assert code
    assert len(told["invites"]) == 1
    for kind in ("answered", "invite", "audit", "due", "undo"):
        records = house.store.find(kind, Query(order="id", limit=100)).records
        assert code not in str([record.doc for record in records]), kind
