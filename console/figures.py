"""How does the city stand: what is open, with whom, how late, and how did it grow?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from zoneinfo import ZoneInfo

from citywatch.clock import Clock, stamp
from citywatch.model import Agency, Severity, from_doc
from citywatch.ports import All, Condition, Is, Not, Query, Range, Store
from citywatch.respond.lifecycle import CLOSED

DAYS = 14
FRESH = timedelta(seconds=30)
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
    """Figures that are counted anew only when they are older than `FRESH`: many may look at once."""

    def __init__(self, store: Store, clock: Clock, timezone: str) -> None:
        self._store, self._clock, self._timezone = store, clock, timezone
        self._lock = Lock()
        self._held: tuple[datetime, Figures] | None = None

    def figures(self) -> Figures:
        """The figures of now, or of a moment ago."""
        with self._lock:
            now = self._clock()
            if self._held is None or now - self._held[0] > FRESH:
                self._held = (now, count(self._store, now, self._timezone))
            return self._held[1]


def count(store: Store, now: datetime, timezone: str) -> Figures:
    """Count everything."""
    late_only = All((OPEN, Range("due_at", None, stamp(now)), Not(Is("due_at", ""))))
    severities = {
        level: dict(store.tally("ticket", All((OPEN, Is("severity", int(level)))), "agency"))
        for level in sorted(Severity, reverse=True)
    }
    late = dict(store.tally("ticket", late_only, "agency"))
    carried = store.tally("ticket", OPEN, "assignee")
    late_carried = dict(store.tally("ticket", late_only, "assignee"))
    by_severity = tuple((level, sum(held.values())) for level, held in severities.items())
    return Figures(
        at=stamp(now),
        open=sum(times for _, times in by_severity),
        late=sum(late.values()),
        by_severity=by_severity,
        by_state=tuple(store.tally("ticket", OPEN, "state")),
        workload=tuple((who, times, late_carried.get(who, 0)) for who, times in carried),
        trend=_trend(store, now, timezone),
        agencies=_standings(store, severities, late),
    )


def _trend(store: Store, now: datetime, timezone: str) -> tuple[Day, ...]:
    midnight = now.astimezone(ZoneInfo(timezone)).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [midnight - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    return tuple(
        Day(day=day.date().isoformat(), alerts=_alerts(store, day, day + timedelta(days=1))) for day in days
    )


def _alerts(store: Store, start: datetime, end: datetime) -> int:
    return store.find("alert", Query(order="last_seen", start=stamp(start), end=stamp(end), limit=0)).total


def _standings(
    store: Store, severities: Mapping[Severity, Mapping[str, int]], late: Mapping[str, int]
) -> tuple[Standing, ...]:
    page = store.find("agency", Query(order="name", newest_first=False, limit=_MOST_AGENCIES))
    found = [
        _standing(from_doc(record.doc, Agency), severities, late.get(record.id.lower(), 0))
        for record in page.records
    ]
    return tuple(sorted(found, key=lambda one: (one.score, -one.open, one.name)))


def _standing(agency: Agency, severities: Mapping[Severity, Mapping[str, int]], late: int) -> Standing:
    held = {level: counts.get(agency.id.lower(), 0) for level, counts in severities.items()}
    taken = sum(WEIGHTS[level] * times for level, times in held.items()) + LATE_WEIGHT * late
    return Standing(
        id=agency.id,
        name=agency.name,
        kind=agency.kind,
        open=sum(held.values()),
        worst=max((level for level, times in held.items() if times), default=None),
        late=late,
        score=max(100 - taken, 0),
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
