"""Does a visit see each attack of the range, and nothing on honest portals?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from citywatch import schema
from citywatch.clock import system_clock
from citywatch.model import Event, Portal
from citywatch.settings import Fetch
from sensors.portal.baseline import Baseline
from sensors.portal.care import Care
from sensors.portal.danger import GRAVITY
from sensors.portal.range import PortalRange
from sensors.portal.view import DESKTOP, EVERY
from sensors.portal.visit import Budget, PortalSensor, Visit, accept
from tests.sensors.portal.hostile import answer, serving

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


def test_outside_its_agencys_hours_only_the_home_page_is_asked_for() -> None:
    async def script(city: PortalRange) -> tuple[Visit, int, Visit]:
        sensor = PortalSensor(SETTINGS, system_clock, budget=Budget(recheck_s=0, inner_pages=3))
        portal = city.portals()[0]
        held = await sensor.visit(portal, care=Care(home_only=True))
        asked = city.requests
        city.attack(city.sites[0].id, "defacement")
        attacked = await sensor.visit(portal, care=Care(home_only=True))
        await sensor.close()
        return held, asked, attacked

    held, asked, attacked = _on_range(script)
    assert {event["url.path"] for event in held.events} == {"/"}
    assert asked == 4, "one for each view, no robots.txt, no probe"
    assert grave(attacked.events)


def test_one_slow_portal_delays_no_other() -> None:
    async def script(city: PortalRange, sensor: PortalSensor) -> tuple[list[str], int]:
        done: list[str] = []
        count = await sensor.visit_many(city.portals(), {}, lambda visit: done.append(visit.portal.id))
        return done, count

    done, count = asyncio.run(_walk(script))
    assert (count, len(set(done))) == (8, 8)


def test_every_danger_has_a_gravity() -> None:
    assert all(level >= 2 for level in GRAVITY.values())


# -- what is as it was -----------------------------------------------------------------------------------

ROUNDS = Budget(inner_pages=2, probes=False, recheck_s=0, skip_known=True)


async def _rounds(city: PortalRange, portal: int, count: int) -> tuple[PortalSensor, Visit, list[str]]:
    """A portal that was visited so often, and whose baseline was asked for on which visits."""
    sensor = PortalSensor(SETTINGS, system_clock, budget=ROUNDS)
    asked: list[str] = []
    done = await sensor.visit(city.portals()[portal])
    for number in range(1, count):
        before = done

        def ask(before: Visit = before, number: int = number) -> Baseline:
            asked.append(str(number))
            return before.baseline

        done = await sensor.visit(city.portals()[portal], ask, before.memory)
        if not done.learned:
            done = replace(done, baseline=before.baseline)
    return sensor, done, asked


def _on_range(script: Callable[[PortalRange], Any]) -> Any:
    async def walk() -> Any:
        city = PortalRange.demo()
        await city.start()
        try:
            return await script(city)
        finally:
            await city.stop()

    return asyncio.run(walk())


@pytest.mark.parametrize("portal", range(5))
def test_a_page_that_is_as_it_was_is_neither_parsed_nor_told_and_its_baseline_not_read(portal: int) -> None:
    async def script(city: PortalRange) -> tuple[Visit, list[str]]:
        sensor, done, asked = await _rounds(city, portal, 8)
        await sensor.close()
        return done, asked

    done, asked = _on_range(script)
    assert done.judged <= 2  # inner pages come in turn, by the clock
    assert done.unchanged >= 4
    assert [event for event in done.events if event["citywatch.portal.page"] == "home"] == []
    assert asked[:2] == ["1", "2"]


@pytest.mark.parametrize(
    "kind", ["defacement", "one_line", "spam_search", "redirect_phone", "iframe_full", "leak"]
)
def test_an_attack_after_quiet_rounds_is_seen_at_once_and_again(kind: str) -> None:
    async def script(city: PortalRange) -> tuple[Visit, Visit, Visit]:
        sensor, done, _ = await _rounds(city, 0, 5)
        city.attack(city.sites[0].id, kind)
        struck = await sensor.visit(city.portals()[0], done.baseline, done.memory)
        still = await sensor.visit(city.portals()[0], done.baseline, struck.memory)
        city.heal(city.sites[0].id)
        healed = await sensor.visit(city.portals()[0], done.baseline, still.memory)
        await sensor.close()
        return struck, still, healed

    struck, still, healed = _on_range(script)
    assert grave(struck.events)
    assert grave(still.events)
    assert not grave(healed.events)
    assert healed.recovered == still.troubles != ()
    told = [
        event["citywatch.portal.recovered"]
        for event in healed.events
        if "citywatch.portal.recovered" in event
    ]
    assert told == [list(still.troubles)]


def test_a_portal_that_comes_back_is_told_with_since_when_it_was_gone() -> None:
    async def script(city: PortalRange) -> tuple[Visit, Visit]:
        sensor, done, _ = await _rounds(city, 1, 4)
        city.attack(city.sites[1].id, "down")
        gone = await sensor.visit(city.portals()[1], done.baseline, done.memory)
        city.heal(city.sites[1].id)
        back = await sensor.visit(city.portals()[1], done.baseline, gone.memory)
        await sensor.close()
        return gone, back

    gone, back = _on_range(script)
    assert gone.troubles == back.recovered == ("unavailable",)
    home = back.events[0]
    assert home["citywatch.portal.trouble_since"] == gone.memory.since
    assert home["citywatch.portal.available"] is True


def test_what_only_the_first_look_shows_is_told_as_unconfirmed_and_not_learned_as_grave() -> None:
    async def script() -> Visit:
        asked = 0

        async def talk(line: str, writer: asyncio.StreamWriter) -> None:
            nonlocal asked
            asked += line.startswith("GET / ")
            once = (
                b"<h1>Hacked by X</h1><h2>Owned by X team</h2>" if asked == 1 else b"<h1>UBND</h1><p>Tin.</p>"
            )
            writer.write(answer(b"<html><body>" + once + b"</body></html>", "Content-Type: text/html"))

        async with serving(talk) as port:
            sensor = PortalSensor(
                SETTINGS, system_clock, budget=Budget(recheck_s=0, probes=False, views=(DESKTOP,))
            )
            try:
                return await sensor.visit(
                    Portal(id="p", url=f"http://127.0.0.1:{port}/", name="P", agency="a")
                )
            finally:
                await sensor.close()

    done = asyncio.run(script())
    assert grave(done.events) == set()
    assert done.events[0]["citywatch.portal.unconfirmed"] == ["defaced"]
    assert done.troubles == ()


def test_what_both_looks_show_is_told_in_full() -> None:
    async def script(city: PortalRange) -> tuple[Visit, int]:
        city.attack(city.sites[1].id, "defacement")
        sensor = PortalSensor(SETTINGS, system_clock, budget=Budget(recheck_s=0, probes=False, inner_pages=0))
        before = city.requests
        done = await sensor.visit(city.portals()[1])
        await sensor.close()
        return done, city.requests - before

    done, requests = _on_range(script)
    assert "defaced" in grave(done.events)
    assert requests == 8  # four views, each looked at twice


def test_a_page_that_its_host_calls_unchanged_is_asked_for_by_its_mark() -> None:
    async def script() -> tuple[list[Visit], list[int]]:
        sent: list[int] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            known = 'If-None-Match: "v1"' in head
            sent.append(304 if known else 200)
            kind = ('ETag: "v1"', "Content-Type: text/html")
            page = b"<title>UBND</title><p>Tin</p>"
            writer.write(answer(b"", *kind, status="304 Not Modified") if known else answer(page, *kind))
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        budget = Budget(inner_pages=0, probes=False, recheck_s=0, skip_known=True, views=(DESKTOP,))
        sensor = PortalSensor(SETTINGS, system_clock, budget=budget)
        portal = Portal(
            id="p", url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", name="P", agency="a"
        )
        visits = [await sensor.visit(portal)]
        for _ in range(4):
            visits.append(await sensor.visit(portal, visits[-1].baseline, visits[-1].memory))
            if not visits[-1].learned:
                visits[-1] = replace(visits[-1], baseline=visits[-2].baseline)
        await sensor.close()
        server.close()
        await server.wait_closed()
        return visits, sent

    visits, sent = asyncio.run(script())
    assert sent == [200, 200, 200, 304, 304]
    assert [done.unchanged for done in visits] == [0, 0, 0, 1, 1]
    assert visits[2].baseline.state == "learned"
    assert all(done.available for done in visits)


def test_from_another_place_a_page_that_is_well_there_is_told_as_unconfirmed() -> None:
    async def script() -> Visit:
        async def bad(_line: str, writer: asyncio.StreamWriter) -> None:
            writer.write(answer(b"<h1>Hacked by X</h1><h2>Owned by X team</h2>", "Content-Type: text/html"))

        async def good(line: str, writer: asyncio.StreamWriter) -> None:
            assert line.startswith("GET http://127.0.0.1:")
            writer.write(answer(b"<h1>UBND</h1><p>Tin.</p>", "Content-Type: text/html"))

        async with serving(bad) as here, serving(good) as elsewhere:
            settings = replace(SETTINGS, second_proxy=f"http://127.0.0.1:{elsewhere}")
            budget = Budget(recheck_s=0, probes=False, inner_pages=0, views=(DESKTOP,))
            sensor = PortalSensor(settings, system_clock, budget=budget)
            done = await sensor.visit(Portal(id="p", url=f"http://127.0.0.1:{here}/", name="P", agency="a"))
            await sensor.close()
            return done

    done = asyncio.run(script())
    assert done.events[0]["citywatch.portal.unconfirmed"] == ["defaced"]


def test_english_for_readers_abroad_is_no_change_and_spam_for_them_is_cloaking() -> None:
    async def script(spam: bool) -> list[Visit]:  # noqa: FBT001 - what the test is about
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            english = "Accept-Language: en-US" in head
            text = "<title>People's Committee</title><p>News of the ward today</p>"
            links = "".join(f'<a href="https://kubet{n}.vip/">casino slot online</a>' for n in range(9))
            page = (text + links * spam) if english else "<title>Ủy ban nhân dân</title><p>Tin của phường</p>"
            writer.write(answer(page.encode(), "Content-Type: text/html; charset=utf-8"))
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        budget = Budget(inner_pages=0, probes=False, recheck_s=0, views=EVERY)
        sensor = PortalSensor(SETTINGS, system_clock, budget=budget)
        portal = Portal(
            id="p", url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", name="P", agency="a"
        )
        visits = [await sensor.visit(portal)]
        visits.append(await sensor.visit(portal, visits[-1].baseline))
        await sensor.close()
        server.close()
        await server.wait_closed()
        return visits

    assert [grave(done.events) for done in asyncio.run(script(spam=False))] == [set(), set()]
    assert all("cloaked" in grave(done.events) for done in asyncio.run(script(spam=True)))
