"""Is the report of a month a page whose numbers are those of its tickets, and a document to take away?"""

from __future__ import annotations

import pytest

from citywatch.model import Alert, Ticket, from_doc
from citywatch.ports import Query
from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.test_access import enter


def opened(house: SmallHouse, month: str) -> list[Ticket]:
    found = house.store.find("ticket", Query(order="id", limit=1000)).records
    tickets = [from_doc(record.doc, Ticket) for record in found]
    return [one for one in tickets if one.opened_at.startswith(month)]


def moved(house: SmallHouse, at: str) -> Ticket:
    """A ticket that was opened at another time, alone in its month."""
    record = house.store.find("ticket", Query(order="id", limit=1)).records[0]
    house.store.put_many("ticket", {record.id: record.doc | {"opened_at": at, "history": []}})
    return from_doc(record.doc, Ticket)


def test_a_month_counts_the_tickets_that_were_opened_in_it(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    ticket = moved(house, "2026-03-14T03:00:00.000000Z")
    enter(browser, house, "lead")
    page = browser.get("/reports?period=2026-03").text
    assert "<b>1</b><span>opened</span>" in page
    assert "2026-03-14: 1</title>" in page
    assert f'href="/reports?period=2026-03&amp;agency={ticket.agency}"' in page
    assert "<b>0</b><span>opened</span>" in browser.get("/reports?period=2026-02").text
    present = len(opened(house, "2026-11"))
    assert present
    assert f"<b>{present}</b><span>opened</span>" in browser.get("/reports").text


def test_a_week_of_one_agency_counts_nobody_elses(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    ticket = moved(house, "2026-03-14T03:00:00.000000Z")
    other = "so-y-te" if ticket.agency != "so-y-te" else "so-giao-duc"
    enter(browser, house, "viewer")
    assert (
        "<b>1</b><span>opened</span>" in browser.get(f"/reports?period=2026-W11&agency={ticket.agency}").text
    )
    assert "<b>0</b><span>opened</span>" in browser.get(f"/reports?period=2026-W11&agency={other}").text


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("period=2026-13", "is no period"),
        ("period=%3Cscript%3E", "&lt;script&gt;"),
        ("period=2026-11&agency=nobody", "there is no agency"),
    ],
)
def test_what_is_no_period_is_told(
    browser: Browser, house: SmallHouse, city: list[Alert], asked: str, told: str
) -> None:
    assert city
    enter(browser, house, "lead")
    answer = browser.get(f"/reports?{asked}")
    assert answer.status_code == 400
    assert told in answer.text
    assert browser.get(f"/reports/file?{asked}").status_code == 404


@pytest.mark.parametrize(("ending", "head"), [("pdf", b"%PDF-"), ("docx", b"PK")])
def test_a_month_is_taken_away_as_a_document_and_noted(
    browser: Browser, house: SmallHouse, city: list[Alert], ending: str, head: bytes
) -> None:
    assert city
    enter(browser, house, "lead")
    answer = browser.get(f"/reports/file?period=2026-11&as={ending}")
    assert answer.content.startswith(head)
    assert answer.headers["content-disposition"] == f'attachment; filename="citywatch-2026-11.{ending}"'
    lines = house.store.find("audit", Query(order="at", limit=5)).records
    assert any(line.doc["what"] == "report_read" for line in lines)
    assert browser.get("/reports/file?period=2026-11&as=exe").status_code == 404


def test_an_agency_has_no_report_of_the_city(browser: Browser, house: SmallHouse, city: list[Alert]) -> None:
    assert city
    enter(browser, house, "ytechinh")
    assert browser.get("/reports").status_code == 404
    assert browser.get("/reports/file").status_code == 404
