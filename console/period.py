"""From when to when is a week or a month, in the city's time?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from citywatch.errors import SettingsError

_PERIOD = re.compile(r"([0-9]{4})-(?:W([0-5][0-9])|([01][0-9]))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A week or a month in the city's time."""

    name: str
    start: datetime
    end: datetime

    @property
    def before(self) -> Period:
        """As long a time before it."""
        return Period(name="", start=self.start - (self.end - self.start), end=self.start)


def span_of(text: str, zone: ZoneInfo) -> Period:
    """A week (`2026-W47`, Monday to Sunday) or a month (`2026-11`).

    Raises:
        SettingsError: it is none.

    >>> period = span_of("2026-W47", ZoneInfo("Asia/Ho_Chi_Minh"))
    >>> f"{period.start:%d/%m} {period.end:%d/%m}"
    '16/11 23/11'
    """
    found = _PERIOD.fullmatch(text)
    wrong = SettingsError(f"'{text}' is no period; write 2026-W47 or 2026-11")
    if found is None:
        raise wrong
    year = int(found[1])
    try:
        first = date.fromisocalendar(year, int(found[2]), 1) if found[2] else date(year, int(found[3]), 1)
        after = first + timedelta(days=7) if found[2] else (first + timedelta(days=31)).replace(day=1)
    except (ValueError, OverflowError):
        raise wrong from None
    name = f"Tuần {int(found[2])} năm {year}" if found[2] else f"Tháng {first.month} năm {year}"
    start, end = (datetime.combine(day, datetime.min.time(), zone) for day in (first, after))
    last = (after - timedelta(days=1)).strftime("%d/%m/%Y")
    return Period(name=f"{name} (từ {first:%d/%m/%Y} đến {last})", start=start, end=end)
