"""How fast are tickets acknowledged, contained and closed, how many wait and how many were late?

By agency, and in all. Means are wall-clock time from the opening of a ticket's present round, less the time
on hold. Every number can be traced: a row names the tickets that it counts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from citywatch.clock import parse_stamp
from citywatch.model import Ticket
from citywatch.respond.sla import GOALS, Course, Sla, course_of
from citywatch.respond.worktime import AROUND

ALL = "*"
"""The row of all agencies together."""

People = Callable[[str], Collection[str]]
"""Accounts of an agency."""


@dataclass(slots=True)
class Row:
    """One agency's tickets in a period."""

    agency: str
    opened: list[str] = field(default_factory=list[str])
    closed: list[str] = field(default_factory=list[str])
    backlog: list[str] = field(default_factory=list[str])
    """Open at the end of the period."""
    reopened: list[str] = field(default_factory=list[str])
    late: dict[str, list[str]] = field(default_factory=lambda: {goal: [] for goal in GOALS})
    """Goals that were missed, of tickets that were opened in the period or wait at its end."""
    judged: dict[str, int] = field(default_factory=lambda: dict.fromkeys(GOALS, 0))
    """How many clocks of a goal were looked at."""
    times: dict[str, list[float]] = field(default_factory=lambda: {goal: [] for goal in GOALS})
    """Seconds to each goal that was met in the period."""

    def mean(self, goal: str) -> float | None:
        """Mean seconds to a goal."""
        held = self.times[goal]
        return sum(held) / len(held) if held else None

    @property
    def breaches(self) -> int:
        """How many goals were missed."""
        return sum(len(ids) for ids in self.late.values())

    def kept(self, goal: str) -> float | None:
        """The share of clocks of a goal that were kept."""
        return 1 - len(self.late[goal]) / self.judged[goal] if self.judged[goal] else None

    def flat(self) -> dict[str, Any]:
        """The numbers, for a table: seconds as whole numbers, none as nothing."""
        names = {"acknowledge": "mtta_s", "contain": "mttc_s", "close": "mttr_s", "answer": "mean_answer_s"}
        means = {names[goal]: _whole(self.mean(goal)) for goal in GOALS}
        late = {f"late_{goal}": len(ids) for goal, ids in self.late.items()}
        counts = {
            "opened": len(self.opened),
            "closed": len(self.closed),
            "reopened": len(self.reopened),
            "backlog": len(self.backlog),
        }
        return {"agency": self.agency} | counts | means | late | {"breaches": self.breaches}

    def ids(self) -> list[str]:
        """Every ticket that the row counts."""
        late = [one for ids in self.late.values() for one in ids]
        return sorted({*self.opened, *self.closed, *self.backlog, *self.reopened, *late})


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)


def measure(
    tickets: Iterable[Ticket], sla: Sla, start: datetime, end: datetime, people: People = lambda _: ()
) -> Mapping[str, Row]:
    """Count tickets of a period by agency, and all together under `ALL`.

    Args:
        tickets: any tickets; those that do not touch the period are passed over.
        sla: the policies in force.
        start: the period begins, inclusive.
        end: the period ends, exclusive; clocks are read at this moment.
        people: tells the accounts of an agency, for its answers.
    """
    rows: dict[str, Row] = {ALL: Row(ALL)}
    for ticket in tickets:
        course = course_of(ticket, people(ticket.agency))
        opened = _opened(ticket)
        if course is None or opened is None or opened >= end:
            continue
        for agency in (ALL, ticket.agency):
            _count(rows.setdefault(agency, Row(agency)), ticket, course, opened, (start, end))
        clocks = {clock.goal: clock for clock in sla.clocks(ticket, end, people(ticket.agency))}
        if opened >= start or _waits(course, end):
            for goal, clock in clocks.items():
                for agency in (ALL, ticket.agency):
                    rows[agency].judged[goal] += 1
                    if clock.late:
                        rows[agency].late[goal].append(ticket.id)
    return rows


def _opened(ticket: Ticket) -> datetime | None:
    try:
        return parse_stamp(ticket.opened_at)
    except ValueError:
        return None


def _waits(course: Course, end: datetime) -> bool:
    closed = course.met.get("close")
    return closed is None or closed >= end


def _count(
    row: Row, ticket: Ticket, course: Course, opened: datetime, period: tuple[datetime, datetime]
) -> None:
    start, end = period
    if opened >= start:
        row.opened.append(ticket.id)
    if course.round > 1 and start <= course.since < end:
        row.reopened.append(ticket.id)
    if _waits(course, end):
        row.backlog.append(ticket.id)
    for goal, at in course.met.items():
        if start <= at < end:
            row.times[goal].append(course.used(AROUND, at) / timedelta(seconds=1))
            if goal == "close":
                row.closed.append(ticket.id)
