"""How does a table leave the house, so that a spreadsheet shows it and runs nothing in it?"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

_FORMULA = re.compile(r"[=+\-@\t\r\n]")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_LONGEST = 32_000
"""A spreadsheet's cell holds 32,767 letters."""

Row = Sequence[str | int | float]


def plain(value: str | float) -> str | int | float:
    """A cell that no spreadsheet takes for a formula: what others wrote stands in it.

    >>> plain("=HYPERLINK(A1)"), plain(" @SUM(1)"), plain("Sở Y tế"), plain(-5)
    ("'=HYPERLINK(A1)", "' @SUM(1)", 'Sở Y tế', -5)
    """
    if not isinstance(value, str):
        return value
    text = _UNPRINTABLE.sub(" ", value)[:_LONGEST]
    return f"'{text}" if _FORMULA.match(text) or _FORMULA.match(text.lstrip()) else text


def csv_file(header: Sequence[str], rows: Iterable[Row]) -> bytes:
    """A table as CSV in UTF-8, with the mark that makes spreadsheets read it so."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    for row in rows:
        writer.writerow([plain(value) for value in row])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def xlsx_file(title: str, header: Sequence[str], rows: Iterable[Row]) -> bytes:
    """A table as a workbook of one sheet."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet(title[:31])
    sheet.freeze_panes = "A2"
    heads = [WriteOnlyCell(sheet, value=name) for name in header]
    for head in heads:
        head.font = Font(bold=True)
    sheet.append(heads)
    for row in rows:
        sheet.append([plain(value) for value in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
