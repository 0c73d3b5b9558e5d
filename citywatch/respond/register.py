"""How do agencies and portals come in from a table, and go out to one?

CSV in UTF-8 with a header line; several values in one cell are separated by `;`. Every wrong line is told
with its file and number, and does not stop the others.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from citywatch.errors import ContentError
from citywatch.model import Agency, Portal
from citywatch.respond.catalogue import host_of, network_of

Tell = Callable[[ContentError], object]

AGENCY_COLUMNS: Final = (
    *("id", "name", "name_en", "kind", "email", "phone", "parent"),
    *("networks", "domains", "hosts"),
)
PORTAL_COLUMNS: Final = ("id", "url", "name", "agency", "level", "tags", "inner_pages", "active")
MANY: Final = frozenset({"networks", "domains", "hosts", "tags", "inner_pages"})
LARGEST: Final = 64 * 1024 * 1024
CELL: Final = 32_768
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MAIL = re.compile(r"[^@\s<>\",;]{1,64}@[A-Za-z0-9.-]{1,253}")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def read_agencies(file: Path, report: Tell) -> Iterator[Agency]:
    """Agencies of a CSV file; what is wrong with a line is reported."""
    for line, row in _rows(file, AGENCY_COLUMNS, {"id", "name"}, report):
        wrong = list(_wrong_agency(row))
        if wrong:
            for what, hint in wrong:
                report(ContentError(str(file), line, what, hint))
            continue
        yield Agency(
            id=row["id"],
            name=row["name"],
            name_en=row["name_en"],
            kind=row["kind"] or "department",
            email=row["email"],
            phone=row["phone"],
            parent=row["parent"],
            networks=_many(row["networks"]),
            domains=_many(row["domains"]),
            hosts=_many(row["hosts"]),
        )


def _wrong_agency(row: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield from _wrong_id(row["id"])
    if not row["name"]:
        yield "the agency has no name", "write it in column 'name'"
    for network in _many(row["networks"]):
        if network_of(network) is None:
            yield f"'{network}' is not a network", "write it as 10.1.0.0/16"
    for address in _many(row["email"]):
        if not _MAIL.fullmatch(address):
            yield f"'{address}' is not a mail address", "separate several by ';'"
    if row["parent"] and row["parent"] == row["id"]:
        yield "the agency is its own parent", "leave 'parent' empty"


def read_portals(file: Path, report: Tell) -> Iterator[tuple[int, Portal]]:
    """Portals of a CSV file, each with the line it stands in; what is wrong with a line is reported."""
    for line, row in _rows(file, PORTAL_COLUMNS, {"url", "name", "agency"}, report):
        wrong = list(_wrong_portal(row))
        if wrong:
            for what, hint in wrong:
                report(ContentError(str(file), line, what, hint))
            continue
        yield (
            line,
            Portal(
                id=row["id"],
                url=row["url"],
                name=row["name"],
                agency=row["agency"],
                level=int(row["level"] or "2"),
                tags=_many(row["tags"]),
                inner_pages=_many(row["inner_pages"]),
                active=row["active"].lower() not in {"no", "false", "0"},
            ),
        )


def _wrong_portal(row: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if row["id"]:
        yield from _wrong_id(row["id"])
    if not row["url"].lower().startswith(("http://", "https://")) or not host_of(row["url"]):
        yield f"'{row['url']}' is not the URL of a portal", "write it as https://www.example.gov.vn/"
    if row["level"] not in {"", "1", "2", "3", "4", "5"}:
        yield f"level '{row['level']}' is not 1 to 5", "levels are those of Nghị định 85/2016/NĐ-CP"
    if not row["agency"]:
        yield "the portal has no agency", "write the agency's id in column 'agency'"


def _wrong_id(text: str) -> Iterator[tuple[str, str]]:
    if not _ID.fullmatch(text):
        yield f"'{text}' is not an id", "use letters, digits, '.', '_' and '-', at most 100"


def _many(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())


def _rows(
    file: Path, columns: tuple[str, ...], needed: set[str], report: Tell
) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines with their number; absent columns are empty, doubled ids and broken lines are reported."""
    seen: dict[str, int] = {}
    lines = _lines(file, report)
    _, header = next(lines, (1, None))
    if header is None:
        return
    header = [cell.strip().lower() for cell in header]
    if not _header_is_sound(file, header, columns, needed, report):
        return
    for line, cells in lines:
        row = _row(file, line, header, cells, report)
        if row is None:
            continue
        full = {column: row.get(column, "") for column in columns}
        if full["id"] and full["id"] in seen:
            first = seen[full["id"]]
            report(ContentError(str(file), line, f"id '{full['id']}' is in line {first} already"))
            continue
        seen[full["id"]] = line
        yield line, full


def _lines(file: Path, report: Tell) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line that has any, with the number of its first line."""
    text = _text(file, report)
    reader = csv.reader(io.StringIO(text or "", newline=""), strict=True)
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


def _text(file: Path, report: Tell) -> str | None:
    try:
        if file.stat().st_size > LARGEST:
            report(ContentError(str(file), None, "the file is larger than 64 MiB", "split it"))
            return None
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = file.read_bytes()[: error.start].count(b"\n") + 1
        report(ContentError(str(file), line, "this line is not UTF-8", "save the table as CSV UTF-8"))
    except OSError as error:
        report(ContentError(str(file), None, f"cannot be read: {error.strerror}"))
    return None


def _header_is_sound(
    file: Path, header: list[str], columns: tuple[str, ...], needed: set[str], report: Tell
) -> bool:
    known = f"columns are: {', '.join(columns)}"
    unknown = [name for name in header if name and name not in columns]
    missing = sorted(needed - set(header))
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    for name in unknown:
        report(ContentError(str(file), 1, f"there is no column '{name}'", known))
    for name in missing:
        report(ContentError(str(file), 1, f"column '{name}' is missing", known))
    for name in doubled:
        report(ContentError(str(file), 1, f"column '{name}' is there twice"))
    return not (unknown or missing or doubled)


def _row(file: Path, line: int, header: list[str], cells: list[str], report: Tell) -> dict[str, str] | None:
    if len(cells) > len(header):
        what = f"{len(cells)} cells where the header has {len(header)}"
        report(ContentError(str(file), line, what, "check the commas; quote a cell that holds one"))
        return None
    if any(len(cell) > CELL or "\0" in cell for cell in cells):
        report(ContentError(str(file), line, f"a cell is longer than {CELL} characters or holds a zero byte"))
        return None
    return {name: plain(cell) for name, cell in zip(header, cells, strict=False)}


# -- out -------------------------------------------------------------------------------------------------


def write_agencies(agencies: Iterable[Agency]) -> str:
    """Agencies as CSV, in the form that `read_agencies` takes."""
    return _csv(AGENCY_COLUMNS, ({name: getattr(one, name) for name in AGENCY_COLUMNS} for one in agencies))


def write_portals(portals: Iterable[Portal]) -> str:
    """Portals as CSV, in the form that `read_portals` takes."""
    return _csv(PORTAL_COLUMNS, ({name: getattr(one, name) for name in PORTAL_COLUMNS} for one in portals))


def _csv(columns: tuple[str, ...], rows: Iterable[Mapping[str, object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([guarded(_cell(name, row[name])) for name in columns])
    return out.getvalue()


def _cell(name: str, value: object) -> str:
    if name in MANY and isinstance(value, tuple):
        return ";".join(str(part) for part in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - tuples of text by the noun
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula.

    >>> guarded("=HYPERLINK(1)"), guarded("Sở Y tế")
    ("'=HYPERLINK(1)", 'Sở Y tế')
    """
    return "'" + cell if cell.startswith(_FORMULA) else cell


def plain(cell: str) -> str:
    """What `guarded` guarded, and without blanks around it.

    >>> plain(guarded("+84 24 1234")), plain(" Sở Y tế ")
    ('+84 24 1234', 'Sở Y tế')
    """
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:2] in _FORMULA else cell
