"""What was asked of MySQL, by its general log and its audit logs?

The general query log (https://dev.mysql.com/doc/refman/8.0/en/query-log.html) names a user only where a
session begins, so sessions are remembered. Audit logs: MySQL Enterprise and Percona's audit log filter as
JSON and as XML in both styles (https://dev.mysql.com/doc/refman/8.0/en/audit-log-file-formats.html), and
Percona's older plug-in (https://docs.percona.com/percona-server/8.0/audit-log-plugin.html). That of
MariaDB's plug-in is read by `syslog`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from citywatch.model import Event
from citywatch.ports import Keep, Place, Report
from sensors.address import address, count
from sensors.flat_xml import attributes, elements
from sensors.json_value import Record, parse, record, text
from sensors.lines import Tally, head_or_told, text_head
from sensors.records import Held, never, read_records
from sensors.statement import asked, audited, blank
from sensors.when import iso

MOST_SESSIONS = 10_000
LONGEST = 255


def _who(event: Event, user: str, host: str, database: str = "") -> None:
    """`joe[joe] @ host [10.0.0.1]` and `joe` and `joe@host` mean the same user."""
    name = user.partition("[")[0].partition("@")[0].strip().strip("'")
    if name:
        event["user.name"] = name[:LONGEST]
    source = address(host)
    if source:
        event["source.ip"] = source
    elif host and host != "localhost":
        event["source.domain"] = host[:LONGEST].lower()
    if database:
        event["citywatch.database.name"] = database[:LONGEST]


# -- the general log -------------------------------------------------------------------------------------


class General:
    """Reads records of a general log; remembers who opened which session."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, tuple[str, str, str]] = OrderedDict()

    def __call__(self, raw: bytes) -> Event | list[Event]:
        """The event of a record; none of a server's start.

        Raises:
            ValueError: it is no record of a general log.
        """
        whole = raw.decode("utf-8", "replace").rstrip("\r")
        if not is_general(raw):
            if raw.startswith((b"Time ", b"Tcp port:")) or b"started with:" in raw:
                return []
            raise ValueError("not a record of MySQL's general log")
        moment, _, rest = whole.partition("\t")
        head, _, argument = rest.partition("\t")
        number, _, command = head.strip().partition(" ")
        event = blank(iso(moment), "mysql")
        event["process.name"] = "mysqld"
        self._take(event, number, command, argument)
        return event

    def _take(self, event: Event, session: str, command: str, argument: str) -> None:
        if command == "Connect":
            self._connect(event, session, argument)
            return
        user, host, database = self._sessions.get(session, ("", "", ""))
        _who(event, user, host, database)
        if command in {"Query", "Execute", "Prepare"}:
            asked(event, argument)
            return
        if command == "Init DB" and session in self._sessions:
            self._sessions[session] = (user, host, argument)
        if command == "Quit":
            self._sessions.pop(session, None)
        audited(event, command.replace(" ", "_"), "success")

    def _connect(self, event: Event, session: str, argument: str) -> None:
        if argument.startswith("Access denied for user "):
            user, _, host = argument[23:].partition(" (")[0].partition("@")
            _who(event, user.strip("'"), host.strip("'"))
            event["event.reason"] = argument[:400]
            audited(event, "login", "failure")
            return
        who, _, rest = argument.partition(" on ")
        user, _, host = who.partition("@")
        database = rest.partition(" ")[0]
        self._sessions[session] = (user, host, database)
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        _who(event, user, host, database)
        audited(event, "login", "success")


def is_general(line: bytes) -> bool:
    """`2026-11-22T03:00:00.123456Z<tab>    8 Query<tab>…`."""
    moment, tab, rest = line[:64].partition(b"\t")
    return bool(tab) and moment[4:5] == b"-" and moment[10:11] == b"T" and rest.strip()[:1].isdigit()


# -- audit logs ------------------------------------------------------------------------------------------


def from_json(raw: bytes) -> Event | list[Event]:
    """The event of one object.

    Raises:
        ValueError: it is no audit record.
    """
    body = raw.strip().lstrip(b"[,] \t\r\n").rstrip(b"[,] \t\r\n")
    if not body:
        return []
    whole = parse(body)
    old = record(whole, "audit_record")
    if old:
        return _flat(
            {name.upper(): str(value) for name, value in old.items() if isinstance(value, str | int)}
        )
    kind, what = text(whole, "class"), text(whole, "event")
    if not kind or "timestamp" not in whole:
        raise ValueError("not a record of a MySQL audit log: no class or no time in it")
    event = blank(_moment(text(whole, "timestamp")), "mysql")
    login, account = record(whole, "login"), record(whole, "account")
    _who(event, text(login, "user") or text(account, "user"), text(login, "ip") or text(account, "host"))
    _event(event, whole, kind, what)
    return event


def _event(event: Event, whole: Record, kind: str, what: str) -> None:
    part = record(whole, f"{kind}_data")
    outcome = "failure" if count(part.get("status")) else "success"
    if text(part, "db"):
        event["citywatch.database.name"] = text(part, "db")
    if text(part, "table"):
        event["citywatch.database.object"] = text(part, "table")
    rows = count(record(whole, "query_statistics").get("rows_sent"))
    if rows is not None:
        event["citywatch.database.rows"] = rows
    if kind == "connection" and what in {"connect", "change_user"}:
        audited(event, "login", outcome)
    elif kind == "audit":
        audited(event, f"audit_{what or 'start'}", "success")
    elif text(part, "query"):
        asked(event, text(part, "query"), outcome)
    else:
        audited(event, what or kind, outcome)


def from_xml(raw: bytes) -> Event | list[Event]:
    """The event of one `AUDIT_RECORD`.

    Raises:
        ValueError: it has no name or no time.
    """
    whole = raw.decode("utf-8", "replace")
    if "<AUDIT_RECORD" not in whole:
        return []
    found = elements(whole) if "<AUDIT_RECORD>" in whole else attributes(whole.partition("<AUDIT_RECORD")[2])
    return _flat(found)


def _flat(found: dict[str, str]) -> Event:
    name = found.get("NAME", "")
    if not name or "TIMESTAMP" not in found:
        raise ValueError("not a record of a MySQL audit log: no NAME or no TIMESTAMP in it")
    event = blank(_moment(found["TIMESTAMP"]), "mysql")
    _who(event, found.get("USER", ""), found.get("IP") or found.get("HOST", ""), found.get("DB", ""))
    outcome = "success" if found.get("STATUS", "0") == "0" else "failure"
    if name in {"Connect", "Change user"}:
        audited(event, "login", outcome)
    elif name in {"Audit", "NoAudit"}:
        audited(event, "audit_startup" if name == "Audit" else "audit_shutdown", "success")
    elif found.get("SQLTEXT"):
        asked(event, found["SQLTEXT"], outcome)
    else:
        audited(event, name.replace(" ", "_"), outcome)
    return event


def _moment(given: str) -> str:
    """`2026-11-22 10:00:00`, with or without `UTC` or `Z`: always UTC."""
    return iso(given.replace(" UTC", "").removesuffix("Z").replace("T", " "))


def _opens(line: bytes) -> bool:
    return line.lstrip(b"[ ")[:1] == b"{" and not line.startswith(b"    ")


def _opens_xml(line: bytes) -> bool:
    return b"<AUDIT_RECORD" in line


def _closes_xml(held: Held) -> bool:
    if b"<AUDIT_RECORD>" in held.lines[0]:
        return b"</AUDIT_RECORD>" in held.lines[-1]
    return held.lines[-1].rstrip().endswith(b"/>")


def _one_line(held: Held) -> bool:
    """An object that begins and ends on one line."""
    line = held.lines[-1]
    return len(held.lines) == 1 and _opens(line) and line.rstrip(b",] \r\t").endswith(b"}")


class MySql:
    """Reads MySQL's general log and its audit logs."""

    @property
    def name(self) -> str:
        return "mysql"

    @property
    def follows(self) -> Literal[True]:
        return True

    def recognizes(self, head: bytes, name: str) -> bool:
        """Records of one of the forms."""
        del name
        return _form(text_head(head)) != ""

    def read(
        self, path: Path, report: Report, keep: Keep, *, place: Place | None = None, whole: bool = True
    ) -> Iterator[Event]:
        """Give the events of one log, in its order."""
        del keep
        tally = Tally("mysql", str(path), report)
        head = head_or_told(path, tally)
        if head is None:
            return
        form = _form(head)
        translate: Callable[[bytes], Event | list[Event]] = General()
        begins, ends = is_general, never
        if form == "json":
            translate, begins, ends = from_json, _opens, _one_line
        elif form == "xml":
            translate, begins, ends = from_xml, _opens_xml, _closes_xml
        yield from read_records(path, tally, translate, begins=begins, ends=ends, place=place, whole=whole)


def _form(head: bytes) -> str:
    start = head.lstrip()
    if b"<AUDIT_RECORD" in start[:4096] or start.startswith(b"<AUDIT>"):
        return "xml"
    if start.startswith((b"{", b"[")):
        old = b'"audit_record"' in start[:4096]
        new = (
            b'"class"' in start
            and b'"timestamp"' in start
            and (b'"connection_id"' in start or b'"server_id"' in start)
        )
        return "json" if old or new else ""
    return "general" if any(is_general(line) for line in start.split(b"\n")[:6]) else ""
