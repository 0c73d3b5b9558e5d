"""Do the owners of a portal work on it right now, by their own calendar?

An agency hands in an iCalendar file (RFC 5545); every event in it is a maintenance window, recurring ones
too. A calendar comes from outside: its size and how often it may recur are bounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar

from citywatch.errors import InputError

LARGEST = 256_000
_MOST_EVENTS = 500
_MOST_SAID = 200
_TOO_OFTEN = frozenset({"SECONDLY", "MINUTELY", "HOURLY"})
_DAYS = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One maintenance window, in UTC."""

    start: datetime
    end: datetime
    what: str


def read_calendar(text: str, source: str = "calendar") -> Any:
    """Parse a calendar.

    Raises:
        InputError: it is none, is too large, or recurs too often.
    """
    if len(text) > LARGEST:
        raise InputError(source, "", f"is larger than {LARGEST} characters", "hand in the windows alone")
    try:
        calendar: Any = Calendar.from_ical(text)
    except (ValueError, IndexError, KeyError) as error:
        why = " ".join(str(error).split())[:_MOST_SAID]
        raise InputError(source, "", f"is no iCalendar file: {why}", "export it as .ics") from error
    events: list[Any] = list(calendar.walk("VEVENT"))
    if not events:
        raise InputError(source, "", "has no event (VEVENT) in it", "each event is a maintenance window")
    if len(events) > _MOST_EVENTS:
        raise InputError(source, "", f"has more than {_MOST_EVENTS} events", "hand in those to come")
    for number, event in enumerate(events, 1):
        _checked(event, source, number)
    return calendar


def _checked(event: Any, source: str, number: int) -> None:
    if "DTSTART" not in event:
        raise InputError(source, f"event {number}", "has no start (DTSTART)", "give each event its start")
    rules: Any = event.get("RRULE", [])
    each: list[Any] = cast("list[Any]", rules) if isinstance(rules, list) else [rules]
    for rule in each:
        often = {str(item).upper() for item in rule.get("FREQ", [])}
        if often & _TOO_OFTEN or any(name in rule for name in ("BYSECOND", "BYMINUTE", "BYHOUR")):
            raise InputError(source, f"event {number}", "recurs within a day", "let it recur daily at most")


def windows(text: str, start: datetime, end: datetime, timezone: str) -> list[Window]:
    """The windows of a calendar that touch a span, by their start; times without a zone are local.

    Raises:
        InputError: it cannot be read.
    """
    zone = ZoneInfo(timezone)
    calendar = read_calendar(text)
    try:
        found: list[Any] = list(recurring_ical_events.of(calendar).between(start, end))
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise InputError(
            "calendar", "", f"its events cannot be laid out: {error}", "export it anew"
        ) from error
    spans = [
        Window(
            start=_moment(event["DTSTART"].dt, zone),
            end=_moment(event["DTEND" if "DTEND" in event else "DTSTART"].dt, zone),
            what=str(event.get("SUMMARY", ""))[:200],
        )
        for event in found
    ]
    return sorted(
        (item for item in spans if item.end > start and item.start < end), key=lambda item: item.start
    )


def _moment(value: date | datetime, zone: ZoneInfo) -> datetime:
    if not isinstance(value, datetime):
        value = datetime.combine(value, time(), zone)
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)


@lru_cache(maxsize=4096)
def _of_day(text: str, day: date, timezone: str) -> tuple[Window, ...]:
    midnight = datetime.combine(day, time(), UTC)
    return tuple(windows(text, midnight - _DAYS, midnight + 2 * _DAYS, timezone))


def window_at(text: str, now: datetime, timezone: str) -> Window | None:
    """The window that is open now; none when the calendar cannot be read any more."""
    if not text:
        return None
    try:
        return _open(_of_day(text, now.date(), timezone), now)
    except InputError:
        return None


def _open(found: Iterable[Window], now: datetime) -> Window | None:
    return next((item for item in found if item.start <= now < item.end), None)
