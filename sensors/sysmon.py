"""What does Sysmon for Linux write to syslog?

Its events are XML in one syslog message (https://github.com/microsoft/SysmonForLinux), with the names that
Sigma's Linux rules use (`Image`, `ParentImage`, `CommandLine`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

from citywatch import schema
from citywatch.model import Event
from sensors.address import address, count, port
from sensors.when import iso

_ID = re.compile(r"<EventID>(\d{1,3})</EventID>")
_TIME = re.compile(r'SystemTime="([^"]{19,40})"')
_COMPUTER = re.compile(r"<Computer>([^<]{1,255})</Computer>")
_DATA = re.compile(r'<Data Name="([A-Za-z0-9]{1,40})">([^<]{0,8192})</Data>')
_DATASETS = {
    "1": ("linux.process", "process"),
    "3": ("linux.network", "network"),
    "5": ("linux.process_end", "process"),
    "9": ("linux.raw_read", "file"),
    "11": ("linux.file", "file"),
    "23": ("linux.file_delete", "file"),
}
_TYPED: dict[str, tuple[str, Callable[[object], str | int | None]]] = {
    "ProcessId": ("process.pid", count),
    "ParentProcessId": ("process.parent.pid", count),
    "SourceIp": ("source.ip", address),
    "DestinationIp": ("destination.ip", address),
    "SourcePort": ("source.port", port),
    "DestinationPort": ("destination.port", port),
}


def read_body(event: Event, app: str, message: str) -> bool:
    """Read a Sysmon message; False when it is none."""
    if app != "sysmon" or not message.startswith("<Event>"):
        return False
    number = _ID.search(message)
    code = number[1] if number else ""
    dataset, category = _DATASETS.get(code, ("linux.sysmon", "host"))
    event.update({"event.dataset": dataset, "event.category": [category], "event.code": code or "0"})
    event.pop("message", None)
    moment, computer = _TIME.search(message), _COMPUTER.search(message)
    if moment:
        event["@timestamp"] = iso(moment[1])
    if computer:
        event["host.name"] = computer[1]
    event.pop("process.name", None)
    for name, value in _DATA.findall(message):
        if value not in {"", "-"}:
            _put(event, name, unescape(value))
    return True


def _put(event: Event, name: str, value: str) -> None:
    if name == "Image":
        event["process.name"] = value.rpartition("/")[2]
    if name in _TYPED:
        field, read = _TYPED[name]
        found = read(value)
        if found is not None:
            event[field] = found
        return
    known = schema.field_for(name, product="linux")
    event[known.name if known is not None and known.type == "keyword" else f"linux.{name}"] = value
