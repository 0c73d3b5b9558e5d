"""What was asked of PostgreSQL, by its csvlog?

https://www.postgresql.org/docs/current/runtime-config-logging.html#RUNTIME-CONFIG-LOGGING-CSVLOG: 23
columns, 24 from version 13 and 26 from 14 on. Statements (`log_statement`), pgAudit's lines, logins that
failed and who came in become `database.audit`; the rest stays `database.log`. A record may have several
lines.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from citywatch.model import Event
from citywatch.ports import Keep, Place, Report
from sensors.address import address, count, port
from sensors.database import pgaudit
from sensors.lines import Tally, text_head
from sensors.records import Held, nothing_begins, quotes_closed, read_records
from sensors.statement import asked, audited, blank
from sensors.when import iso

FEWEST = 23
_LEVELS = frozenset({"DEBUG", "LOG", "INFO", "NOTICE", "WARNING", "ERROR", "FATAL", "PANIC"})
_FAILED = ("28P01", "28000")
"""SQLSTATE: invalid password, invalid authorization."""
_ZONES = {"UTC": "+00:00", "GMT": "+00:00", "ICT": "+07:00"}


def translate(raw: bytes) -> Event:
    """The event of one record, without an id.

    Raises:
        ValueError: it is no record of a csvlog.
    """
    try:
        row = next(csv.reader([raw.decode("utf-8", "replace").replace("\0", "")], strict=True))
    except (csv.Error, StopIteration) as error:
        raise ValueError(f"not a record of PostgreSQL's csvlog: {error}") from error
    if len(row) < FEWEST or row[11].rstrip("12345") not in _LEVELS:
        raise ValueError(f"not a record of PostgreSQL's csvlog: {len(row)} columns")
    event = blank(_moment(row[0]), "postgres")
    _who(event, row)
    message = row[13]
    event["log.level"] = row[11].lower()
    event["message"] = message
    _what(event, row, message)
    return event


def _moment(given: str) -> str:
    day, _, rest = given.partition(" ")
    clock, _, zone = rest.partition(" ")
    if zone not in _ZONES and zone[:1] not in {"+", "-"}:
        raise ValueError(f"the zone '{zone[:10]}' is not known; set log_timezone = 'UTC'")
    return iso(f"{day}T{clock}{_ZONES.get(zone, zone)}")


def _who(event: Event, row: list[str]) -> None:
    event["process.name"] = "postgres"
    number = count(row[3])
    if number is not None:
        event["process.pid"] = number
    for place, field in ((1, "user.name"), (2, "citywatch.database.name"), (12, "event.code")):
        if row[place] and not (place == 12 and row[12] == "00000"):  # noqa: PLR2004 - "successful"
            event[field] = row[place]
    host, _, at = row[4].rpartition(":")
    source = address(host)
    if source:
        event["source.ip"] = source
        if (number := port(at)) is not None:
            event["source.port"] = number


def _what(event: Event, row: list[str], message: str) -> None:
    if message.startswith("AUDIT: "):
        kind, _, rest = message[7:].partition(",")
        if kind in {"SESSION", "OBJECT"} and pgaudit(event, rest):
            return
    statement = _statement(message)
    if row[12] in _FAILED:
        audited(event, "login", "failure")
        event["event.reason"] = message[:400]
    elif message.startswith("connection authorized: "):
        audited(event, "login", "success")
    elif statement:
        asked(event, statement)
    elif row[11] == "ERROR" and row[19]:
        asked(event, row[19], "failure")
        event["event.reason"] = message[:400]


def _statement(message: str) -> str:
    """What stands behind `statement: `, `execute NAME: ` or `duration: … statement: `."""
    if message.startswith("statement: "):
        return message[11:]
    if message.startswith("execute "):
        return message.partition(": ")[2]
    return message.partition(" statement: ")[2] if message.startswith("duration: ") else ""


class Postgres:
    """Reads PostgreSQL's csvlog."""

    @property
    def name(self) -> str:
        return "postgres"

    @property
    def follows(self) -> Literal[True]:
        return True

    def recognizes(self, head: bytes, name: str) -> bool:
        """The first record is one."""
        del name
        rows = text_head(head).split(b"\n")[:200]
        if not rows[0][:10].replace(b"-", b"").isdigit():
            return False
        held = Held()
        for row in rows:
            held.add(0, 1, row)
            if quotes_closed(held):
                break
        try:
            translate(held.take())
        except ValueError:
            return False
        return True

    def read(
        self, path: Path, report: Report, keep: Keep, *, place: Place | None = None, whole: bool = True
    ) -> Iterator[Event]:
        """Give the events of one log, in its order."""
        del keep
        tally = Tally("postgres", str(path), report)
        yield from read_records(
            path, tally, translate, begins=nothing_begins, ends=quotes_closed, place=place, whole=whole
        )
