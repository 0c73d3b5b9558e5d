"""Are the classes of holes closed on every route there is, also on those that are added later?

Generated from the routes: a new page, form or API route is tried with the others.
"""

from __future__ import annotations

import socket
from typing import Any, cast

import pytest

from citywatch.model import Alert, AlertState, to_doc
from citywatch.ports import Query
from console import claims
from console.web import api, programs, showcase
from console.web.accounts import get_user
from console.web.app import WAYS
from console.web.once import KIND as ANSWERED
from sensors.portal.proof import FILE, TAG
from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.test_access import OTHERS, OWN_TEST, ask, enter, path_of, things
from tests.console.web.test_api import bearer
from tests.console.web.test_classes import MORE
from tests.console.web.test_hostile import ATTACKS, Finder
from tests.sensors.portal.test_proof import site

FREE_TEXT = frozenset(
    [
        "title",
        "title_vi",
        "name",
        "name_en",
        "reason",
        "note",
        "what",
        "about",
        "owner",
        "author",
        "contact",
        "detail",
        "error",
        "text",
        "samples",
        "agent",
        "email",
        "phone",
        "subject",
        "group",
        "value",
        "guide_vi",
        "guide_en",
        "category",
        "asset",
        "tags",
        "former_names",
        "domains",
        "q",
        "description",
        "product",
        "vendor",
        "hint",
        "told",
        "shown",
        "rule_source",
        "falsepositives",
        "seen_by",
        "done_by",
    ]
)
"""Names of fields whose text somebody outside, or another person, writes."""
KINDS = (
    "alert", "ticket", "portal", "agency", "suppression", "allowance", "invite", "run", "hunt", "draft",
    "advisory", "claim", "session", "token", "audit", "health", "liking", "care", "mention", "system",
    "meter",
)  # fmt: skip
EVIL = "https://evil.example/"


def poisoned(doc: Any, attack: str) -> Any:
    """The same record with an attack in every free text."""
    if isinstance(doc, dict):
        fields = cast("dict[str, Any]", doc)
        return {
            key: spoiled(held, attack) if key in FREE_TEXT else poisoned(held, attack)
            for key, held in fields.items()
        }
    return [poisoned(one, attack) for one in cast("list[Any]", doc)] if isinstance(doc, list) else doc


def spoiled(held: Any, attack: str) -> Any:
    if isinstance(held, str):
        return attack
    if isinstance(held, list) and held and isinstance(held[0], str):
        return [attack]
    return poisoned(held, attack)


def poison(house: SmallHouse, city: list[Alert], attack: str) -> dict[str, str]:
    """Ids of things in a store in which whatever can be written is an attack."""
    held = things(house, city, agency="so-y-te")
    claims.make(house.store, house.clock, held["portal"], "lan")
    showcase.hunts(house.clock())
    state = AlertState(alert_id=held["alert"], state="acknowledged", assignee=attack, reason=attack)
    house.store.put_many("alert_state", {held["alert"]: to_doc(state)})
    for kind in KINDS:
        records = house.store.find(kind, Query(order="id", limit=500)).records
        if records:
            house.store.put_many(kind, {one.id: poisoned(one.doc, attack) for one in records})
    return held


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_page_there_is_runs_what_was_written_into_the_store(
    browser: Browser, house: SmallHouse, city: list[Alert], attack: str
) -> None:
    enter(browser, house, "admin")
    held = poison(house, city, attack)
    seen = 0
    for way in WAYS:
        if way.api or way.method != "GET" or way.needs is None or way.name == "live":
            continue
        path = path_of(way, held) if "{" not in way.path or way.path in OTHERS else way.path
        answer = browser.get(path, params={"q": attack, "field": attack}, follow_redirects=False)
        assert answer.status_code < 500, f"{way.name}: {answer.text[:200]}"
        if not answer.headers.get("content-type", "").startswith("text/html"):
            assert answer.status_code >= 300 or answer.headers["x-content-type-options"] == "nosniff", (
                way.name
            )
            continue
        finder = Finder(answer.headers["content-security-policy"].partition("'nonce-")[2].partition("'")[0])
        finder.feed(answer.text)
        pictures = [
            one for one in finder.bad if one == "<img>" and way.name in {"alert", "portal", "me_factor"}
        ]
        assert len(finder.bad) == len(pictures), f"{way.name}: {finder.bad}"
        assert "49{%" not in answer.text, way.name
        seen += (
            attack.replace("&", "&amp;")[:8] in answer.text or "&lt;" in answer.text or "&#39;" in answer.text
        )
    assert seen > 5


@pytest.mark.parametrize("attack", ATTACKS[:3])
def test_no_answer_to_a_program_is_a_page(
    browser: Browser, house: SmallHouse, city: list[Alert], attack: str
) -> None:
    held = poison(house, city, attack)
    for way in api.WAYS:
        if way.method != "GET" or way.needs is None:
            continue
        answer = browser.get(path_of(way, held), headers=bearer(house, "admin"))
        kind = answer.headers["content-type"].partition(";")[0]
        allowed = api.SPECS["GET", way.path].media or ("application/json",)
        assert kind in {*allowed, "application/json"}, way.name
        assert answer.headers["x-content-type-options"] == "nosniff", way.name
        assert answer.status_code < 500, way.name


def test_no_form_leads_away(browser: Browser, house: SmallHouse, city: list[Alert]) -> None:
    for way in WAYS:
        if way.method != "POST" or way.api or way.needs is None:
            continue
        held = things(house, city, agency="so-y-te")
        enter(browser, house, "admin")
        for name in ("back", "next", "where"):
            values = {"csrf": browser.token("/me"), "deed": "acknowledge", name: EVIL, "note": "n"}
            path = path_of(way, held) if way.path in OTHERS or "{" not in way.path else way.path
            answer = browser.post(path, data=values, follow_redirects=False)
            assert "evil.example" not in answer.headers.get("location", ""), way.name
            for line in ("refresh", "link", "content-location"):
                assert "evil.example" not in answer.headers.get(line, ""), way.name


def test_no_change_by_a_program_takes_more_than_is_described(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    before = get_user(house.store, "lan")
    for way in api.WAYS:
        if way.method != "POST":
            continue
        held = things(house, city, agency="so-y-te")
        body = to_doc(api.SPECS["POST", way.path].body.example)
        for name, value in MORE.items():
            if name in body:
                continue
            answer = browser.post(
                path_of(way, held), headers=bearer(house, "admin"), json=body | {name: value}
            )
            assert answer.status_code == 400, f"{way.name}: {name}"
            assert f"no '{name}'" in answer.json()["error"]
    after = get_user(house.store, "lan")
    assert before == after


def test_every_route_is_in_one_of_these_tests_or_the_matrix() -> None:
    assert {way.path for way in WAYS if "{" in way.path} <= set(OTHERS)
    assert {name for name in OWN_TEST if name not in {way.name for way in WAYS}} == set()
    assert {pair.of for pair in programs.ALL} <= {way.name for way in WAYS}


@pytest.mark.parametrize("door", ["form", "program"])
def test_a_portal_whose_name_leads_inside_is_registered_and_never_asked(
    browser: Browser, house: SmallHouse, city: list[Alert], monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    """The name is a public one when it is typed; when the console looks for the proof, it is loopback."""
    assert city
    real = socket.getaddrinfo

    def rebound(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host in {"rebind.example", b"rebind.example"}:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(port or 0)))]
        return real(host, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
    with site(pages) as inside:
        url = inside.replace("127.0.0.1", "rebind.example")
        enter(browser, house, "ytechinh")
        if door == "form":
            browser.submit("/portals/new", page="/portals/new", url=url, name="x", level="2")
        else:
            held = bearer(house, "ytechinh")
            assert browser.post("/api/v1/portals", headers=held, json={"url": url}).status_code == 200
        claim = claims.read(house.store, "rebind-example")
        assert claim
        secret = f"{TAG}={claim.token}".encode()
        pages[FILE] = (200, {"content-type": "text/plain"}, secret)
        pages["/"] = (200, {"content-type": "text/html"}, secret)
        if door == "form":
            browser.submit("/portals/rebind-example/proof", page="/portals/rebind-example/proof")
        else:
            told = browser.post(
                "/api/v1/portals/rebind-example/proof", headers=bearer(house, "ytechinh"), json={}
            )
            assert told.json()["result"] == "proof_missing"
    after = claims.read(house.store, "rebind-example")
    assert after
    assert after.checked_at
    assert (after.state, claim.token in after.detail) == ("open", False)


@pytest.mark.usefixtures("city")
def test_what_a_program_writes_is_one_line_of_the_audit(browser: Browser, house: SmallHouse) -> None:
    before = house.store.find("audit", Query(order="seq", limit=0)).total
    evil = "night\n2026-11-22T08:00:00Z admin login\r\x1b[31m"
    told = browser.post("/api/v1/hunts", headers=bearer(house), json={"name": evil, "q": ""})
    assert told.status_code == 200
    page = house.store.find("audit", Query(order="seq", limit=5))
    assert page.total == before + 1
    assert not [letter for letter in str(page.records[0].doc["about"]) if not letter.isprintable()]


@pytest.mark.usefixtures("city")
def test_a_token_is_nowhere_but_in_the_request(browser: Browser, house: SmallHouse) -> None:
    held = bearer(house)
    token = held["authorization"].partition(" ")[2]
    key = {"idempotency-key": "leak-1"}
    told = [
        browser.get("/api/v1/me", headers=held),
        browser.get("/api/v1/nothing", headers=held),
        browser.get("/api/v1/alerts?severty=1", headers=held),
        browser.post("/api/v1/hunts", headers=held | key, json={"name": "n", "q": ""}),
        browser.get("/api/v1/alerts", headers={"authorization": f"Bearer {token}x"}),
    ]
    assert not [answer.url for answer in told if token in answer.text or token in str(answer.headers)]
    for kind in ("audit", "token", "session", ANSWERED, "hunt", "health"):
        docs = [record.doc for record in house.store.find(kind, Query(order="id", limit=500)).records]
        assert token not in str(docs), kind
    enter(browser, house, "lan")
    for path in ("/me", "/hunts", "/alerts"):
        assert token not in browser.get(path).text


@pytest.mark.usefixtures("city")
def test_a_form_is_asked_like_a_program_only_with_a_token(browser: Browser, house: SmallHouse) -> None:
    enter(browser, house, "admin")
    for way in api.WAYS:
        if way.method == "POST":
            path = path_of(way, dict.fromkeys(OTHERS.values(), "x"))
            assert browser.post(path, json={}).status_code == 401, way.name
    assert ask
