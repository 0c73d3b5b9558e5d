"""Can an agency attach proof to its own ticket, and to no other, and does the file stay harmless?"""

from __future__ import annotations

import httpx2 as httpx
import pytest

from citywatch.model import Alert, Ticket, from_doc
from citywatch.ports import Query
from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.test_access import enter

PNG = b"\x89PNG\r\n\x1a\n" + b"fixed" * 10


@pytest.fixture
def ticket(house: SmallHouse, city: list[Alert]) -> str:
    """The id of a ticket of the health department."""
    assert city
    record = house.store.find("ticket", Query(order="id", limit=1)).records[0]
    house.store.put_many("ticket", {record.id: record.doc | {"agency": "so-y-te", "evidence": []}})
    return record.id


def held(house: SmallHouse, ticket: str) -> Ticket:
    record = house.store.get("ticket", ticket)
    assert record
    return from_doc(record.doc, Ticket)


def send(browser: Browser, ticket: str, name: str, raw: bytes) -> httpx.Response:
    values = {"csrf": browser.token("/me")}
    return browser.post(f"/tickets/{ticket}/attach", data=values, files={"file": (name, raw)})


def test_proof_is_kept_with_its_name_and_comes_back_as_a_download(
    browser: Browser, house: SmallHouse, ticket: str
) -> None:
    enter(browser, house, "yte")
    page = send(browser, ticket, "../../<img onerror=alert(1)>.png", PNG)
    assert "The proof was attached." in page.text
    assert "<img onerror" not in page.text
    (kept,) = held(house, ticket).evidence
    assert (kept.what, kept.media_type, kept.size) == ("<img onerror=alert(1)>.png", "image/png", len(PNG))
    assert held(house, ticket).history[-1].what == "attached"
    [line] = house.custody.find(sets={ticket})
    assert (line.piece.sha256, line.piece.source, line.piece.size) == (kept.sha256, "yte", len(PNG))
    answer = browser.get(f"/tickets/{ticket}/evidence/{kept.sha256}?as=file")
    assert (answer.content, answer.headers["content-type"]) == (PNG, "application/octet-stream")
    assert "sandbox" in answer.headers["content-security-policy"]


def test_another_agency_and_wrong_files_are_refused(browser: Browser, house: SmallHouse, ticket: str) -> None:
    enter(browser, house, "giaoduc")
    assert send(browser, ticket, "a.png", PNG).status_code == 404
    enter(browser, house, "yte")
    assert "not taken" in send(browser, ticket, "a.png", b"MZ\x90\x00").text
    assert "not empty" in send(browser, ticket, "a.png", b"").text
    assert "at most 8 MiB" in send(browser, ticket, "a.txt", b"x" * (8 * 2**20 + 1)).text
    assert send(browser, ticket, "a.txt", b"x" * (11 * 2**20)).status_code == 413
    assert not held(house, ticket).evidence
    assert not list(house.custody.find(sets={ticket})), "what was refused is no evidence"


def test_files_are_taken_where_they_are_asked_for_only(
    browser: Browser, house: SmallHouse, ticket: str
) -> None:
    enter(browser, house, "yte")
    values = {"csrf": browser.token("/me"), "note": "n"}
    answer = browser.post(f"/tickets/{ticket}/comment", data=values, files={"file": ("a", PNG)})
    assert answer.status_code == 400
