"""What do the rows of a CSV file say, by a mapping of the team's?

RFC 4180, with any delimiter; the first row names the columns. A value that is not of its column's type is
told with file, line and column and kept as `labels.<column>`; a row without a time is passed over.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from citywatch.errors import ContentError
from citywatch.model import Event
from citywatch.ports import Keep, Place, Report
from sensors.lines import Tally, head_or_told, lines, text_head
from sensors.mapping import Column, Plan, load_mapping
from sensors.records import Held, nothing_begins, quotes_closed, read_records

LONGEST = 32_768
SUFFIX = ".yml"


class Rows:
    """Reads the rows of one file."""

    def __init__(self, mapping: Plan, header: Sequence[str], tally: Tally) -> None:
        self._mapping = mapping
        self._tally = tally
        self._width = len(header)
        known = {column.name: column for column in mapping.columns}
        self._columns = [(place, known[name]) for place, name in enumerate(header) if name in known]
        self.line = 0
        """Of the row at hand; told by who reads."""

    def __call__(self, raw: bytes) -> Event | list[Event]:
        """The event of a row, without an id.

        Raises:
            ValueError: it has another number of columns, or no time.
        """
        row = cells(raw, self._mapping)
        if len(row) != self._width:
            raise ValueError(f"{len(row)} columns where the first row names {self._width}")
        event: Event = {
            "@timestamp": "",
            "event.kind": "event",
            "event.category": ["host"],
            "event.dataset": f"table.{_word(self._mapping.name)}",
            "event.module": "table",
        } | dict(self._mapping.constants)
        for place, column in self._columns:
            self._put(event, column, row[place].strip()[:LONGEST])
        if not event["@timestamp"]:
            raise ValueError("the row has no time")
        return event

    def _put(self, event: Event, column: Column, text: str) -> None:
        if not text:
            return
        try:
            value = column.read(str(column.values.get(text, text)))
        except (ValueError, OverflowError) as error:
            if column.field == "@timestamp":
                raise ValueError(f"column '{column.name}': {error}") from error
            self._tally.add(
                f"line {self.line}, column '{column.name}'", str(error), "it is kept under labels."
            )
            event[f"labels.{_word(column.name)}"] = text
            return
        event[column.field] = [value] if column.many else value


def _word(name: str) -> str:
    return re.sub(r"\W+", "_", name).strip("_").lower()[:60] or "column"


def cells(raw: bytes, mapping: Plan) -> list[str]:
    """The values of a row.

    Raises:
        ValueError: it is no row.
    """
    text = raw.decode(mapping.encoding, "replace").replace("\0", "").rstrip("\r")
    try:
        return next(csv.reader([text], delimiter=mapping.delimiter, strict=True), list[str]())
    except csv.Error as error:
        raise ValueError(f"not a row of a table: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Reads CSV files whose first row has the columns of one mapping."""

    plan: Plan

    @property
    def name(self) -> str:
        return "table"

    @property
    def follows(self) -> Literal[True]:
        return True

    def recognizes(self, head: bytes, name: str) -> bool:
        """Every column of the mapping stands in the first row."""
        del name
        return not self._missing(text_head(head).partition(b"\n")[0])

    def _missing(self, first: bytes) -> list[str]:
        try:
            header = [cell.strip() for cell in cells(first, self.plan)]
        except ValueError:
            header = []
        return [column.name for column in self.plan.columns if column.name not in header]

    def read(
        self, path: Path, report: Report, keep: Keep, *, place: Place | None = None, whole: bool = True
    ) -> Iterator[Event]:
        """Give the events of one file, in its order."""
        del keep
        tally = Tally("table", str(path), report)
        place = place or Place()
        head = head_or_told(path, tally)
        if head is None:
            return
        first = head.partition(b"\n")[0]
        missing = self._missing(first)
        if missing:
            tally.stop("line 1", f"no column is called '{missing[0]}'", f"see the mapping '{self.plan.name}'")
            return
        if not place.offset:
            _pass_header(path, place)
        rows = Rows(self.plan, [cell.strip() for cell in cells(first, self.plan)], tally)

        def ends(held: Held) -> bool:
            rows.line = held.line
            return quotes_closed(held)

        yield from read_records(path, tally, rows, begins=nothing_begins, ends=ends, place=place, whole=whole)


def _pass_header(path: Path, place: Place) -> None:
    quiet = Tally("table", "", lambda _: None)
    for _ in lines(path, quiet, place):
        return


def tables(folder: Path) -> tuple[list[Table], list[ContentError]]:
    """The mappings of an installation, and those that cannot be used."""
    found: list[Table] = []
    errors: list[ContentError] = []
    for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else ():
        try:
            found.append(Table(plan=load_mapping(path)))
        except ContentError as error:
            errors.append(error)
    return found, errors
