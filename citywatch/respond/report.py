"""What stands in a form or report, and how does it become a document?

A form is a table (`tables/forms.toml`): sections of rows, tables and charts, in order. Facts fill it; what no
fact says stays a dotted line. The filled sheet becomes PDF or DOCX in a process of its own (`press.py`), by
templates that the team may replace: `forms/NAME.typ`, `forms/form.docx` … in the installation's folder.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from citywatch.errors import CityWatchError, ContentError
from citywatch.respond.house_table import house_table, read_toml

FORMS: Final = Path(__file__).parents[1] / "forms"
"""Our own templates."""
FORMATS: Final = ("pdf", "docx", "png")
LONGEST_TEXT: Final = 4000
LONGEST_CELL: Final = 500
MOST_ROWS: Final = 400
LONGEST_WORD: Final = 64
"""A longer word may be broken anywhere (hashes stay whole)."""
MOST_LINES: Final = 100
"""A text of more lines has the rest run on."""
WALL_S: Final = 60.0
_GAP = re.compile(r"\n{3,}")
_PRESS: Final = Path(__file__).with_name("press.py")

Value = str | Sequence[str]


class ReportError(CityWatchError):
    """A report cannot be made; the message says what of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under headings; `widths` are shares of the page."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    widths: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that is known for a report."""

    values: Mapping[str, Value]
    """By the names that forms use; a list ticks choices."""
    tables: Mapping[str, Table] = field(default_factory=dict[str, Table])
    charts: Mapping[str, Sequence[tuple[str, float]]] = field(
        default_factory=dict[str, Sequence[tuple[str, float]]]
    )
    organisation: str = ""
    authority: str = ""
    place_and_day: str = ""
    subtitle: str = ""
    footer: str = ""
    recipients: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FormRow:
    """A line of a form."""

    label: str
    field: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FormSection:
    """A part of a form: rows, or one table, or one chart."""

    heading: str
    row: tuple[FormRow, ...] = ()
    table: str = ""
    chart: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form as the table has it."""

    title: str
    section: tuple[FormSection, ...]
    number: str = ""
    basis: str = ""
    signed: str = ""


def load_forms(data: Path) -> dict[str, Form]:
    """The forms in force: the house's own table, else ours.

    Raises:
        ContentError: the table is wrong; tells which form.
    """
    file = house_table(data, "forms.toml")
    found: dict[str, Form] = {}
    for name, raw in read_toml(file).items():
        try:
            found[name] = msgspec.convert(raw, Form)
        except msgspec.ValidationError as error:
            raise ContentError(str(file), None, f"form '{name}': {error}") from error
    return found


def fill(form: Form, facts: Facts) -> dict[str, Any]:
    """A form with its facts, as templates read it: plain data with bounds."""
    return {
        "title": form.title,
        "number": form.number,
        "basis": form.basis,
        "signed": form.signed,
        "subtitle": plain(facts.subtitle, LONGEST_CELL),
        "organisation": plain(facts.organisation, LONGEST_CELL),
        "authority": plain(facts.authority, LONGEST_CELL),
        "place_and_day": plain(facts.place_and_day, LONGEST_CELL),
        "footer": plain(facts.footer, LONGEST_CELL),
        "recipients": [plain(one, LONGEST_CELL) for one in facts.recipients][:20],
        "sections": [_section(section, facts) for section in form.section],
    }


def _section(section: FormSection, facts: Facts) -> dict[str, Any]:
    if section.chart:
        bars = facts.charts.get(section.chart, ())
        shown = [
            {"label": plain(label, 60), "number": number, "shown": f"{number:g}"} for label, number in bars
        ]
        return {"kind": "chart", "heading": section.heading, "bars": shown[:60], "rows": [], "picture": ""}
    if section.table:
        return _table(section, facts.tables.get(section.table, Table(columns=(), rows=())))
    rows = [_row(row, facts.values.get(row.field, "")) for row in section.row]
    return {"kind": "rows", "heading": section.heading, "rows": rows}


def _table(section: FormSection, table: Table) -> dict[str, Any]:
    rows = [[plain(cell, LONGEST_CELL) for cell in row] for row in table.rows[:MOST_ROWS]]
    left = len(table.rows) - len(rows)
    return {
        "kind": "table",
        "heading": section.heading,
        "columns": list(table.columns),
        "widths": list(table.widths or (1,) * len(table.columns)),
        "rows": rows,
        "more": f"… và {left} dòng nữa" if left else "",
    }


def _row(row: FormRow, value: Value) -> dict[str, Any]:
    if not row.options:
        text = value if isinstance(value, str) else ", ".join(value)
        return {"label": row.label, "value": plain(text, LONGEST_TEXT)}
    chosen = {value} if isinstance(value, str) else set(value)
    other = sorted(chosen - set(row.options) - {""})
    options = [{"text": text, "checked": text in chosen} for text in row.options]
    return {"label": row.label, "value": plain(", ".join(other), LONGEST_TEXT), "options": options}


def plain(text: str, most: int) -> str:
    r"""A text as paper takes it: no control characters, no end in sight cut, words that fit a line.

    >>> plain("a\x00\x1b[31m\u202eb\r\nc", 20)
    'a[31mb\nc'
    >>> plain("x" * 9, 5)
    'xxxxx…'
    """
    cut = text.replace("\r\n", "\n")[: most + 1]
    kept = "".join(char for char in cut if char == "\n" or char.isprintable())
    kept = _GAP.sub("\n\n", kept)
    if len(cut) > most:
        kept = kept[:most] + "…"
    lines = kept.split("\n", MOST_LINES)
    lines[MOST_LINES:] = [line.replace("\n", " ") for line in lines[MOST_LINES:]]
    return "\n".join(" ".join(_breakable(word) for word in line.split(" ")) for line in lines)


def _breakable(word: str) -> str:
    if len(word) <= LONGEST_WORD:
        return word
    return "\u200b".join(word[start : start + 50] for start in range(0, len(word), 50))


def print_sheet(
    sheet: Mapping[str, Any], name: str, form: str, data: Path, *, wall_s: float = WALL_S
) -> bytes:
    """The document of a filled form.

    Args:
        sheet: what `fill` gave.
        name: of the form; a template of that name goes before the general one.
        form: pdf, docx or png (the first page).
        data: the installation's folder; templates in its `forms/` go before ours.
        wall_s: how long it may take.

    Raises:
        ReportError: the template is wrong, or it took too long or too much.
    """
    with tempfile.TemporaryDirectory(prefix="citywatch-press-") as folder:
        for source in (FORMS, data / "forms"):
            if source.is_dir():
                shutil.copytree(source, folder, dirs_exist_ok=True)
        ending = "docx" if form == "docx" else "typ"
        own = f"{name}.{ending}"
        template = own if (Path(folder) / own).is_file() else f"form.{ending}"
        request = {"folder": folder, "template": template, "sheet": sheet, "format": form}
        return _pressed(json.dumps(request).encode(), template, wall_s)


def _pressed(request: bytes, template: str, wall_s: float) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and our own file
            [sys.executable, "-I", "-B", str(_PRESS)],
            input=request,
            capture_output=True,
            timeout=wall_s,
            check=False,
            env={"LANG": "C.UTF-8", "HOME": tempfile.gettempdir(), "RAYON_NUM_THREADS": "2"},
        )
    except subprocess.TimeoutExpired:
        raise ReportError(f"forms/{template}: it took longer than {wall_s:.0f} seconds") from None
    if done.returncode:
        told = done.stderr.decode("utf-8", "replace").strip()[-1000:]
        raise ReportError(f"forms/{template}: {told or 'it took more memory or time than a report may have'}")
    return done.stdout
