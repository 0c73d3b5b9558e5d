"""Are questions put to Elasticsearch in the form that it can answer in every shard?"""

from __future__ import annotations

import pytest

from citywatch.store.elastic_query import ALL, between
from citywatch.store.intake import FIRST_MOMENT, LAST_MOMENT

DAY, NEXT = "2026-11-22T00:00:00.000000Z", "2026-11-23T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("start", "end", "bounds"),
    [
        (DAY, NEXT, {"gte": DAY, "lt": NEXT}),
        (None, NEXT, {"gte": FIRST_MOMENT, "lt": NEXT}),
        (DAY, None, {"gte": DAY, "lte": LAST_MOMENT}),
        ("1960-01-01T00:00:00.000000Z", NEXT, {"gte": FIRST_MOMENT, "lt": NEXT}),
    ],
)
def test_times_are_one_range_with_both_ends(
    start: str | None, end: str | None, bounds: dict[str, str]
) -> None:
    """With two half-open ones a histogram over nanoseconds fails in shards whose events all lie outside."""
    assert between(start, end) == {"range": {"@timestamp": bounds}}


def test_no_times_ask_nothing() -> None:
    assert between(None, None) == ALL
