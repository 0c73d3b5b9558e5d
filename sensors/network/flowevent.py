"""What does the event of a conversation say?

As an event; `flowline.py` writes the same as the line of JSON that `citywatch decode` gives.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from math import log2

from citywatch.model import Event
from sensors.network.flow import FIN, FIRST_LOAD, ICMP, ICMP6, RST, SYN, TCP, TRANSPORT, UDP, Flow
from sensors.network.moment import address, community_id, community_of, event_id, stamp

OWN = frozenset(
    {
        "@timestamp", "event.id", "event.dataset", "event.kind", "event.category", "event.module",
        "log.file.path", "source.ip", "destination.ip", "source.port", "destination.port", "network.type",
        "network.transport", "network.community_id", "network.protocol", "network.vlan.id",
        "network.inner.type", "citywatch.icmp.type", "citywatch.icmp.code",
    }
)  # fmt: skip
"""What an event of a flow may have from its flow."""
_FLAG_WORDS = tuple(
    "".join(letter for place, letter in enumerate("FSRPAU") if bits >> place & 1) or "none"
    for bits in range(64)
)


def flags(seen: int) -> str:
    """The TCP flags that one side was seen to send, a letter each.

    >>> flags(0x12), flags(0)
    ('SA', 'none')
    """
    return _FLAG_WORDS[seen & 0x3F]


def state(out: int, back: int) -> str:
    """The connection's state after Zeek's conn_state, from what each side was seen to do."""
    if not out & SYN:
        return "OTH" if not back & SYN else "SHR" if back & FIN else "OTH"
    if not back & 0x3F:
        return "RSTOS0" if out & RST else "SH" if out & FIN else "S0"
    if not back & SYN:
        return "REJ" if back & RST else "OTH"
    return answered(out, back)


def answered(out: int, back: int) -> str:
    """The state after both sides' SYN."""
    if out & RST:
        return "RSTO"
    if back & RST:
        return "RSTR"
    if out & FIN:
        return "SF" if back & FIN else "S2"
    return "S3" if back & FIN else "S1"


def entropy(data: bytes) -> float:
    """Bits a byte.

    >>> entropy(b"aaaa"), entropy(bytes(range(256)))
    (0.0, 8.0)
    """
    size = len(data)
    total = sum(map(_terms(size).__getitem__, Counter(data).values()))
    return round(total / size, 3) if size and total > 0 else 0.0


@lru_cache(maxsize=FIRST_LOAD + 1)
def _terms(size: int) -> tuple[float, ...]:
    """What a byte adds that stands there so many times (Shannon); in bits, by the count."""
    return (0.0, *(-count * log2(count / size) for count in range(1, size + 1)))


def base_of(flow: Flow, name: str) -> Event:
    """The fields that every event of this flow carries; made once."""
    base = flow.base
    if base is None:
        source, target, sport, dport = flow.ends()
        proto = flow.proto
        has_ports = proto in WITH_PORTS
        base = flow.base = {
            "event.kind": "event",
            "event.category": _CATEGORY,
            "event.module": "network",
            "log.file.path": name,
            "source.ip": address(source),
            "destination.ip": address(target),
            "network.type": "ipv4" if len(source) == 4 else "ipv6",
            "network.transport": TRANSPORT.get(proto) or str(proto),
            "network.community_id": community_of(flow.key, flow.back_key, proto)
            if has_ports
            else community_id(source, target, proto, sport, dport),
        }
        if has_ports:
            base["source.port"] = sport
            base["destination.port"] = dport
        elif proto in ICMPS:
            base["citywatch.icmp.type"] = sport
            base["citywatch.icmp.code"] = dport
        if flow.vlans:
            base["network.vlan.id"] = flow.vlans
        if flow.tunnel:
            base["network.inner.type"] = flow.tunnel
    return base


_CATEGORY = ["network"]
WITH_PORTS = frozenset({TCP, UDP, 132})
ICMPS = frozenset({ICMP, ICMP6})


def event_of(flow: Flow, name: str) -> Event:
    """The flow's own event."""
    first, last = flow.first, flow.last
    out_bytes, back_bytes = flow.out_bytes, flow.back_bytes
    out_packets, back_packets = flow.out_packets, flow.back_packets
    place = b"%b %d %d %d %d" % (flow.key, flow.proto, first, flow.number, flow.part)
    event: Event = {
        "@timestamp": stamp(first),
        "event.id": event_id(b"flow", place),
        "event.dataset": "network.flow",
        **base_of(flow, name),
        "event.end": stamp(last),
        "event.duration": (last - first) * 1000 if last > first else 0,
        "source.bytes": out_bytes,
        "source.packets": out_packets,
        "destination.bytes": back_bytes,
        "destination.packets": back_packets,
        "network.bytes": out_bytes + back_bytes,
        "network.packets": out_packets + back_packets,
        "citywatch.flow.payload.out_bytes": flow.out_load,
        "citywatch.flow.payload.in_bytes": flow.back_load,
        "citywatch.flow.reason": flow.reason,
    }
    if flow.proto == TCP:
        event["citywatch.flow.state"] = state(flow.out_seen, flow.back_seen)
        event["citywatch.flow.history"] = flow.history
        event["citywatch.flow.flags"] = flags(flow.out_seen)
    if flow.protocol:
        event["network.protocol"] = flow.protocol
    load = flow.load
    if load:
        event["citywatch.flow.payload.hex"] = load[:32].hex()
        if not flow.protocol:
            event["citywatch.flow.entropy"] = entropy(load)
    if flow.notes:
        event["citywatch.flow.notes"] = flow.notes
    if flow.extra:
        event.update(flow.extra)
    return event
