"""Who answers for the gateway, and which DHCP servers offer? Asked only when somebody wants to know.

The asking is done by scapy in a process of its own (`scapy_ask.py`); here the answers become events: one for
each answer as if it had been overheard, and one that sums up, which rules judge.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import msgspec

from citywatch.errors import CityWatchError
from citywatch.model import Event, repeatable_id
from sensors.network.live.ring import interfaces
from sensors.network.moment import stamp

_GRACE_S = 30.0
"""Beside the waiting for answers: loading scapy, on a machine that may be busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What came back."""

    rows: tuple[dict[str, Any], ...]
    events: tuple[Event, ...]


def ask_arp(interface: str, address: str, *, expected: Sequence[str] = (), seconds: float = 3.0) -> Answers:
    """Ask who has an address; `expected` are the hardware addresses that may answer.

    Raises:
        CityWatchError: it cannot be asked; tells why.
    """
    try:
        wanted = str(ip_address(address))
    except ValueError:
        raise CityWatchError(f"'{address[:60]}' is not an address") from None
    rows, at = _ask("arp", interface, wanted, seconds=seconds)
    macs = [str(row["mac"]) for row in rows]
    events = [_arp_event(interface, row) for row in rows]
    summary = _summary("arp", interface, at, macs, expected, macs) | {"citywatch.arp.target_ip": wanted}
    return Answers(rows=tuple(rows), events=(*events, summary))


def ask_dhcp(interface: str, *, expected: Sequence[str] = (), seconds: float = 3.0) -> Answers:
    """Ask which DHCP servers offer; `expected` are the servers that may.

    Raises:
        CityWatchError: it cannot be asked; tells why.
    """
    rows, at = _ask("dhcp", interface, seconds=seconds)
    servers = list(dict.fromkeys(str(row["server"]) for row in rows))
    events = [_dhcp_event(interface, row) for row in rows]
    summary = _summary("dhcp", interface, at, servers, expected, [str(row["mac"]) for row in rows])
    if servers:
        summary["citywatch.ask.servers"] = servers
    return Answers(rows=tuple(rows), events=(*events, summary))


def _ask(kind: str, interface: str, *words: str, seconds: float) -> tuple[list[dict[str, Any]], int]:
    known = interfaces()
    if interface not in known:
        raise CityWatchError(f"there is no interface '{interface[:40]}'; this machine has {', '.join(known)}")
    command = [sys.executable, "-I", "-m", "sensors.network.scapy_ask", kind, interface, *words]
    try:
        done = subprocess.run(  # noqa: S603 - our own module; an interface that there is, an address, a number
            [*command, "--seconds", str(seconds)],
            capture_output=True,
            timeout=seconds + _GRACE_S,
            check=False,
        )
        rows = [msgspec.json.decode(line, type=dict[str, Any]) for line in done.stdout.splitlines()]
    except (OSError, subprocess.TimeoutExpired, msgspec.DecodeError) as error:
        raise CityWatchError(f"{interface}: the asking process failed: {error}") from error
    if not rows or "error" in rows[-1]:
        what = str(rows[-1]["error"]) if rows else done.stderr.decode("utf-8", "replace").strip()[-300:]
        raise CityWatchError(f"{interface}: {what}; asking needs root, or the right CAP_NET_RAW")
    return rows[:-1], int(rows[-1]["us"])


def _base(dataset: str, interface: str, us: int, *parts: str) -> Event:
    return {
        "@timestamp": stamp(us),
        "event.id": repeatable_id(dataset, "asked", interface, us, *parts),
        "event.kind": "event",
        "event.category": ["network"],
        "event.module": "network",
        "event.dataset": dataset,
        "observer.ingress.interface.name": interface,
    }


def _arp_event(interface: str, row: dict[str, Any]) -> Event:
    mac, address = str(row["mac"]), str(row["ip"])
    return _base("network.arp", interface, int(row["us"]), mac) | {
        "event.action": "reply",
        "network.protocol": "arp",
        "source.ip": address,
        "source.mac": mac,
        "citywatch.arp.op": "reply",
        "citywatch.arp.sender_ip": address,
        "citywatch.arp.sender_mac": mac,
    }


def _dhcp_event(interface: str, row: dict[str, Any]) -> Event:
    event = _base("network.dhcp", interface, int(row["us"]), str(row["mac"]), str(row["server"])) | {
        "event.action": "offer",
        "network.protocol": "dhcp",
        "source.mac": str(row["mac"]),
        "citywatch.dhcp.type": "offer",
    }
    named = {
        "source.ip": [row["server"]],
        "citywatch.dhcp.server_ip": [row["server"]],
        "citywatch.dhcp.assigned_ip": [row["offered"]],
        "citywatch.dhcp.router_ip": row["routers"],
        "citywatch.dhcp.dns_ip": row["resolvers"],
    }
    for name, values in named.items():
        held = [text for value in values if (text := _address(value))]
        if held:
            event[name] = held if name.endswith(("router_ip", "dns_ip")) else held[0]
    return event


def _address(value: object) -> str:
    """An address that the store will take, or nothing: an answer is a stranger's."""
    try:
        return str(ip_address(str(value)))
    except ValueError:
        return ""


def _summary(
    kind: str, interface: str, us: int, who: Sequence[str], expected: Sequence[str], macs: Sequence[str]
) -> Event:
    event = _base("network.ask", interface, us, kind) | {
        "event.action": f"ask_{kind}",
        "citywatch.ask.kind": kind,
        "citywatch.ask.answers": len(set(who)),
    }
    allowed = {one.strip().lower() for one in expected}
    unexpected = [one for one in dict.fromkeys(who) if allowed and one.lower() not in allowed]
    if macs:
        event["citywatch.ask.macs"] = list(dict.fromkeys(macs))
    if unexpected:
        event["citywatch.ask.unexpected"] = unexpected
    return event
