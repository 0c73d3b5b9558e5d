"""Do a week and a month begin and end in the city's time, and is anything else refused?"""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from citywatch.errors import SettingsError
from console.period import span_of

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")


def test_a_week_and_a_month_are_those_of_the_city() -> None:
    week, month = span_of("2026-W53", HANOI), span_of("2026-12", HANOI)
    assert (week.start.isoformat(), week.end.isoformat()) == (
        "2026-12-28T00:00:00+07:00",
        "2027-01-04T00:00:00+07:00",
    )
    assert (month.start.day, month.end.isoformat()) == (1, "2027-01-01T00:00:00+07:00")


@pytest.mark.parametrize("text", ["2026-W54", "2026-13", "2026-00", "2027-W53", "9999-12", "last", "2026-W4"])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="is no period"):
        span_of(text, HANOI)
