"""Do our rules say of each attack what it is, and of honest portals nothing?"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from citywatch.clock import system_clock
from citywatch.detect.rulebook import Rulebook
from citywatch.model import Severity
from citywatch.settings import Fetch
from sensors.portal.baseline import Baseline
from sensors.portal.danger import GRAVITY
from sensors.portal.range import KINDS, PortalRange
from sensors.portal.view import DESKTOP
from sensors.portal.visit import Budget, PortalSensor

ROOT = Path(__file__).parents[3]
SETTINGS = Fetch(allow_loopback=True, timeout_s=5)


@pytest.fixture(scope="module")
def book() -> Rulebook:
    return Rulebook.load(ROOT)


def _categories(book: Rulebook, kinds: list[str]) -> dict[str, set[str]]:
    """Categories of the portal rules of at least medium that fire on each attack; '' is without attack."""

    async def script() -> dict[str, set[str]]:
        city = PortalRange.demo()
        await city.start()
        sensor = PortalSensor(SETTINGS, system_clock, budget=Budget(inner_pages=0, probes=False, recheck_s=0))
        prober = PortalSensor(
            SETTINGS, system_clock, budget=Budget(inner_pages=0, views=(DESKTOP,), recheck_s=0)
        )
        portal = city.portals()[0]
        baseline: Baseline | None = None
        found: dict[str, set[str]] = {}
        try:
            for _ in range(3):
                baseline = (await sensor.visit(portal, baseline)).baseline
                city.next_day()
            for kind in kinds:
                city.heal(portal.id)
                if kind:
                    city.attack(portal.id, kind)
                files = kind and KINDS[kind].files
                done = await (prober if files else sensor).visit(portal, baseline)
                matches = book.judge([{**event, "event.sequence": 1} for event in done.events])
                found[kind] = {
                    match.rule.category
                    for match in matches
                    if match.rule.severity >= Severity.medium and "/portal/" in match.rule.source
                }
        finally:
            await sensor.close()
            await prober.close()
            await city.stop()
        return found

    return asyncio.run(script())


def test_each_attack_of_the_range_fires_a_rule_of_its_category(book: Rulebook) -> None:
    found = _categories(book, ["", *KINDS])
    assert found.pop("") == set[str]()
    missed = {kind: seen for kind, seen in found.items() if KINDS[kind].category not in seen}
    assert missed == {}


def test_every_danger_fires_a_rule_of_its_gravity(book: Rulebook) -> None:
    for number, (name, gravity) in enumerate(GRAVITY.items()):
        event = {
            "@timestamp": "2026-11-22T08:00:00.000000Z",
            "event.id": str(number),
            "event.dataset": "portal.page",
            "event.module": "portal",
            "citywatch.portal.id": "so-y-te",
            "citywatch.portal.change.dangerous": [name],
        }
        levels = [match.rule.severity for match in book.judge([event])]
        assert max(levels, default=Severity.informational) == gravity, name
