"""Is the right sensor told by what stands in a file?"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import Problem
from sensors.tell import sensor_for, sources

ACCESS = b'10.0.0.1 - - [22/Nov/2026:10:00:00 +0700] "GET / HTTP/1.1" 200 5 "-" "-"\n'
EVE = b'{"timestamp":"2026-11-22T10:00:00.000000+0700","event_type":"dns"}\n'
ZEEK = b'{"ts":1.0,"uid":"C1","id.orig_h":"10.0.0.1"}\n'
TABLE = b"#separator \\x09\n#path\tconn\n#fields\tts\n#types\ttime\n"
FLAT = b'{"EventID":1,"Channel":"Security","TimeCreated":"2026-11-22T10:00:00Z"}\n'
BEAT = b'{"@timestamp":"2026-11-22T10:00:00Z","winlog":{"channel":"Security","event_id":"1"}}\n'
PCAP = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
ROWS = [
    (ACCESS, "weblog"),
    (EVE, "eve"),
    (ZEEK, "zeek"),
    (TABLE, "zeek"),
    (FLAT, "winlog"),
    (BEAT, "winlog"),
    (b"[" + FLAT.strip() + b"]", "winlog"),
    (b"ElfFile\x00" + b"\x00" * 200, "winlog"),
    (PCAP, "network"),
]
PACKERS: list[Callable[[bytes], bytes]] = [
    gzip.compress,
    bz2.compress,
    lzma.compress,
    zstandard.compress,
    lambda data: data,
]


@pytest.mark.parametrize(("head", "name"), ROWS)
def test_files_are_told_apart_by_content(head: bytes, name: str) -> None:
    sensor = sensor_for(Path("whatever.txt"), head)
    assert sensor is not None
    assert sensor.name == name


def test_a_folder_is_walked_and_packed_files_are_opened(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for number, pack in enumerate(PACKERS):
        (tmp_path / "a" / "b" / f"log{number}").write_bytes(pack(ACCESS))
    (tmp_path / "a" / "README.md").write_bytes(b"# What is this?\n")
    problems: list[Problem] = []
    found = list(sources([tmp_path], problems.append))
    assert [sensor.name for _, sensor in found] == ["weblog"] * 5
    assert [problem.fatal for problem in problems] == [False]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04 and so on", "zip archive"),
        (b"\x00" * 257 + b"ustar" + b"\x00" * 200, "tar archive"),
        (b"nothing that anybody knows", "no sensor knows"),
        (b"", "empty"),
        (b"\x1f\x8bbroken", "broken"),
    ],
)
def test_what_nobody_reads_is_told_when_it_was_named(tmp_path: Path, content: bytes, what: str) -> None:
    (tmp_path / "x").write_bytes(content)
    problems: list[Problem] = []
    assert list(sources([tmp_path / "x"], problems.append)) == []
    assert what in problems[0].what
    assert problems[0].fatal


def test_a_missing_file_and_a_pipe_are_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    problems: list[Problem] = []
    assert list(sources([tmp_path / "absent", tmp_path / "pipe"], problems.append)) == []
    assert len(problems) == 2


@given(st.binary(max_size=300), st.sampled_from([row[0] for row in ROWS]), st.text(max_size=10))
def test_no_content_makes_telling_fail(noise: bytes, head: bytes, name: str) -> None:
    sensor_for(Path(name or "x"), noise)
    sensor_for(Path(name or "x"), head[:20] + noise + head[20:])


@pytest.mark.groundtruth
def test_every_capture_and_log_of_the_ground_truth_finds_its_sensor(groundtruth: Path) -> None:
    found = [sensor.name for _, sensor in sources([groundtruth], lambda _: None)]
    assert found.count("network") == 93
    assert found.count("winlog") == 145
