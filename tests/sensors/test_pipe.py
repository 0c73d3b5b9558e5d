"""Is what comes through a pipe read as a file would be?"""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
import zstandard

from citywatch.model import Event, Problem
from sensors.pipe import PipedCapture, piped
from tests.sensors.network.packets import START_US, Kept, ether, ip4, pcap, read, talk, udp

WEB = pcap(talk([(">", b"GET /a HTTP/1.1\r\nHost: portal.test\r\n\r\n")]))
DNS = bytes.fromhex("123401000001000000000000") + b"\x05hanoi\x03gov\x02vn\x00\x00\x01\x00\x01"


def events(raw: bytes) -> tuple[list[Event], list[Problem]]:
    problems: list[Problem] = []
    found: list[Event] = []
    for path, sensor in piped(io.BufferedReader(io.BytesIO(raw)), problems.append):  # pyright: ignore[reportArgumentType] - any raw stream does
        found += sensor.read(path, problems.append, Kept())
    return found, problems


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_a_capture_in_a_pipe_gives_what_the_file_gives(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    found, problems = events(pack(WEB))
    plain, _ = read(WEB, tmp_path, "stdin")
    assert problems == []
    assert found == plain


def test_a_log_in_a_pipe_is_read_too() -> None:
    line = b'203.0.113.9 - - [22/Nov/2026:08:05:00 +0700] "GET / HTTP/1.1" 200 5 "-" "curl/8"\n'
    found, problems = events(line)
    assert problems == []
    assert found[0]["source.ip"] == "203.0.113.9"


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"", "the file is empty"),
        (b"\x1f\x8bnonsense", "the compressed data breaks off"),
        (b"nonsense", "no sensor knows what this is"),
    ],
)
def test_a_pipe_with_nothing_readable_is_told(raw: bytes, what: str) -> None:
    found, (problem,) = events(raw)
    assert found == []
    assert problem.what.startswith(what)
    assert problem.fatal


def test_events_come_while_the_pipe_is_still_open() -> None:
    taking, giving = os.pipe()
    first = ether(ip4("10.0.0.5", "10.0.0.1", 17, udp(5353, 53, DNS)))
    with os.fdopen(taking, "rb") as stream, os.fdopen(giving, "wb") as pipe:
        pipe.write(pcap([(START_US, first)]))
        pipe.flush()
        ((path, sensor),) = piped(stream, lambda _: None)
        assert isinstance(sensor, PipedCapture)
        lines = sensor.lines(path, lambda _: None, Kept())
        assert b'"dns.question.name":"hanoi.gov.vn"' in next(line for line in lines if line)
        ending = Thread(target=pipe.close)
        ending.start()
        assert b'"event.dataset":"network.flow"' in b"".join(lines)
        ending.join()
