"""What does a flow record say, in the words of our own flow events?

A record tells one direction; `pairs` joins two. What a record cannot tell is left out, and what is worked
out from it is noted: `payload_estimated` (bytes less the usual headers), `one_way` (no record of the way
back came), `sampled` (counts are of the packets that were looked at, one in `citywatch.flow.sampling`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from citywatch.model import Event
from sensors.network.flow import TRANSPORT
from sensors.network.moment import address, community_id, stamp
from sensors.suricata import FLAG_LETTERS, state

TCP, UDP, SCTP, ICMP, ICMP6 = 6, 17, 132, 1, 58
WITH_PORTS = frozenset({TCP, UDP, SCTP})
PUSH = 8
_HEADERS = {TCP: 52, UDP: 28}
"""Bytes of IPv4 and transport headers as they usually are (TCP with time stamps); IPv6 has 20 more."""
_BARE_TCP = 60
"""A SYN with its options is no longer."""
_REASONS = {1: "idle", 2: "active", 3: "fin", 4: "forced", 5: "evicted"}
"""flowEndReason of IPFIX (RFC 5102 §5.11.3)."""
_FLAGS = tuple(
    "".join(letter for bit, letter in FLAG_LETTERS if flags & bit) or "none" for flags in range(64)
)


@dataclass(slots=True, kw_only=True)
class Record:
    """One direction of a flow, and the other one when it is known. A hot path: plain numbers and bytes."""

    source: bytes
    target: bytes
    proto: int
    sport: int = 0
    """For ICMP the type."""
    dport: int = 0
    """For ICMP the code."""
    first: int
    """Microseconds since 1970."""
    last: int
    packets: int | None = None
    octets: int | None = None
    flags: int | None = None
    back_packets: int | None = None
    back_octets: int | None = None
    back_flags: int | None = None
    both: bool = False
    """The way back is known, or known to be missing."""
    sampling: int = 1
    reason: int = 0
    more: dict[str, Any] = field(default_factory=dict[str, Any])


def event_of(record: Record, module: str, sender: str) -> Event:
    """The event of a flow, without an id."""
    source, target, proto = record.source, record.target, record.proto
    ports = proto in WITH_PORTS
    first, last = record.first, max(record.first, record.last)
    event: Event = {
        "@timestamp": stamp(first),
        "event.kind": "event",
        "event.category": ["network"],
        "event.dataset": "network.flow",
        "event.module": module,
        "event.end": stamp(last),
        "event.duration": (last - first) * 1000,
        "source.ip": address(source),
        "destination.ip": address(target),
        "network.type": "ipv4" if len(source) == 4 else "ipv6",  # noqa: PLR2004 - bytes of an address
        "network.transport": TRANSPORT.get(proto) or str(proto),
        "network.community_id": community_id(source, target, proto, record.sport, record.dport),
        "log.source.address": sender,
    }
    if ports:
        event["source.port"], event["destination.port"] = record.sport, record.dport
    elif proto in {ICMP, ICMP6}:
        event["citywatch.icmp.type"], event["citywatch.icmp.code"] = record.sport, record.dport
    _sizes(event, record)
    notes = _payload(event, record)
    if proto == TCP and record.flags is not None:
        _tcp(event, record, record.flags)
    if record.sampling > 1:
        event["citywatch.flow.sampling"] = record.sampling
        notes.append("sampled")
    if not record.both:
        notes.append("one_way")
    if notes:
        event["citywatch.flow.notes"] = notes
    if record.reason:
        event["citywatch.flow.reason"] = _REASONS.get(record.reason, "other")
    event.update(record.more)
    return event


def _sizes(event: Event, record: Record) -> None:
    for name, there, back in (
        ("bytes", record.octets, record.back_octets),
        ("packets", record.packets, record.back_packets),
    ):
        if there is not None:
            event[f"source.{name}"] = there
        if back is not None:
            event[f"destination.{name}"] = back
        if there is not None:
            event[f"network.{name}"] = there + (back or 0)


def _payload(event: Event, record: Record) -> list[str]:
    """Payload is not told by flow records: bytes less the usual headers, nothing where nothing was pushed."""
    headers = _HEADERS.get(record.proto)
    if headers is None:
        return []
    more = 20 * (len(record.source) > 4)  # noqa: PLR2004 - bytes of an address
    noted: list[str] = []
    for name, octets, packets, flags in (
        ("out", record.octets, record.packets, record.flags),
        ("in", record.back_octets, record.back_packets, record.back_flags),
    ):
        if octets is None or packets is None:
            continue
        bare = record.proto == TCP and not (flags or 0) & PUSH and octets <= packets * (_BARE_TCP + more)
        event[f"citywatch.flow.payload.{name}_bytes"] = (
            0 if bare else max(0, octets - packets * (headers + more))
        )
        noted = ["payload_estimated"]
    return noted


def _tcp(event: Event, record: Record, flags: int) -> None:
    event["citywatch.flow.flags"] = _FLAGS[flags & 0x3F]
    if record.sampling > 1:
        return  # which packets were not looked at is not known
    back = record.back_flags if record.both else None
    event["citywatch.flow.state"] = state(flags, back or 0) if record.both else _alone(flags)


def _alone(flags: int) -> str:
    """The state as one side's flags tell it: who acknowledges after a SYN was answered.

    >>> _alone(0x02), _alone(0x1B), _alone(0x06), _alone(0x14)
    ('S0', 'SF', 'RSTOS0', 'OTH')
    """
    ack = 16
    return state(flags, flags & 0x13) if flags & ack and flags & 2 else state(flags, 0)
