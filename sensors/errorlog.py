"""What went wrong in a web server?

Error logs of nginx (`2026/11/22 10:00:00 [error] 7#7: *9 …, client: …, server: …, request: "…"`, written by
ngx_error_log.c; https://nginx.org/en/docs/ngx_core_module.html#error_log) and Apache 2.4 (`[Sun Nov 22
10:00:00.123456 2026] [core:error] [pid 7:tid 8] [client …] AH00126: …`,
https://httpd.apache.org/docs/2.4/mod/core.html#errorlogformat). A line of ModSecurity in them is the alert
of a rule. Neither tells its zone: it is the one that the sensor was made with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from citywatch.model import Event
from citywatch.ports import Keep, Place, Report
from sensors.address import address, port
from sensors.lines import Tally, read_log, text_head
from sensors.modsecurity import request_line, tags
from sensors.urls import url_fields
from sensors.when import MONTHS, written

LONGEST = 16_384
_NGINX = {
    "client": "client",
    "server": "server",
    "request": "request",
    "host": "host",
    "referrer": "referrer",
}
_STOPPED = "Access denied"


class Lines:
    """Reads lines of one file."""

    def __init__(self, timezone: str) -> None:
        self._zone = ZoneInfo(timezone)

    def __call__(self, line: bytes) -> Event:
        """The event of a line, without an id.

        Raises:
            ValueError: it is no line of an error log.
        """
        text = line.decode("utf-8", "replace").rstrip("\r")[:LONGEST]
        event = self._nginx(text) if text[:4].isdigit() else self._apache(text)
        _modsecurity(event)
        return event

    def _event(self, moment: datetime, level: str, message: str) -> Event:
        return {
            "@timestamp": written(moment.replace(tzinfo=self._zone)),
            "event.kind": "event",
            "event.category": ["web"],
            "event.type": ["error"],
            "event.dataset": "web.error",
            "event.module": "errorlog",
            "log.level": level[:20],
            "message": message,
        }

    def _nginx(self, text: str) -> Event:
        try:
            moment = datetime.strptime(text[:19], "%Y/%m/%d %H:%M:%S")  # noqa: DTZ007 - the zone comes from outside
        except ValueError as error:
            raise ValueError("not a line of an error log: it begins with no time") from error
        level, mark, rest = text[19:].removeprefix(" [").partition("] ")
        if not mark or not level.isalpha():
            raise ValueError("not a line of an error log: no level stands behind the time")
        process, _, message = rest.partition(": ")
        event = self._event(moment, level, message)
        event["process.name"] = "nginx"
        number = process.partition("#")[0]
        if number.isascii() and number.isdigit() and len(number) < 11:  # noqa: PLR2004 - 2^32
            event["process.pid"] = int(number)
        _tail(event, message)
        return event

    def _apache(self, text: str) -> Event:
        parts, message = _brackets(text)
        if len(parts) < 2:  # noqa: PLR2004 - time and level
            raise ValueError("not a line of an error log: it begins with no time")
        event = self._event(_apache_time(parts[0]), parts[1].rpartition(":")[2], message)
        event["process.name"] = "httpd"
        for part in parts[2:]:
            word, _, value = part.partition(" ")
            if word in {"client", "remote"}:
                _client(event, value)
            elif word == "pid":
                number = value.partition(":")[0]
                if number.isascii() and number.isdigit() and len(number) < 11:  # noqa: PLR2004 - 2^32
                    event["process.pid"] = int(number)
        code = message.partition(":")[0]
        if code.startswith("AH") and code[2:].isdigit() and len(code) < 10:  # noqa: PLR2004 - AH and five digits
            event["event.code"] = code
        return event


def _brackets(text: str) -> tuple[list[str], str]:
    """The parts in brackets at the beginning, and what stands behind them."""
    parts: list[str] = []
    while text.startswith("[") and len(parts) < 8:  # noqa: PLR2004 - more are of the message
        inner, mark, rest = text[1:].partition("]")
        if not mark or (parts and inner.startswith('"')):
            break
        parts.append(inner)
        text = rest.lstrip(" ")
    return parts, text


def _apache_time(given: str) -> datetime:
    words = given.split()
    if len(words) != 5 or words[1] not in MONTHS:  # noqa: PLR2004 - day, month, day, clock, year
        raise ValueError("not a line of an error log: it begins with no time")
    clock = words[3].partition(".")[0]
    micros = (words[3].partition(".")[2] + "000000")[:6]
    try:
        return datetime.strptime(  # noqa: DTZ007 - the zone comes from outside
            f"{words[4]} {MONTHS[words[1]]} {words[2]} {clock} {micros}", "%Y %m %d %H:%M:%S %f"
        )
    except ValueError as error:
        raise ValueError(f"no such time: {given[:40]}") from error


def _client(event: Event, value: str) -> None:
    whole = address(value)
    host, _, number = value.rpartition(":")
    found = whole or address(host)
    if found:
        event["source.ip"] = found
        if not whole and (at := port(number)) is not None:
            event["source.port"] = at


def _tail(event: Event, message: str) -> None:
    """`…, client: 203.0.113.9, server: portal.test, request: "GET / HTTP/1.1", host: "portal.test"`."""
    at = message.rfind(", client: ")
    if at < 0:
        return
    told: dict[str, str] = {}
    for part in message[at + 2 :].split(", ")[:20]:
        name, mark, value = part.partition(": ")
        if mark and name in _NGINX:
            told[name] = value.strip('"')
    _client(event, told.get("client", ""))
    domain = told.get("host", told.get("server", "")).partition(":")[0]
    if told.get("request"):
        method, target, version = request_line(told["request"])
        event["http.request.method"] = method.upper()[:32]
        event.update(url_fields(target, domain=domain))
        if version:
            event["http.version"] = version[:8]
    elif domain:
        event["url.domain"] = domain.lower()
    if told.get("referrer"):
        event["http.request.referrer"] = told["referrer"]


def _modsecurity(event: Event) -> None:
    message = str(event["message"])
    if "ModSecurity: " not in message or "[id " not in message:
        return
    found = tags(message)
    stopped = _STOPPED in message
    event |= {
        "event.kind": "alert",
        "event.category": ["web", "intrusion_detection"],
        "event.dataset": "network.alert",
        "event.action": "denied" if stopped else "detected",
        "event.outcome": "failure" if stopped else "success",
        "observer.product": "ModSecurity",
    }
    for name, field in (
        ("id", "rule.id"),
        ("msg", "rule.name"),
        ("tag", "rule.category"),
        ("data", "event.reason"),
    ):
        if found.get(name):
            event[field] = found[name]
    if found.get("uri") and "url.path" not in event:
        event.update(url_fields(found["uri"], domain=found.get("hostname", "")))


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorLog:
    """Reads error logs of nginx and Apache."""

    timezone: str = "Asia/Ho_Chi_Minh"

    @property
    def name(self) -> str:
        return "errorlog"

    @property
    def follows(self) -> Literal[True]:
        return True

    def recognizes(self, head: bytes, name: str) -> bool:
        """Most of the first lines are lines of an error log."""
        del name
        rows = [row for row in text_head(head).split(b"\n")[:20] if row.strip()]
        if len(rows) > 1 and not head.endswith(b"\n"):
            rows.pop()
        good = sum(_is_line(Lines(self.timezone), row) for row in rows)
        return good > 0 and good * 2 >= len(rows)

    def read(
        self, path: Path, report: Report, keep: Keep, *, place: Place | None = None, whole: bool = True
    ) -> Iterator[Event]:
        """Give the events of one log, in its order."""
        del keep
        tally = Tally("errorlog", str(path), report)
        yield from read_log(path, tally, Lines(self.timezone), place=place, whole=whole)


def _is_line(lines: Lines, row: bytes) -> bool:
    try:
        lines(row)
    except ValueError:
        return False
    return True
