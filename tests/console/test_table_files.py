"""Does a table that leaves the house run nothing in the spreadsheet that opens it?"""

from __future__ import annotations

import csv
import io
import zipfile

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import table_files

EVIL = ("=1+1", "+1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "  =HYPERLINK(1)", "\n@x")


@pytest.mark.parametrize("text", EVIL)
def test_no_cell_is_a_formula_in_either_form(text: str) -> None:
    raw = table_files.csv_file(("a",), [(text,)]).decode("utf-8-sig")
    (_, (cell,)) = csv.reader(io.StringIO(raw))
    assert cell.startswith("'")
    book = openpyxl.load_workbook(io.BytesIO(table_files.xlsx_file("t", ("a",), [(text,)])))
    held = book.worksheets[0]["A2"]
    assert (held.data_type, str(held.value)[0]) == ("s", "'")


@given(st.lists(st.tuples(st.text(), st.integers(-(2**40), 2**40)), max_size=20))
def test_every_row_comes_back(rows: list[tuple[str, int]]) -> None:
    raw = table_files.csv_file(("text", "number"), rows).decode("utf-8-sig")
    found = list(csv.reader(io.StringIO(raw, newline="")))
    assert [int(row[1]) for row in found[1:]] == [number for _, number in rows]


def test_vietnamese_and_odd_letters_survive_in_a_workbook() -> None:
    rows = [("Sở Y tế", 3), ("a\x00b\x0bc", 4)]
    raw = table_files.xlsx_file("agencies", ("name", "open"), rows)
    assert zipfile.is_zipfile(io.BytesIO(raw))
    sheet = openpyxl.load_workbook(io.BytesIO(raw)).worksheets[0]
    assert [tuple(cell.value for cell in row) for row in sheet.iter_rows()] == [
        ("name", "open"), ("Sở Y tế", 3), ("a b c", 4),
    ]  # fmt: skip
