"""Do an agency's contacts go out as a sheet and come back, and who is called at night?"""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from citywatch.errors import CityWatchError
from citywatch.model import Agency
from citywatch.respond.duty import read_contacts
from console.cli.app import app
from console.house import open_house
from console.registry import put_agency

CELL = (
    "technical|Bình|binh@a.example|0901 234 567|mon-fri 08:00-17:00;"
    "on_call|Trực|truc@a.example|0912|17:00-08:00, sat-sun 08:00-17:00"
)


def run(data: Path, *words: str) -> str:
    done = CliRunner().invoke(app, [*words, "--data", str(data)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with open_house(tmp_path / "data", make=True) as house:
        put_agency(house, Agency(id="a", name="Sở Y tế", contacts=read_contacts(CELL)))
    return tmp_path / "data"


def names(text: str) -> list[str]:
    return [str(orjson.loads(line)["name"]) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("at", "called"),
    [("2026-11-27T10:00+07:00", ["Bình"]), ("2026-11-28T02:00+07:00", ["Trực"])],
    ids=["a Friday", "the night after it"],
)
def test_the_terminal_tells_who_is_called(data: Path, at: str, called: list[str]) -> None:
    assert names(run(data, "agencies", "called", "a", "--at", at, "--json")) == called


@pytest.mark.parametrize(
    ("words", "told"),
    [(("nobody",), "there is no agency 'nobody'"), (("a", "--at", "at night"), "'at night' is not a time")],
)
def test_what_cannot_be_told_is_said(data: Path, words: tuple[str, ...], told: str) -> None:
    with pytest.raises(CityWatchError, match=told):
        run(data, "agencies", "called", *words)


def test_contacts_go_out_as_a_sheet_and_come_back_as_they_were(data: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "agencies.xlsx"
    run(data, "agencies", "export", str(sheet))
    other = tmp_path / "other"
    open_house(other, make=True).close()
    run(other, "agencies", "import", str(sheet))
    with open_house(other) as house:
        agency = house.catalogue.agency("a")
    assert agency is not None
    assert agency.contacts == read_contacts(CELL)


def test_a_wrong_contact_in_a_sheet_is_told_with_its_cell(data: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "agencies.xlsx"
    run(data, "agencies", "export", str(sheet))
    book = load_workbook(sheet)
    page = book.active
    assert page is not None
    (column,) = (cell.column for cell in page[1] if cell.value == "contacts")
    page.cell(2, column, "lead|An|an")
    book.save(sheet)
    done = CliRunner().invoke(app, ["agencies", "import", str(sheet), "--data", str(data)])
    assert "agencies.xlsx" in done.output
    assert "(contacts)" in done.output
    assert "'an' is not a mail address" in done.output
