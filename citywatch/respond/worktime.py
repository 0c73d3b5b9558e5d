"""How much working time lies between two moments, and when has so much of it passed?

Working hours by weekday, less the days off, plus the days worked instead (`tables/holidays.tsv`), in the
city's own time zone. A clock that never rests (`AROUND`) answers the same questions.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from citywatch.errors import ContentError

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
FARTHEST: Final = timedelta(days=3660)
"""Beyond ten years nothing is counted: a calendar without any working time must not be searched for ever."""

Span = tuple[time, time]
_SPAN = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]|24):([0-5][0-9])")


class Hours(Protocol):
    """Counts time."""

    def between(self, start: datetime, end: datetime) -> timedelta:
        """How much counted time lies between two moments; none when the end is not after the start."""
        ...

    def after(self, start: datetime, span: timedelta) -> datetime:
        """The moment at which so much counted time has passed since the start."""
        ...


class Around:
    """Every hour counts."""

    def between(self, start: datetime, end: datetime) -> timedelta:
        return max(end - start, timedelta(0))

    def after(self, start: datetime, span: timedelta) -> datetime:
        return start + span


AROUND: Final = Around()


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day that is not like its weekday."""

    on: date
    off: bool
    """Nobody works; else it is worked like a Monday, whatever its weekday."""
    name_vi: str = ""
    name_en: str = ""
    lunar: str = ""
    """Day and month of the lunar calendar, where that is what the holiday follows."""
    status: str = ""
    """decreed, law, or expected (the government has not decided yet)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Working hours and the days that are different."""

    hours: Mapping[int, tuple[Span, ...]]
    """Weekday (0 is Monday) to spans in local time, in order; 00:00 as an end is midnight."""
    zone: ZoneInfo
    days: Mapping[date, Day] = field(default_factory=dict[date, Day])

    @property
    def longest_day(self) -> timedelta:
        """How much is worked on the longest weekday."""
        sums = (sum((_length(span) for span in spans), timedelta(0)) for spans in self.hours.values())
        return max(sums, default=timedelta(0))

    def spans(self, day: date) -> list[tuple[datetime, datetime]]:
        """The working time of a local day, in UTC."""
        known = self.days.get(day)
        if known is not None and known.off:
            return []
        weekday = day.weekday() if known is None else 0
        return [
            (self._moment(day, start), self._moment(day if end > start else day + timedelta(days=1), end))
            for start, end in self.hours.get(weekday, ())
        ]

    def _moment(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self.zone).astimezone(UTC)

    def between(self, start: datetime, end: datetime) -> timedelta:
        total = timedelta(0)
        end = min(end, start + FARTHEST)
        day, last = start.astimezone(self.zone).date(), end.astimezone(self.zone).date()
        while day <= last:
            for begin, stop in self.spans(day):
                total += max(min(stop, end) - max(begin, start), timedelta(0))
            day += timedelta(days=1)
        return total

    def after(self, start: datetime, span: timedelta) -> datetime:
        left, day = span, start.astimezone(self.zone).date()
        farthest = start + FARTHEST
        while True:
            for begin, stop in self.spans(day):
                first = max(begin, start)
                if stop <= first:
                    continue
                if left <= stop - first:
                    return first + left
                left -= stop - first
            day += timedelta(days=1)
            if self._moment(day, time(0)) > farthest:
                return farthest


def _length(span: Span) -> timedelta:
    start, end = (timedelta(hours=at.hour, minutes=at.minute) for at in span)
    return end - start if end > start else end - start + timedelta(days=1)


def read_hours(given: Mapping[str, str], file: str) -> dict[int, tuple[Span, ...]]:
    """Working hours by weekday, as a table writes them: `monday = "08:00-12:00 13:00-17:00"`.

    Raises:
        ContentError: a weekday or a span is wrong, or spans overlap.
    """
    hours: dict[int, tuple[Span, ...]] = {}
    for name, text in given.items():
        if name not in DAYS:
            raise ContentError(
                file, None, f"[hours] '{name}' is not a weekday", f"write one of {', '.join(DAYS)}"
            )
        hours[DAYS.index(name)] = tuple(_read_spans(text, f"[hours] {name}", file))
    return hours


def _read_spans(text: str, where: str, file: str) -> Iterable[Span]:
    last = 0
    for part in text.split():
        found = _SPAN.fullmatch(part)
        start, end = (
            (int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])) if found else (0, 0)
        )
        if found is None or end <= start or end > _MIDNIGHT:
            raise ContentError(file, None, f"{where}: '{part}' is no span of hours", "write 08:00-12:00")
        if start < last:
            raise ContentError(file, None, f"{where}: '{part}' begins before the one before it ends")
        last = end
        yield time(*divmod(start, 60)), time(*divmod(end % _MIDNIGHT, 60))


_MIDNIGHT: Final = 24 * 60


def read_days(file: Path) -> dict[date, Day]:
    """The days that are different, from a table with tabs.

    Raises:
        ContentError: a line is wrong; with its number.
    """
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        found: dict[date, Day] = {}
        for number, row in enumerate(rows, 2):
            try:
                on = date.fromisoformat(row.get("date") or "")
            except ValueError:
                raise ContentError(
                    str(file), number, f"'{row.get('date')}' is no date", "write 2026-09-02"
                ) from None
            if row.get("kind") not in {"off", "work"}:
                raise ContentError(str(file), number, f"'{row.get('kind')}' is neither off nor work")
            found[on] = Day(
                on=on,
                off=row["kind"] == "off",
                name_vi=row.get("name_vi") or "",
                name_en=row.get("name_en") or "",
                lunar=row.get("lunar") or "",
                status=row.get("status") or "",
            )
    return found
