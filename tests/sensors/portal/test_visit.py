"""Does a visit see each attack of the range, and nothing on honest portals?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from citywatch import schema
from citywatch.clock import system_clock
from citywatch.model import Event
from citywatch.settings import Fetch
from sensors.portal.baseline import Baseline
from sensors.portal.danger import GRAVITY
from sensors.portal.range import PortalRange
from sensors.portal.visit import Budget, PortalSensor, Visit, accept

SETTINGS = Fetch(allow_loopback=True, timeout_s=5, concurrency=8)
BUDGET = Budget(inner_pages=1, probes=False, recheck_s=0)


async def _walk(script: Callable[[PortalRange, PortalSensor], Any]) -> Any:
    city = PortalRange.demo()
    await city.start()
    sensor = PortalSensor(SETTINGS, system_clock, budget=BUDGET)
    try:
        return await script(city, sensor)
    finally:
        await sensor.close()
        await city.stop()


async def _learned(city: PortalRange, sensor: PortalSensor, portal: int, visits: int = 3) -> Baseline:
    baseline: Baseline | None = None
    for _ in range(visits):
        baseline = (await sensor.visit(city.portals()[portal], baseline)).baseline
        city.next_day()
    assert baseline is not None
    return baseline


def grave(events: tuple[Event, ...]) -> set[str]:
    """What of these events a rule of ours would call at least medium."""
    found: set[str] = set()
    for event in events:
        found.update(event.get("citywatch.portal.change.dangerous", []))
        if event.get("citywatch.portal.defaced.score", 0) >= 0.5:
            found.add("defaced")
        if event.get("citywatch.portal.spam.score", 0) >= 0.8:
            found.add("spam")
        if event.get("citywatch.portal.cloaked"):
            found.add("cloaked")
        if event.get("citywatch.portal.leak.count", 0) >= 5:
            found.add("leak")
        if "citywatch.portal.exposure.kind" in event:
            found.add("exposure")
        if not event.get("citywatch.portal.available", True):
            found.add("unavailable")
    return found


@pytest.mark.parametrize("portal", range(5))
def test_honest_days_alarm_nobody(portal: int) -> None:
    async def script(city: PortalRange, sensor: PortalSensor) -> list[Visit]:
        baseline: Baseline | None = None
        visits: list[Visit] = []
        for _ in range(10):
            done = await sensor.visit(city.portals()[portal], baseline)
            visits.append(done)
            baseline = done.baseline
            city.next_day()
        return visits

    visits = asyncio.run(_walk(script))
    assert [grave(done.events) for done in visits] == [set[str]()] * len(visits)
    assert visits[-1].baseline.visits == 10


def test_a_portal_defaced_before_the_first_visit_is_seen_and_not_learned() -> None:
    async def script(city: PortalRange, sensor: PortalSensor) -> Visit:
        city.attack(city.sites[1].id, "defacement")
        return await sensor.visit(city.portals()[1], None)

    done = asyncio.run(_walk(script))
    assert "defaced" in grave(done.events)
    assert not any(face.page == "/" for face in done.baseline.faces.values())


def test_what_was_accepted_alarms_no_more() -> None:
    async def script(city: PortalRange, sensor: PortalSensor) -> tuple[Visit, Visit]:
        baseline = await _learned(city, sensor, 2)
        city.attack(city.sites[2].id, "iframe_full")
        first = await sensor.visit(city.portals()[2], baseline)
        accepted = accept(first, by="analyst", at="2026-11-22T00:00:00.000000Z")
        return first, await sensor.visit(city.portals()[2], accepted)

    first, second = asyncio.run(_walk(script))
    assert grave(first.events) == {"frame.foreign"}
    assert not grave(second.events)
    assert (second.baseline.version, second.baseline.state) == (2, "accepted")


def test_events_hold_only_fields_of_the_schema_with_their_types() -> None:
    async def script(city: PortalRange, sensor: PortalSensor) -> tuple[Event, ...]:
        baseline = await _learned(city, sensor, 3)
        for kind in ("spam_search", "leak", "one_line", "redirect_phone"):
            city.attack(city.sites[3].id, kind)
        return (await sensor.visit(city.portals()[3], baseline)).events

    for event in asyncio.run(_walk(script)):
        for name, value in event.items():
            field = schema.resolve(name)
            assert field is not None, name
            assert field.many == isinstance(value, list), name
            assert value is not None


def test_one_slow_portal_delays_no_other() -> None:
    async def script(city: PortalRange, sensor: PortalSensor) -> tuple[list[str], int]:
        done: list[str] = []
        count = await sensor.visit_many(city.portals(), {}, lambda visit: done.append(visit.portal.id))
        return done, count

    done, count = asyncio.run(_walk(script))
    assert (count, len(set(done))) == (8, 8)


def test_every_danger_has_a_gravity() -> None:
    assert all(level >= 2 for level in GRAVITY.values())
