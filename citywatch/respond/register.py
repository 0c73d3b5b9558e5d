"""How do agencies, systems and portals come in from a table, and go out to one?

CSV in UTF-8 or XLSX, with a header line; several values in one cell are separated by `;`. Every wrong cell is
told with its file, row and column, and does not stop the others.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from citywatch.model import Agency, Portal, System
from citywatch.respond.catalogue import host_of, network_of
from citywatch.respond.duty import read_contacts, told_contacts
from citywatch.respond.sheet import FORMULA, Row, Tell, read_rows
from citywatch.schema import TABLES

AGENCY_COLUMNS: Final = (
    *("id", "name", "name_en", "kind", "email", "phone", "parent"),
    *("networks", "domains", "hosts", "contacts"),
)
PORTAL_COLUMNS: Final = ("id", "url", "name", "agency", "level", "tags", "inner_pages", "active")
SYSTEM_COLUMNS: Final = (
    *("id", "name", "agency", "kind", "level", "vendor", "product", "version"),
    *("networks", "domains", "hosts", "url", "contact", "active"),
)
MANY: Final = frozenset({"networks", "domains", "hosts", "tags", "inner_pages"})
_NO: Final = frozenset({"no", "false", "0"})
_LEVELS: Final = ("", "1", "2", "3", "4", "5")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MAIL = re.compile(r"[^@\s<>\",;]{1,64}@[A-Za-z0-9.-]{1,253}")

Wrong = Iterator[tuple[str, str, str]]
"""Column, what is wrong there, what to do."""


@cache
def system_kinds() -> Mapping[str, tuple[str, str]]:
    """Kinds of systems: Vietnamese and English name."""
    with (TABLES / "system_kinds.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return {row["kind"]: (row["name_vi"], row["name_en"]) for row in rows}


def _sound(row: Row, wrong: Wrong, report: Tell) -> bool:
    errors = [row.wrong(*one) for one in wrong]
    for error in errors:
        report(error)
    return not errors


def read_agencies(file: Path, report: Tell) -> Iterator[Agency]:
    """Agencies of a table; what is wrong with a line is reported."""
    for row in read_rows(file, AGENCY_COLUMNS, {"id", "name"}, report):
        cells = row.cells
        if _sound(row, _wrong_agency(cells), report):
            yield Agency(
                id=cells["id"],
                name=cells["name"],
                name_en=cells["name_en"],
                kind=cells["kind"] or "department",
                email=cells["email"],
                phone=cells["phone"],
                parent=cells["parent"],
                networks=_many(cells["networks"]),
                domains=_many(cells["domains"]),
                hosts=_many(cells["hosts"]),
                contacts=read_contacts(cells["contacts"]),
            )


def _wrong_agency(row: Mapping[str, str]) -> Wrong:
    yield from _wrong_id(row["id"])
    if not row["name"]:
        yield "name", "the agency has no name", "write it"
    yield from _wrong_networks(row["networks"])
    for address in _many(row["email"]):
        if not _MAIL.fullmatch(address):
            yield "email", f"'{address}' is not a mail address", "separate several by ';'"
    try:
        read_contacts(row["contacts"])
    except ValueError as error:
        yield "contacts", str(error), "separate several by ';'"
    if row["parent"] and row["parent"] == row["id"]:
        yield "parent", "the agency is its own parent", "leave it empty"


def read_systems(file: Path, report: Tell) -> Iterator[tuple[Row, System]]:
    """Systems of a table, each with its row; what is wrong with a line is reported."""
    for row in read_rows(file, SYSTEM_COLUMNS, {"id", "name", "agency"}, report):
        cells = row.cells
        if _sound(row, _wrong_system(cells), report):
            yield (
                row,
                System(
                    id=cells["id"],
                    name=cells["name"],
                    agency=cells["agency"],
                    kind=cells["kind"] or "other",
                    level=int(cells["level"] or "2"),
                    vendor=cells["vendor"],
                    product=cells["product"],
                    version=cells["version"],
                    networks=_many(cells["networks"]),
                    domains=_many(cells["domains"]),
                    hosts=_many(cells["hosts"]),
                    url=cells["url"],
                    contact=cells["contact"],
                    active=cells["active"].lower() not in _NO,
                ),
            )


def _wrong_system(row: Mapping[str, str]) -> Wrong:
    yield from _wrong_id(row["id"])
    if not row["name"]:
        yield "name", "the system has no name", "write it"
    if not row["agency"]:
        yield "agency", "the system has no agency", "write the agency's id"
    if row["kind"] and row["kind"] not in system_kinds():
        yield "kind", f"there is no kind '{row['kind']}'", f"kinds are: {', '.join(system_kinds())}"
    yield from _wrong_level(row["level"])
    yield from _wrong_networks(row["networks"])
    if row["url"]:
        yield from _wrong_url(row["url"])


def read_portals(file: Path, report: Tell) -> Iterator[tuple[Row, Portal]]:
    """Portals of a table, each with its row; what is wrong with a line is reported."""
    for row in read_rows(file, PORTAL_COLUMNS, {"url", "name", "agency"}, report):
        cells = row.cells
        if _sound(row, _wrong_portal(cells), report):
            yield (
                row,
                Portal(
                    id=cells["id"],
                    url=cells["url"],
                    name=cells["name"],
                    agency=cells["agency"],
                    level=int(cells["level"] or "2"),
                    tags=_many(cells["tags"]),
                    inner_pages=_many(cells["inner_pages"]),
                    active=cells["active"].lower() not in _NO,
                ),
            )


def _wrong_portal(row: Mapping[str, str]) -> Wrong:
    if row["id"]:
        yield from _wrong_id(row["id"])
    yield from _wrong_url(row["url"])
    yield from _wrong_level(row["level"])
    if not row["agency"]:
        yield "agency", "the portal has no agency", "write the agency's id"


def _wrong_id(text: str) -> Wrong:
    if not _ID.fullmatch(text):
        yield "id", f"'{text}' is not an id", "use letters, digits, '.', '_' and '-', at most 100"


def _wrong_url(text: str) -> Wrong:
    if not text.lower().startswith(("http://", "https://")) or not host_of(text):
        yield "url", f"'{text}' is not a URL", "write it as https://www.example.gov.vn/"


def _wrong_level(text: str) -> Wrong:
    if text not in _LEVELS:
        yield "level", f"'{text}' is not 1 to 5", "levels are those of Nghị định 85/2016/NĐ-CP"


def _wrong_networks(text: str) -> Wrong:
    for network in _many(text):
        if network_of(network) is None:
            yield "networks", f"'{network}' is not a network", "write it as 10.1.0.0/16"


def _many(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())


# -- out -------------------------------------------------------------------------------------------------


def write_agencies(agencies: Iterable[Agency]) -> str:
    """Agencies as CSV, in the form that `read_agencies` takes."""
    return _csv(AGENCY_COLUMNS, ({name: getattr(one, name) for name in AGENCY_COLUMNS} for one in agencies))


def write_portals(portals: Iterable[Portal]) -> str:
    """Portals as CSV, in the form that `read_portals` takes."""
    return _csv(PORTAL_COLUMNS, ({name: getattr(one, name) for name in PORTAL_COLUMNS} for one in portals))


def write_systems(systems: Iterable[System]) -> str:
    """Systems as CSV, in the form that `read_systems` takes."""
    return _csv(SYSTEM_COLUMNS, ({name: getattr(one, name) for name in SYSTEM_COLUMNS} for one in systems))


def cells_of(columns: Sequence[str], noun: Agency | System | Portal) -> list[str]:
    """A noun as a row of a table."""
    return [_cell(name, getattr(noun, name)) for name in columns]


def _csv(columns: tuple[str, ...], rows: Iterable[Mapping[str, object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([guarded(_cell(name, row[name])) for name in columns])
    return out.getvalue()


def _cell(name: str, value: object) -> str:
    if name == "contacts":
        return told_contacts(value)  # pyright: ignore[reportArgumentType] - contacts by the noun
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
    return "'" + cell if cell.startswith(FORMULA) else cell
