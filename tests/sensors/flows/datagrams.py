"""How does a test make datagrams of flow records?"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from struct import pack

NOW = 1_795_000_000
"""Seconds since 1970 at which all of them are made."""
UP_MS = 3_600_000
FIELDS = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (6, 1), (1, 4), (2, 4), (22, 4), (21, 4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What a record says."""

    source: str
    target: str
    sport: int
    dport: int
    proto: int = 6
    flags: int = 2
    octets: int = 60
    packets: int = 1
    first_ms: int = 0
    """After NOW less one minute."""


def record(flow: Flow) -> bytes:
    """A record of `FIELDS`."""
    first = UP_MS - 60_000 + flow.first_ms
    return (
        ip_address(flow.source).packed
        + ip_address(flow.target).packed
        + pack(
            ">HHBBIIII",
            flow.sport,
            flow.dport,
            flow.proto,
            flow.flags,
            flow.octets,
            flow.packets,
            first,
            first + 1,
        )
    )


def five(flows: list[Flow], *, sequence: int = 0, sampling: int = 0) -> bytes:
    head = pack(">HHIIIIBBH", 5, len(flows), UP_MS, NOW, 0, sequence, 0, 0, sampling)
    rows = b""
    for flow in flows:
        first = UP_MS - 60_000 + flow.first_ms
        rows += ip_address(flow.source).packed + ip_address(flow.target).packed + bytes(8)
        rows += pack(">IIIIHH", flow.packets, flow.octets, first, first + 1, flow.sport, flow.dport)
        rows += pack(">BBBBHHBBH", 0, flow.flags, flow.proto, 0, 0, 0, 0, 0, 0)
    return head + rows


def set_of(number: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    return pack(">HH", number, len(body) + 4) + body


def template(number: int = 256, fields: tuple[tuple[int, int], ...] = FIELDS) -> bytes:
    return pack(">HH", number, len(fields)) + b"".join(pack(">HH", *field) for field in fields)


def nine(*sets: bytes, sequence: int = 0, domain: int = 7) -> bytes:
    return pack(">HHIIII", 9, len(sets), UP_MS, NOW, sequence, domain) + b"".join(sets)


def ipfix(*sets: bytes, sequence: int = 0, domain: int = 7) -> bytes:
    body = b"".join(sets)
    return pack(">HHIII", 10, len(body) + 16, NOW, sequence, domain) + body


def data(flows: list[Flow], number: int = 256) -> bytes:
    return set_of(number, b"".join(map(record, flows)))


def scan(ports: range, attacker: str = "203.0.113.66", victim: str = "10.20.2.10") -> list[Flow]:
    """A SYN and the RST that answers it, for each port."""
    return [
        flow
        for port in ports
        for flow in (
            Flow(
                source=victim,
                target=attacker,
                sport=port,
                dport=40_000,
                flags=0x14,
                octets=40,
                first_ms=port + 1,
            ),
            Flow(source=attacker, target=victim, sport=40_000, dport=port, first_ms=port),
        )
    ]


def sflow(packets: list[bytes], *, rate: int = 100, sequence: int = 1, expanded: bool = False) -> bytes:
    """A datagram with a sample for each Ethernet packet, and one with counters."""
    samples = pack(">III", 2, 8, 0) + bytes(4)
    for packet in packets:
        shown = packet[:128]
        raw = pack(">IIII", 1, len(packet) + 4, 4, len(shown)) + shown + bytes(-len(shown) % 4)
        head = pack(">III", 1, 0, 3) if expanded else pack(">II", 1, 3)
        ends = pack(">IIIIIII", rate, 0, 0, 0, 1, 0, 2) if expanded else pack(">IIIII", rate, 0, 0, 1, 2)
        body = head + ends + pack(">III", 1, 1, len(raw)) + raw
        samples += pack(">II", 3 if expanded else 1, len(body)) + body
    return pack(">II4sIIII", 5, 1, bytes([10, 0, 0, 1]), 0, sequence, 1000, len(packets) + 1) + samples
