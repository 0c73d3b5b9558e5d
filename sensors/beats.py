"""What do Elastic's shippers send along: the lines of other programs, or events that are taken apart already?

NDJSON of Filebeat and Elastic Agent
(https://www.elastic.co/docs/reference/beats/filebeat/exported-fields-beat-common): a line that was shipped
as it stood (`message`, or `event.original`) is read by the sensor that knows it; of an event whose parts
have ECS names, those that the schema has are taken. Winlogbeat's are read by `winlog`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from citywatch import schema
from citywatch.model import Event
from citywatch.ports import Keep, Place, Report
from sensors import errorlog, eve, syslog, weblog
from sensors.address import address, count
from sensors.json_value import Record, parse, record, text
from sensors.lines import Tally, read_log, text_head
from sensors.when import iso

DEEPEST = 8
MOST = 300
LONGEST = 32_768
_SHIPPERS = (b'"filebeat"', b'"elastic_agent"', b'"elastic-agent"', b'"auditbeat"', b'"packetbeat"')
_KEPT = frozenset(
    {"@timestamp", "event.id", "event.sequence", "event.ingested", "event.module", "event.kind"}
)


class Shipped:
    """Reads objects of one file."""

    def __init__(self, timezone: str) -> None:
        moment = datetime.now(UTC)
        self._syslog = syslog.Lines(moment, timezone, live=True)
        self._errors = errorlog.Lines(timezone)
        self._readers: tuple[Callable[[bytes], Event | list[Event]], ...] = (
            eve.translate,
            weblog.translate,
            self._errors,
            self._syslog,
        )

    def __call__(self, line: bytes) -> Event | list[Event]:
        """The events of an object.

        Raises:
            ValueError: it is no object with a time.
        """
        whole = parse(line)
        moment = iso(text(whole, "@timestamp"))
        told = record(whole, "event")
        raw = text(told, "original") or text(whole, "event.original") or text(whole, "message")
        parts = dict(_flat(whole))
        if not self._is_apart(parts) and raw:
            found = self._read(raw.encode("utf-8", "replace")[:LONGEST])
            if found:
                return [event | self._where(parts) for event in found]
        return _taken(parts, moment)

    @staticmethod
    def _is_apart(parts: dict[str, Any]) -> bool:
        """Somebody has taken the line apart already."""
        return any(
            name in parts
            for name in (
                "source.ip",
                "url.path",
                "url.original",
                "http.request.method",
                "dns.question.name",
                "process.name",
            )
        )

    def _read(self, raw: bytes) -> list[Event]:
        for reader in self._readers:
            try:
                found = reader(raw)
            except ValueError:
                continue
            return found if isinstance(found, list) else [found]
        return []

    @staticmethod
    def _where(parts: dict[str, Any]) -> Event:
        """On which host it was written."""
        host = parts.get("host.name") or parts.get("host.hostname") or parts.get("agent.hostname")
        return {"host.name": host} if isinstance(host, str) and host else {}


def _flat(value: Record, prefix: str = "", deep: int = 0) -> Iterator[tuple[str, Any]]:
    for name in list(value)[:MOST]:
        inner = value[name]
        if isinstance(inner, dict) and deep < DEEPEST:
            yield from _flat(cast("Record", inner), f"{prefix}{name}.", deep + 1)
        elif inner is not None:
            yield f"{prefix}{name}", inner


def _taken(parts: dict[str, Any], moment: str) -> Event:
    """What of an ECS event the schema has."""
    kind = parts.get("event.kind")
    event: Event = {
        "@timestamp": moment,
        "event.kind": kind if kind in {"event", "alert", "metric", "state"} else "event",
        "event.category": ["host"],
        "event.dataset": "linux.syslog",
        "event.module": "beats",
    }
    for name, value in list(parts.items())[:MOST]:
        if name in _KEPT:
            continue
        field = schema.fields().get(name)
        fitting = None if field is None else _fitting(field, value)
        if fitting is not None:
            event[name] = fitting
    event["event.dataset"] = _DATASETS.get(str(event["event.dataset"]), event["event.dataset"])
    return event


_DATASETS = {
    "nginx.access": "web.access",
    "apache.access": "web.access",
    "iis.access": "web.access",
    "nginx.error": "web.error",
    "apache.error": "web.error",
    "system.auth": "linux.auth",
    "system.syslog": "linux.syslog",
    "suricata.eve": "network.alert",
    "auditd.log": "linux.auditd",
    "postgresql.log": "database.log",
    "mysql.error": "database.log",
}
"""Elastic's names of datasets, by ours."""


def _date(value: Any) -> str | None:
    try:
        return iso(value) if isinstance(value, str) else None
    except ValueError:
        return None


_READ: dict[str, Callable[[Any], Any]] = {
    "ip": address,
    "long": count,
    "float": lambda value: (
        float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    ),
    "boolean": lambda value: value if isinstance(value, bool) else None,
    "date": _date,
}


def _plain(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value)[:LONGEST]


def _fitting(field: schema.Field, value: Any) -> Any:
    """The value as the schema wants it; None when it does not fit."""
    read = _READ.get(field.type, _plain)
    if isinstance(value, list):
        kept = [item for item in map(read, cast("list[Any]", value)[:MOST]) if item is not None]
        return (kept if field.many else kept[0]) if kept else None
    found = read(value)
    return [found] if found is not None and field.many else found


class Beats:
    """Reads NDJSON of Filebeat and Elastic Agent."""

    @property
    def name(self) -> str:
        return "beats"

    @property
    def follows(self) -> Literal[True]:
        return True

    def recognizes(self, head: bytes, name: str) -> bool:
        """A first object with a time and the name of a shipper."""
        del name
        first = text_head(head).lstrip().partition(b"\n")[0]
        return (
            first.startswith(b"{") and b'"@timestamp"' in first and any(mark in first for mark in _SHIPPERS)
        )

    def read(
        self, path: Path, report: Report, keep: Keep, *, place: Place | None = None, whole: bool = True
    ) -> Iterator[Event]:
        """Give the events of one log, in its order."""
        del keep
        tally = Tally("beats", str(path), report)
        yield from read_log(path, tally, Shipped("Asia/Ho_Chi_Minh"), place=place, whole=whole)
