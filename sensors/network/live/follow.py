"""What do the packets of an interface say, as they come?

Reads the ring on disk while it is written, and writes the events to the journal together with how far it
has come. What no event tells of is counted, also after a kill: packets that were overwritten before they were
read (`overrun`), and packets of conversations that were still open when the service was killed (`cut`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from citywatch.clock import EPOCH, Clock
from citywatch.model import Event, Problem
from citywatch.ports import Keep, Report
from sensors.network.capture import Reading
from sensors.network.dissector import Dissector
from sensors.network.live.spool import Reader, Spot
from sensors.network.sink import Events
from sensors.network.table import MOST_FLOWS

_MOST_HELD = 2000
_EVERY_US = 1_000_000
_LAG_US = 2_000_000
"""How old a packet may be when the ring shows it: the clock of idle conversations runs so far behind."""


class Notes(Protocol):
    """Where events go, together with how far the reading has come: of `ports.Journal` what is asked here."""

    def append(self, events: Sequence[Event], *, progress: Mapping[str, bytes] | None = None) -> int: ...
    def progress(self, key: str) -> bytes | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How far an interface has been read, as the journal keeps it."""

    place: int = 0
    offset: int = 0
    read: int = 0
    """Packets of the ring that were read, or passed over because they were overwritten."""
    overrun: int = 0
    cut: int = 0
    living_flows: int = 0
    living: int = 0
    """Packets of conversations that have not ended: no event tells of them yet."""
    evicted: int = 0
    """Conversations that were written early because the table was full."""


def told_of(journal: Notes, name: str) -> Told:
    """How far this interface has been read."""
    raw = journal.progress(_key(name))
    return msgspec.msgpack.decode(raw, type=Told) if raw else Told()


def _key(name: str) -> str:
    return f"live:{name}"


class Follower:
    """Reads the packets of one interface into the journal."""

    def __init__(
        self,
        name: str,
        folder: Path,
        journal: Notes,
        *,
        keep: Keep,
        report: Report,
        clock: Clock,
        most_flows: int = MOST_FLOWS,
    ) -> None:
        self.name = name
        self._journal = journal
        self._report = report
        self._clock = clock
        before = told_of(journal, name)
        spot = Spot(before.place, before.offset, before.read, before.overrun) if before.place else Spot()
        self._reader = Reader(folder, spot)
        self._cut = before.cut + before.living
        if before.living:
            report(self._problem(before))
        self._evicted_before = before.evicted
        self._dissector = Dissector()
        self._reading = Reading(Events(name, keep), self._dissector, most_flows)
        self._held: list[Event] = []
        self._saved_us = 0
        self._saved_spot = spot
        self.told = before

    def _problem(self, before: Told) -> Problem:
        return Problem(
            sensor="network",
            source=self.name,
            position="",
            what=f"{before.living} packets of {before.living_flows} conversations were in memory when the "
            "service was killed; no flow event counts them",
        )

    def step(self) -> int:
        """Read what is there; give how many events became new.

        Raises:
            JournalFull: what was read waits; the ring on disk goes on filling meanwhile.
        """
        now = self._now()
        if len(self._held) < _MOST_HELD:
            chunk = self._reader.read()
            if chunk is None:
                self._hold(self._reading.advance(now - _LAG_US))
            else:
                self._hold(self._reading.take(chunk.link, chunk.data, chunk.records))
        else:
            chunk = None
        due = now - self._saved_us >= _EVERY_US
        if len(self._held) >= _MOST_HELD or (due and (self._held or self._reader.spot != self._saved_spot)):
            return self._save(now) + bool(chunk)
        return int(chunk is not None)

    def _now(self) -> int:
        return int((self._clock() - EPOCH).total_seconds() * 1_000_000)

    def _hold(self, events: list[Event]) -> None:
        for event in events:
            del event["log.file.path"]
            event["observer.ingress.interface.name"] = self.name
        self._held += events

    def _save(self, now: int) -> int:
        spot = self._reader.spot
        flows, packets = self._reading.living()
        told = Told(
            place=spot.place,
            offset=spot.offset,
            read=spot.number,
            overrun=spot.overrun,
            cut=self._cut,
            living_flows=flows,
            living=packets,
            evicted=self._evicted_before + self._reading.evicted,
        )
        new = self._journal.append(self._held, progress={_key(self.name): msgspec.msgpack.encode(told)})
        self._held = []
        self._saved_us, self._saved_spot, self.told = now, spot, told
        return new

    def close(self) -> None:
        """Read to the end, and write the conversations that are still open as they are.

        Raises:
            JournalFull: they could not be written; the next start counts them as cut.
        """
        try:
            while (chunk := self._reader.read()) is not None:
                self._hold(self._reading.take(chunk.link, chunk.data, chunk.records))
                if len(self._held) >= _MOST_HELD:
                    self._save(self._now())
            for told in self._reading.finish():
                self._hold(told)
            self._save(self._now())
            for problem in self._reading.problems():
                self._report(problem)
        finally:
            self._reader.close()
            self._dissector.close()
