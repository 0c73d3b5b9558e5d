"""Does every portal get its turn in time, whoever is slow, and does a restart forget nobody?"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from citywatch.model import Agency, Portal
from citywatch.ports import Report
from citywatch.respond.due import Lease
from citywatch.settings import Fetch, Watch
from console.cares import change
from console.house import House, open_house
from console.registry import put_agency, register_portal, retire_portal
from console.rounds import PACE, Rounds, interval
from sensors.portal.baseline import Baseline
from sensors.portal.care import CARELESS, Care
from sensors.portal.case import Ask
from sensors.portal.memory import NOTHING, Memory
from sensors.portal.range import PortalRange
from sensors.portal.visit import Budget, PortalSensor, Visit
from tests.sensors.portal.hostile import Talk, serving

FAST = Budget(inner_pages=0, probes=False, recheck_s=0, skip_known=True)


def sensor(house: House) -> PortalSensor:
    return PortalSensor(house.settings.fetch, house.clock, budget=FAST)


@pytest.fixture
def house(tmp_path: Path) -> Generator[House]:
    with open_house(tmp_path / "data", make=True) as opened:
        opened.settings = replace(
            opened.settings,
            fetch=Fetch(allow_loopback=True, timeout_s=3, concurrency=4, retries=0),
            watch=Watch(portal_every_s=600),
        )
        put_agency(opened, Agency(id="a", name="A"))
        yield opened


@contextmanager
def hanging() -> Generator[int]:
    """A server that accepts and never answers; gives its port."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    ports: list[int] = []

    async def hang(_line: str, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async def run(talk: Talk, stop: asyncio.Event) -> None:
        async with serving(talk) as port:
            ports.append(port)
            ready.set()
            await stop.wait()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(run(hang, stop),))
    thread.start()
    ready.wait(10)
    yield ports[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


def register(house: House, portal_id: str, url: str, level: int = 3) -> None:
    register_portal(house, url=url, name=portal_id, agency="a", portal_id=portal_id, level=level)


@pytest.mark.parametrize(("level", "seconds"), [(1, 3600), (2, 1800), (3, 600), (4, 300), (5, 120), (9, 120)])
def test_the_more_important_the_sooner(level: int, seconds: float) -> None:
    assert interval(600, level, troubled=False, dead=False) == seconds


@pytest.mark.parametrize("level", PACE)
def test_trouble_brings_a_portal_again_sooner_and_a_dead_host_later(level: int) -> None:
    usual = interval(600, level, troubled=False, dead=False)
    assert 60 <= interval(600, level, troubled=True, dead=False) <= usual
    assert usual <= interval(600, level, troubled=True, dead=True) <= 3600


def test_everybody_is_visited_and_then_waits_for_the_next_time(house: House) -> None:
    with PortalRange.demo() as city:
        for portal in city.portals():
            register(house, portal.id, portal.url)
        rounds = Rounds(house, sensor)
        done = 0
        for _ in range(20):
            done += rounds.step(0.5)
            if done >= 8:
                break
        assert done == 8
        assert rounds.step(0.3) == 0
        rounds.close()
        requests = city.requests
        again = Rounds(house, sensor)  # a restart: nobody is due
        assert again.step(0.3) == 0
        again.close()
    assert city.requests == requests
    assert len(house.store.get_many("visit", [site.id for site in city.sites])) == 8


def test_outside_the_hours_of_an_agency_that_wants_none_nobody_comes(house: House) -> None:
    at = house.clock().astimezone(ZoneInfo(house.settings.timezone))
    hours = f"{at + timedelta(hours=2):%H:%M}-{at + timedelta(hours=3):%H:%M}"
    with PortalRange.demo() as city:
        closed, home = city.portals()[:2]
        for portal, outside in ((closed, "none"), (home, "home")):
            register(house, portal.id, portal.url)
            change(house, portal, "an", hours=hours, outside=outside)
        rounds = Rounds(house, sensor)
        assert sum(rounds.step(0.3) for _ in range(4)) == 1
        assert rounds.waiting == 0
        rounds.close()
    assert set(house.store.get_many("visit", [closed.id, home.id])) == {home.id}


def test_a_host_that_hangs_delays_nobody(house: House) -> None:
    with PortalRange.demo() as city, hanging() as port:
        for number in range(3):
            register(house, f"slow-{number}", f"http://127.0.0.1:{port}/{number}")
        for portal in city.portals():
            register(house, portal.id, portal.url)
        rounds = Rounds(house, sensor)
        began = time.monotonic()
        done = 0
        while done < 8 and time.monotonic() - began < 3:
            done += rounds.step(0.2)
        assert done >= 8
        rounds.close()


def test_who_is_retired_is_not_visited_and_who_is_new_is(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.rounds.LIST_S", 0.0)
    with PortalRange.demo() as city:
        first, second = city.portals()[:2]
        register(house, first.id, first.url)
        rounds = Rounds(house, sensor)
        done = sum(rounds.step(0.3) for _ in range(5))
        retire_portal(house, first.id)
        register(house, second.id, second.url)
        done += sum(rounds.step(0.3) for _ in range(5))
        rounds.close()
    assert done == 2


def test_only_one_of_two_nodes_visits(house: House) -> None:
    other = Lease(house.store, "portals", house.clock, holder="other|x|1|1")
    assert other.hold()
    with PortalRange.demo() as city:
        register(house, "p", city.portals()[0].url)
        rounds = Rounds(house, sensor)
        assert rounds.step(0.3) == 0
        rounds.close()
    assert city.requests == 0


def test_a_portal_that_breaks_the_visit_is_told_and_the_rest_goes_on(house: House) -> None:
    class Broken(PortalSensor):
        async def visit(
            self,
            portal: Portal,
            baseline: Baseline | Ask | None = None,
            memory: Memory = NOTHING,
            care: Care = CARELESS,
            report: Report | None = None,
        ) -> Visit:
            if portal.id == "bad":
                raise RuntimeError("broken")
            return await super().visit(portal, baseline, memory, care, report)

    with PortalRange.demo() as city:
        register(house, "bad", city.portals()[0].url)
        register(house, "good", city.portals()[1].url)
        rounds = Rounds(house, lambda held: Broken(held.settings.fetch, held.clock, budget=FAST))
        done = sum(rounds.step(0.3) for _ in range(5))
        rounds.close()
    assert done == 1
    house.pulse.write()
    health = house.store.get("health", "sensor:portal")
    assert health is not None
    assert "broken" in health.doc["problems"][0]
