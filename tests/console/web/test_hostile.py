"""Does what attackers write stay text, and do forms of other sites stay without effect?"""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from citywatch.model import Alert, AlertState, Reason, Ticket, from_doc, to_doc
from citywatch.ports import Query
from console.web.app import WAYS
from tests.console.web.conftest import PAGE_HASH, Browser, SmallHouse
from tests.console.web.test_access import enter

ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "{{ 7*7 }}{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}",
    "</textarea></pre></title><svg onload=alert(1)>",
    "\u202egpj.exe\x00\x1b[31m",
)


class Finder(HTMLParser):
    """Finds what would run: scripts without our nonce, handlers, script addresses."""

    def __init__(self, nonce: str) -> None:
        super().__init__()
        self.nonce = nonce
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        if tag in {"script", "style"} and held.get("nonce") != self.nonce:
            self.bad.append(f"<{tag}>")
        if tag in {"iframe", "object", "embed", "base", "img"}:
            self.bad.append(f"<{tag}>")
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.bad.append(f"{tag} {name}")
            if name in {"href", "src", "action", "formaction"} and not (value or "").startswith(("/", "#")):
                self.bad.append(f"{tag} {name}={value}")


def poisoned(alert: Alert, attack: str) -> Alert:
    """An alert whose every text an attacker wrote."""
    event = {name: attack for name, held in alert.event.items() if isinstance(held, str)} | {
        "event.id": alert.event["event.id"],
        "@timestamp": alert.event["@timestamp"],
        "citywatch.evidence.sha256": [PAGE_HASH],
        "citywatch.evidence.what": [attack],
        "tags": [attack, attack],
    }
    return replace(
        alert,
        title=attack, title_vi=attack, subject=attack, subject_fields={"user_agent.original": attack},
        explanation=(Reason(field=attack, value=attack, pattern=attack),), tags=(attack,), category=attack,
        values={"file.name": [attack], attack: [attack]}, event=event, rule_source=attack, guide_vi=attack,
        guide_en=attack, falsepositives=(attack,), agency="so-y-te", asset=attack, rule_id=attack,
    )  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_attackers_write_is_shown_and_never_run(
    browser: Browser, house: SmallHouse, city: list[Alert], attack: str
) -> None:
    alert = poisoned(city[0], attack)
    house.store.put_many("alert", {alert.id: to_doc(alert)})
    state = AlertState(
        alert_id=alert.id, state="acknowledged", assignee=attack, reason=attack, ticket_id="HN-2026-000001"
    )
    house.store.put_many("alert_state", {alert.id: to_doc(state)})
    ticket = from_doc(
        house.store.find("ticket", Query(order="id", newest_first=False)).records[0].doc, Ticket
    )
    dirty = replace(
        ticket, title=attack, asset=attack, category=attack, tlp=attack, assignee=attack, guide_en=attack,
        guide_vi=attack, alert_ids=(alert.id,),
        history=tuple(replace(line, by=attack, what=attack, note=attack) for line in ticket.history),
    )  # fmt: skip
    house.store.put_many("ticket", {ticket.id: to_doc(dirty)})
    seen = {"@timestamp": house.clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "event.id": "e" * 32}
    names = ("user_agent.original", "host.name", "file.name", "url.full", "dns.question.name", "message",
             "citywatch.portal.title", "process.command_line", "event.dataset", "user.name")  # fmt: skip
    house.store.append(
        [
            seen
            | dict.fromkeys(names, attack)
            | {"event.sequence": 9999, "event.ingested": seen["@timestamp"], "event.kind": "event"}
        ]
    )
    portal = {"id": "bad", "url": attack, "name": attack, "agency": attack, "tags": [attack]}
    house.store.put_many("portal", {"bad": portal})
    house.store.put_many(
        "agency", {"bad": {"id": "bad", "name": attack, "email": attack, "domains": [attack]}}
    )
    part = {"part": attack, "at": "", "counts": {attack: 1}, "problems": [attack], "error": attack}
    house.store.put_many("health", {"bad": part})
    house.store.put_many("audit", {"bad": {"at": "9", "by": attack, "what": attack, "about": attack}})
    enter(browser, house, "admin")
    pages = (
        "/alerts?state=any", f"/alerts/{alert.id}", f"/alerts/{alert.id}/suppress", "/tickets?state=any",
        f"/tickets/{ticket.id}", "/portals", "/portals/bad", "/agencies", "/search?range=all",
        "/search?range=all&by=user.name", "/events/" + "e" * 32, "/health", "/audit", "/accounts", "/me",
    )  # fmt: skip
    for path in pages:
        answer = browser.get(path)
        assert answer.status_code == 200, path
        policy = answer.headers["content-security-policy"]
        nonce = re.search(r"script-src 'nonce-([^']+)'", policy)
        assert nonce
        finder = Finder(nonce[1])
        finder.feed(answer.text)
        assert not finder.bad, path
        assert "49{%" not in answer.text
    _boxes(browser, attack)


def _boxes(browser: Browser, attack: str) -> None:
    """What is typed into a box comes back as text too."""
    for box in (attack, f"title:{attack}"):
        answer = browser.get("/alerts", params={"q": box, "state": box})
        finder = Finder(answer.text.split('nonce="')[1].split('"')[0])
        finder.feed(answer.text)
        assert not finder.bad


def test_a_form_without_our_token_does_nothing(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    enter(browser, house, "admin")
    good = browser.token("/me")
    forged: tuple[dict[str, str], ...] = (
        {},
        {"csrf": ""},
        {"csrf": "00" * 64},
        {"csrf": "é"},
        {"csrf": good[2:] + good[:2]},
    )
    strange = ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {"origin": "null"})
    for way in WAYS:
        if way.method != "POST" or way.api:
            continue
        path = way.path.replace("{id}", city[0].id)
        for values in forged:
            assert browser.post(path, data=values, follow_redirects=False).status_code == 403, path
        for headers in strange:
            answer = browser.post(path, data={"csrf": good}, headers=headers, follow_redirects=False)
            assert answer.status_code == 403, path


def test_a_token_of_another_session_is_refused(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    enter(browser, house, "lead")
    stolen = browser.token("/me")
    enter(browser, house, "lan")
    assert browser.post("/alerts/do", data={"csrf": stolen, "deed": "acknowledge"}).status_code == 403


@pytest.mark.usefixtures("city")
def test_every_answer_carries_the_headers(browser: Browser, house: SmallHouse) -> None:
    enter(browser, house, "lan")
    for path in ("/alerts", "/login", "/nothing", "/static/console.css", "/healthz", "/api/v1/alerts"):
        headers = browser.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
    assert browser.get("/alerts").headers["cache-control"] == "no-store"
    assert (
        "access-control-allow-origin"
        not in browser.get("/alerts", headers={"origin": "https://e.example"}).headers
    )


def test_evidence_is_text_or_a_download_and_every_look_is_noted(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    alert = next(one for one in city if one.category == "defacement")
    enter(browser, house, "lan")
    shown = browser.get(f"/alerts/{alert.id}/evidence/{PAGE_HASH}")
    assert shown.headers["content-type"] == "text/plain; charset=utf-8"
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert shown.headers["content-security-policy"].startswith("sandbox")
    file = browser.get(f"/alerts/{alert.id}/evidence/{PAGE_HASH}?as=file")
    assert file.headers["content-disposition"].startswith("attachment")
    assert file.headers["content-type"] == "application/octet-stream"
    looks = house.store.find("audit", Query(order="at")).records
    deeds = [one.doc["what"] for one in looks]
    assert (deeds.count("evidence_read"), deeds.count("evidence_taken")) == (1, 1)
    other = next(one for one in city if one.category == "loss")
    assert browser.get(f"/alerts/{other.id}/evidence/{PAGE_HASH}").status_code == 404
    assert browser.get(f"/alerts/{alert.id}/evidence/..%2f..%2fetc%2fpasswd").status_code == 404


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize("path", ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/words.py"])
def test_no_file_outside_the_static_folder_is_served(browser: Browser, path: str) -> None:
    assert browser.get(path).status_code == 404


@pytest.mark.usefixtures("city")
def test_too_much_is_refused(browser: Browser, house: SmallHouse) -> None:
    enter(browser, house, "lan")
    token = browser.token("/me")
    big = browser.post("/alerts/do", data={"csrf": token, "reason": "x" * 3_000_000})
    assert big.status_code in {400, 413}
    assert browser.get("/alerts", params={"q": "a " * 4000}).status_code == 200
    assert browser.get("/alerts", params={"after": "not-a-cursor"}).status_code < 500
    assert browser.get("/search", params={"after": "not-a-cursor"}).status_code < 500


@pytest.mark.usefixtures("city")
def test_a_change_cannot_set_more_than_its_form_has(browser: Browser, house: SmallHouse) -> None:
    enter(browser, house, "lan")
    browser.submit("/look", page="/me", theme="dark", role="admin", agency="x", back="/me")
    record = house.store.get("user", "lan")
    assert record
    assert record.doc["role"] == "analyst"
    assert record.doc["theme"] == "dark"
