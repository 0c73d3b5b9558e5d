"""Does the sensor read captures, and say where they lie?"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from citywatch.model import Problem
from citywatch.schema import resolve
from sensors.network import NetworkSensor
from tests.sensors.network.packets import (
    START_US,
    Kept,
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

WEB = [
    (">", b"GET /a?b=1 HTTP/1.1\r\nHost: portal.test\r\n\r\n"),
    ("<", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
]
DNS = bytes.fromhex("123401000001000000000000") + b"\x05hanoi\x03gov\x02vn\x00\x00\x01\x00\x01"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("form", ["micro", "nano", "ng"])
def test_every_capture_form_gives_the_same_events(tmp_path: Path, order: str, form: str) -> None:
    frames = talk(WEB)
    raw = pcapng(frames, order=order) if form == "ng" else pcap(frames, order=order, nanos=form == "nano")
    events, problems = read(raw, tmp_path)
    plain, _ = read(pcap(frames), tmp_path)
    assert problems == []
    assert events == plain
    assert [event["event.dataset"] for event in events] == ["network.http", "network.flow"]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_compressed_captures_give_the_same_events_under_another_name(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    raw = pcap(talk(WEB))
    events, problems = read(pack(raw), tmp_path, "b.pcap.packed")
    plain, _ = read(raw, tmp_path)
    assert problems == []
    assert [event["event.id"] for event in events] == [event["event.id"] for event in plain]


def test_every_field_is_in_the_schema_and_none_is_empty(tmp_path: Path) -> None:
    frames = [*talk(WEB), (1_700_000_001_000_000, ether(ip4("10.0.0.5", "10.0.0.1", 17, udp(5353, 53, DNS))))]
    events, _ = read(pcap(frames), tmp_path)
    for event in events:
        for name, value in event.items():
            known = resolve(name)
            assert known is not None, name
            assert value is not None
            assert isinstance(value, list) == known.many, name


def test_a_file_that_ends_in_a_packet_gives_the_rest_and_the_byte(tmp_path: Path) -> None:
    raw = pcap(talk(WEB))
    events, problems = read(raw[:-5], tmp_path)
    assert of(events, "http")
    (problem,) = problems
    last = len(raw) - 16 - 54
    assert (problem.position, problem.fatal) == (f"byte {last}", True)


@pytest.mark.parametrize(
    ("raw", "position"),
    [
        (b"", "byte 0"),
        (b"not a capture at all, but long enough", "byte 0"),
        (pcap([])[:10], "byte 4"),
        (pcap([]) + b"\xff" * 40, "byte 24"),
        (pcapng([]) + b"\x06\0\0\0\xff\xff\xff\x7f" + bytes(40), "byte 60"),
        (pcapng([]) + b"\x06\0\0\0\x10\0\0\0\0\0\0\0\x14\0\0\0", "byte 60"),
        (pcapng([])[:-2], "byte 28"),
        (gzip.compress(pcap(talk(WEB)))[:-20], "byte"),
    ],
)
def test_what_lies_is_told_with_its_byte(tmp_path: Path, raw: bytes, position: str) -> None:
    _, problems = read(raw, tmp_path)
    assert problems
    assert problems[-1].fatal
    assert any(problem.position.startswith(position) for problem in problems)


def test_a_missing_file_is_a_problem_and_no_error(tmp_path: Path) -> None:
    problems: list[Problem] = []
    assert list(NetworkSensor().read(tmp_path / "no.pcap", problems.append, Kept())) == []
    assert problems[0].fatal


def test_captures_are_known_by_their_first_bytes() -> None:
    sensor = NetworkSensor()
    assert sensor.recognizes(pcap([]), "x.log")
    assert sensor.recognizes(pcapng([], order=">"), "x")
    assert not sensor.recognizes(b'{"a": 1}', "x.pcap")


def test_a_full_table_writes_flows_early_and_says_so(tmp_path: Path) -> None:
    frames = [
        (
            1_700_000_000_000_000 + turn,
            ether(ip4("10.0.0.5", f"10.0.{turn >> 8}.{turn & 255}", 17, udp(9, 9, b"x" * 9))),
        )
        for turn in range(300)
    ]
    path = tmp_path / "many.pcap"
    path.write_bytes(pcap(frames))
    problems: list[Problem] = []
    events = list(NetworkSensor(most_flows=100).read(path, problems.append, Kept()))
    assert len(events) == 300
    assert sum(event["citywatch.flow.reason"] == "evicted" for event in events) >= 200
    assert "flow table was full" in problems[0].what


def test_a_full_table_loses_no_packet_though_time_goes_back(tmp_path: Path) -> None:
    frames: list[tuple[int, bytes]] = []
    for turn in range(900):
        at = START_US + (turn % 300) * 1_000_000  # three rounds of the same minutes
        segment = tcp(2000 + turn, 80, 1, "S")
        raw = ether(ip4("10.0.0.5", "10.0.0.80", 6, segment))
        frames.append((at, raw[:24] + b"\x12\x34" + raw[26:]))  # a wrong sum is noted after the flow began
    path = tmp_path / "back.pcap"
    path.write_bytes(pcap(frames))
    events = list(NetworkSensor(most_flows=50).read(path, lambda _: None, Kept()))
    assert sum(event["source.packets"] for event in events) == 900
    assert all(event["citywatch.flow.notes"] == ["wrong checksum"] for event in events)
