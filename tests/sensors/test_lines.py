"""Are lines read whole from files that are packed, cut off, wide or made to hurt?"""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import Problem
from citywatch.ports import Place
from sensors import lines as module
from sensors.lines import MAX_LINE, Tally, head_of, lines, read_log, text_head

PACKERS: list[Callable[[bytes], bytes]] = [
    gzip.compress,
    bz2.compress,
    lzma.compress,
    zstandard.compress,
    bytes,
]


def read(
    path: Path, place: Place | None = None, *, whole: bool = True
) -> tuple[list[tuple[int, bytes]], list[Problem]]:
    problems: list[Problem] = []
    return list(lines(path, Tally("test", str(path), problems.append), place, whole=whole)), problems


@pytest.mark.parametrize("pack", PACKERS)
def test_packed_text_has_the_same_lines_and_offsets(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(pack(b"one\r\n\ntwo\nthree"))
    assert read(tmp_path / "x") == ([(0, b"one\r"), (6, b"two"), (10, b"three")], [])
    assert head_of(tmp_path / "x", 4) == b"one\r"


def test_a_mark_is_taken_off_and_wide_text_becomes_utf_8(tmp_path: Path) -> None:
    (tmp_path / "marked").write_bytes(b"\xef\xbb\xbfone\ntwo\n")
    (tmp_path / "wide").write_bytes("một\nhai\n".encode("utf-16"))
    assert read(tmp_path / "marked")[0] == [(0, b"one"), (7, b"two")]
    assert [line.decode() for _, line in read(tmp_path / "wide")[0]] == ["một", "hai"]
    assert text_head((tmp_path / "wide").read_bytes()).startswith("một".encode())


def test_a_packed_file_that_breaks_off_gives_what_stands_before(tmp_path: Path) -> None:
    text = b"".join(b"line %d of a log that goes on and on\n" % number for number in range(200_000))
    (tmp_path / "x.gz").write_bytes(gzip.compress(text)[:-2000])
    found, problems = read(tmp_path / "x.gz")
    assert len(found) > 1000
    assert problems[-1].fatal
    assert "breaks off" in problems[-1].what


def test_a_bomb_is_not_unpacked_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RATIO_FLOOR", 1 << 20)
    (tmp_path / "bomb.zst").write_bytes(zstandard.compress(b"\n" * (64 << 20)))
    found, problems = read(tmp_path / "bomb.zst")
    assert found == []
    assert "400 times" in problems[-1].what


def test_an_endless_line_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a" * (3 * MAX_LINE) + b"\nshort\n" + b"b" * (MAX_LINE + 1))
    found, problems = read(tmp_path / "x")
    assert found == [(3 * MAX_LINE + 1, b"short")]
    assert [problem.position for problem in problems] == ["line 1", "line 3"]


def test_a_missing_file_is_a_fatal_problem(tmp_path: Path) -> None:
    assert read(tmp_path / "absent")[1][0].fatal


def test_a_place_is_behind_a_line_only_with_its_last_event(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"one\ntwo\n")
    place = Place()
    tally = Tally("test", "x", lambda _: None)
    twice = read_log(tmp_path / "x", tally, lambda _: [{}, {}], place=place)
    assert [(event["log.offset"], place.offset) for event in twice] == [(0, 0), (0, 4), (4, 4), (4, 8)]


@given(st.binary(max_size=200), st.integers(0, 220))
def test_reading_on_from_any_line_gives_the_rest(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, cut: int
) -> None:
    path = tmp_path_factory.mktemp("lines") / "x"
    path.write_bytes(b"#" + text)
    everything, _ = read(path)
    place = Place()
    path.write_bytes((b"#" + text)[:cut])
    first, _ = read(path, place, whole=False)
    path.write_bytes(b"#" + text)
    rest, _ = read(path, place)
    assert first + rest == everything
