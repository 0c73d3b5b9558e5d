"""Is working time counted as a naive count minute by minute does, over weekends, holidays and Tết?"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from math import radians, sin
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.errors import ContentError
from citywatch.respond.worktime import AROUND, FARTHEST, Calendar, Day, read_days, read_hours
from citywatch.respond.worktime import DAYS as DAY_NAMES
from citywatch.schema import TABLES

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
OFFICE: dict[str, str] = dict.fromkeys(DAY_NAMES[:5], "08:00-12:00 13:00-17:00")
DAYS = read_days(TABLES / "holidays.tsv")
CITY = Calendar(hours=read_hours(OFFICE, "sla.toml"), zone=HANOI, days=DAYS)
NIGHT = Calendar(hours=read_hours({"saturday": "00:00-06:30 22:00-24:00"}, "sla.toml"), zone=HANOI)
BERLIN = Calendar(hours=read_hours({"sunday": "00:00-24:00"}, "sla.toml"), zone=ZoneInfo("Europe/Berlin"))


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=HANOI).astimezone(UTC)


def naive(calendar: Calendar, start: datetime, end: datetime) -> timedelta:
    """Look at every minute for itself."""
    count, minute = 0, start
    while minute < end:
        at = minute.astimezone(calendar.zone)
        known = calendar.days.get(at.date())
        weekday = at.weekday() if known is None else 0
        clock = at.time()
        spans = () if known is not None and known.off else calendar.hours.get(weekday, ())
        count += any(begin <= clock and (clock < stop or stop == time(0)) for begin, stop in spans)
        minute += timedelta(minutes=1)
    return timedelta(minutes=count)


moments = st.datetimes(datetime(2025, 1, 1), datetime(2028, 12, 20)).map(  # noqa: DTZ001 - made aware in the next line
    lambda at: at.replace(second=0, microsecond=0, tzinfo=UTC)
)


@settings(max_examples=60)
@given(start=moments, minutes=st.integers(-100, 8_000), calendar=st.sampled_from([CITY, NIGHT, BERLIN]))
def test_working_time_is_what_a_count_of_minutes_says(
    start: datetime, minutes: int, calendar: Calendar
) -> None:
    end = start + timedelta(minutes=minutes)
    assert calendar.between(start, end) == naive(calendar, start, end)


@given(start=moments, minutes=st.integers(1, 30_000), calendar=st.sampled_from([CITY, NIGHT, BERLIN]))
def test_so_much_time_has_passed_at_the_moment_after_and_not_a_minute_before(
    start: datetime, minutes: int, calendar: Calendar
) -> None:
    span = timedelta(minutes=minutes)
    end = calendar.after(start, span)
    assert calendar.between(start, end) == span
    assert calendar.between(start, end - timedelta(minutes=1)) == span - timedelta(minutes=1)


@given(start=moments, first=st.integers(0, 5000), second=st.integers(0, 5000))
def test_two_spans_one_after_the_other_are_one(start: datetime, first: int, second: int) -> None:
    middle, end = start + timedelta(minutes=first), start + timedelta(minutes=first + second)
    assert CITY.between(start, middle) + CITY.between(middle, end) == CITY.between(start, end)


@pytest.mark.parametrize(
    ("start", "hours", "end", "because"),
    [
        ("2026-11-23 08:00", 8, "2026-11-23 17:00", "a day with its noon"),
        ("2026-11-20 16:00", 2, "2026-11-23 09:00", "over a weekend"),
        ("2026-02-13 16:00", 2, "2026-02-23 09:00", "over Tết 2026: nine days"),
        ("2026-08-28 16:00", 2, "2026-09-03 09:00", "over National Day with the day that was swapped"),
        ("2026-08-21 16:00", 2, "2026-08-22 09:00", "into the Saturday that is worked instead"),
        ("2026-11-22 03:00", 1, "2026-11-23 09:00", "from a Sunday night"),
    ],
)
def test_days_that_people_here_know(start: str, hours: int, end: str, because: str) -> None:
    assert CITY.after(local(start), timedelta(hours=hours)) == local(end), because


def test_a_calendar_without_hours_ends_its_search() -> None:
    never = Calendar(hours={}, zone=HANOI)
    start = local("2026-11-23 08:00")
    assert never.between(start, start + timedelta(days=40)) == timedelta(0)
    assert never.after(start, timedelta(hours=1)) == start + FARTHEST


def test_around_the_clock_every_hour_counts() -> None:
    start = local("2026-02-17 03:00")
    assert AROUND.after(start, timedelta(hours=4)) == start + timedelta(hours=4)
    assert AROUND.between(start, start - timedelta(hours=4)) == timedelta(0)


@pytest.mark.parametrize(
    "given_hours",
    [
        {"funday": "08:00-12:00"},
        {"monday": "8-12"},
        {"monday": "12:00-08:00"},
        {"monday": "08:00-12:00 11:00-13:00"},
    ],
)
def test_hours_that_cannot_be_are_refused(given_hours: dict[str, str]) -> None:
    with pytest.raises(ContentError, match=r"^sla.toml: \[hours\]"):
        read_hours(given_hours, "sla.toml")


@pytest.mark.parametrize("line", ["2026-13-01\toff", "2026-01-01\tfree"])
def test_a_wrong_day_is_told_with_its_line(tmp_path: Path, line: str) -> None:
    file = tmp_path / "holidays.tsv"
    file.write_text(f"date\tkind\n2026-01-01\toff\n{line}\n", encoding="utf-8")
    with pytest.raises(ContentError, match=r"holidays.tsv:3: "):
        read_days(file)


# -- are the lunar days in the table those of the moon? --------------------------------------------------


def new_moon(number: int) -> datetime:
    """The instant of a new moon since 2000, to some minutes (Meeus, Astronomical Algorithms, chapter 49)."""
    t = number / 1236.85
    day = 2451550.09766 + 29.530588861 * number + 0.00015437 * t * t
    sun = radians(2.5534 + 29.10535670 * number)
    moon = radians(201.5643 + 385.81693528 * number)
    node = radians(160.7108 + 390.67050284 * number)
    e = 1 - 0.002516 * t
    day += -0.40720 * sin(moon) + 0.17241 * e * sin(sun) + 0.01608 * sin(2 * moon) + 0.01039 * sin(2 * node)
    day += 0.00739 * e * sin(moon - sun) - 0.00514 * e * sin(moon + sun) + 0.00208 * e * e * sin(2 * sun)
    return datetime(2000, 1, 1, 12, tzinfo=UTC) + timedelta(days=day - 2451545.0)


def month_starts(year: int) -> list[date]:
    """First days of the lunar months around a year, in the time of Hà Nội (UTC+7)."""
    first = int((year - 2000) * 12.3685) - 2
    return [(new_moon(number) + timedelta(hours=7)).date() for number in range(first, first + 17)]


def lunar(day: date) -> str:
    """Day and month of the lunar calendar, up to the fourth month: no leap month comes before it here."""
    starts = month_starts(day.year)
    month = max(start for start in starts if start <= day)
    tet = next(start for start in starts if date(day.year, 1, 21) <= start <= date(day.year, 2, 20))
    return f"{(day - month).days + 1}/{(starts.index(month) - starts.index(tet)) % 12 + 1}"


@pytest.mark.parametrize("day", [day for day in DAYS.values() if day.lunar], ids=lambda day: str(day.on))
def test_the_lunar_days_of_the_table_follow_the_moon(day: Day) -> None:
    assert lunar(day.on) == day.lunar


@pytest.mark.parametrize("year", [2025, 2026, 2027, 2028])
def test_every_year_has_the_holidays_of_the_labor_code(year: int) -> None:
    off = {day.on for day in DAYS.values() if day.off and day.on.year == year}
    fixed = {date(year, 1, 1), date(year, 4, 30), date(year, 5, 1), date(year, 9, 2)}
    assert fixed <= off
    named = [day.lunar for day in DAYS.values() if day.on in off and day.lunar]
    assert {"1/1", "2/1", "3/1", "10/3"} <= set(named)
    tet = [day.on for day in DAYS.values() if day.on in off and "Tết Nguyên đán" in day.name_vi]
    assert len(tet) == 5
