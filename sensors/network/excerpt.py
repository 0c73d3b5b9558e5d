"""Which packets belong to these conversations?

Picks the packets of flows out of captures, from the ring of an interface or from files, and writes them as
one pcap. Ends are compared without direction; fragments behind the first are taken by their addresses alone;
packets inside a tunnel are taken when the tunnel's own ends are wanted.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from citywatch.clock import micros
from citywatch.model import Event
from sensors.network import link as links
from sensors.network.flow import ICMP, ICMP6, TCP, UDP
from sensors.network.ip import Packet, version4, version6
from sensors.network.pcapfile import LONGEST, Record

SLACK_US = 2_000_000
"""Taken before and after what the events tell."""
_PROTOCOLS = {"tcp": TCP, "udp": UDP, "icmp": ICMP, "ipv6-icmp": ICMP6, "sctp": 132}
_WITH_PORTS = frozenset({TCP, UDP, 132})
_QUICK = struct.Struct(">H12x8s").unpack_from

Ends = tuple[bytes, bytes]
Chunk = tuple[int, bytes, Sequence[Record]]
"""Link type, buffer, packets in it."""


@dataclass(slots=True)
class Wanted:
    """What the packets must be of."""

    pairs: set[Ends] = field(default_factory=set[Ends])
    """Both ways of every wanted pair of addresses."""
    flows: set[tuple[bytes, bytes, int, int, int]] = field(
        default_factory=set[tuple[bytes, bytes, int, int, int]]
    )
    """Both ways: addresses, protocol, ports."""
    whole: set[Ends] = field(default_factory=set[Ends])
    """Pairs of which every packet is wanted."""
    claims: set[bytes] = field(default_factory=set[bytes])
    """Addresses that ARP packets tell of or ask for."""
    start_us: int = 0
    end_us: int = 0

    def add(self, event: Event) -> None:
        """Want the packets of an event."""
        source, target = _packed(event.get("source.ip")), _packed(event.get("destination.ip"))
        self._time(event)
        if event.get("event.dataset") == "network.arp":
            names = ("citywatch.arp.sender_ip", "citywatch.arp.target_ip")
            self.claims |= {raw for name in names if (raw := _packed(event.get(name)))}
        elif source and target:
            self.pairs |= {(source, target), (target, source)}
            proto = _PROTOCOLS.get(str(event.get("network.transport", "")), 0)
            sport, dport = event.get("source.port"), event.get("destination.port")
            if proto in _WITH_PORTS and isinstance(sport, int) and isinstance(dport, int):
                self.flows |= {(source, target, proto, sport, dport), (target, source, proto, dport, sport)}
            else:
                self.whole |= {(source, target), (target, source)}

    def add_pair(self, source: str, target: str) -> None:
        """Want every packet between two addresses."""
        ends = _packed(source), _packed(target)
        if ends[0] and ends[1]:
            both = {ends, (ends[1], ends[0])}
            self.pairs |= both
            self.whole |= both

    def span(self, first: str, last: str) -> None:
        """Widen the time."""
        self._widen(micros(first), micros(last))

    def _time(self, event: Event) -> None:
        first = str(event.get("@timestamp", ""))
        if first:
            self._widen(micros(first), micros(str(event.get("event.end", first))))

    def _widen(self, first: int, last: int) -> None:
        self.start_us = min(self.start_us or first - SLACK_US, first - SLACK_US)
        self.end_us = max(self.end_us, last + SLACK_US)

    def __bool__(self) -> bool:
        return bool(self.pairs or self.claims)


def _packed(value: Any) -> bytes:
    try:
        return ip_address(str(value)).packed
    except ValueError:
        return b""


def matching(wanted: Wanted, chunks: Iterable[Chunk]) -> Iterator[tuple[int, int, int, bytes]]:
    """The packets that are wanted: link type, time in microseconds, length on the wire, bytes."""
    pairs = {source + target for source, target in wanted.pairs if len(source) == 4}
    start_us, end_us = wanted.start_us, wanted.end_us
    for link, data, records in chunks:
        for us, start, captured, wire in records:
            if not start_us <= us <= end_us:
                continue
            if link == links.ETHERNET and captured >= 34:
                kind, ends = _QUICK(data, start + 12)
                if kind == links.IPV4 and ends not in pairs:
                    continue
            if _is_wanted(wanted, link, data, start, start + captured):
                yield link, us, wire, data[start : start + captured]


def _is_wanted(wanted: Wanted, link: int, data: bytes, start: int, end: int) -> bool:
    frame = links.frame(link, data, start, end)
    if frame is None:
        return False
    if frame.ethertype == links.ARP:
        at = frame.start
        return bool(wanted.claims) and (
            data[at + 14 : at + 18] in wanted.claims or data[at + 24 : at + 28] in wanted.claims
        )
    reader = {links.IPV4: version4, links.IPV6: version6}.get(frame.ethertype)
    packet = reader(data, frame.start, end) if reader else None
    return packet is not None and _is_of(wanted, packet, data)


def _is_of(wanted: Wanted, packet: Packet, data: bytes) -> bool:
    ends = packet.source, packet.target
    if ends not in wanted.pairs:
        return False
    if ends in wanted.whole or (packet.fragment is not None and packet.fragment[1]):
        return True
    if packet.proto not in _WITH_PORTS or packet.end - packet.start < 4:
        return False
    sport, dport = struct.unpack_from(">HH", data, packet.start)
    return (*ends, packet.proto, sport, dport) in wanted.flows


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """Packets as one pcap."""

    raw: bytes
    packets: int
    left_out: int
    """Wanted packets that found no room, or had another link type than the first."""


def excerpt(wanted: Wanted, chunks: Iterable[Chunk], *, most_bytes: int) -> Excerpt:
    """Write the wanted packets in the order of their time."""
    held: list[tuple[int, int, bytes]] = []
    room, kind, left_out = most_bytes - 24, -1, 0
    for link, us, wire, raw in matching(wanted, chunks):
        kind = link if kind < 0 else kind
        room -= len(raw) + 16
        if room < 0 or link != kind:
            left_out += 1
        else:
            held.append((us, wire, raw))
    held.sort(key=lambda packet: packet[0])
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, LONGEST, max(kind, 0))]
    for us, wire, raw in held:
        parts += (struct.pack("<IIII", us // 1_000_000, us % 1_000_000, len(raw), wire), raw)
    return Excerpt(raw=b"".join(parts), packets=len(held), left_out=left_out)
