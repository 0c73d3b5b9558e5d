"""What does the event of a conversation say?

Twice: as an event (`event_of`) and as the line of JSON that `citywatch decode` writes (`line_of`). The line
is laid out by hand, since most events of a capture are these; tests hold it to the event.
"""

from __future__ import annotations

from functools import lru_cache
from math import log2

import orjson

from citywatch.model import Event
from sensors.network.flow import FIN, ICMP, ICMP6, RST, SYN, TCP, TRANSPORT, UDP, Flow
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
_FLAGS = tuple(
    "".join(letter for place, letter in enumerate("FSRPAU") if bits >> place & 1) or "none"
    for bits in range(64)
)


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
    total = 0.0
    for byte in set(data):
        count = data.count(byte)
        total -= count * log2(count / size)
    return round(total / size, 3) if size and total > 0 else 0.0


def base_of(flow: Flow, name: str) -> Event:
    """The fields that every event of this flow carries; made once."""
    base = flow.base
    if base is None:
        source, target, sport, dport = flow.ends()
        proto = flow.proto
        has_ports = proto in _WITH_PORTS
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
        elif proto in _ICMP:
            base["citywatch.icmp.type"] = sport
            base["citywatch.icmp.code"] = dport
        if flow.vlans:
            base["network.vlan.id"] = flow.vlans
        if flow.tunnel:
            base["network.inner.type"] = flow.tunnel
    return base


_CATEGORY = ["network"]
_WITH_PORTS = frozenset({TCP, UDP, 132})
_ICMP = frozenset({ICMP, ICMP6})


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
        event["citywatch.flow.flags"] = _FLAGS[flow.out_seen & 0x3F]
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


def line_of(flow: Flow, name: bytes) -> bytes:
    """The same as `event_of`, written.

    Args:
        flow: a flow that ended.
        name: the capture's name as JSON.
    """
    first, last = flow.first, flow.last
    key = flow.key
    out_bytes, back_bytes = flow.out_bytes, flow.back_bytes
    out_packets, back_packets = flow.out_packets, flow.back_packets
    place = b"%b %d %d %d %d" % (key, flow.proto, first, flow.number, flow.part)
    more = f'{_ends_of(flow.out_seen, flow.back_seen)}{flow.history}"' if flow.proto == TCP else ""
    if flow.load:
        more = f'{more},"citywatch.flow.payload.hex":"{flow.load[:32].hex()}"'
        if not flow.protocol:
            more = f'{more},"citywatch.flow.entropy":{entropy(flow.load)!r}'
    if flow.protocol:
        more = f'{more},"network.protocol":"{flow.protocol}"'
    line = (
        f'"event.id":"{event_id(b"flow", place)}","event.dataset":"network.flow",'
        f'"@timestamp":"{stamp(first)}","event.end":"{stamp(last)}",'
        f'"event.duration":{(last - first) * 1000 if last > first else 0},'
        f'"source.bytes":{out_bytes},"source.packets":{out_packets},'
        f'"destination.bytes":{back_bytes},"destination.packets":{back_packets},'
        f'"network.bytes":{out_bytes + back_bytes},"network.packets":{out_packets + back_packets},'
        f'"citywatch.flow.payload.out_bytes":{flow.out_load},'
        f'"citywatch.flow.payload.in_bytes":{flow.back_load},"citywatch.flow.reason":"{flow.reason}"{more}'
    ).encode()
    start = flow.start or start_of(flow, name)
    if not flow.notes and not flow.extra:
        return start + line + b"}\n"
    rare = dict(flow.extra or {})
    if flow.notes:
        rare["citywatch.flow.notes"] = flow.notes
    return start + line + b"," + orjson.dumps(rare, option=orjson.OPT_APPEND_NEWLINE)[1:]


@lru_cache(maxsize=4096)
def _ends_of(out_seen: int, back_seen: int) -> str:
    """State and flags, written, and the beginning of the history: there are few of each."""
    return (
        f',"citywatch.flow.state":"{state(out_seen, back_seen)}"'
        f',"citywatch.flow.flags":"{_FLAGS[out_seen & 0x3F]}","citywatch.flow.history":"'
    )


def start_of(flow: Flow, name: bytes) -> bytes:
    """The first fields of every line of this flow, as `base_of` has them; made once."""
    start = flow.start
    if start:
        return start
    key, proto = flow.key, flow.proto
    source, target, sport, dport = flow.ends()
    if proto in _WITH_PORTS:
        community = community_of(key, flow.back_key, proto)
        more = f',"source.port":{sport},"destination.port":{dport}'
    else:
        community = community_id(source, target, proto, sport, dport)
        more = f',"citywatch.icmp.type":{sport},"citywatch.icmp.code":{dport}' if proto in _ICMP else ""
    if flow.vlans:
        more += f',"network.vlan.id":{orjson.dumps(flow.vlans).decode()}'
    if flow.tunnel:
        more += f',"network.inner.type":"{flow.tunnel}"'
    start = flow.start = (
        _HEAD
        + name
        + (
            f',"source.ip":"{address(source)}","destination.ip":"{address(target)}",'
            f'"network.type":"{"ipv4" if len(source) == 4 else "ipv6"}",'
            f'"network.transport":"{TRANSPORT.get(proto) or proto}",'
            f'"network.community_id":"{community}"{more},'
        ).encode()
    )
    return start


_HEAD = b'{"event.kind":"event","event.category":["network"],"event.module":"network","log.file.path":'
