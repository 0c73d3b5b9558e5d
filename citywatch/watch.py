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
from itertools import islice
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

import msgspec

from citywatch.cycles import without_cycles
from citywatch.model import Alert, Event, Match, Problem, to_doc
from citywatch.ports import Follower, Journal, Keep, Report, Sensor, Store
from citywatch.resume import Peek, key, noted, plain_bytes, taken_up

JUDGE = "judge"
"""The judge's name as a reader of the journal."""

_PENDING = "pending:"
CREW_SHARE = 4
"""A crew is given so many times as many events at once."""


class Judging(Protocol):
    """What the judge asks: `detect.rulebook.Rulebook`."""

    @property
    def windows(self) -> Mapping[str, str]: ...
    def look(self, events: Sequence[Event]) -> Sequence[Any]: ...
    def settle(self, seen: Sequence[Any]) -> list[Match]: ...
    def changes(self) -> dict[str, bytes | None]: ...
    def restore(self, state: dict[str, bytes]) -> None: ...
    def adopt(self, older: Self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What the rules see in the next events, before anything is counted over events."""

    count: int
    last: int
    """Sequence of the last of them."""
    seen: Sequence[Any]


class Crew(Protocol):
    """Several processes that look at events at the same time: `console.crew.Workers`."""

    def look(self, after: int, last: int) -> Looked:
        """See the events after a sequence up to another, all of them."""
        ...

    def renew(self, rules: Any) -> None:
        """Look by these rules from now on."""
        ...


class Folding(Protocol):
    """What the judge folds with: `detect.fold.Fold`."""

    def tune(self, windows: Mapping[str, str]) -> None: ...
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


def gather(  # noqa: PLR0913 - the doors of the walk, each named
    sensor: Sensor,
    path: Path,
    journal: Journal,
    *,
    report: Report,
    keep: Keep,
    whole: bool = True,
    batch: int = 1000,
    peek: Peek = plain_bytes,
) -> Gathered:
    """Read one source into the journal.

    Events that were read before are known by their ids and not written again. A log that grows is taken up
    at the place where the last reading ended: that place is noted in the same transaction as the events
    before it. A source that was read to its end is noted too, and `is_gathered` tells so.

    Args:
        sensor: knows the source.
        path: the source.
        journal: where its events go.
        report: is told what was passed over.
        keep: keeps evidence.
        whole: False while the source is still being written: a last line without an end is left for later.
        batch: events a transaction.
        peek: gives bytes of a log that may be packed, so that it is known again after rotation.

    Raises:
        JournalFull: the judge or the shipper lags; try again later, nothing is lost.
    """
    problems: list[Problem] = []

    def note(problem: Problem) -> None:
        problems.append(problem)
        report(problem)

    mark = fingerprint(path)
    seen = new = 0
    if isinstance(sensor, Follower):
        place = taken_up(path, journal, peek)
        events = sensor.read(path, note, keep, place=place, whole=whole)
    else:
        place = None
        events = sensor.read(path, note, keep)
    for chunk in _batches(events, batch):
        seen += len(chunk)
        new += journal.append(chunk, progress=noted(path, place))
    ended = {key("file", path): mark} if whole else {}
    journal.append([], progress=noted(path, place) | ended)
    return Gathered(events=seen, new=new, problems=len(problems), whole=not problems)


def is_gathered(path: Path, journal: Journal) -> bool:
    """This source was read to its end before and has not changed since."""
    return journal.progress(key("file", path)) == fingerprint(path)


def fingerprint(path: Path) -> bytes:
    """Size and time of change of a source."""
    stat = path.stat()
    return f"{stat.st_size}:{stat.st_mtime_ns}".encode()


def _batches(events: Iterator[Event], size: int) -> Iterator[list[Event]]:
    while chunk := list(islice(events, size)):
        yield chunk


Rules = TypeVar("Rules", bound=Judging)


class Judge(Generic[Rules]):
    """Follows the journal, asks the rules, folds what they say into alerts, starts the playbooks.

    The store may be down: alerts then wait in the judge's own state, detection goes on, and `flush` delivers
    them when it answers again.
    """

    def __init__(
        self,
        journal: Journal,
        rules: Rules,
        fold: Folding,
        store: Store,
        *,
        own: Callable[[Alert], Alert],
        start: Callable[[Sequence[Alert]], object],
    ) -> None:
        self._journal = journal
        self._crew: Crew | None = None
        self._rules = rules
        self._renewed: Rules | None = None
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

    def employ(self, crew: Crew) -> None:
        """Let several processes look; to be called before the first step."""
        self._crew = crew

    def renew(self, rules: Rules) -> None:
        """Judge by other rules from the next batch on; may be called from another thread.

        What rules count that stand unchanged in both goes on counting.
        """
        self._renewed = rules

    def _take_up(self) -> None:
        rules, self._renewed = self._renewed, None
        if rules is not None:
            if self._crew is not None:
                self._crew.renew(rules)
            rules.adopt(self._rules)
            self._fold.tune(rules.windows)
            self._rules = rules

    def step(self, limit: int = 2000) -> int:
        """Judge the next events; give how many. Nothing of it is half done after a kill."""
        self._take_up()
        with without_cycles():
            looked = self._look(limit)
            matches = self._rules.settle(looked.seen) if looked.count else []
        if not looked.count:
            return 0
        grown = {alert.id: self._own(alert) for alert in self._fold.add(matches)}
        self._pending.update(grown)
        state: dict[str, bytes | None] = _prefixed("r:", self._rules.changes())
        state.update(_prefixed("f:", self._fold.changes()))
        state.update({_PENDING + alert.id: msgspec.msgpack.encode(alert) for alert in grown.values()})
        self._journal.commit(JUDGE, looked.last, state=state)
        self.judged += looked.count
        self.matched += len(matches)
        return looked.count

    def _look(self, limit: int) -> Looked:
        if self._crew is not None:
            after, last = self._journal.cursor(JUDGE), self._journal.health().last
            return self._crew.look(after, min(last, after + limit * CREW_SHARE))
        events = self._journal.read(JUDGE, limit)
        last = int(events[-1]["event.sequence"]) if events else 0
        return Looked(count=len(events), last=last, seen=self._rules.look(events))

    def flush(self) -> int:
        """Hand the alerts that wait to the store and to the playbooks; give how many.

        Raises:
            StoreUnreachable: they go on waiting.
        """
        if not self._pending:
            return 0
        alerts = dict(self._pending)
        self._store.put_many("alert", {alert.id: to_doc(alert) for alert in alerts.values()})
        # In the order of the events that opened them: which alert opens a run must not hang on a restart.
        self._start(sorted(alerts.values(), key=_opened))
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


def _opened(alert: Alert) -> tuple[int, str]:
    return int(alert.event.get("event.sequence", alert.sequence)), alert.id


def _prefixed(prefix: str, state: Mapping[str, bytes | None]) -> dict[str, bytes | None]:
    return {prefix + key: value for key, value in state.items()}
