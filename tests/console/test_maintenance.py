"""Is it known when an agency works on its portal, whatever its calendar holds?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.errors import InputError
from console.maintenance import read_calendar, window_at, windows

ZONE = "Asia/Ho_Chi_Minh"


def calendar(*lines: str) -> str:
    body = "\r\n".join(lines)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\n{body}\r\nEND:VCALENDAR\r\n"


def event(start: str, end: str, *more: str) -> str:
    return "\r\n".join(["BEGIN:VEVENT", "UID:1", f"DTSTART{start}", f"DTEND{end}", *more, "END:VEVENT"])


WEEKLY = calendar(
    event(
        ";TZID=Asia/Ho_Chi_Minh:20261121T220000",
        ";TZID=Asia/Ho_Chi_Minh:20261122T020000",
        "RRULE:FREQ=WEEKLY;BYDAY=SA",
        "EXDATE;TZID=Asia/Ho_Chi_Minh:20261205T220000",
        "SUMMARY:Nâng cấp cổng",
    )
)


@pytest.mark.parametrize(
    ("at", "open_"),
    [
        ("2026-11-28T15:30:00+00:00", True),
        ("2026-11-28T18:59:00+00:00", True),
        ("2026-11-28T19:00:00+00:00", False),
        ("2026-11-27T15:30:00+00:00", False),
        ("2026-12-05T15:30:00+00:00", False),
    ],
    ids=["within", "past midnight", "just over", "another day", "left out"],
)
def test_a_weekly_window_is_open_when_it_says(at: str, *, open_: bool) -> None:
    found = window_at(WEEKLY, datetime.fromisoformat(at), ZONE)
    assert (found is not None) == open_
    assert found is None or found.what == "Nâng cấp cổng"


def test_a_whole_day_and_a_time_without_zone_are_local() -> None:
    day = calendar(event(";VALUE=DATE:20261127", ";VALUE=DATE:20261128"))
    assert window_at(day, datetime(2026, 11, 26, 17, 30, tzinfo=UTC), ZONE) is not None
    assert window_at(day, datetime(2026, 11, 27, 17, 30, tzinfo=UTC), ZONE) is None
    floating = calendar(event(":20261127T080000", ":20261127T090000"))
    assert window_at(floating, datetime(2026, 11, 27, 1, 30, tzinfo=UTC), ZONE) is not None


def test_the_windows_to_come_are_listed_in_order() -> None:
    start = datetime(2026, 11, 27, tzinfo=UTC)
    found = windows(WEEKLY, start, start + timedelta(days=30), ZONE)
    assert [item.start.date().isoformat() for item in found] == [
        "2026-11-28",
        "2026-12-12",
        "2026-12-19",
        "2026-12-26",
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("no calendar", "is no iCalendar"),
        (calendar(), "has no event"),
        (
            calendar(event(":20261127T080000Z", ":20261127T090000Z", "RRULE:FREQ=SECONDLY")),
            "recurs within a day",
        ),
        (
            calendar(event(":20261127T080000Z", ":20261127T090000Z", "RRULE:FREQ=DAILY;BYMINUTE=0,1,2")),
            "recurs",
        ),
        (calendar("BEGIN:VEVENT", "UID:1", "END:VEVENT"), "has no start"),
        ("x" * 300_000, "is larger"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:2026xx\nEND:VEVENT\n", r"^[^\n]*is no iCalendar[^\n]*$"),
    ],
    ids=["text", "empty", "every second", "every minute", "no start", "large", "cut off"],
)
def test_a_bad_calendar_is_refused_with_its_reason(text: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        read_calendar(text)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_a_calendar_or_an_input_error(text: str) -> None:
    try:
        read_calendar(text)
    except InputError:
        assert window_at(text, datetime(2026, 11, 27, tzinfo=UTC), ZONE) is None
