"""Is a portal called slow only far beyond its own habit?"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import Portal
from citywatch.settings import Fetch
from sensors.portal import habit as habits
from sensors.portal.baseline import Baseline
from sensors.portal.habit import NO_HABIT, TOLD, Habit
from sensors.portal.memory import NOTHING
from sensors.portal.view import DESKTOP
from sensors.portal.visit import Budget, PortalSensor, Visit
from tests.sensors.portal.hostile import answer, serving


def after(*times: int) -> Habit:
    habit = NO_HABIT
    for one in times:
        habit = habit.after(one)
    return habit


@pytest.mark.parametrize(
    ("before", "now", "slow"),
    [
        ([300] * 10, [9_000] * 5, 5),
        ([300] * 10, [9_000] * 4 + [350], 0),
        ([300] * 10, [1_900] * 9, 0),  # under two seconds nobody is told
        ([300] * 9, [9_000] * 4, 3),  # ten looks make a habit: the first slow one is among them
        ([8_000, 9_000, 10_000] * 4, [12_000] * 5, 0),  # always slow
        ([200, 9_000] * 10, [9_500] * 5, 0),  # a spread as wide as that
    ],
)
def test_slow_is_what_lies_far_beyond_the_habit(before: list[int], now: list[int], slow: int) -> None:
    assert after(*before, *now).slow == slow


def test_what_lasts_becomes_the_habit() -> None:
    habit = after(*[300] * 10, *[9_000] * 199)
    assert (habit.slow, habit.usual) == (199, 300)
    habit = after(*[300] * 10, *[9_000] * 215)
    assert (habit.slow, habit.usual) == (0, 9_000)


@given(st.lists(st.integers(0, 10**7), max_size=120))
def test_the_habit_stays_small_and_slow_times_stay_out_of_it(times: list[int]) -> None:
    habit = NO_HABIT
    for one in times:
        slow = habit.is_slow(one)
        later = habit.after(one)
        assert len(later.times) <= 30
        assert (later.slow == habit.slow + 1) is slow
        habit = later


def test_a_portal_that_got_slow_is_told_once_it_lasted_although_its_page_is_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(habits, "_LEAST_MS", 100)
    wait = [0.0]
    at = [datetime(2026, 11, 20, tzinfo=UTC)]

    async def talk(line: str, writer: Any) -> None:
        del line
        await asyncio.sleep(wait[0])
        writer.write(answer(b"<title>A</title><p>Tin</p>", "Content-Type: text/html"))

    async def run() -> list[Visit]:
        done: list[Visit] = []
        baseline: Baseline | None = None
        memory = NOTHING
        async with serving(talk) as port:
            portal = Portal(id="a", url=f"http://127.0.0.1:{port}/", name="A", agency="a")
            settings = Fetch(allow_loopback=True, timeout_s=5, retries=0, robots=False)
            budget = Budget(views=(DESKTOP,), inner_pages=0, probes=False, skip_known=True)
            sensor = PortalSensor(settings, lambda: at[0], budget=budget)
            for number in range(18):
                wait[0] = 0.3 if number >= 12 else 0.02
                done.append(await sensor.visit(portal, baseline, memory))
                baseline, memory = done[-1].baseline, done[-1].memory
                at[0] += timedelta(minutes=10)
            await sensor.close()
        return done

    done = asyncio.run(run())
    told = [
        number
        for number, visit in enumerate(done)
        for event in visit.events
        if "citywatch.portal.slow_looks" in event
    ]
    assert told == [12 + TOLD - 1]
    [event] = done[told[0]].events
    assert event["citywatch.portal.slow_looks"] == TOLD
    assert event["citywatch.portal.usual_ms"] < 100 < event["event.duration"] / 1e6
