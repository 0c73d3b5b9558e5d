"""Are fragments put together as the first ones said, within bounds of memory and work?"""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.network import fragments
from sensors.network.fragments import LONGEST, MOST_DATAGRAMS, MOST_PIECES, PATIENCE_US, Fragments
from tests.sensors.network.effort import effort

KEY = (bytes([10, 0, 0, 5]), bytes([10, 0, 0, 9]), 7, 17)
Piece = tuple[int, bytes, bool]


def fed(pieces: list[Piece], waiting: Fragments | None = None) -> list[tuple[bytes, bool]]:
    waiting = waiting or Fragments()
    found = [waiting.add(KEY, (7, at, more), data, 5) for at, data, more in pieces]
    return [(each.payload, each.overlap) for each in found if each is not None]


@pytest.mark.parametrize(
    ("pieces", "wanted"),
    [
        pytest.param([(0, b"aa", True), (2, b"bb", False)], [(b"aabb", False)], id="in order"),
        pytest.param([(2, b"bb", False), (0, b"aa", True)], [(b"aabb", False)], id="the last first"),
        pytest.param([(0, b"aaa", True), (2, b"bb", False)], [(b"aaab", True)], id="the first wins"),
        pytest.param([(2, b"bb", False), (0, b"aaa", True)], [(b"aabb", True)], id="whichever came first"),
        pytest.param(
            [(1, b"x", True), (3, b"y", True), (0, b"abcde", True), (5, b"z", False)],
            [(b"axcyez", True)],
            id="around what is there",
        ),
        pytest.param([(0, b"aabb", True), (1, b"x", False)], [(b"aa", True)], id="an end before the end"),
        pytest.param(
            [(0, b"aa", True), (8, b"z", False), (0, b"aa", True)], [], id="said twice is not all said"
        ),
        pytest.param([(0, b"", True), (LONGEST, b"z", False)], [], id="longer than a datagram"),
    ],
)
def test_a_place_that_is_taken_stays_as_it_is(pieces: list[Piece], wanted: list[tuple[bytes, bool]]) -> None:
    assert fed(pieces) == wanted


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.binary(min_size=1, max_size=20)), max_size=20),
    st.integers(0, 60),
)
def test_it_says_what_laying_bytes_down_one_by_one_says(pieces: list[tuple[int, bytes]], last: int) -> None:
    laid: dict[int, int] = {}
    whole: bytes | None = None
    waiting = Fragments()
    for at, data, more in [*((at, data, True) for at, data in pieces), (last, b"", False)]:
        for place, byte in enumerate(data, at):
            laid.setdefault(place, byte)
        got = waiting.add(KEY, (7, at, more), data, 5)
        if not more:
            missing = set(range(last)) - set(laid)
            whole = None if missing else bytes(laid[place] for place in range(last))
            assert (got.payload if got else None) == whole
    assert waiting.held == (0 if whole is not None else len(laid))


def test_overlapping_pieces_that_never_end_cost_little_memory_and_work() -> None:
    dice = random.Random(5)  # noqa: S311 - repeatable on purpose
    waiting = Fragments()

    def attack() -> None:
        for number in range(40):
            key = (*KEY[:2], number, 17)
            waiting.add(key, (number, LONGEST - 1, False), b"z", 5)
            for _ in range(MOST_PIECES - 1):
                at = dice.randrange(0, 60_000, 8)
                waiting.add(key, (number, at, True), bytes(1480), 5)
                assert waiting.held <= fragments.MOST_BYTES

    spent = effort(attack)
    assert spent.steps < 40 * MOST_PIECES * 60
    assert spent.peak < 40 * LONGEST * 3


def test_so_many_datagrams_and_bytes_wait_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fragments, "MOST_BYTES", 10_000)
    waiting = Fragments()
    for number in range(MOST_DATAGRAMS + 50):
        waiting.add((*KEY[:2], number, 17), (number, 8, True), bytes(20), 5)
        assert waiting.held <= 10_000
    assert waiting.dropped == MOST_DATAGRAMS + 50 - 10_000 // 20


def test_what_waits_too_long_is_given_up() -> None:
    waiting = Fragments()
    waiting.add(KEY, (7, 0, True), b"aa", 0)
    assert waiting.add(KEY, (7, 2, False), b"bb", PATIENCE_US + 1) is None
    assert (waiting.dropped, waiting.held) == (1, 2)
