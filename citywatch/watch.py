"""How does one thing seen become something done? The walk itself: gather, judge, respond.

    look            keep        ask         fold        decide       act
    sensor ──▶ Event ──▶ journal, store ──▶ Match ──▶ Alert ──▶ Run ──▶ Ticket, notice, report

Each step may be killed at any instant and taken up again: what a sensor gives twice is known by its id,
what the judge knows is committed together with how far it has read, and an alert waits in that same commit
until the store has it and its playbooks have been started.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Protocol

import msgspec

from citywatch.model import Alert, Event, Match, Problem, to_doc
from citywatch.ports import Journal, Keep, Report, Sensor, Store

JUDGE = "judge"
"""The judge's name as a reader of the journal."""

_PENDING = "pending:"


class Judging(Protocol):
    """What the judge asks: `detect.rulebook.Rulebook`."""

    def judge(self, events: Sequence[Event]) -> list[Match]: ...
    def changes(self) -> dict[str, bytes | None]: ...
    def restore(self, state: dict[str, bytes]) -> None: ...


class Folding(Protocol):
    """What the judge folds with: `detect.fold.Fold`."""

    def add(self, matches: Sequence[Match]) -> list[Alert]: ...
    def changes(self) -> dict[str, bytes | None]: ...
    def restore(self, state: dict[str, bytes]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What came out of one source."""

    events: int
    new: int
    problems: int
    whole: bool
    """False when part of it could not be read."""


def gather(
    sensor: Sensor, path: Path, journal: Journal, *, report: Report, keep: Keep, batch: int = 1000
) -> Gathered:
    """Read one source into the journal.

    The events of a source that was read before are known by their ids and not written again. When the whole
    source was read, that is noted in the same transaction as its last events, and `is_gathered` tells so.

    Raises:
        JournalFull: the judge or the shipper lags; try again later, nothing is lost.
    """
    problems: list[Problem] = []

    def note(problem: Problem) -> None:
        problems.append(problem)
        report(problem)

    mark = fingerprint(path)
    seen = new = 0
    for events in _batches(sensor.read(path, note, keep), batch):
        seen += len(events)
        new += journal.append(events)
    whole = not any(problem.fatal for problem in problems)
    journal.append([], progress={_progress_key(path): mark})
    return Gathered(events=seen, new=new, problems=len(problems), whole=whole and not problems)


def is_gathered(path: Path, journal: Journal) -> bool:
    """This source was read whole before and has not changed since."""
    return journal.progress(_progress_key(path)) == fingerprint(path)


def fingerprint(path: Path) -> bytes:
    """Size and time of change of a source."""
    stat = path.stat()
    return f"{stat.st_size}:{stat.st_mtime_ns}".encode()


def _progress_key(path: Path) -> str:
    return (
        "file:" + blake2b(str(path.resolve()).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    )


def _batches(events: Iterator[Event], size: int) -> Iterator[list[Event]]:
    while chunk := list(islice(events, size)):
        yield chunk


class Judge:
    """Follows the journal, asks the rules, folds what they say into alerts, starts the playbooks.

    The store may be down: alerts then wait in the judge's own state, detection goes on, and `flush` delivers
    them when it answers again.
    """

    def __init__(
        self,
        journal: Journal,
        rules: Judging,
        fold: Folding,
        store: Store,
        *,
        own: Callable[[Alert], Alert],
        start: Callable[[Alert], object],
    ) -> None:
        self._journal = journal
        self._rules = rules
        self._fold = fold
        self._store = store
        self._own = own
        self._start = start
        self.judged = 0
        self.matched = 0
        state = journal.state(JUDGE)
        self._pending: dict[str, Alert] = {
            key.removeprefix(_PENDING): msgspec.msgpack.decode(value, type=Alert)
            for key, value in state.items()
            if key.startswith(_PENDING)
        }
        rest = {key: value for key, value in state.items() if not key.startswith(_PENDING)}
        rules.restore({key.removeprefix("r:"): v for key, v in rest.items() if key.startswith("r:")})
        fold.restore({key.removeprefix("f:"): v for key, v in rest.items() if key.startswith("f:")})

    @property
    def waiting(self) -> int:
        """How many alerts the store has not taken yet."""
        return len(self._pending)

    def step(self, limit: int = 2000) -> int:
        """Judge the next events; give how many. Nothing of it is half done after a kill."""
        events = self._journal.read(JUDGE, limit)
        if not events:
            return 0
        matches = self._rules.judge(events)
        grown = {alert.id: self._own(alert) for alert in self._fold.add(matches)}
        self._pending.update(grown)
        state: dict[str, bytes | None] = _prefixed("r:", self._rules.changes())
        state.update(_prefixed("f:", self._fold.changes()))
        state.update({_PENDING + alert.id: msgspec.msgpack.encode(alert) for alert in grown.values()})
        self._journal.commit(JUDGE, int(events[-1]["event.sequence"]), state=state)
        self.judged += len(events)
        self.matched += len(matches)
        return len(events)

    def flush(self) -> int:
        """Hand the alerts that wait to the store and to the playbooks; give how many.

        Raises:
            StoreUnreachable: they go on waiting.
        """
        if not self._pending:
            return 0
        alerts = dict(self._pending)
        self._store.put_many("alert", {alert.id: to_doc(alert) for alert in alerts.values()})
        for alert in alerts.values():
            self._start(alert)
        done: dict[str, bytes | None] = {_PENDING + alert_id: None for alert_id in alerts}
        self._journal.commit(JUDGE, self._journal.cursor(JUDGE), state=done)
        self._pending.clear()
        return len(alerts)

    def run(self) -> int:
        """Judge and deliver until the journal has nothing more; give how many events were judged."""
        total = 0
        while count := self.step():
            total += count
            self.flush()
        self.flush()
        return total


def _prefixed(prefix: str, state: Mapping[str, bytes | None]) -> dict[str, bytes | None]:
    return {prefix + key: value for key, value in state.items()}
