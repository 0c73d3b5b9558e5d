"""What does the law want reported of a ticket, to whom and until when, by the rules of its day?

Deadlines and recipients are a dated table (`tables/law.toml`), since they changed in 2025 and 2026 and will
change again. Which row is in force follows from the day on which the incident was seen. Nothing here is legal
advice: each row says who has verified it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import msgspec

from citywatch.clock import parse_stamp
from citywatch.errors import ContentError
from citywatch.model import Severity, Ticket
from citywatch.respond.house_table import house_table, read_toml
from citywatch.respond.sla import course_of

_SPAN: Final = re.compile(r"([0-9]{1,5})([hd])")
_STARTS: Final = frozenset({"detected", "resolved"})
_YEARLY: Final = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9])|(0[13-9]|1[0-2])-30|(0[13578]|1[02])-31")


@dataclass(frozen=True, slots=True, kw_only=True)
class Applies:
    """Which tickets a duty is about; what is empty leaves none out."""

    category: tuple[str, ...] = ()
    level: int = 0
    """Of the system, at least."""
    severity: str = "informational"
    """Of the ticket, at least."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Duty:
    """One row."""

    id: str
    title_vi: str
    title_en: str
    law: str
    effective_from: date
    source: str
    verified_by: str
    article: str = ""
    effective_until: date | None = None
    superseded_by: str = ""
    within: str = ""
    start: str = field(default="detected", metadata={"name": "from"})
    yearly: tuple[str, ...] = ()
    form: str = ""
    recipients: tuple[str, ...] = ()
    applies: Applies = field(default_factory=Applies)
    ask_vi: str = ""
    ask_en: str = ""
    note_vi: str = ""
    note_en: str = ""

    @property
    def span(self) -> timedelta | None:
        """How long there is; None for a duty of every year."""
        found = _SPAN.fullmatch(self.within)
        return timedelta(**{"hours" if found[2] == "h" else "days": int(found[1])}) if found else None

    @property
    def is_verified(self) -> bool:
        return "to be verified" not in self.verified_by.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A duty of a ticket."""

    duty: Duty
    due: datetime | None
    """None while its clock has not begun (a final report, before the incident is over)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """The table in force."""

    duties: tuple[Duty, ...]
    zone: ZoneInfo
    """Whose days count."""

    def in_force(self, on: date) -> list[Duty]:
        """The duties of a day."""
        begins = {duty.id: duty.effective_from for duty in self.duties}
        found: list[Duty] = []
        for duty in self.duties:
            following = begins.get(duty.superseded_by)
            ended = (following is not None and following <= on) or (
                duty.effective_until is not None and duty.effective_until < on
            )
            if duty.effective_from <= on and not ended:
                found.append(duty)
        return found

    def deadlines(self, ticket: Ticket, *, detected: str = "", level: int = 0) -> list[Deadline]:
        """Duties that may be about a ticket, the most urgent first; what must be judged, a person judges.

        Args:
            ticket: the ticket.
            detected: when the first of its alerts was seen (a stamp); else its opening counts.
            level: the level (1 to 5) of the system that it is about.
        """
        try:
            seen = parse_stamp(detected or ticket.opened_at)
        except ValueError:
            return []
        course = course_of(ticket)
        resolved = course.met.get("close") if course else None
        found: list[Deadline] = []
        for duty in self.in_force(seen.astimezone(self.zone).date()):
            span = duty.span
            if span is None or not _is_about(duty.applies, ticket, level):
                continue
            start = seen if duty.start == "detected" else resolved
            found.append(Deadline(duty=duty, due=start + span if start else None))
        return sorted(found, key=lambda one: (one.due is None, one.due or seen))

    def yearly(self, on: date) -> list[tuple[date, Duty]]:
        """The next day of every duty that comes each year, soonest first."""
        coming = [
            (next(day for day in _years(text, on) if day >= on), duty)
            for duty in self.in_force(on)
            for text in duty.yearly
        ]
        return sorted(coming, key=lambda pair: (pair[0], pair[1].id))


def _years(text: str, on: date) -> list[date]:
    return [date.fromisoformat(f"{year}-{text}") for year in (on.year, on.year + 1)]


def _is_about(applies: Applies, ticket: Ticket, level: int) -> bool:
    return (
        (not applies.category or any(one in applies.category for one in ticket.categories))
        and level >= applies.level
        and ticket.severity >= Severity[applies.severity]
    )


def load_law(data: Path, timezone: str) -> Law:
    """The table in force: the house's own, else ours.

    Raises:
        ContentError: it is wrong; tells which duty.
    """
    return read_law(house_table(data, "law.toml"), timezone)


def read_law(file: Path, timezone: str) -> Law:
    """Duties from a table.

    Raises:
        ContentError: it is wrong; tells which duty.
    """
    raw = read_toml(file)
    unknown = set(raw) - {"duty"}
    if unknown:
        raise ContentError(str(file), None, f"there is no section '{min(unknown)}'", "known: duty")
    duties = tuple(_duty(row, file) for row in cast("list[dict[str, Any]]", raw.get("duty", [])))
    known = {duty.id for duty in duties}
    if len(known) < len(duties):
        raise ContentError(str(file), None, "two duties have the same id")
    for duty in duties:
        if duty.superseded_by and duty.superseded_by not in known:
            what = f"duty '{duty.id}': superseded_by '{duty.superseded_by}' is not in the table"
            raise ContentError(str(file), None, what)
    return Law(duties=duties, zone=ZoneInfo(timezone))


def _duty(raw: dict[str, Any], file: Path) -> Duty:
    where = f"duty '{raw.get('id', '?')}'"
    row = {("start" if name == "from" else name): value for name, value in raw.items()}
    unknown = set(row) - set(Duty.__dataclass_fields__)
    if unknown or "start" in raw:
        raise ContentError(str(file), None, f"{where}: there is no '{min(unknown or {'start'})}'")
    try:
        duty = msgspec.convert(row, Duty)
    except msgspec.ValidationError as error:
        raise ContentError(str(file), None, f"{where}: {error}") from error
    for what, hint in _wrong(duty):
        raise ContentError(str(file), None, f"{where}: {what}", hint)
    return duty


def _wrong(duty: Duty) -> list[tuple[str, str]]:
    checks = (
        (bool(duty.yearly) == bool(duty.within), "it needs either 'within' or 'yearly'", ""),
        (bool(duty.within) and duty.span is None, f"within '{duty.within}' is no time", "write 72h or 5d"),
        (
            not all(_YEARLY.fullmatch(text) for text in duty.yearly),
            "a yearly day is no day of every year",
            "write 06-20",
        ),
        (
            duty.start not in {"detected", "resolved"},
            f"from '{duty.start}' is neither detected nor resolved",
            "",
        ),
        (duty.applies.severity not in Severity.__members__, f"no severity '{duty.applies.severity}'", ""),
        (not duty.source or not duty.verified_by, "it needs 'source' and 'verified_by'", ""),
    )
    return [(what, hint) for wrong, what, hint in checks if wrong]
