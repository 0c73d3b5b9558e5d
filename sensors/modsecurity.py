"""What did ModSecurity see in a web request, and did it stop it?

Its audit log in both forms: serial (`--5759db5c-A--` … `-Z--`, ModSecurity Reference Manual "Audit Log",
parts A, B, F and H) and JSON, one object a line, of version 2.9 (`audit_data`) and 3
(`transaction.messages`). Each rule that matched becomes a `network.alert`, the request itself a
`web.access`, so that rules for web attacks and for alerts both hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from citywatch.model import Event
from citywatch.ports import Keep, Place, Report
from sensors.address import address, count, port
from sensors.json_value import Record, items, objects, parse, record, text
from sensors.lines import Tally, head_or_told, read_log, text_head
from sensors.records import Held, read_records
from sensors.urls import url_fields
from sensors.when import MONTHS, common_log, iso, written

MOST_MESSAGES = 50
LONGEST = 4096
_HEADERS = {
    "user-agent": "user_agent.original",
    "referer": "http.request.referrer",
    "content-type": "http.request.mime_type",
}
_STOPPED = ("Access denied", "Intercepted")


class _Seen:
    """A transaction, whichever form it was told in."""

    def __init__(self, moment: str) -> None:
        self.moment = moment
        self.client: Any = None
        self.client_port: Any = None
        self.server: Any = None
        self.server_port: Any = None
        self.method = self.target = self.version = ""
        self.headers: dict[str, str] = {}
        self.status: Any = None
        self.stopped = False
        self.messages: list[dict[str, str]] = []

    def events(self) -> list[Event]:
        """The request, and an alert for each rule that matched."""
        request = self._request()
        return [request, *(self._alert(request, message) for message in self.messages[:MOST_MESSAGES])]

    def _request(self) -> Event:
        event: Event = {
            "@timestamp": self.moment,
            "event.kind": "event",
            "event.category": ["web"],
            "event.type": ["access"],
            "event.dataset": "web.access",
            "event.module": "modsecurity",
        }
        for field, value in (
            ("source.ip", address(self.client)),
            ("destination.ip", address(self.server)),
            ("source.port", port(self.client_port)),
            ("destination.port", port(self.server_port)),
        ):
            if value is not None:
                event[field] = value
        self._asked(event)
        status = count(self.status)
        if status is not None:
            event["http.response.status_code"] = status
            event["event.outcome"] = "success" if status < 400 else "failure"  # noqa: PLR2004 - HTTP's own line
        return event

    def _asked(self, event: Event) -> None:
        if self.method:
            event["http.request.method"] = self.method.upper()[:32]
        if self.version:
            event["http.version"] = self.version[:8]
        host = self.headers.get("host", "").rpartition("]")[2].partition(":")[0]
        if self.target:
            event.update(url_fields(self.target, domain=host))
        for name, field in _HEADERS.items():
            if self.headers.get(name):
                event[field] = self.headers[name][:LONGEST]

    def _alert(self, request: Event, message: dict[str, str]) -> Event:
        event = {name: value for name, value in request.items() if name != "event.type"}
        event |= {
            "event.kind": "alert",
            "event.category": ["web", "intrusion_detection"],
            "event.dataset": "network.alert",
            "event.action": "denied" if self.stopped else "detected",
            "event.outcome": "failure" if self.stopped else "success",
            "observer.product": "ModSecurity",
        }
        for name, field in (
            ("id", "rule.id"),
            ("msg", "rule.name"),
            ("tag", "rule.category"),
            ("data", "event.reason"),
        ):
            if message.get(name):
                event[field] = message[name][:LONGEST]
        grade = _grade(message.get("severity", ""))
        if grade is not None:
            event["event.severity"] = grade
        return event


_GRADES = ("EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG")


def _grade(severity: str) -> int | None:
    return _GRADES.index(severity.upper()) if severity.upper() in _GRADES else count(severity)


# -- serial ----------------------------------------------------------------------------------------------


def begins(line: bytes) -> bool:
    """The line `--…-A--`."""
    return line.startswith(b"--") and line.rstrip(b"\r").endswith(b"-A--")


def ends(held: Held) -> bool:
    """The line `--…-Z--` with the boundary of this record."""
    mark = held.lines[0].rstrip(b"\r")
    return mark.endswith(b"-A--") and held.lines[-1].rstrip(b"\r") == mark[:-3] + b"Z--"


def from_serial(raw: bytes) -> list[Event]:
    """The events of one transaction.

    Raises:
        ValueError: it has no part A with time and addresses.
    """
    parts = _parts(raw.decode("utf-8", "replace"))
    head = (parts.get("A") or [""])[0]
    if not head.startswith("[") or "] " not in head:
        raise ValueError("not a transaction of ModSecurity: part A has no time")
    moment, _, rest = head[1:].partition("] ")
    seen = _Seen(_moment(moment))
    words = rest.split()
    if len(words) < 5:  # noqa: PLR2004 - id, both addresses and ports
        raise ValueError("not a transaction of ModSecurity: part A has no addresses")
    _, seen.client, seen.client_port, seen.server, seen.server_port = words[:5]
    request = parts.get("B") or [""]
    seen.method, seen.target, seen.version = request_line(request[0])
    seen.headers = dict(_header(line) for line in request[1:200] if ":" in line)
    answer = (parts.get("F") or [""])[0].split(" ")
    seen.status = answer[1] if len(answer) > 1 else None
    for line in (parts.get("H") or [])[:500]:
        name, _, value = line.partition(": ")
        if name in {"Message", "ModSecurity"} and "[id " in value:
            seen.messages.append(tags(value))
            seen.stopped |= value.startswith(_STOPPED)
        elif name == "Action":
            seen.stopped |= value.startswith(_STOPPED)
    return seen.events()


def _moment(text_: str) -> str:
    """`22/Nov/2026:10:00:00 +0700`, from 2.9 on with parts of a second behind a dot."""
    whole, dot, rest = text_.partition(".")
    return common_log(f"{whole} {rest.partition(' ')[2]}" if dot else text_)


def _parts(whole: str) -> dict[str, list[str]]:
    lines = whole.split("\n")
    mark = lines[0].rstrip("\r")[:-3]
    found: dict[str, list[str]] = {}
    part: list[str] = []
    for line in lines:
        plain = line.rstrip("\r")
        if plain.startswith(mark) and plain.endswith("--") and len(plain) == len(mark) + 3:
            part = found.setdefault(plain[-3], [])
        elif plain:
            part.append(plain)
    return found


def request_line(line: str) -> tuple[str, str, str]:
    """Method, target and version.

    >>> request_line("GET /a b HTTP/1.1")
    ('GET', '/a b', '1.1')
    """
    method, _, rest = line.partition(" ")
    target, mark, version = rest.rpartition(" HTTP/")
    return method, target if mark else rest, version


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()


def tags(message: str) -> dict[str, str]:
    r"""The `[name "value"]` parts of a message; the first tag counts.

    >>> tags(r'Warning. Found. [id "942100"] [msg "SQL \"x\""] [tag "a"] [tag "b"]')
    {'id': '942100', 'msg': 'SQL "x"', 'tag': 'a'}
    """
    found: dict[str, str] = {}
    at = message.find(" [")
    while at >= 0 and len(found) < MOST_MESSAGES:
        middle = message.find(' "', at)
        if middle < 0:
            break
        end = message.find('"]', middle)
        while end > 0 and message[end - 1] == "\\":
            end = message.find('"]', end + 1)
        if end < 0:
            break
        name = message[at + 2 : middle]
        if name.isidentifier():
            found.setdefault(name, message[middle + 2 : end].replace('\\"', '"'))
        at = message.find(" [", end)
    return found


# -- JSON ------------------------------------------------------------------------------------------------


def from_json(line: bytes) -> list[Event]:
    """The events of one transaction.

    Raises:
        ValueError: it is none.
    """
    whole = parse(line)
    told = record(whole, "transaction")
    if not told:
        raise ValueError("not a transaction of ModSecurity: no 'transaction' in it")
    return _two(whole, told) if "audit_data" in whole or "remote_address" in told else _three(told)


def _two(whole: Record, told: Record) -> list[Event]:
    seen = _Seen(_moment(text(told, "time")))
    seen.client, seen.client_port = told.get("remote_address"), told.get("remote_port")
    seen.server, seen.server_port = told.get("local_address"), told.get("local_port")
    request = record(whole, "request")
    seen.method, seen.target, seen.version = request_line(text(request, "request_line"))
    seen.headers = _headers(request)
    seen.status = record(whole, "response").get("status")
    audit = record(whole, "audit_data")
    seen.messages = [
        tags(each) for each in items(audit, "messages") if isinstance(each, str) and "[id " in each
    ]
    seen.stopped = bool(record(audit, "action").get("intercepted"))
    return seen.events()


def _three(told: Record) -> list[Event]:
    seen = _Seen(_asctime(text(told, "time_stamp")))
    seen.client, seen.client_port = told.get("client_ip"), told.get("client_port")
    seen.server, seen.server_port = told.get("host_ip"), told.get("host_port")
    request = record(told, "request")
    seen.method, seen.target = text(request, "method"), text(request, "uri")
    version = request.get("http_version")
    seen.version = str(version) if isinstance(version, int | float | str) else ""
    seen.headers = _headers(request)
    seen.status = record(told, "response").get("http_code")
    for each in objects(told, "messages"):
        details = record(each, "details")
        found = {
            "id": str(details.get("ruleId", "")),
            "msg": text(each, "message"),
            "data": text(details, "data"),
            "severity": str(details.get("severity", "")),
        }
        given = items(details, "tags")
        seen.messages.append(found | ({"tag": str(given[0])} if given else {}))
    # Version 3 does not say that it stopped a request; 403 with a rule of its own does.
    seen.stopped = bool(seen.messages) and count(seen.status) == 403  # noqa: PLR2004 - its usual answer
    return seen.events()


def _headers(request: Record) -> dict[str, str]:
    given = record(request, "headers")
    return {
        name.lower(): str(value) for name, value in list(given.items())[:200] if isinstance(value, str | int)
    }


def _asctime(given: str) -> str:
    """`Sun Nov 22 10:00:00 2026`, in UTC as version 3 writes it, or ISO."""
    words = given.split()
    if len(words) == 5 and words[1] in MONTHS and words[4].isdigit() and words[2].isdigit():  # noqa: PLR2004
        clock = words[3].split(":")
        try:
            hour, minute, second = (int(part) for part in clock)
            return written(datetime(int(words[4]), MONTHS[words[1]], int(words[2]), hour, minute, second))  # noqa: DTZ001
        except (ValueError, OverflowError) as error:
            raise ValueError(f"no such time: {given[:40]}") from error
    return iso(given)


class ModSecurity:
    """Reads ModSecurity's audit logs."""

    @property
    def name(self) -> str:
        return "modsecurity"

    @property
    def follows(self) -> Literal[True]:
        return True

    def recognizes(self, head: bytes, name: str) -> bool:
        """The mark of a first part, or an object with a transaction."""
        del name
        start = text_head(head).lstrip()
        return begins(start.partition(b"\n")[0]) or (
            start.startswith(b'{"transaction"') and (b'"client_ip"' in start or b'"remote_address"' in start)
        )

    def read(
        self, path: Path, report: Report, keep: Keep, *, place: Place | None = None, whole: bool = True
    ) -> Iterator[Event]:
        """Give the events of one log, in its order."""
        del keep
        tally = Tally("modsecurity", str(path), report)
        head = head_or_told(path, tally, 64)
        if head is None:
            return
        serial = head.lstrip().startswith(b"--")
        if serial:
            yield from read_records(
                path, tally, from_serial, begins=begins, ends=ends, place=place, whole=whole
            )
        else:
            yield from read_log(path, tally, from_json, place=place, whole=whole)
