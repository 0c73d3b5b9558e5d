"""Are the times of logs read, and what is no time refused?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.when import common_log, epoch, iso


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-22T10:00:00.123456+0700", "2026-11-22T03:00:00.123456Z"),
        ("2026-11-22T23:59:59.999999-0030", "2026-11-23T00:29:59.999999Z"),
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000000Z"),
        ("2026-11-22 10:00:00.5 UTC", "2026-11-22T10:00:00.500000Z"),
        ("2026-11-22T10:00:00.1234567Z", "2026-11-22T10:00:00.123456Z"),
    ],
)
def test_iso_times(text: str, wanted: str) -> None:
    assert iso(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-11-22",
        "0001-01-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time|year"):
        iso(text)


def test_milliseconds_are_told_from_seconds() -> None:
    assert epoch(1_700_000_000) == epoch(1_700_000_000_000)


@given(st.text(max_size=40))
def test_no_text_raises_anything_but_a_value_error(text: str) -> None:
    for read in (iso, common_log):
        try:
            found = read(text)
        except ValueError:
            continue
        assert len(found) == 27


@given(st.floats())
def test_no_number_raises_anything_but_a_value_error(seconds: float) -> None:
    try:
        assert len(epoch(seconds)) == 27
    except ValueError:
        return
