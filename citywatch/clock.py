"""What time is it, and how is time written?

Time is aware UTC inside; events carry it as fixed-width text so that text order is time order.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

Clock = Callable[[], datetime]
"""Gives the current time, aware, in UTC. Passed in wherever time matters."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def system_clock() -> datetime:
    """The machine's own time."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Write a time as events carry it: UTC, microseconds, 27 characters.

    >>> stamp(datetime(2026, 11, 22, 8, 5, tzinfo=UTC))
    '2026-11-22T08:05:00.000000Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def stamp_us(microseconds: int) -> str:
    """Write microseconds since 1970 as events carry it.

    >>> stamp_us(1_700_000_000_000_001)
    '2023-11-14T22:13:20.000001Z'
    """
    return stamp(EPOCH + timedelta(microseconds=microseconds))


def parse_stamp(text: str) -> datetime:
    """Read what `stamp` wrote (and any other ISO 8601 time with an offset).

    >>> parse_stamp('2026-11-22T08:05:00.000000Z').hour
    8
    """
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def micros(text: str) -> int:
    """Read a time that an event carries to microseconds since 1970 (hot path: the second is remembered).

    Raises:
        ValueError: it is not a time.

    >>> micros('2023-11-14T22:13:20.000001Z')
    1700000000000001
    """
    if len(text) == 27 and text[19] == "." and text[26] == "Z":  # noqa: PLR2004 - the width of `stamp`
        return _second(text[:19]) + int(text[20:26])
    return (parse_stamp(text) - EPOCH) // timedelta(microseconds=1)


@lru_cache(maxsize=8192)
def _second(text: str) -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
