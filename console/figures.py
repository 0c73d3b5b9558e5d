"""How does the city stand: what is open, with whom, how late, and how did it grow?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock, Thread
from typing import Any
from zoneinfo import ZoneInfo

from citywatch.clock import Clock, stamp
from citywatch.errors import StoreError
from citywatch.model import Agency, Severity, from_doc
from citywatch.ports import All, Condition, Is, Not, Query, Store
from citywatch.respond.lifecycle import CLOSED

DAYS = 14
FRESH = timedelta(seconds=30)
STALE = timedelta(minutes=5)
WEIGHTS: Mapping[Severity, int] = {
    Severity.critical: 20,
    Severity.high: 10,
    Severity.medium: 4,
    Severity.low: 1,
    Severity.informational: 0,
}
"""What an open ticket takes from the hundred points of its agency."""
LATE_WEIGHT = 5
"""What it takes more when it is overdue."""
_MOST_AGENCIES = 2000
_MOST_OPEN = 50_000
_STEP = 1000

OPEN: Condition = All(tuple(Not(Is("state", state)) for state in sorted(CLOSED)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one agency stands."""

    id: str
    name: str
    kind: str = ""
    open: int = 0
    worst: Severity | None = None
    late: int = 0
    score: int = 100

    @property
    def state(self) -> str:
        """In a word: `good`, `watch` or `bad`."""
        if self.worst is not None and (self.worst >= Severity.critical or self.score < 50):  # noqa: PLR2004 - half
            return "bad"
        return "watch" if self.open else "good"


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The alerts whose last event is of one day, local time."""

    day: str
    alerts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All figures of one moment."""

    at: str
    open: int
    late: int
    by_severity: tuple[tuple[Severity, int], ...]
    by_state: tuple[tuple[str, int], ...]
    workload: tuple[tuple[str, int, int], ...]
    """Who, how many open tickets, how many of them overdue; nobody is the empty name."""
    trend: tuple[Day, ...]
    agencies: tuple[Standing, ...]
    """The worst first."""


class Board:
    """Figures that are counted anew only when they are older than `FRESH`: many may look at once.

    While they are counted anew, the ones before are shown, as long as they are not older than `STALE`.
    """

    def __init__(self, store: Store, clock: Clock, timezone: str) -> None:
        self._store, self._clock, self._timezone = store, clock, timezone
        self._lock = Lock()
        self._held: tuple[datetime, Figures] | None = None
        self._counting: Thread | None = None

    def figures(self) -> Figures:
        """The figures of now, or of a moment ago."""
        with self._lock:
            now = self._clock()
            if self._held is None or now - self._held[0] > STALE:
                self._held = (now, count(self._store, now, self._timezone))
            elif now - self._held[0] > FRESH and not (self._counting and self._counting.is_alive()):
                self._counting = Thread(target=self._count, args=(now,), daemon=True)
                self._counting.start()
            return self._held[1]

    def settle(self) -> None:
        """Wait for what is being counted."""
        if self._counting is not None:
            self._counting.join()

    def _count(self, now: datetime) -> None:
        """Count in the background; when the store does not answer, what is held grows stale and is told."""
        try:
            made = count(self._store, now, self._timezone)
        except StoreError:
            return
        with self._lock:
            self._held = (now, made)


@dataclass(slots=True)
class _Tally:
    """Open tickets of one agency by severity, and how many of them are overdue."""

    by_severity: Counter[Severity] = field(default_factory=Counter[Severity])
    late: int = 0


def count(store: Store, now: datetime, timezone: str) -> Figures:
    """Count everything: the open tickets are read once."""
    severities, states = Counter[Severity](), Counter[str]()
    carried, late_carried = Counter[str](), Counter[str]()
    agencies: defaultdict[str, _Tally] = defaultdict(_Tally)
    for doc in _open_tickets(store):
        severity, who, due = Severity(doc["severity"]), str(doc.get("assignee", "")), doc.get("due_at", "")
        late = bool(due) and due <= stamp(now)
        severities[severity] += 1
        states[str(doc["state"])] += 1
        carried[who] += 1
        late_carried[who] += late
        held = agencies[str(doc.get("agency", ""))]
        held.by_severity[severity] += 1
        held.late += late
    return Figures(
        at=stamp(now),
        open=severities.total(),
        late=late_carried.total(),
        by_severity=tuple((level, severities[level]) for level in sorted(Severity, reverse=True)),
        by_state=tuple(states.most_common()),
        workload=tuple((who, times, late_carried[who]) for who, times in carried.most_common()),
        trend=_trend(store, now, timezone),
        agencies=_standings(store, agencies),
    )


def _open_tickets(store: Store) -> Iterator[dict[str, Any]]:
    """Plain documents: they may be many, and five of their fields are wanted."""
    after: str | None = None
    for _ in range(_MOST_OPEN // _STEP):
        page = store.find(
            "ticket", Query(where=OPEN, order="changed_at", limit=_STEP, after=after, count_to=1)
        )
        yield from (record.doc for record in page.records)
        after = page.next
        if after is None:
            return


def _trend(store: Store, now: datetime, timezone: str) -> tuple[Day, ...]:
    midnight = now.astimezone(ZoneInfo(timezone)).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [midnight - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    return tuple(
        Day(day=day.date().isoformat(), alerts=_alerts(store, day, day + timedelta(days=1))) for day in days
    )


def _alerts(store: Store, start: datetime, end: datetime) -> int:
    return store.find("alert", Query(order="last_seen", start=stamp(start), end=stamp(end), limit=0)).total


def _standings(store: Store, held: Mapping[str, _Tally]) -> tuple[Standing, ...]:
    page = store.find("agency", Query(order="name", newest_first=False, limit=_MOST_AGENCIES))
    agencies = (from_doc(record.doc, Agency) for record in page.records)
    found = [_standing(agency, held.get(agency.id, _Tally())) for agency in agencies]
    return tuple(sorted(found, key=lambda one: (one.score, -one.open, one.name)))


def _standing(agency: Agency, held: _Tally) -> Standing:
    taken = sum(WEIGHTS[level] * times for level, times in held.by_severity.items())
    return Standing(
        id=agency.id,
        name=agency.name,
        kind=agency.kind,
        open=held.by_severity.total(),
        worst=max(held.by_severity, default=None),
        late=held.late,
        score=max(100 - taken - LATE_WEIGHT * held.late, 0),
    )


def spiral(number: int) -> Sequence[tuple[int, int]]:
    """Places of hexagons around a middle one, ring by ring, in axial coordinates.

    >>> spiral(4)
    [(0, 0), (1, 0), (0, 1), (-1, 1)]
    """
    places = [(0, 0)]
    ring = 0
    steps = ((-1, 1), (-1, 0), (0, -1), (1, -1), (1, 0), (0, 1))
    while len(places) < number:
        ring += 1
        q, r = ring, 0
        for dq, dr in steps:
            for _ in range(ring):
                places.append((q, r))
                q, r = q + dq, r + dr
    return places[:number]
