"""Are records of several lines whole, told by their first line, and bounded?"""

from __future__ import annotations

from pathlib import Path

import pytest

from citywatch.model import Event, Problem
from citywatch.ports import Place
from sensors import records as module
from sensors.lines import Tally
from sensors.records import Held, never, read_records


def translate(raw: bytes) -> Event:
    if b"bad" in raw:
        raise ValueError("bad")
    return {"message": raw.decode()}


def read(path: Path, place: Place | None = None, *, whole: bool = True) -> tuple[list[str], list[Problem]]:
    told: list[Problem] = []
    events = read_records(
        path,
        Tally("test", str(path), told.append),
        translate,
        begins=lambda line: line.startswith(b">"),
        ends=lambda held: held.lines[-1] == b"<",
        place=place,
        whole=whole,
    )
    return [event["message"] for event in events], told


def test_records_end_with_their_last_line_or_before_the_next(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(">a\n1\n>b\n<\n>bad\n2\n>c\n")
    found, told = read(tmp_path / "log")
    assert found == [">a\n1", ">b\n<", ">c"]
    assert [problem.position for problem in told] == ["line 5"]


def test_a_record_that_has_not_ended_is_taken_up_from_its_beginning(tmp_path: Path) -> None:
    place = Place()
    (tmp_path / "log").write_text(">a\n1\n>b\n2\n")
    assert read(tmp_path / "log", place, whole=False)[0] == [">a\n1"]
    assert (place.offset, place.line) == (5, 2)
    (tmp_path / "log").write_text(">a\n1\n>b\n2\n3\n<\n")
    assert read(tmp_path / "log", place, whole=False)[0] == [">b\n2\n3\n<"]
    assert place.line == 6


def test_a_record_without_end_is_told_and_what_follows_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_LINES", 10)
    (tmp_path / "log").write_text(">a\n" + "x\n" * 15 + ">b\n<\n")
    found, told = read(tmp_path / "log")
    assert found == ["x\n" * 4 + "x", ">b\n<"]
    assert [problem.what for problem in told] == ["a record that does not end"]


def test_never_waits_for_the_next() -> None:
    assert not never(Held())
