"""What do machines and devices write to syslog?

Files of lines with a syslog header: RFC 5424, RFC 3164, and the ISO times of rsyslog and systemd; also the
lines of devices that put no header before theirs. What stands behind the header is read by the reader
that knows it (`BODIES`); the rest is kept as `linux.syslog` with its message.

RFC 3164 tells neither year nor zone: the year is that of the file's last change, the zone the one that the
sensor was made with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from citywatch.model import Event
from citywatch.ports import Keep, Report
from sensors import auditd, authlog, database, device, firewall, oracle, pfsense, sysmon
from sensors.lines import Place, Tally, read_log, text_head
from sensors.when import MONTHS, iso, written

_PRI = re.compile(r"^<(\d{1,3})>")
_RFC5424 = re.compile(
    r"^1 (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\S{10,40}|-) "
    r"(\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) (-|(?:\[(?:[^\]\\]|\\.)*\])+) ?(.*)$",
    re.DOTALL,
)
_ISO = re.compile(
    r"^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?) (.*)$", re.DOTALL
)
_ZONED = re.compile(r"^(UTC|GMT|[+-]\d\d(?::?\d\d)?|[A-Z]{3,5}) (?=\[|[a-z])")
_MYSQL = re.compile(r"^(\d{4})(\d\d)(\d\d) (\d\d:\d\d:\d\d),(.*)$", re.DOTALL)
_RFC3164 = re.compile(
    r"^([A-Z][a-z]{2}) {1,2}(\d{1,2}) (?:(\d{4}) )?(\d\d:\d\d:\d\d)(?:\.\d+)?:? (.*)$", re.DOTALL
)
_TAG = re.compile(r"^([A-Za-z0-9_./() -]{1,64}?)(?:\[(\d{1,10})\])?: (.*)$", re.DOTALL)
_HOST = re.compile(r"^([A-Za-z0-9_.:-]{1,255}) (.*)$", re.DOTALL)
_DATABASE = re.compile(r"\b(?:LOG|FATAL|ERROR|STATEMENT|DETAIL): ")
_SEVERITIES = ("emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug")
LONGEST_MESSAGE = 32_768

Body = Callable[[Event, str, str], bool]
"""Reads a message of a program into the event; False when it is not its kind."""

BODIES: tuple[Body, ...] = (
    sysmon.read_body,
    auditd.read_body,
    pfsense.read_body,
    oracle.read_body,
    firewall.read_body,
    device.read_body,
    database.read_body,
    authlog.read_body,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What stands before the message."""

    at: str
    host: str
    app: str
    pid: int | None
    priority: int | None
    message: str


class Lines:
    """Reads lines of one file; knows the year and zone that old headers leave out."""

    def __init__(self, reference: datetime, timezone: str, *, live: bool = False) -> None:
        self._zone = ZoneInfo(timezone)
        self._reference = reference.astimezone(self._zone)
        self._live = live

    def __call__(self, line: bytes) -> Event:
        """The event of one line, without an id.

        Raises:
            ValueError: it has no syslog header and is not of a device that writes none.
        """
        event = self._read(self.header(_text(line)))
        if not event["@timestamp"]:
            raise ValueError("the line has no time")
        return event

    def arrived(self, line: bytes, moment: str, sender: str) -> Event:
        """The event of a message that came over the network: whatever it says, it is kept.

        Args:
            line: the message.
            moment: when it arrived, for messages that do not say when they were written.
            sender: who sent it, for messages that do not say on which host.
        """
        text = _text(line)
        try:
            event = self._read(self.header(text))
        except ValueError:
            event = self._bare(text)
        event["@timestamp"] = event["@timestamp"] or moment
        event["log.source.address"] = sender
        event.setdefault("host.name", sender)
        return event

    def _bare(self, text: str) -> Event:
        """A message whose header cannot be read."""
        found = _PRI.match(text)
        priority = int(found[1]) if found and int(found[1]) < 192 else None  # noqa: PLR2004 - as above
        rest = text[found.end() :] if found and priority is not None else text
        try:
            return self._read(self._tagged("", "", rest, priority))
        except ValueError:  # a body that tells a time of its own, which is none
            return _event(Header(at="", host="", app="", pid=None, priority=priority, message=rest))

    def _read(self, header: Header) -> Event:
        event = _event(header)
        for body in BODIES:
            if body(event, header.app, header.message):
                break
        return event

    def header(self, text: str) -> Header:
        """Take the header off. `at` is empty when a device wrote none: its message tells the time itself."""
        rest, priority = text, None
        found = _PRI.match(text)
        if found and int(found[1]) < 192:  # noqa: PLR2004 - 24 facilities of 8 severities
            rest, priority = text[found.end() :], int(found[1])
        new = _RFC5424.match(rest)
        if new:
            return _new(new, priority)
        timed = _ISO.match(rest)
        if timed:
            return self._timed(timed[1], timed[2], priority)
        old = _RFC3164.match(rest)
        if old:
            return self._tail(self._old(old), old[5], priority)
        audited = _MYSQL.match(rest)
        if audited:
            at, tail = self._local(f"{audited[1]}-{audited[2]}-{audited[3]} {audited[4]}"), audited[5]
            host = tail.partition(",")[0]
            return Header(at=at, host=host, app="mysql", pid=None, priority=priority, message=tail)
        if firewall.HEADLESS.match(rest) or auditd.HEADLESS.match(rest):
            return Header(at="", host="", app="", pid=None, priority=priority, message=rest)
        raise ValueError("not a syslog line: it begins with no time")

    def _timed(self, moment: str, rest: str, priority: int | None) -> Header:
        """ISO time, as rsyslog writes it, or as PostgreSQL does: with the zone as a word of its own."""
        zone = _ZONED.match(rest)
        if zone is None:
            return self._tail(self._local(moment), rest, priority)
        word = {"UTC": "+00:00", "GMT": "+00:00"}.get(zone[1], zone[1])
        at = self._local(moment + (word if word[0] in "+-" else ""))
        return self._tail(at, rest[zone.end() :], priority)

    def _local(self, text: str) -> str:
        try:
            moment = datetime.fromisoformat(text.replace(",", "."))
        except ValueError as error:
            raise ValueError(f"no such time: {text}") from error
        return written(moment if moment.tzinfo else moment.replace(tzinfo=self._zone))

    def _old(self, found: re.Match[str]) -> str:
        month = MONTHS.get(found[1])
        if month is None:
            raise ValueError(f"no month is called '{found[1]}'")
        year = int(found[3]) if found[3] else self._year(month)
        hour, minute, second = (int(part) for part in found[4].split(":"))
        try:
            moment = datetime(year, month, int(found[2]), hour, minute, min(second, 59), tzinfo=self._zone)
        except ValueError as error:
            raise ValueError(f"no such time: {found[0][:20]}") from error
        return written(moment)

    def _year(self, month: int) -> int:
        now = self._reference
        if self._live and (now.month, month) == (12, 1):
            return now.year + 1  # the sender's clock is over New Year already
        return now.year - (month > now.month)

    def _tail(self, at: str, rest: str, priority: int | None) -> Header:
        host, message = "", rest
        named = _HOST.match(rest)
        if named and not named[1].endswith(":"):
            host, message = named[1], named[2]
        return self._tagged(at, host, message, priority)

    @staticmethod
    def _tagged(at: str, host: str, message: str, priority: int | None) -> Header:
        tag = _TAG.match(message)
        if tag is None:
            return Header(at=at, host=host, app="", pid=None, priority=priority, message=message)
        pid = int(tag[2]) if tag[2] else None
        return Header(at=at, host=host, app=tag[1].strip(), pid=pid, priority=priority, message=tag[3])


def _new(found: re.Match[str], priority: int | None) -> Header:
    moment, host, app, pid, _, data, message = found.groups()
    known = pid.isascii() and pid.isdigit() and len(pid) < 11  # noqa: PLR2004 - 2^32
    return Header(
        at="" if moment == "-" else iso(moment),
        host=_given(host),
        app=_given(app),
        pid=int(pid) if known else None,
        priority=priority,
        # Check Point writes its fields where RFC 5424 has structured data, and brackets inside end it early.
        message=found.string[found.start(6) :]
        if app == "CheckPoint"
        else message.removeprefix("\ufeff") or data,
    )


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")[:LONGEST_MESSAGE]


def _given(text: str) -> str:
    return "" if text == "-" else text


def _event(header: Header) -> Event:
    event: Event = {
        "@timestamp": header.at,
        "event.kind": "event",
        "event.category": ["host"],
        "event.dataset": "linux.syslog",
        "event.module": "syslog",
        "message": header.message,
    }
    if header.host:
        event["host.name"] = header.host
    if header.app:
        event["process.name"] = header.app.rpartition("/")[2]
        event["log.syslog.appname"] = header.app
    if header.pid is not None:
        event["process.pid"] = header.pid
    if header.priority is not None:
        event["log.syslog.facility.code"] = header.priority >> 3
        event["log.syslog.severity.code"] = header.priority & 7
        event["log.level"] = _SEVERITIES[header.priority & 7]
    return event


@dataclass(frozen=True, slots=True, kw_only=True)
class Syslog:
    """Reads files of syslog lines, and the logs of devices that came by syslog."""

    timezone: str = "Asia/Ho_Chi_Minh"

    @property
    def name(self) -> str:
        return "syslog"

    @property
    def follows(self) -> Literal[True]:
        return True

    def recognizes(self, head: bytes, name: str) -> bool:
        """At least half of the first lines begin like syslog."""
        del name
        rows = [row for row in text_head(head).split(b"\n")[:40] if row.strip()]
        if len(rows) > 1 and not head.endswith(b"\n"):
            rows.pop()
        lines = Lines(datetime(2026, 1, 1, tzinfo=UTC), self.timezone)
        good = sum(_has_header(lines, row) for row in rows)
        return good > 0 and good * 2 >= len(rows)

    def read(
        self, path: Path, report: Report, keep: Keep, *, place: Place | None = None, whole: bool = True
    ) -> Iterator[Event]:
        """Give the events of one log, in its order."""
        del keep
        tally = Tally("syslog", str(path), report)
        try:
            changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except (OSError, OverflowError, ValueError) as error:
            tally.stop("", f"cannot be opened: {error}")
            return
        yield from read_log(path, tally, Lines(changed, self.timezone), place=place, whole=whole)


def _has_header(lines: Lines, row: bytes) -> bool:
    try:
        header = lines.header(row.decode("utf-8", "replace"))
    except ValueError:
        return False
    prioritized = header.priority is not None and header.app
    return bool(header.host or not header.at or prioritized or _DATABASE.search(header.message))
