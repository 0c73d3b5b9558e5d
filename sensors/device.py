"""What do other programs on a machine report: antivirus, packet filter?

Bodies of syslog lines: ClamAV's finds (`clamd`, `clamscan`: `/path: Name FOUND`) and the packet filter of
Linux (`IN=eth0 OUT= … SRC=… DST=… PROTO=TCP SPT=… DPT=…`, as iptables, nftables and ufw log).
"""

from __future__ import annotations

import re

from citywatch.model import Event
from sensors.address import address, count, port

_FILTER = re.compile(
    r"\bIN=(?P<into>\S*) OUT=(?P<out>\S*) .*\bSRC=(?P<src>\S+) DST=(?P<dst>\S+) (?P<rest>.*)$", re.DOTALL
)
LONGEST = 2000
"""Characters of a packet filter's line that are looked at; its own are shorter."""
_PAIR = re.compile(r"\b([A-Z]{2,8})=(\S+)")
_BLOCKED = re.compile(r"\b(?:BLOCK|DROP|DENY|REJECT)", re.IGNORECASE)


def read_body(event: Event, app: str, message: str) -> bool:
    """Read a device's message; False when it is none that is known here."""
    if message.endswith(" FOUND"):
        return finding(event, message)
    if " SRC=" in message and "IN=" in message:
        return _packet(event, message)
    del app
    return False


def finding(event: Event, message: str) -> bool:
    """`/path: Name FOUND`, the name with or without the file's hash and size; False when it is none."""
    path, mark, name = message.removesuffix(" FOUND").rpartition(": ")
    if not mark or not is_path(path) or not message.endswith(" FOUND") or " " in name:
        return False
    name = name.partition("(")[0] if name.endswith(")") else name
    event.update(
        {"event.kind": "alert", "event.dataset": "antivirus.finding", "event.category": ["malware", "file"]}
    )
    event.update({"event.action": "found", "rule.name": name[:200], "file.path": path[:4096]})
    name = path.replace("\\", "/").rpartition("/")[2]
    event.update({"file.name": name[:255], "observer.product": "ClamAV"})
    return True


def is_path(text: str) -> bool:
    """An absolute path, also of Windows."""
    return text.startswith("/") or text[1:3] == ":\\"


def _packet(event: Event, message: str) -> bool:
    found = _FILTER.search(message[:LONGEST])
    if found is None:
        return False
    pairs = dict(_PAIR.findall(found["rest"])[:40])
    event.update({"event.dataset": "firewall.traffic", "event.category": ["network"]})
    blocked = _BLOCKED.search(message[: found.start()])
    event["event.action"] = "denied" if blocked else "logged"
    event["event.outcome"] = "failure" if blocked else "success"
    _ends(event, found["src"], found["dst"], pairs)
    if "PROTO" in pairs:
        event["network.transport"] = pairs["PROTO"].lower()
    size = count(pairs.get("LEN"))
    if size is not None:
        event["source.bytes"] = size
    if found["into"]:
        event["observer.ingress.interface.name"] = found["into"]
    return True


def _ends(event: Event, source: str, target: str, pairs: dict[str, str]) -> None:
    for field, value in (("source.ip", source), ("destination.ip", target)):
        end = address(value)
        if end:
            event[field] = end
    for field, name in (("source.port", "SPT"), ("destination.port", "DPT")):
        number = port(pairs.get(name))
        if number is not None:
            event[field] = number
