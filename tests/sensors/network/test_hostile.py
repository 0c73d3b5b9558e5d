"""Does traffic that is made to cost much cost little?

Work is counted in calls, memory in bytes: nothing here depends on how fast the machine is.
"""

from __future__ import annotations

import gzip
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sensors.network import dns, stream
from sensors.network.body import UNPACKED_CAP
from sensors.network.capture import NetworkSensor
from sensors.network.sink import Events
from tests.sensors.network.effort import effort
from tests.sensors.network.packets import (
    START_US,
    Kept,
    Timed,
    block,
    ether,
    ip4,
    of,
    pcap,
    pcapng,
    read,
    talk,
    tcp,
    udp,
)
from tests.sensors.network.test_fuzz import MAKERS, flow

SEGMENTS = 65_535
A_SEGMENT = 40
"""Calls that a segment may cost."""
MIB = 1 << 20

LONG_MESSAGES = {
    "dns": b"\xff\xff" + bytes(70_000),
    "ftp": b"USER " + b"a" * 70_000,
    "http": b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000,
    "kerberos": b"\0\1\xff\xff\x6a" + bytes(70_000),
    "modbus": b"\0\1\0\0\0\xfe\1\3" + bytes(70_000),
    "mqtt": b"\x30\xff\xff\x7f" + bytes(70_000),
    "rdp": b"\3\0\xff\xff\x26\xe0" + bytes(70_000),
    "rpc": b"\5\0\x0b\3\x10\0\0\0\xff\xff\0\0" + bytes(70_000),
    "rtsp": b"DESCRIBE rtsp://a/1 RTSP/1.0\r\nX: " + b"a" * 70_000,
    "sip": b"REGISTER sip:a SIP/2.0\r\nX: " + b"a" * 70_000,
    "smb": b"\0\xff\xff\xff\xfeSMB" + bytes(70_000),
    "socks": b"\5\1\0" + b"\4" * 70_000,
    "smtp": b"EHLO " + b"a" * 70_000,
    "ssh": b"SSH-2.0-" + b"a" * 70_000,
    "telnet": b"a" * 70_000,
    "undecided": b"220 " + b"a" * 70_000,
    "tls": b"\x16\3\1\xff\xff\1\0\xff\xff" + bytes(70_000),
}
assert set(LONG_MESSAGES) >= set(MAKERS) - {"discovery", "ntp", "quic", "radius", "shell", "snmp"}, (
    "a protocol is not asked"
)


@pytest.mark.parametrize("protocol", sorted(LONG_MESSAGES))
def test_a_message_in_65_535_segments_of_one_byte_costs_each_a_little(protocol: str) -> None:
    load = LONG_MESSAGES[protocol]

    def attack() -> None:
        made = flow()
        made.app = MAKERS[protocol](Events("a.pcap", Kept()))
        made.out_next = 0
        for seq in range(SEGMENTS):
            stream.take(made, out=True, seq=seq, data=load[seq : seq + 1], size=1, us=START_US)
        stream.close(made)

    spent = effort(attack)
    assert spent.steps < SEGMENTS * A_SEGMENT
    assert spent.peak < MIB


FEWER = SEGMENTS // 4


def backwards() -> Iterator[int]:
    yield from range(FEWER - 1, -1, -1)


def every_second_first() -> Iterator[int]:
    yield from range(1, FEWER, 2)
    yield from range(0, FEWER, 2)


def in_blocks_from_behind() -> Iterator[int]:
    for start in range(0, FEWER, 120):
        yield from range(min(start + 119, FEWER - 1), start - 1, -1)


def shuffled() -> Iterator[int]:
    order = list(range(FEWER))
    random.Random(2).shuffle(order)  # noqa: S311 - repeatable on purpose
    yield from order


@pytest.mark.parametrize("order", [backwards, every_second_first, in_blocks_from_behind, shuffled])
def test_segments_out_of_order_wait_in_a_small_room(order: Callable[[], Iterator[int]]) -> None:
    segments = len(list(order()))

    def attack() -> None:
        made = flow()
        made.app = MAKERS["http"](Events("a.pcap", Kept()))
        made.out_next = 0
        for seq in order():
            stream.take(made, out=True, seq=seq, data=b"a", size=1, us=START_US)
            assert len(made.out_wait or ()) <= stream.MOST_WAITING
        stream.close(made)

    spent = effort(attack)
    assert spent.steps < segments * (stream.MOST_WAITING + A_SEGMENT)
    assert spent.peak < MIB


def test_a_capture_of_tiny_segments_is_read_right_and_costs_each_a_little(tmp_path: Path) -> None:
    size = SEGMENTS - 60
    load = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(talk([(">", load)], cut=1)))
    sensor = NetworkSensor()
    found = [
        event
        for event in sensor.read(path, lambda _: None, Kept())
        if event["event.dataset"] == "network.http"
    ]
    assert [(each["url.domain"], each["http.request.body.bytes"]) for each in found] == [("a", size)]
    spent = effort(lambda: list(sensor.read(path, lambda _: None, Kept())))
    assert spent.steps < SEGMENTS * A_SEGMENT
    assert spent.peak < 3 * path.stat().st_size + 8 * MIB


def packed(kind: str, size: int) -> bytes:
    plan = zlib.compressobj(9, wbits=31 if kind == "gzip" else 15)
    piece = bytes(MIB)
    return b"".join(plan.compress(piece) for _ in range(size // MIB)) + plan.flush()


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
def test_a_packed_body_that_grows_a_thousandfold_is_unpacked_only_to_its_cap(
    tmp_path: Path, kind: str
) -> None:
    bomb = packed(kind, 256 * MIB)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
    turns = [(">", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), ("<", head % (kind.encode(), len(bomb)) + bomb)]
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(talk(turns)))
    kept = Kept()
    spent = effort(lambda: list(NetworkSensor().read(path, lambda _: None, kept)))
    assert [len(body) for body in kept.bodies.values()] == [UNPACKED_CAP]
    assert spent.peak < 24 * MIB


def test_bombs_one_after_the_other_do_not_add_up(tmp_path: Path) -> None:
    bomb = packed("gzip", 64 * MIB)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    turns = [(">", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), ("<", head + bomb)] * 12
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(talk(turns)))
    spent = effort(
        lambda: [None for _ in NetworkSensor().read(path, lambda _: None, lambda data, _: str(len(data)))]
    )
    assert spent.peak < 24 * MIB


def test_a_capture_that_grows_a_thousandfold_is_read_piece_by_piece(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap.gz"
    frame = ether(ip4("10.0.0.5", "10.0.0.9", 17, udp(5000, 9, bytes(60_000))))
    one = pcap([(START_US, frame)])[24:]
    path.write_bytes(gzip.compress(pcap([]) + one * 2000))
    spent = effort(lambda: [None for _ in NetworkSensor().read(path, lambda _: None, Kept())])
    assert path.stat().st_size < MIB
    assert spent.peak < 24 * MIB


def dns_bomb(form: str) -> bytes:
    """A message whose names all go the longest way that pointers allow."""
    head = struct.pack(">HHHHHH", 1, 0x8180, 1, 65_535, 0, 0)
    question = b"\1a\0\0\1\0\1"
    if form == "chain":  # each pointer points to the one before
        chain = b"\xc0\x0c" + b"".join(struct.pack(">H", 0xC000 | 19 + 2 * n) for n in range(6000))
        return head + question + chain + chain
    if form == "long names":  # names of 255 bytes, each told by two
        name = b"".join(b"\x3f" + bytes([97 + n]) * 63 for n in range(3)) + b"\x3c" + b"z" * 60 + b"\0"
        record = b"\xc0\x0c" + struct.pack(">HHIH", 12, 1, 9, 2) + b"\xc0\x0c"
        return head + name + b"\0\1\0\1" + record * 4600
    return head + question + (b"\xc0\x0c" + struct.pack(">HHIH", 16, 1, 9, 1) + b"\0") * 5000


@pytest.mark.parametrize("form", ["chain", "long names", "many"])
def test_names_that_point_at_each_other_cost_bounded_work_and_give_a_bounded_event(form: str) -> None:
    raw = dns_bomb(form)
    assert len(raw) < 65_536
    spent = effort(lambda: dns.message(raw))
    assert spent.steps < 4000
    assert spent.peak < MIB
    event = dns.message(raw)
    assert len(str(event)) < 100_000


def lying(kind: int, length: int, body: bytes, *, again: int | None = None) -> bytes:
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length if again is None else again)


GOOD = (START_US, ether(ip4("10.0.0.5", "10.0.0.9", 17, udp(5000, 53, b"x" * 40))))
PACKET = struct.pack("<IIIII", 0, START_US >> 32, START_US & 0xFFFFFFFF, 60, 60)
FACE = struct.pack("<HHI", 1, 0, 65_535)
FATAL = {
    "no length at all": lying(6, 0, bytes(40)),
    "shorter than its own head": lying(6, 8, bytes(40)),
    "not a multiple of four": lying(6, 33, bytes(40)),
    "four gigabytes": lying(6, 0xFFFFFFFC, bytes(40)),
    "just over the bound": lying(6, (1 << 24) + 4, bytes(40)),
    "longer than the file": lying(6, 4096, bytes(40)),
    "two lengths": lying(6, 52, bytes(40), again=56),
    "a section without byte order": lying(0x0A0D0D0A, 28, bytes(16)),
    "an interface without a body": lying(1, 12, b""),
    "more interfaces than anybody has": block(1, FACE) * 5000,
}
PASSED_OVER = {
    "more captured than the block holds": block(6, PACKET[:12] + struct.pack("<II", 5000, 5000) + bytes(60)),
    "four gigabytes captured": block(6, PACKET[:12] + struct.pack("<II", 0xFFFFFFFF, 60) + bytes(60)),
    "of an interface that is not there": block(6, struct.pack("<I", 77) + PACKET[4:] + bytes(60)),
    "too short for a packet": block(6, bytes(8)),
}
HARMLESS = {
    "options longer than their block": block(1, FACE + struct.pack("<HH", 9, 0xFFFF) + b"\6\0\0\0"),
    "a clock of 2 to the 127": block(1, FACE + struct.pack("<HHBxxx", 9, 1, 0xFF)),
    "a section that says how long it is, wrongly": pcapng([])[:16]
    + struct.pack("<q", 1 << 60)
    + pcapng([])[24:28],
    "a block that nobody knows": block(0x0BAD, bytes(4000)),
}


@pytest.mark.parametrize("name", FATAL)
def test_a_block_whose_length_lies_ends_the_reading_and_what_came_before_is_told(
    name: str, tmp_path: Path
) -> None:
    events, problems = read(pcapng([GOOD]) + FATAL[name] + pcapng([GOOD])[28:], tmp_path)
    assert len(of(events, "flow")) == 1
    assert [problem.fatal for problem in problems] == [True]


@pytest.mark.parametrize("name", PASSED_OVER)
def test_a_packet_that_contradicts_itself_is_passed_over_and_told(name: str, tmp_path: Path) -> None:
    rest = pcapng([GOOD])[len(pcapng([])) :]
    events, problems = read(pcapng([GOOD]) + PASSED_OVER[name] + rest, tmp_path)
    assert of(events, "flow")[0]["network.packets"] == 2
    assert [problem.fatal for problem in problems] == [False]


@pytest.mark.parametrize("name", HARMLESS)
def test_what_does_not_matter_does_no_harm(name: str, tmp_path: Path) -> None:
    events, problems = read(pcapng([GOOD]) + HARMLESS[name] + pcapng([GOOD]), tmp_path)
    assert of(events, "flow")[0]["network.packets"] == 2
    assert problems == []


def test_fragments_that_overlap_hide_no_request(tmp_path: Path) -> None:
    whole = tcp(4000, 80, 1, "PA", b"GET /that HTTP/1.1\r\nHost: first\r\n\r\n" + b" " * 13)
    other = tcp(4000, 80, 1, "PA", b"GET /this HTTP/1.1\r\nHost: other\r\n\r\n" + b" " * 13)

    def frames(parts: list[tuple[bytes, int]]) -> list[Timed]:
        made = [ether(ip4("10.0.0.5", "10.0.0.80", 6, load, frag=frag, number=3)) for load, frag in parts]
        return [(START_US + turn, frame) for turn, frame in enumerate(made)]

    more = 0x2000
    parts = [(whole[:40], more), (other[16:40], more | 2), (whole[40:], 5)]
    events, _ = read(pcap(frames(parts)), tmp_path)
    assert [event["url.path"] for event in of(events, "http")] == ["/that"]
    assert of(events, "flow")[0]["citywatch.flow.notes"] == ["overlapping fragments"]
