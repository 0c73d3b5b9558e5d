"""Who asked an IIS web server for what?

W3C extended log files (https://www.w3.org/TR/WD-logfile.html) as IIS writes them: `#Fields:` names the
columns, spaces are written as `+`, times are UTC. They become `web.access`, as those of other web servers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from citywatch.model import Event
from citywatch.ports import Keep, Place, Report
from sensors.address import address, count, port
from sensors.lines import Tally, head_of, read_log, text_head
from sensors.urls import url_fields
from sensors.when import iso

MOST_FIELDS = 100
_TEXTS = {
    "cs-username": "user.name",
    "s-computername": "host.name",
    "s-sitename": "observer.name",
    "cs(User-Agent)": "user_agent.original",
    "cs(Referer)": "http.request.referrer",
}
_SIZES = {
    "sc-status": "http.response.status_code",
    "sc-bytes": "http.response.bytes",
    "cs-bytes": "http.request.bytes",
}
_SPACED = {"cs(User-Agent)", "cs(Referer)"}


class Table:
    """Reads lines by the `#Fields:` line that stands before them."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, line: bytes) -> list[Event]:
        """The event of a line; nothing for a directive.

        Raises:
            ValueError: no directive names its columns, it has another number of them, or no time.
        """
        text = line.decode("utf-8", "replace").rstrip("\r")
        if text.startswith("#"):
            if text.startswith("#Fields:"):
                self.names = text[8:].split()[:MOST_FIELDS]
            return []
        values = text.split(" ")
        if not self.names:
            raise ValueError("no #Fields line stands before it")
        if len(values) != len(self.names):
            raise ValueError(f"{len(values)} fields where #Fields names {len(self.names)}")
        return [_event({name: value for name, value in zip(self.names, values, strict=True) if value != "-"})]

    def prepare(self, head: bytes) -> None:
        """Take up the directives of a log that is read from its middle."""
        for line in text_head(head).split(b"\n")[:20]:
            if line.startswith(b"#"):
                self(line)


def _event(row: dict[str, str]) -> Event:
    if "date" not in row or "time" not in row:
        raise ValueError("the line has no date and time")
    event: Event = {
        "@timestamp": iso(f"{row['date']}T{row['time']}Z"),
        "event.kind": "event",
        "event.category": ["web"],
        "event.type": ["access"],
        "event.dataset": "web.access",
        "event.module": "iis",
    }
    at = port(row.get("s-port"))
    _request(event, row, at)
    _answer(event, row)
    found = {
        "source.ip": address(row.get("c-ip")),
        "destination.ip": address(row.get("s-ip")),
        "destination.port": at,
    }
    event.update({name: value for name, value in found.items() if value is not None})
    for name, field in _TEXTS.items():
        if name in row:
            event[field] = row[name].replace("+", " ") if name in _SPACED else row[name]
    return event


def _answer(event: Event, row: dict[str, str]) -> None:
    for name, field in _SIZES.items():
        size = count(row.get(name))
        if size is not None:
            event[field] = size
    status = event.get("http.response.status_code")
    if status is not None:
        event["event.outcome"] = "success" if status < 400 else "failure"  # noqa: PLR2004 - HTTP's own line


def _request(event: Event, row: dict[str, str], at: int | None) -> None:
    if "cs-method" in row:
        event["http.request.method"] = row["cs-method"].upper()
    if "cs-uri-stem" in row:
        query = row.get("cs-uri-query")
        target = row["cs-uri-stem"] + (f"?{query}" if query else "")
        host = row.get("cs-host", "").partition(":")[0]
        event.update(url_fields(target, domain=host, scheme={443: "https", 80: "http"}.get(at or 0, "")))
    client = address(row.get("X-Forwarded-For", row.get("x-forwarded-for", "")).partition(",")[0])
    if client:
        event["client.ip"] = client


class Iis:
    """Reads W3C extended logs of IIS."""

    @property
    def name(self) -> str:
        return "iis"

    @property
    def follows(self) -> Literal[True]:
        return True

    def recognizes(self, head: bytes, name: str) -> bool:
        """A `#Fields:` directive that names a client or a method."""
        del name
        return any(
            line.startswith(b"#Fields:") and (b" c-ip" in line or b" cs-method" in line)
            for line in text_head(head).split(b"\n")[:20]
        )

    def read(
        self, path: Path, report: Report, keep: Keep, *, place: Place | None = None, whole: bool = True
    ) -> Iterator[Event]:
        """Give the events of one log, in its order."""
        del keep
        table = Table()
        if place and place.offset:
            table.prepare(head_of(path, 8192))
        yield from read_log(path, Tally("iis", str(path), report), table, place=place, whole=whole)
