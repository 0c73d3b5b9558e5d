"""What did the packet filter of pfSense or OPNsense let through or stop?

`filterlog: 5,,,1000000103,em0,match,block,in,4,0x0,,64,…`: comma-separated, more fields by protocol
(https://docs.netgate.com/pfsense/en/latest/monitoring/raw-filter-log-format.html).
"""

from __future__ import annotations

from citywatch.model import Event
from sensors.address import address, count, port

_FLAGS = {"S": "S", "A": "A", "F": "F", "R": "R", "P": "P", "U": "U"}
FEWEST = 20
LONGEST = 2000
_ACTIONS = {"block": "denied", "reject": "denied", "pass": "allowed", "rdr": "allowed", "nat": "allowed"}


def read_body(event: Event, app: str, message: str) -> bool:
    """Read a line of the filter; False when it is none."""
    if app != "filterlog":
        return False
    row = message[:LONGEST].split(",")
    version = row[8] if len(row) >= FEWEST else ""
    if version not in {"4", "6"}:
        return False
    event.update({"event.dataset": "firewall.traffic", "event.category": ["network"]})
    event["observer.product"], event["observer.vendor"] = "pfSense", "Netgate"
    event["observer.ingress.interface.name"] = row[4]
    event["rule.id"] = row[3] or row[0]
    event["event.reason"] = row[5]
    event["event.action"] = _ACTIONS.get(row[6], row[6])
    event["event.outcome"] = "failure" if row[6] in {"block", "reject"} else "success"
    event["network.direction"] = {"in": "inbound", "out": "outbound"}.get(row[7], "unknown")
    _packet(event, row, 15 if version == "4" else 12, version)
    event.pop("message", None)
    event["message"] = message[:LONGEST]
    return True


def _packet(event: Event, row: list[str], at: int, version: str) -> None:
    """Protocol, length and ends; version 6 has protocol and number the other way round."""
    name = row[at + 1] if version == "4" else row[at]
    rest = row[at + 2 :]
    event["network.transport"] = {"icmpv6": "ipv6-icmp"}.get(name.lower(), name.lower())
    event["network.type"] = f"ipv{version}"
    size = count(rest[0])
    if size is not None:
        event["source.bytes"] = size
    for place, field in ((1, "source.ip"), (2, "destination.ip")):
        found = address(rest[place]) if len(rest) > place else None
        if found:
            event[field] = found
    if name.lower() in {"tcp", "udp"}:
        for place, field in ((3, "source.port"), (4, "destination.port")):
            number = port(rest[place]) if len(rest) > place else None
            if number is not None:
                event[field] = number
    if name.lower() == "tcp" and len(rest) > 6 and rest[6]:  # noqa: PLR2004 - where the flags stand
        event["citywatch.flow.flags"] = "".join(letter for letter in "FSRPAU" if letter in rest[6]) or "none"
