"""How do the network tests make packets and captures, without any capture library?"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from citywatch.model import Event, Problem
from sensors.network.capture import NetworkSensor

START_US = 1_700_000_000_000_000
Timed = tuple[int, bytes]


def ether(payload: bytes, kind: int = 0x0800, vlan: int | None = None) -> bytes:
    tag = b"" if vlan is None else struct.pack(">HH", 0x8100, vlan)
    return bytes.fromhex("020000000001020000000002") + tag + struct.pack(">H", kind) + payload


def ip4(source: str, target: str, proto: int, payload: bytes, *, frag: int = 0, number: int = 1) -> bytes:
    ends = ip_address(source).packed + ip_address(target).packed
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), number, frag, 64, proto, 0) + ends + payload


def ip6(source: str, target: str, proto: int, payload: bytes) -> bytes:
    ends = ip_address(source).packed + ip_address(target).packed
    return struct.pack(">IHBB", 6 << 28, len(payload), proto, 64) + ends + payload


def tcp(sport: int, dport: int, seq: int, flags: str, payload: bytes = b"", ack: int = 0) -> bytes:
    bits = sum(1 << "FSRPAU".index(letter) for letter in flags)
    return struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 0x50, bits, 65535, 0, 0) + payload


def udp(sport: int, dport: int, payload: bytes) -> bytes:
    return struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload


def pcap(frames: Iterable[Timed], *, link: int = 1, order: str = "<", nanos: bool = False) -> bytes:
    magic = 0xA1B23C4D if nanos else 0xA1B2C3D4
    head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    parts = [head]
    for us, frame in frames:
        part = us % 1_000_000 * (1000 if nanos else 1)
        parts.append(struct.pack(order + "IIII", us // 1_000_000, part, len(frame), len(frame)) + frame)
    return b"".join(parts)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def pcapng(frames: Iterable[Timed], *, link: int = 1, order: str = "<", resolution: int = 6) -> bytes:
    section = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)
    options = struct.pack(order + "HHBxxxI", 9, 1, resolution, 0)
    parts = [section, block(1, struct.pack(order + "HHI", link, 0, 65535) + options, order)]
    for us, frame in frames:
        ticks = us * 10**resolution // 1_000_000
        head = struct.pack(order + "IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
        parts.append(block(6, head + frame, order))
    return b"".join(parts)


def talk(  # noqa: PLR0913 - a test names just what it is about
    turns: Sequence[tuple[str, bytes]],
    *,
    source: str = "10.0.0.5",
    target: str = "10.0.0.80",
    sport: int = 40000,
    dport: int = 80,
    start_us: int = START_US,
    cut: int = 1400,
    close: bool = True,
) -> list[Timed]:
    """A TCP conversation: turns of (`>` or `<`, bytes), with handshake and, if wanted, close."""
    frames: list[Timed] = []
    seqs = {">": 1000, "<": 9000}

    def send(way: str, flags: str, payload: bytes = b"") -> None:
        ends = (source, target, sport, dport) if way == ">" else (target, source, dport, sport)
        other = "<" if way == ">" else ">"
        segment = tcp(ends[2], ends[3], seqs[way], flags, payload, seqs[other])
        frames.append((start_us + len(frames) * 1000, ether(ip4(ends[0], ends[1], 6, segment))))
        seqs[way] += len(payload) + ("S" in flags) + ("F" in flags)

    send(">", "S")
    send("<", "SA")
    send(">", "A")
    for way, payload in turns:
        for at in range(0, len(payload), cut):
            send(way, "PA", payload[at : at + cut])
    if close:
        send(">", "FA")
        send("<", "FA")
        send(">", "A")
    return frames


class Kept:
    """An evidence folder in memory."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def __call__(self, data: bytes, media_type: str) -> str:  # noqa: ARG002 - the port's signature
        digest = hashlib.sha256(data).hexdigest()
        self.bodies[digest] = data
        return digest


def read(raw: bytes, folder: Path, name: str = "a.pcap") -> tuple[list[Event], list[Problem]]:
    """The events and problems of a capture given as bytes; read twice, as events and as lines of JSON."""
    path = folder / name
    path.write_bytes(raw)
    problems: list[Problem] = []
    events = list(_SENSOR.read(path, problems.append, Kept()))
    again: list[Problem] = []
    lines = b"".join(_SENSOR.lines(path, again.append, Kept())).splitlines()
    assert [written(line) for line in lines] == events
    assert again == problems
    return events, problems


_SENSOR = NetworkSensor()


def written(line: bytes) -> Event:
    """The event of a line of JSON, in which no name may stand twice."""

    def once(pairs: list[tuple[str, Any]]) -> Event:
        event = dict(pairs)
        assert len(event) == len(pairs), line
        return event

    return json.loads(line, object_pairs_hook=once)


def of(events: Iterable[Event], dataset: str) -> list[Event]:
    return [event for event in events if event["event.dataset"] == f"network.{dataset}"]
