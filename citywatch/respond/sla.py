"""Until when must a ticket be acknowledged, answered, contained and closed, and who is told before that?

Policies are a table (`tables/sla.toml`). A ticket's clocks follow from its own history alone: what moved it,
when, and how long it was on hold, so that they are right after any restart, whoever changed the ticket. A
ticket that is opened again begins a new round with new clocks.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import msgspec

from citywatch.clock import parse_stamp
from citywatch.errors import ContentError
from citywatch.model import Severity, Ticket
from citywatch.respond.house_table import house_table, read_toml
from citywatch.respond.lifecycle import ARROW
from citywatch.respond.worktime import AROUND, Calendar, Hours, read_days, read_hours

GOALS: Final = ("acknowledge", "answer", "contain", "close")
_RANK: Final[Mapping[str, int]] = {
    **dict.fromkeys(("new", "reopened"), 0),
    **dict.fromkeys(("triage", "confirmed", "on_hold"), 1),
    **dict.fromkeys(("contained", "recovered", "reported"), 2),
    **dict.fromkeys(("closed", "false_positive", "duplicate"), 3),
}
"""How far a state is: 1 reaches `acknowledge`, 2 `contain`, 3 `close`."""
_GOAL_OF_RANK: Final = {1: "acknowledge", 2: "contain", 3: "close"}
_TIME = re.compile(r"([1-9][0-9]{0,4})([mhd])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """At which part of the time (in percent) who is told."""

    at: int
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one kind of ticket is given."""

    name: str
    targets: Mapping[str, timedelta]
    working: bool = False
    """Only working hours count."""
    priority: frozenset[str] = frozenset()
    agency: frozenset[str] = frozenset()
    remind: tuple[int, ...] = ()
    escalate: tuple[Step, ...] = ()

    def fits(self, ticket: Ticket) -> bool:
        """The ticket is of this policy's kind; a list that is empty leaves nobody out."""
        return (not self.priority or ticket.severity.name in self.priority) and (
            not self.agency or ticket.agency in self.agency
        )

    def steps(self, goal: str) -> list[Step]:
        """Who is told when, in order: reminders, then the escalation chain."""
        whom = ("agency",) if goal == "answer" else ("assignee",)
        found = [Step(at=part, to=whom) for part in self.remind] + list(self.escalate)
        return sorted(found, key=lambda step: step.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalClock:
    """How one goal of a ticket stands."""

    goal: str
    target: timedelta
    used: timedelta
    state: str
    """running, held (on hold), met."""
    due: datetime | None
    """When it would be late; None while it is held or met."""
    met_at: datetime | None = None

    @property
    def late(self) -> bool:
        """More time was used than there was."""
        return self.used > self.target

    @property
    def left(self) -> timedelta:
        """Counted time that is left; negative when late."""
        return self.target - self.used


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Somebody is to be told of a clock at a moment."""

    goal: str
    part: int
    """Percent of the time."""
    to: tuple[str, ...]
    at: datetime
    round: int

    def key(self, ticket_id: str) -> str:
        """What is told once only."""
        return f"{ticket_id}:{self.round}:{self.goal}:{self.part}"


@dataclass(slots=True)
class Course:
    """What a ticket's history says of its present round."""

    since: datetime
    round: int = 1
    rests: list[tuple[datetime, datetime | None]] = field(
        default_factory=list[tuple[datetime, datetime | None]]
    )
    """On hold from, to (None: still)."""
    met: dict[str, datetime] = field(default_factory=dict[str, datetime])

    @property
    def held(self) -> bool:
        return bool(self.rests) and self.rests[-1][1] is None

    def move(self, state: str, at: datetime) -> None:
        """The ticket came into a state."""
        if state == "reopened":
            self.since, self.round, self.rests, self.met = at, self.round + 1, [], {}
            return
        if self.held:
            self.rests[-1] = (self.rests[-1][0], at)
        if state == "on_hold":
            self.rests.append((at, None))
            self.met.setdefault("acknowledge", at)
            return
        reached = _RANK.get(state, 0)
        for rank, goal in _GOAL_OF_RANK.items():
            if rank <= reached:
                self.met.setdefault(goal, at)
            elif rank > 1:
                self.met.pop(goal, None)

    def spans(self, until: datetime) -> Iterator[tuple[datetime, datetime]]:
        """When the clock ran, up to a moment."""
        start = self.since
        for rest, end in self.rests:
            if rest >= until:
                break
            yield start, rest
            if end is None:
                return
            start = end
        if start < until:
            yield start, until

    def used(self, hours: Hours, until: datetime) -> timedelta:
        """Counted time up to a moment."""
        return sum((hours.between(start, end) for start, end in self.spans(until)), timedelta(0))

    def moment(self, hours: Hours, span: timedelta) -> datetime | None:
        """When so much counted time has passed; None when the clock is held before that."""
        start, left = self.since, span
        for rest, end in self.rests:
            passed = hours.between(start, rest)
            if left < passed:
                break
            if end is None:
                return None
            left -= passed
            start = end
        return hours.after(start, left)


def course_of(ticket: Ticket, people: Collection[str] = ()) -> Course | None:
    """Read a ticket's history; None when it does not say when it was opened.

    Args:
        ticket: the ticket.
        people: accounts of its agency: the first line of one of them in a round is the agency's answer.
    """
    try:
        course = Course(since=parse_stamp(ticket.opened_at))
    except ValueError:
        return None
    state = "new"
    for line in ticket.history:
        at = max(parse_stamp(line.at), course.since)
        before, arrow, after = line.what.partition(ARROW)
        if arrow and before in _RANK and after in _RANK:
            course.move(after, at)
            state = after
        elif line.what == "assigned" and line.by == line.note:
            course.met.setdefault("acknowledge", at)  # somebody took it
        if line.by in people:
            course.met.setdefault("answer", at)
    if state != ticket.state:
        course.move(ticket.state, max(parse_stamp(ticket.changed_at or ticket.opened_at), course.since))
    return course


@dataclass(frozen=True, slots=True, kw_only=True)
class Sla:
    """The policies and the working hours in force."""

    policies: tuple[Policy, ...]
    calendar: Calendar

    def policy(self, ticket: Ticket) -> Policy | None:
        """The first policy that fits."""
        return next((policy for policy in self.policies if policy.fits(ticket)), None)

    def hours(self, policy: Policy) -> Hours:
        return self.calendar if policy.working else AROUND

    def clocks(self, ticket: Ticket, now: datetime, people: Collection[str] = ()) -> list[GoalClock]:
        """How every goal of a ticket stands now; a closed ticket has no open ones."""
        policy, course = self.policy(ticket), course_of(ticket, people)
        if policy is None or course is None:
            return []
        hours = self.hours(policy)
        return [
            clock
            for goal in GOALS
            if goal in policy.targets
            and (clock := _clock(goal, policy.targets[goal], course, hours, now)) is not None
        ]

    @staticmethod
    def next_due(clocks: Sequence[GoalClock]) -> GoalClock | None:
        """The clock that runs out first: what a list shows."""
        running = {clock.due: clock for clock in reversed(clocks) if clock.due is not None}
        return running[min(running)] if running else None

    def notices(self, ticket: Ticket, people: Collection[str] = ()) -> list[Notice]:
        """Who is to be told of the goals that are not met, and when, as things stand."""
        policy, course = self.policy(ticket), course_of(ticket, people)
        if policy is None or course is None or course.held or "close" in course.met:
            return []
        hours, found = self.hours(policy), list[Notice]()
        for goal, target in policy.targets.items():
            if goal in course.met or (goal == "answer" and not ticket.agency):
                continue
            for step in policy.steps(goal):
                at = course.moment(hours, target * step.at / 100)
                if at is not None:
                    found.append(Notice(goal=goal, part=step.at, to=step.to, at=at, round=course.round))
        return sorted(found, key=lambda notice: notice.at)


def _clock(goal: str, target: timedelta, course: Course, hours: Hours, now: datetime) -> GoalClock | None:
    met = course.met.get(goal)
    if met is None and "close" in course.met:
        return None  # closed without it: nobody waits for it any more
    used = course.used(hours, met or now)
    state = "met" if met else "held" if course.held else "running"
    due = course.moment(hours, target) if state == "running" else None
    return GoalClock(goal=goal, target=target, used=used, state=state, due=due, met_at=met)


# -- the table -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A policy as it is written."""

    name: str
    clock: str = "calendar"
    priority: tuple[str, ...] = ()
    agency: tuple[str, ...] = ()
    acknowledge: str = ""
    answer: str = ""
    contain: str = ""
    close: str = ""
    remind: tuple[int, ...] = ()
    escalate: tuple[Step, ...] = ()


def load_sla(data: Path, timezone: str) -> Sla:
    """The policies in force: the house's own table, else ours.

    Raises:
        ContentError: a table is wrong; tells which policy.
    """
    file = house_table(data, "sla.toml")
    return read_sla(file, house_table(data, "holidays.tsv"), timezone)


def read_sla(file: Path, holidays: Path, timezone: str) -> Sla:
    """Policies and working hours from two tables.

    Raises:
        ContentError: one is wrong; tells what.
    """
    raw = read_toml(file)
    unknown = set(raw) - {"hours", "policy"}
    if unknown:
        raise ContentError(str(file), None, f"there is no section '{min(unknown)}'", "known: hours, policy")
    hours = read_hours(cast("dict[str, str]", raw.get("hours", {})), str(file))
    calendar = Calendar(hours=hours, zone=ZoneInfo(timezone), days=read_days(holidays))
    rows = cast("list[dict[str, Any]]", raw.get("policy", []))
    return Sla(policies=tuple(_policy(row, calendar, file) for row in rows), calendar=calendar)


def _policy(raw: dict[str, Any], calendar: Calendar, file: Path) -> Policy:
    where = f"policy '{raw.get('name', '?')}'"
    unknown = set(raw) - set(_Row.__dataclass_fields__)
    if unknown:
        known = ", ".join(sorted(_Row.__dataclass_fields__))
        raise ContentError(str(file), None, f"{where}: there is no '{min(unknown)}'", f"known: {known}")
    try:
        row = msgspec.convert(raw, _Row)
    except msgspec.ValidationError as error:
        raise ContentError(str(file), None, f"{where}: {error}") from error
    if row.clock not in {"calendar", "working"}:
        raise ContentError(str(file), None, f"{where}: clock '{row.clock}' is neither calendar nor working")
    odd = set(row.priority) - set(Severity.__members__)
    if odd:
        known = ", ".join(level.name for level in Severity)
        raise ContentError(str(file), None, f"{where}: there is no priority '{min(odd)}'", f"known: {known}")
    day = calendar.longest_day if row.clock == "working" else timedelta(days=1)
    written = {goal: str(getattr(row, goal)) for goal in GOALS}
    return Policy(
        name=row.name,
        targets={goal: _span(text, day, f"{where}: {goal}", file) for goal, text in written.items() if text},
        working=row.clock == "working",
        priority=frozenset(row.priority),
        agency=frozenset(row.agency),
        remind=row.remind,
        escalate=row.escalate,
    )


def _span(text: str, day: timedelta, where: str, file: Path) -> timedelta:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ContentError(str(file), None, f"{where}: '{text}' is no time", "write 15m, 4h or 3d")
    unit = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": day}[found[2]]
    return unit * int(found[1])
