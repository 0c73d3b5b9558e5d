"""What was asked of SQL Server, by an export of its audit files?

`.sqlaudit` files are described by nobody; what they hold, SQL Server itself tells by `sys.fn_get_audit_file`,
whose columns are documented
(https://learn.microsoft.com/sql/relational-databases/system-functions/sys-fn-get-audit-file-transact-sql).
Read are its rows as text with a line of names first, separated by commas, semicolons, tabs or bars, quoted or
not. Times are UTC, as the function gives them. A record may have several lines.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from citywatch.model import Event
from citywatch.ports import Keep, Place, Report
from sensors.lines import Tally, head_or_told, text_head
from sensors.records import nothing_begins, quotes_closed, read_records
from sensors.sqlserver import tell
from sensors.statement import blank
from sensors.when import iso

WANTED = frozenset({"event_time", "action_id", "succeeded", "server_principal_name"})
SEPARATORS = ",;\t|"
MOST_COLUMNS = 200
_ISO = len("2026-11-22 03:00:07")


def columns_of(head: bytes) -> tuple[str, tuple[str, ...]] | None:
    r"""Separator and names of the columns, from the start of a file; None when it is no such export.

    >>> columns_of(b"event_time;action_id;succeeded;server_principal_name\r\n")[0]
    ';'
    """
    first = text_head(head).partition(b"\n")[0].decode("utf-8", "replace").strip()
    for separator in SEPARATORS:
        names = tuple(name.strip().strip('"').lower() for name in first.split(separator, MOST_COLUMNS))
        if WANTED.issubset(names):
            return separator, names
    return None


def reader(separator: str, names: tuple[str, ...]) -> Callable[[bytes], Event | list[Event]]:
    """What turns a record of such a file into an event, or into none."""

    def translate(raw: bytes) -> Event | list[Event]:
        text = raw.decode("utf-8", "replace").replace("\0", "").strip("\r\n")
        try:
            row = next(csv.reader([text], delimiter=separator, strict=True))
        except (csv.Error, StopIteration) as error:
            raise ValueError(f"not a row of an audit export: {error}") from error
        return _event(names, [value.strip() for value in row])

    return translate


def _event(names: tuple[str, ...], row: list[str]) -> Event | list[Event]:
    if tuple(value.lower() for value in row) == names or _is_frame(row):
        return []
    if len(row) != len(names):
        raise ValueError(f"{len(row)} values for {len(names)} columns")
    pairs = {name: value for name, value in zip(names, row, strict=True) if value != "NULL"}
    moment = pairs.get("event_time", "")
    if len(moment) < _ISO or moment[4:5] != "-":
        raise ValueError(f"event_time '{moment[:30]}' is no ISO time: CONVERT it with style 126")
    event = blank(iso(moment), "sqlaudit")
    tell(event, pairs)
    return event


def _is_frame(row: list[str]) -> bool:
    """What sqlcmd writes around the rows: a line of dashes, and how many there were."""
    return all(value.strip("-") == "" for value in row) or (len(row) == 1 and row[0].startswith("("))


class SqlAudit:
    """Reads the rows of `sys.fn_get_audit_file`."""

    @property
    def name(self) -> str:
        return "sqlaudit"

    @property
    def follows(self) -> Literal[True]:
        return True

    def recognizes(self, head: bytes, name: str) -> bool:
        """The first line names the function's columns."""
        del name
        return columns_of(head) is not None

    def read(
        self, path: Path, report: Report, keep: Keep, *, place: Place | None = None, whole: bool = True
    ) -> Iterator[Event]:
        """Give the events of one export, in its order."""
        del keep
        tally = Tally("sqlaudit", str(path), report)
        head = head_or_told(path, tally)
        if head is None:
            return
        known = columns_of(head)
        if known is None:
            tally.stop("line 1", "it does not name the columns of sys.fn_get_audit_file", "export names too")
            return
        yield from read_records(
            path, tally, reader(*known), begins=nothing_begins, ends=quotes_closed, place=place, whole=whole
        )
