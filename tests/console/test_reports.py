"""Do the documents of a ticket and of a period say what is in the store, number by number?"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from docx import Document
from pypdf import PdfReader
from typer.testing import CliRunner

from citywatch.clock import stamp
from citywatch.model import Agency, Alert, Change, Portal, Severity, System, Ticket, to_doc
from citywatch.ports import Query
from citywatch.respond.audit import KIND
from citywatch.respond.lifecycle import move
from citywatch.respond.report import Facts, ReportError
from console.cases import read_ticket
from console.cli.app import app
from console.house import House, open_house
from console.period import span_of
from console.reports import Source, period_facts, print_period, print_ticket, ticket_facts

MONDAY = datetime(2026, 11, 16, 2, 0, tzinfo=UTC)
HANOI = ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path / "home", make=True, clock=lambda: MONDAY + timedelta(days=7)) as made:
        agency = Agency(id="so-y-te", name="Sở Y tế", email="it@soyte.example.vn", phone="024 1234")
        portal = Portal(
            id="p", url="https://soyte.example.vn/", name="Cổng Sở Y tế", agency="so-y-te", level=3
        )
        alert = Alert(
            id="a1", rule_id="r", title="Defaced", severity=Severity.high, subject="p", subject_fields={},
            first_seen=stamp(MONDAY - timedelta(hours=1)), last_seen=stamp(MONDAY), count=3,
        )  # fmt: skip
        made.store.put_if("agency", agency.id, to_doc(agency), 0)
        made.store.put_if("portal", portal.id, to_doc(portal), 0)
        made.store.put_if("alert", alert.id, to_doc(alert), 0)
        for number in range(1, 6):
            put(made, number)
        yield made


def put(house: House, number: int) -> None:
    """A ticket a day; the odd ones of the agency, the first two closed."""
    at = MONDAY + timedelta(days=number - 1)
    ticket = Ticket(
        id=f"HN-2026-{number:06d}", key="k", title="Đổi giao diện", severity=Severity.high,
        category="defacement", agency="so-y-te" if number % 2 else "", asset="p", alert_ids=("a1",),
        rule_ids=("r",), opened_at=stamp(at), changed_at=stamp(at),
    )  # fmt: skip
    if number <= 2:
        ticket = move(ticket, "false_positive", by="lan", at=stamp(at + timedelta(hours=3)), note="tập huấn")
    house.store.put_if("ticket", ticket.id, to_doc(ticket), 0)


def source_of(house: House) -> Source:
    return Source(settings=house.settings, clock=house.clock, store=house.store, sla=house.sla, law=house.law)


def ticket_of(house: House, number: int = 1) -> Ticket:
    return read_ticket(house, f"HN-2026-{number:06d}")


def text_of(document: bytes) -> str:
    pages = PdfReader(io.BytesIO(document)).pages
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in pages))


def test_a_form_has_the_facts_of_its_ticket(house: House) -> None:
    text = text_of(print_ticket(source_of(house), ticket_of(house, 3), "mau03", "pdf"))
    for wanted in ("Sở Y tế", "024 1234", "Cổng Sở Y tế · https://soyte.example.vn/", "☒ Cấp độ 3"):
        assert wanted in text
    assert "Ngày phát hiện sự cố (*): 16/11/2026" in text  # of the alert, not of the ticket
    assert "Thời gian phát hiện (*): 08 giờ 00 phút" in text
    assert "☒ Chưa được xử lý" in text


def test_what_the_store_does_not_know_can_be_given(house: House) -> None:
    text = text_of(
        print_ticket(source_of(house), ticket_of(house), "mau03", "pdf", {"extra.os": "Debian 12"})
    )
    assert "Hệ điều hành, phiên bản: Debian 12" in text


def test_the_progress_report_has_history_clocks_and_duties(house: House) -> None:
    tables = ticket_facts(source_of(house), ticket_of(house)).tables
    assert tables["history"].rows[0][2:] == ["Mới → Báo nhầm", "tập huấn"]
    assert [row[0] for row in tables["clocks"].rows] == ["Tiếp nhận", "Khoanh vùng", "Đóng"]
    assert tables["duties"].rows[0][2] == "21/11/2026 08:00"
    assert tables["alerts"].rows[0][3] == "3"


def test_a_ticket_without_agency_asset_and_alerts_still_has_its_forms(house: House) -> None:
    bare = Ticket(id="HN-2026-000099", key="k", title="t", severity=Severity.low)
    for name in ("mau03", "mau04", "progress"):
        assert print_ticket(source_of(house), bare, name, "pdf").startswith(b"%PDF")
    with pytest.raises(ReportError, match="no form 'mau05'"):
        print_ticket(source_of(house), bare, "mau05", "pdf")


def numbers(facts: Facts) -> dict[str, tuple[str, str]]:
    return {row[0]: (row[1], row[2]) for row in facts.tables["summary"].rows}


def test_every_number_of_a_week_is_traced_to_its_tickets(house: House) -> None:
    facts = period_facts(source_of(house), span_of("2026-W47", HANOI))
    told = numbers(facts)
    assert told["Phiếu mở"] == ("5", "0")
    assert told["Phiếu đóng"] == ("2", "0")
    assert told["Còn mở cuối kỳ"] == ("3", "0")
    annex = {row[0]: row[1:] for row in facts.tables["annex"].rows}
    for name, (count, _) in told.items():
        if name in annex:
            assert annex[name][0] == count
            assert len([one for one in annex[name][1].split(", ") if one]) == int(count)
    assert annex["Phiếu đóng"][1] == "HN-2026-000001, HN-2026-000002"
    assert sum(number for _, number in facts.charts["days"]) == 5


def test_a_scorecard_counts_one_agency_alone(house: House) -> None:
    facts = period_facts(source_of(house), span_of("2026-11", HANOI), "so-y-te")
    assert numbers(facts)["Phiếu mở"][0] == "3"
    assert facts.organisation == "Sở Y tế"
    assert "Sở Y tế" in text_of(print_period(source_of(house), "2026-11", "pdf", "so-y-te"))
    with pytest.raises(ReportError, match="no agency 'nowhere'"):
        period_facts(source_of(house), span_of("2026-11", HANOI), "nowhere")


def test_the_terminal_writes_the_file_and_the_audit_knows(house: House, tmp_path: Path) -> None:
    def run(*words: str) -> int:
        return (
            CliRunner()
            .invoke(app, ["report", *words, "--data", str(house.settings.data), "--as", "lan"])
            .exit_code
        )

    assert run("HN-2026-000001", "--form", "mau04", "--out", str(tmp_path / "m.docx")) == 0
    assert run("--period", "2026-W47", "--out", str(tmp_path / "w.pdf")) == 0
    assert (tmp_path / "m.docx").read_bytes().startswith(b"PK")
    assert (tmp_path / "w.pdf").read_bytes().startswith(b"%PDF")
    assert run("HN-2026-000001", "--period", "2026-W47") != 0
    assert run("HN-2026-000001", "--out", str(tmp_path / "m.exe")) != 0
    lines = house.store.find(KIND, Query(order="seq")).records
    assert [line.doc["what"] for line in lines] == ["report_read", "report_read"]


def test_a_form_about_a_system_has_its_name_and_level(tmp_path: Path) -> None:
    with open_house(tmp_path / "system", make=True) as house:
        system = System(id="mot-cua", name="Một cửa điện tử", agency="so-a", level=3)
        ticket = Ticket(id="HN-2026-000009", key="k", title="t", severity=Severity.high, asset="mot-cua")
        house.store.put_many("system", {system.id: to_doc(system)})
        source = Source(
            settings=house.settings, clock=house.clock, store=house.store, sla=house.sla, law=house.law
        )
        values = ticket_facts(source, ticket).values
        assert (values["system.name"], values["system.level"]) == ("Một cửa điện tử", ["Cấp độ 3"])


def test_a_form_tells_the_alert_in_vietnamese_and_what_people_said_and_whom_to_ask(house: House) -> None:
    record = house.store.get("alert", "a1")
    agency = house.store.get("agency", "so-y-te")
    assert record
    assert agency
    contact = {"role": "technical", "name": "Bà Kỹ", "email": "ky@a.vn", "phone": "0901"}
    house.store.put_many("alert", {"a1": record.doc | {"title_vi": "Trang bị thay"}})
    house.store.put_many("agency", {"so-y-te": agency.doc | {"contacts": [contact]}})
    at = stamp(MONDAY)
    lines = (
        Change(at=at, by="defacement v1", what="opened", note="Defaced · p"),
        Change(at=at, by="defacement v1", what="comment", note="no warning names it"),
        Change(at=at, by="lan", what="comment", note="Đã khôi phục"),
    )
    ticket = replace(ticket_of(house, 3), history=lines)
    values = ticket_facts(source_of(house), ticket).values
    assert values["incident.description"] == "Đổi giao diện\nThay đổi giao diện\nTrang bị thay · p"
    assert (values["contact.name"], values["contact.phone"]) == ("Bà Kỹ", "0901")
    text = text_of(print_ticket(source_of(house), ticket, "mau04", "pdf"))
    assert "Đã khôi phục" in text
    assert "no warning names it" not in text


def test_columns_of_a_word_table_have_the_widths_of_the_sheet(house: House) -> None:
    made = print_ticket(source_of(house), ticket_of(house), "progress", "docx")
    tables: Any = cast("Any", Document(io.BytesIO(made))).tables
    history = next(table for table in tables if table.rows[0].cells[0].text == "Thời gian")
    shares = [round(cell.width.mm / 162 * 15, 1) for cell in history.rows[1].cells]
    assert shares == [3.0, 3.0, 3.0, 6.0]
