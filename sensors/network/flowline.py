"""How is a conversation written as a line of JSON, with the fewest steps?

The line that `citywatch decode` writes says the same as `flowevent.event_of`, laid out by hand, since most
events of a capture are these; tests hold it to the event. What two hosts have in common is written once for
all their flows: the beginning of the line, and the community id as far as the addresses decide it.
"""

from __future__ import annotations

from binascii import b2a_base64, hexlify
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b, sha1
from struct import Struct
from typing import Any

import orjson

from sensors.network.flow import SYN, TCP, TRANSPORT, UDP, Flow
from sensors.network.flowevent import ICMPS, WITH_PORTS, entropy, flags, state
from sensors.network.knock import Knock
from sensors.network.moment import address, before_position, community_id, community_of, raw_id, raw_stamp

MOST_PAIRS = 8192

_Hash = Any
_Pair = tuple[bytes, Callable[[], _Hash], bool | None]
"""The beginning of the line, a copy of SHA-1 that has read the addresses, and whether the originator's
address is the lower one (None: both are the same)."""
_PORTS = Struct(">8xHH").unpack
_HEAD = b'{"event.kind":"event","event.category":["network"],"event.module":"network","log.file.path":'
_FLOW = (
    b'%b"event.id":"%b","event.dataset":"network.flow","@timestamp":"%b","event.end":"%b",'
    b'"event.duration":%d,"source.bytes":%d,"source.packets":%d,"destination.bytes":%d,'
    b'"destination.packets":%d,"network.bytes":%d,"network.packets":%d,'
    b'"citywatch.flow.payload.out_bytes":%d,"citywatch.flow.payload.in_bytes":%d,'
    b'"citywatch.flow.reason":"%b"%b}\n'
)
_SILENT = (
    b'%b%b","source.port":%d,"destination.port":%d,"event.id":"%b","event.dataset":"network.flow",'
    b'"@timestamp":"%b","event.end":"%b",%b'
)


class FlowLines:
    """Writes the flows of one capture."""

    __slots__ = ("_head", "_pairs")

    def __init__(self, name: str) -> None:
        self._head = _HEAD + orjson.dumps(name)
        self._pairs: dict[int, dict[bytes, _Pair]] = {TCP: {}, UDP: {}}
        """By IP protocol and both IPv4 addresses."""

    def line(self, flow: Flow) -> bytes:
        """The flow's own event, as `event_of` has it."""
        first, last = flow.first, flow.last
        proto = flow.proto
        out_bytes, back_bytes = flow.out_bytes, flow.back_bytes
        out_packets, back_packets = flow.out_packets, flow.back_packets
        place = b"%b %d %d %d %d" % (flow.key, proto, first, flow.number, flow.part)
        stamp = raw_stamp(first)
        more = _ends_of(flow.out_seen, flow.back_seen, flow.history) if proto == TCP else b""
        if flow.load or flow.protocol or flow.notes or flow.extra:
            more += _more(flow)
        return _FLOW % (
            flow.start or self.start(flow), raw_id(b"flow", place), stamp,
            raw_stamp(last) if last != first else stamp,
            (last - first) * 1000 if last > first else 0,
            out_bytes, out_packets, back_bytes, back_packets,
            out_bytes + back_bytes, out_packets + back_packets, flow.out_load, flow.back_load,
            flow.reason.encode(), more,
        )  # fmt: skip

    def silent(self, knocks: list[Knock], reason: str) -> list[bytes]:
        """The lines of SYNs that nobody answered: the same for all but hosts, ports, time and number."""
        tails: dict[int, bytes] = {}
        pairs = self._pairs[TCP]
        before = before_position(b"flow")
        lines: list[bytes] = []
        for key, us, total, _, number in knocks:
            tail = tails.get(total)
            if tail is None:
                tail = tails[total] = _tail(total, reason)
            head, begun, straight = pairs.get(key[:8]) or self._pair(key, TCP)
            digest = begun()
            ports = key[8:]
            if straight is None:
                straight = ports[:2] <= ports[2:]
            digest.update(ports if straight else ports[2:] + ports[:2])
            place = b"%b 6 %d %d 0" % (key, us, number)
            stamp = raw_stamp(us)
            lines.append(
                _SILENT
                % (
                    head, b2a_base64(digest.digest(), newline=False), *_PORTS(key),
                    hexlify(blake2b(before[len(place)] + place, digest_size=16).digest()), stamp, stamp, tail,
                )
            )  # fmt: skip
        return lines

    def start(self, flow: Flow) -> bytes:
        """The first fields of every line of this flow, as `flowevent.base_of` has them."""
        key = flow.key
        pairs = self._pairs.get(flow.proto)
        if pairs is None or len(key) != 12 or flow.vlans or flow.tunnel:
            return self._rare(flow)
        head, begun, straight = pairs.get(key[:8]) or self._pair(key, flow.proto)
        if straight is None:
            straight = key[8:10] <= key[10:]
        digest = begun()
        digest.update(key[8:] if straight else flow.back_key[8:])
        return b'%b%b","source.port":%d,"destination.port":%d,' % (
            head,
            b2a_base64(digest.digest(), newline=False),
            *_PORTS(key),
        )

    def _pair(self, key: bytes, proto: int) -> _Pair:
        """What two hosts share; remembered."""
        pairs = self._pairs[proto]
        if len(pairs) >= MOST_PAIRS:
            pairs.clear()
        source, target = key[:4], key[4:8]
        both = source + target if source <= target else target + source
        begun = sha1(b"\0\0%b%c\0" % (both, proto), usedforsecurity=False)
        straight = None if source == target else source < target
        pair = pairs[key[:8]] = (self._ends(source, target, proto) + b"1:", begun.copy, straight)
        return pair

    def _ends(self, source: bytes, target: bytes, proto: int) -> bytes:
        words = (
            f',"source.ip":"{address(source)}","destination.ip":"{address(target)}",'
            f'"network.type":"{"ipv4" if len(source) == 4 else "ipv6"}",'
            f'"network.transport":"{TRANSPORT.get(proto) or proto}","network.community_id":"'
        )
        return self._head + words.encode()

    def _rare(self, flow: Flow) -> bytes:
        """The same for IPv6, tags, tunnels and protocols without ports."""
        key, proto = flow.key, flow.proto
        source, target, sport, dport = flow.ends()
        if proto in WITH_PORTS:
            community = community_of(key, flow.back_key, proto)
            more = f',"source.port":{sport},"destination.port":{dport}'
        else:
            community = community_id(source, target, proto, sport, dport)
            more = f',"citywatch.icmp.type":{sport},"citywatch.icmp.code":{dport}' if proto in ICMPS else ""
        if flow.vlans:
            more += f',"network.vlan.id":{orjson.dumps(flow.vlans).decode()}'
        if flow.tunnel:
            more += f',"network.inner.type":"{flow.tunnel}"'
        return self._ends(source, target, proto) + f'{community}"{more},'.encode()


def _tail(total: int, reason: str) -> bytes:
    """How the line of a SYN of so many bytes ends."""
    return (
        b'"event.duration":0,"source.bytes":%d,"source.packets":1,"destination.bytes":0,'
        b'"destination.packets":0,"network.bytes":%d,"network.packets":1,'
        b'"citywatch.flow.payload.out_bytes":0,"citywatch.flow.payload.in_bytes":0,'
        b'"citywatch.flow.reason":"%b"%b}\n' % (total, total, reason.encode(), _ends_of(SYN, 0, "S"))
    )


def _more(flow: Flow) -> bytes:
    """What not every flow has: payload, a protocol, oddities, fields that a protocol adds."""
    more = b""
    if flow.load:
        more = b',"citywatch.flow.payload.hex":"%b"' % hexlify(flow.load[:32])
        if not flow.protocol:
            more += b',"citywatch.flow.entropy":%a' % entropy(flow.load)
    if flow.protocol:
        more += b',"network.protocol":"%b"' % flow.protocol.encode()
    if flow.notes or flow.extra:
        rare = dict(flow.extra or {})
        if flow.notes:
            rare["citywatch.flow.notes"] = flow.notes
        more += b"," + orjson.dumps(rare)[1:-1]
    return more


@lru_cache(maxsize=4096)
def _ends_of(out_seen: int, back_seen: int, history: str) -> bytes:
    """State, flags and history: there are few of each."""
    return (
        f',"citywatch.flow.state":"{state(out_seen, back_seen)}","citywatch.flow.flags":"{flags(out_seen)}"'
        f',"citywatch.flow.history":"{history}"'
    ).encode()
