"""Which rows has a table that somebody sent, as CSV or XLSX, and where exactly does each cell stand?

CSV in UTF-8, or the first sheet of a workbook; a header line names the columns. Every wrong line is told with
file (and sheet), row and column, and does not stop the others.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from citywatch.errors import ContentError

Tell = Callable[[ContentError], object]
Numbered = tuple[int, list[str]]

LARGEST: Final = 64 * 1024 * 1024
UNPACKED: Final = 128 * 1024 * 1024
ROWS: Final = 200_000
COLUMNS: Final = 200
CELL: Final = 32_768
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table."""

    place: str
    """`file.csv`, `file.xlsx[Sheet1]`."""
    line: int
    cells: Mapping[str, str]
    letters: Mapping[str, str]
    """The column's letter by its name."""

    def wrong(self, column: str, what: str, hint: str = "") -> ContentError:
        """An error of one cell: `a.csv:2: C2 (networks): '10.0.0.0/99' is not a network`."""
        letter = self.letters.get(column, "")
        where = f"{letter}{self.line} ({column})" if letter else f"column '{column}'"
        return ContentError(self.place, self.line, f"{where}: {what}", hint)


def read_rows(file: Path, columns: tuple[str, ...], needed: set[str], report: Tell) -> Iterator[Row]:
    """Lines with their number; absent columns are empty, doubled ids and broken lines are reported."""
    place, lines = _lines(file, report)
    _, header = next(lines, (1, None))
    if header is None:
        return
    header = [cell.strip().lower() for cell in header]
    if not _header_is_sound(place, header, columns, needed, report):
        return
    letters = {name: letter(number) for number, name in enumerate(header) if name}
    seen: dict[str, int] = {}
    for line, cells in lines:
        held = _cells(place, line, header, cells, report)
        if held is None:
            continue
        row = Row(
            place=place, line=line, cells={name: held.get(name, "") for name in columns}, letters=letters
        )
        key = row.cells.get("id", "")
        if key and key in seen:
            report(row.wrong("id", f"'{key}' is in line {seen[key]} already"))
            continue
        seen[key] = line
        yield row


def letter(number: int) -> str:
    """A column's letter, from 0.

    >>> letter(0), letter(25), letter(26)
    ('A', 'Z', 'AA')
    """
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def _header_is_sound(
    place: str, header: list[str], columns: tuple[str, ...], needed: set[str], report: Tell
) -> bool:
    known = f"columns are: {', '.join(columns)}"
    unknown = [name for name in header if name and name not in columns]
    missing = sorted(needed - set(header))
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    for name in unknown:
        report(ContentError(place, 1, f"there is no column '{name}'", known))
    for name in missing:
        report(ContentError(place, 1, f"column '{name}' is missing", known))
    for name in doubled:
        report(ContentError(place, 1, f"column '{name}' is there twice"))
    return not (unknown or missing or doubled)


def _cells(place: str, line: int, header: list[str], cells: list[str], report: Tell) -> dict[str, str] | None:
    while len(cells) > len(header) and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) > len(header):
        what = f"{len(cells)} cells where the header has {len(header)}"
        report(ContentError(place, line, what, "check the commas; quote a cell that holds one"))
        return None
    if any(len(cell) > CELL or "\0" in cell for cell in cells):
        report(ContentError(place, line, f"a cell is longer than {CELL} characters or holds a zero byte"))
        return None
    return {name: plain(cell) for name, cell in zip(header, cells, strict=False)}


def plain(cell: str) -> str:
    """What `register.guarded` guarded, and without blanks around it.

    >>> plain("'+84 24 1234"), plain(" Sở Y tế ")
    ('+84 24 1234', 'Sở Y tế')
    """
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:2] in FORMULA else cell


def _lines(file: Path, report: Tell) -> tuple[str, Iterator[Numbered]]:
    """How the table is called in messages, and its lines."""
    raw = _raw(file, report)
    if raw is None:
        return str(file), iter(())
    if raw.startswith(b"PK\x03\x04"):
        return _workbook(file, raw, report)
    return str(file), _csv_lines(file, raw, report)


def _raw(file: Path, report: Tell) -> bytes | None:
    try:
        if file.stat().st_size > LARGEST:
            report(ContentError(str(file), None, "the file is larger than 64 MiB", "split it"))
            return None
        return file.read_bytes()
    except OSError as error:
        report(ContentError(str(file), None, f"cannot be read: {error.strerror}"))
    return None


def _csv_lines(file: Path, raw: bytes, report: Tell) -> Iterator[Numbered]:
    """The cells of each line that has any, with the number of its first line."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        report(ContentError(str(file), line, "this line is not UTF-8", "save the table as CSV UTF-8"))
        return
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            report(ContentError(str(file), start, f"this line is not CSV: {error}", "check its quotes"))
            return
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield start, cells


# -- workbooks -------------------------------------------------------------------------------------------


def _workbook(file: Path, raw: bytes, report: Tell) -> tuple[str, Iterator[Numbered]]:
    why = _unsound(raw)
    if why:
        report(ContentError(str(file), None, why, "save the table as CSV UTF-8"))
        return str(file), iter(())
    from openpyxl import load_workbook  # noqa: PLC0415 - it takes a while, and most tables are CSV

    try:
        book: Any = load_workbook(io.BytesIO(raw), read_only=True, data_only=True, keep_links=False)
        sheet: Any = book.worksheets[0]
        title = str(sheet.title)
        sheet.reset_dimensions()
    except Exception as error:  # noqa: BLE001 - whatever a broken workbook makes the reader do, it is told
        report(ContentError(str(file), None, f"cannot be read as a workbook: {error}"[:300]))
        return str(file), iter(())
    place = f"{file}[{title}]"
    return place, _sheet_lines(sheet, place, report)


def _sheet_lines(sheet: Any, place: str, report: Tell) -> Iterator[Numbered]:
    rows: Iterator[tuple[object, ...]] = sheet.iter_rows(values_only=True, max_col=COLUMNS)
    number = 0
    try:
        for number, row in enumerate(islice(rows, ROWS), 1):
            cells = [_shown(value) for value in row]
            if any(cells):
                yield number, cells
    except Exception as error:  # noqa: BLE001 - a broken sheet ends here, and says where
        report(ContentError(place, number + 1, f"cannot be read further: {error}"[:300]))


def _shown(value: object) -> str:
    """A cell as a person reads it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date):
        return value.isoformat()[:10]
    return str(value)


def _unsound(raw: bytes) -> str:
    """Why a workbook is not opened; empty when it may be."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            parts = archive.infolist()
            if len(parts) > 2000 or sum(part.file_size for part in parts) > UNPACKED:  # noqa: PLR2004 - no real one has so many
                return "swells to more than 128 MiB when it is opened"
            if sum(part.compress_size for part in parts) > len(raw):
                return "has parts that share their bytes, as no workbook has"
            for part in parts:
                if part.filename.endswith((".xml", ".rels")):
                    with archive.open(part) as held:
                        xml = held.read(UNPACKED)
                    if b"<!DOCTYPE" in xml or b"<!ENTITY" in xml:
                        return "declares entities, as no workbook does"
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError, RuntimeError) as error:
        return f"cannot be read as a workbook: {error}"[:300]
    return ""
