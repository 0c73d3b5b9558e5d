"""Are versions compared, and ranges read, as makers and authorities write them?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.respond.version import affects, by_age, compare, spans_of

VERSIONS = st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,4}){0,4}(-rc[0-9]|p[0-9]|[a-z])?", fullmatch=True)


@pytest.mark.parametrize(
    ("told", "version", "lies"),
    [
        ("vers:apache/>=2.4.49|<2.4.51", "2.4.49", True),
        ("vers:apache/>=2.4.49|<2.4.51", "2.4.51", False),
        ("vers:generic/1.0|2.0", "2.0", True),
        ("vers:generic/1.0|2.0", "1.5", False),
        ("vers:generic/*", "7", True),
        ("vers:generic/>=3.0", "4", True),
        ("< 6.4.3", "6.4.2", True),
        (">= 6.0, < 6.4.3", "6.4.3", False),
        (">=6.0 <=6.4.3", "6.4.3", True),
        ("phiên bản trước 6.4.3", "6.4.3", False),
        ("các phiên bản từ 7.0 đến 7.0.11", "7.0.11", True),
        ("các phiên bản từ 7.0 đến 7.0.11", "7.0.12", False),
        ("2.4.49 và 2.4.50", "2.4.50", True),
        ("2.4.49 và 2.4.50", "2.4.51", False),
        ("7.x before 7.98", "7.97.1", True),
        ("7.2.5 trở về trước", "7.2.5", True),
        ("7.2.5 và cũ hơn", "7.2.6", False),
        ("10.1.0 and later", "10.2", True),
        ("3.x", "3.9.9", True),
        ("3.x", "4.0", False),
        ("all versions", "0.1", True),
        ("= 1.0 || = 3.0", "3.0.0", True),
        ("up to and including 4.2", "4.2", True),
        ("8.0 through 8.5.98", "8.5.99", False),
        ("15.0–15.2", "15.1", True),
    ],
)
def test_a_range_holds_what_it_names(told: str, version: str, *, lies: bool) -> None:
    assert affects(told, version) is lies


@pytest.mark.parametrize(
    ("told", "version"), [("", "1.0"), ("các bản cũ", "1.0"), ("< 2.0", ""), ("< 2", "x")]
)
def test_what_cannot_be_told_is_not_guessed(told: str, version: str) -> None:
    assert affects(told, version) is None


@given(VERSIONS, VERSIONS, VERSIONS)
def test_the_order_of_versions_is_one(first: str, second: str, third: str) -> None:
    assert compare(first, second) == -compare(second, first)
    low, middle, high = sorted([first, second, third], key=by_age)
    assert compare(low, middle) <= 0
    assert compare(low, high) <= 0


@given(VERSIONS, VERSIONS)
def test_below_a_version_is_what_is_older(version: str, bound: str) -> None:
    assert affects(f"vers:x/<{bound}", version) is (compare(version, bound) < 0)


@given(st.text(max_size=600))
def test_any_text_is_read_or_passed_over(text: str) -> None:
    spans_of(text)
    affects(text, text[:20])
