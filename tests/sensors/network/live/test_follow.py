"""Is every packet of the ring told of, or counted, whatever the journal says?"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from citywatch.errors import JournalFull
from citywatch.model import Event, Problem
from sensors.network.live.follow import Follower, told_of
from sensors.network.live.spool import Writer
from tests.sensors.network.packets import START_US, Kept, ether, ip4, udp


class Notes:
    """A journal in memory that may be full."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.notes: dict[str, bytes] = {}
        self.full = False

    def append(self, events: Sequence[Event], *, progress: Mapping[str, bytes] | None = None) -> int:
        if self.full:
            raise JournalFull("no room")
        self.events += events
        self.notes |= progress or {}
        return len(events)

    def progress(self, key: str) -> bytes | None:
        return self.notes.get(key)

    @property
    def told(self) -> int:
        flows = [event for event in self.events if event["event.dataset"] == "network.flow"]
        return sum(event["source.packets"] + event["destination.packets"] for event in flows)


class Ring:
    """A ring that the test writes, with a clock that follows its packets."""

    def __init__(self, folder: Path) -> None:
        self._folder = os.open(folder, os.O_RDONLY)
        self._writer = Writer(self._folder, file_bytes=5000, files=4)
        self.us = START_US

    def put(self, count: int, port: int = 1) -> None:
        for _ in range(count):
            frame = ether(ip4("10.0.0.1", "10.0.0.2", 17, udp(port, 9, b"x" * 30)))
            head = struct.pack("<IIII", self.us // 1_000_000, self.us % 1_000_000, len(frame), len(frame))
            self._writer.write(1, [head, frame], 1)
            self.us += 1000

    def clock(self) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.us)

    def close(self) -> None:
        self._writer.close()
        os.close(self._folder)


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Ring]:
    made = Ring(tmp_path)
    yield made
    made.close()


def follower(ring: Ring, folder: Path, notes: Notes, problems: list[Problem] | None = None) -> Follower:
    told = problems if problems is not None else []
    return Follower("in0", folder, notes, keep=Kept(), report=told.append, clock=ring.clock)


def run(one: Follower) -> None:
    while one.step():
        pass


def test_flows_that_are_idle_end_by_the_clock_though_no_packet_comes(ring: Ring, tmp_path: Path) -> None:
    notes = Notes()
    one = follower(ring, tmp_path, notes)
    ring.put(10)
    run(one)
    assert notes.told == 0
    for _ in range(20):
        ring.us += 10_000_000
        run(one)
    assert notes.told == 10
    assert {event["citywatch.flow.reason"] for event in notes.events} == {"idle"}
    assert {event["observer.ingress.interface.name"] for event in notes.events} == {"in0"}
    one.close()


def test_a_full_journal_delays_and_loses_nothing(ring: Ring, tmp_path: Path) -> None:
    notes = Notes()
    one = follower(ring, tmp_path, notes)
    ring.put(10)
    notes.full = True
    ring.us += 2_000_000
    with pytest.raises(JournalFull):
        run(one)
    notes.full = False
    ring.us += 2_000_000
    run(one)
    one.close()
    assert notes.told == 10
    assert told_of(notes, "in0").read == 10


def test_packets_that_were_overwritten_are_counted(ring: Ring, tmp_path: Path) -> None:
    notes = Notes()
    ring.put(1000)
    one = follower(ring, tmp_path, notes)
    run(one)
    one.close()
    told = told_of(notes, "in0")
    assert told.read == 1000
    assert told.overrun > 0
    assert notes.told + told.overrun == 1000


def test_a_killed_reader_goes_on_and_tells_what_it_forgot(ring: Ring, tmp_path: Path) -> None:
    notes, problems = Notes(), list[Problem]()
    one = follower(ring, tmp_path, notes)
    ring.put(7)
    ring.us += 2_000_000
    run(one)
    assert told_of(notes, "in0").living == 7
    two = follower(ring, tmp_path, notes, problems)
    assert [problem.what.partition(" ")[0] for problem in problems] == ["7"]
    ring.put(5, port=2)
    ring.us += 2_000_000
    run(two)
    two.close()
    assert told_of(notes, "in0").cut == 7
    assert notes.told == 5
    ids = [event["event.id"] for event in notes.events]
    assert len(ids) == len(set(ids))
