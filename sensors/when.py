"""When does a log line say it happened?

Every log writes time its own way; events carry `clock.stamp`. A time before 1970 or past 9998 is no time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from citywatch.clock import stamp

MONTHS = {
    "Jan": 1,
    "Feb": 2,
    "Mar": 3,
    "Apr": 4,
    "May": 5,
    "Jun": 6,
    "Jul": 7,
    "Aug": 8,
    "Sep": 9,
    "Oct": 10,
    "Nov": 11,
    "Dec": 12,
}
FIRST, LAST = 1970, 9998
SHORTEST = 19
"""Characters of an ISO time down to the second."""
LONG = 31
"""Characters of one with microseconds and a zone without a colon, as Suricata writes it."""


def written(moment: datetime) -> str:
    """A time as events carry it; without a zone it is UTC.

    Raises:
        ValueError: it is not a time that a log can have.
    """
    if not FIRST <= moment.year <= LAST:
        raise ValueError(f"no log was written in the year {moment.year}")
    return stamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def iso(text: str) -> str:
    """An ISO 8601 time as events carry it.

    >>> iso("2026-11-22T10:00:00.123456+0700"), iso("2026-11-22 03:00:00")
    ('2026-11-22T03:00:00.123456Z', '2026-11-22T03:00:00.000000Z')

    Raises:
        ValueError: it is none.
    """
    if len(text) == LONG and text[19] == "." and (part := text[20:26]).isdigit() and part.isascii():
        return f"{_SECONDS[text[:20] + text[26:]][0]}{part}Z"
    if len(text) < SHORTEST:
        raise ValueError(f"no such time: {text[:40]}")
    try:
        return written(datetime.fromisoformat(text.removesuffix(" UTC")))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"no such time: {text[:40]}") from error


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


class _Seconds(dict[str, tuple[str, int]]):
    """The second in UTC, up to its point, and since 1970: the lines of a log share it, so it is made once."""

    def __missing__(self, text: str) -> tuple[str, int]:
        if len(self) >= 4096:  # noqa: PLR2004 - about an hour
            self.clear()
        try:
            moment = datetime.fromisoformat(text.replace(".", "", 1))
            found = self[text] = written(moment)[:20], int(moment.timestamp())
        except (ValueError, OverflowError) as error:
            raise ValueError(f"no such time: {text[:19]}") from error
        return found


_SECONDS = _Seconds()


def from_to(begin: str, end: str) -> tuple[str, str, int]:
    """Two times as `iso` gives them, and the nanoseconds between; 0 when the end comes first.

    >>> from_to("2026-11-22T10:00:00.900000+0700", "2026-11-22T10:00:01.100001+0700")
    ('2026-11-22T03:00:00.900000Z', '2026-11-22T03:00:01.100001Z', 200001000)
    >>> from_to("2026-11-22T03:00:00.900000Z", "2026-11-22 03:00:01.100001")[2]
    200001000

    Raises:
        ValueError: one of them is none.
    """
    out, back = begin[20:26], end[20:26]
    both = out + back
    if len(begin) == len(end) == LONG and begin[19] == end[19] == "." and both.isdigit() and both.isascii():
        first, since = _SECONDS[begin[:20] + begin[26:]]
        last, until = _SECONDS[end[:20] + end[26:]]
        span = ((until - since) * 1_000_000 + int(back) - int(out)) * 1000
        return f"{first}{out}Z", f"{last}{back}Z", span if span > 0 else 0  # noqa: FURB136 - max is a call
    return from_to(*(f"{iso(text)[:26]}+0000" for text in (begin, end)))


def epoch(seconds: float) -> str:
    """Seconds (or, when it is that large, milliseconds) since 1970 as events carry it.

    >>> epoch(1_700_000_000.5)
    '2023-11-14T22:13:20.500000Z'

    Raises:
        ValueError: out of range.
    """
    try:
        micros = round((seconds / 1000 if seconds > 1e11 else seconds) * 1e6)  # noqa: PLR2004 - the year 5138
        minute, rest = divmod(micros, 60_000_000)
        second, part = divmod(rest, 1_000_000)
        return f"{_epoch_minute(minute)}:{second:02d}.{part:06d}Z"
    except (OverflowError, OSError) as error:
        raise ValueError(f"no such time: {seconds}") from error


@lru_cache(maxsize=1024)
def _epoch_minute(minute: int) -> str:
    return written(datetime.fromtimestamp(minute * 60, UTC))[:16]


def common_log(text: str) -> str:
    """`22/Nov/2026:10:00:00 +0700` as events carry it.

    >>> common_log("22/Nov/2026:10:00:07 +0700")
    '2026-11-22T03:00:07.000000Z'

    Raises:
        ValueError: it is no such time.
    """
    second = text[-8:-6]
    if not _digits(second) or second > "59":
        raise ValueError(f"no such time: {text[:40]}")
    return f"{_common_minute(text[:-8], text[-6:])}{second}.000000Z"


@lru_cache(maxsize=1024)
def _common_minute(begin: str, zone: str) -> str:
    """The minute in UTC with its colon: the lines of a log share it."""
    day, month, rest = begin.split("/")
    number = MONTHS.get(month.title())
    if number is None:
        raise ValueError(f"no month is called '{month[:20]}'")
    try:
        return written(datetime.strptime(f"{day} {number} {rest}00{zone}", "%d %m %Y:%H:%M:%S %z"))[:17]
    except (ValueError, OverflowError) as error:
        raise ValueError(f"no such time: {begin[:40]}") from error
