"""Is a monitoring system told from somebody who looks twice?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.network.pace import FORGOTTEN_US, HABIT, MOST, Pace

MINUTE = 60_000_000
DAY = 24 * 60 * MINUTE


@pytest.mark.parametrize(
    ("minutes", "rounds"),
    [
        pytest.param([0], [1], id="once"),
        pytest.param([0, 5, 10, 15], [1, 2, 3, 4], id="every five minutes"),
        pytest.param([0, 5, 10.8, 15], [1, 2, 3, 4], id="nearly every five minutes"),
        pytest.param([0, 2, 9, 11], [1, 2, 2, 2], id="three times as it comes to somebody's mind"),
        pytest.param([0, 0.05, 0.1, 0.2], [1, 1, 1, 1], id="a few packets of one try"),
        pytest.param([0, 5, 10, 25, 30], [1, 2, 3, 4, 5], id="a habit outlives a pause"),
        pytest.param([0, 5, 10, 10 + 25 * 60], [1, 2, 3, 1], id="a day later all begins anew"),
        pytest.param([0, 10, 5], [1, 2, 2], id="a packet that comes late"),
    ],
)
def test_a_round_is_counted_when_it_comes_at_an_even_pace(minutes: list[float], rounds: list[int]) -> None:
    pace = Pace()
    assert [pace.asked(b"a", int(at * MINUTE) + DAY) for at in minutes] == rounds


def test_each_pair_has_its_own_rounds() -> None:
    pace = Pace()
    assert [pace.asked(bytes([who]), DAY + at * MINUTE) for at in (0, 5, 10) for who in (1, 2)] == [
        1,
        1,
        2,
        2,
        3,
        3,
    ]


def test_who_was_not_asked_for_longest_makes_room_and_it_is_counted() -> None:
    pace = Pace(most=3)
    for who in (1, 2, 3, 1, 4):
        pace.asked(bytes([who]), DAY)
    assert (len(pace), pace.forgotten) == (3, 1)
    assert pace.asked(b"\1", DAY + 5 * MINUTE) == 2
    assert pace.asked(b"\2", DAY + 5 * MINUTE) == 1


@given(st.lists(st.tuples(st.binary(max_size=2), st.integers(0, 3 * FORGOTTEN_US)), max_size=200))
def test_no_order_of_questions_breaks_its_bounds(asked: list[tuple[bytes, int]]) -> None:
    pace = Pace(most=8)
    for turn, (pair, us) in enumerate(asked):
        assert 1 <= pace.asked(pair, us) <= turn + 1
        assert len(pace) <= 8
    assert HABIT == 3
    assert MOST == 65_536
