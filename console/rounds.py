"""Which portal is looked at next, all day long?

Each portal has its time: every two minutes to every hour, by its level. After something was wrong or new it
comes again sooner, and a host that has been dead for long later. Visits overlap: as one ends the next that is
due begins, so a slow host delays no other. The list of portals is read once a minute, not before each visit.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from citywatch.clock import parse_stamp
from citywatch.errors import CityWatchError
from citywatch.model import Portal
from citywatch.respond.due import Lease
from console.cares import Cares
from console.faces import from_record
from console.registry import active_portals
from console.visits import Keeper, unpack
from console.witnesses import count, witnesses
from sensors.portal.baseline import Baseline
from sensors.portal.memory import NOTHING, Memory
from sensors.portal.visit import ROUND, PortalSensor, Visit, tell_broken

if TYPE_CHECKING:
    from console.house import House

PACE = {1: 6.0, 2: 3.0, 3: 1.0, 4: 0.5, 5: 0.2}
"""How often a portal of each level is visited, in units of `[watch] portal_every_s`."""

LIST_S = 60.0
SOONEST_S = 60.0
_SLICE_S = 2.0
_KEEP_S = 1.0
_LONG_DEAD = timedelta(hours=1)
_SOONER, _LATER = 0.25, 4.0
_HELD = 20_000
"""So many memories are held; more are read from the store again."""


@dataclass(slots=True)
class _Turn:
    """One portal and when it was looked at."""

    portal: Portal
    due: float
    under_way: bool = False


def interval(every_s: float, level: int, *, troubled: bool, dead: bool) -> float:
    """Seconds until a portal is looked at again.

    Args:
        every_s: the setting, for level 3.
        level: of the portal.
        troubled: something was wrong or new on the last visit.
        dead: it has not answered for over an hour.

    >>> interval(600, 5, troubled=False, dead=False), interval(600, 1, troubled=False, dead=False)
    (120.0, 3600.0)
    """
    usual = every_s * PACE[min(max(level, 1), 5)]
    if dead:
        return min(usual * _LATER, max(every_s * PACE[1], usual))
    return max(usual * _SOONER, min(usual, SOONEST_S)) if troubled else usual


class Rounds:
    """Visits portals as their time comes. `step` works for a moment and gives how many visits ended.

    Args:
        house: the installation.
        make: makes the sensor, inside the running event loop.
    """

    def __init__(self, house: House, make: Callable[[House], PortalSensor] | None = None) -> None:
        self._house = house
        self._make = make or _sensor
        self._lease = Lease(house.store, "portals", house.clock)
        self._keeper = Keeper(house)
        self._cares = Cares(house)
        self._turns: dict[str, _Turn] = {}
        self._queue: list[tuple[float, str]] = []
        self._memories: dict[str, Memory] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: asyncio.Runner | None = None
        self._sensor: PortalSensor | None = None
        self._listed = self._kept = float("-inf")
        self._ended = 0

    def step(self, seconds: float = _SLICE_S) -> int:
        """Go on for so long; visits that have not ended by then go on with the next step."""
        if not self._lease.hold():
            return 0
        if self._runner is None:
            self._runner = asyncio.Runner()
        before = self._ended
        self._runner.run(self._go_on(seconds))
        return self._ended - before

    def close(self) -> None:
        """End what is under way and write down what has ended."""
        if self._runner is not None:
            self._runner.run(self._end())
            self._runner.close()
            self._runner = None
            self._lease.release()

    @property
    def waiting(self) -> int:
        """How many portals are late: their time came over a minute ago and they are not under way."""
        late = self._now() - LIST_S
        return sum(1 for turn in self._turns.values() if turn.due < late and not turn.under_way)

    # -- one slice -----------------------------------------------------------------------------------

    async def _go_on(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        if self._sensor is None:
            self._sensor = self._make(self._house)
        if time.monotonic() - self._listed >= LIST_S:
            self._listed = time.monotonic()
            self._list()
        while (left := end - time.monotonic()) > 0:
            self._begin(self._sensor)
            if not self._tasks and not self._is_due():
                break  # nothing to do: the service waits a moment and comes again
            await self._wait(min(left, 0.5))
            if time.monotonic() - self._kept >= _KEEP_S:
                self._kept = time.monotonic()
                await asyncio.to_thread(self._keeper.flush)
        self._tell_lag()

    async def _wait(self, seconds: float) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(min(seconds, 0.1))

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._keeper.flush()
        if self._sensor is not None:
            await self._sensor.close()

    def _is_due(self) -> bool:
        return bool(self._queue) and self._queue[0][0] <= self._now()

    def _begin(self, sensor: PortalSensor) -> None:
        while len(self._tasks) < self._house.settings.fetch.concurrency and self._is_due():
            due, portal_id = heapq.heappop(self._queue)
            turn = self._turns.get(portal_id)
            if turn is None or turn.under_way or turn.due != due:
                continue  # no longer watched, or it stands further back by now
            turn.under_way = True
            task = asyncio.get_running_loop().create_task(self._visit(sensor, turn))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _visit(self, sensor: PortalSensor, turn: _Turn) -> None:
        house, portal = self._house, turn.portal
        wait = interval(house.settings.watch.portal_every_s, portal.level, troubled=True, dead=False)
        try:
            closed = await asyncio.to_thread(self._cares.closed_s, portal)
            if closed:
                wait = closed  # its agency lets nobody look outside its hours
                return
            memory = await asyncio.to_thread(self._memory_of, portal.id)
            care = await asyncio.to_thread(self._cares.of, portal)
            ask = partial(_baseline, house, portal.id)
            done = await sensor.visit(portal, ask, memory, care, house.pulse.problem)
            self._take(done)
            wait = self._interval(done)
        except CityWatchError as error:  # the store does not answer: the portal's turn comes again
            house.pulse.failed("portals", error)
        except Exception as error:  # noqa: BLE001 - one broken portal must not stop the rounds
            tell_broken(house.pulse.problem, portal, error)
        finally:
            turn.under_way = False
            self._plan(turn, self._now() + wait * random.uniform(0.95, 1.05))  # noqa: S311 - spreads the load

    def _take(self, done: Visit) -> None:
        self._ended += 1
        if len(self._memories) >= _HELD:
            self._memories.clear()
        self._memories[done.portal.id] = done.memory
        self._keeper.add(done)
        count(self._house, done)
        self._house.pulse.count("portals", visits=1, judged=done.judged, unchanged=done.unchanged)

    def _interval(self, done: Visit) -> float:
        now = self._house.clock()
        away = "unavailable" in done.troubles
        dead = away and bool(done.memory.since) and now - parse_stamp(done.memory.since) > _LONG_DEAD
        fresh = any("citywatch.portal.changed" in event for event in done.events)
        troubled = bool(done.troubles or done.recovered or fresh)
        every = self._house.settings.watch.portal_every_s
        return interval(every, done.portal.level, troubled=troubled, dead=dead)

    # -- who, and when -------------------------------------------------------------------------------

    def _list(self) -> None:
        """Take in who is watched now, and when each was looked at last."""
        portals = {portal.id: portal for portal in active_portals(self._house)}
        for gone in self._turns.keys() - portals.keys():
            del self._turns[gone]
        fresh = [portal_id for portal_id in portals if portal_id not in self._turns]
        seen = self._house.store.get_many("visit", fresh) if fresh else {}
        for portal_id, portal in portals.items():
            turn = self._turns.get(portal_id)
            if turn is not None:
                turn.portal = portal
                continue
            last = parse_stamp(str(seen[portal_id].doc["at"])) if portal_id in seen else None
            self._turns[portal_id] = turn = _Turn(portal=portal, due=0.0)
            self._plan(turn, self._first(portal, last))

    def _first(self, portal: Portal, last: datetime | None) -> float:
        if last is None:
            return self._now()
        usual = self._house.settings.watch.portal_every_s * PACE[min(max(portal.level, 1), 5)]
        return last.timestamp() + usual

    def _plan(self, turn: _Turn, due: float) -> None:
        turn.due = due
        heapq.heappush(self._queue, (due, turn.portal.id))

    def _now(self) -> float:
        return self._house.clock().timestamp()

    def _memory_of(self, portal_id: str) -> Memory:
        held = self._memories.get(portal_id)
        if held is None:
            record = self._house.store.get("memory", portal_id)
            held = unpack(str(record.doc.get("packed", ""))) if record is not None else NOTHING
        return held

    def _tell_lag(self) -> None:
        late = self.waiting
        behind = late > len(self._turns) // 10 + 5
        what = f"{late} portals wait longer than they should; raise [fetch] concurrency" if behind else ""
        counts = {"watched": len(self._turns), "late": late, "under_way": len(self._tasks)}
        self._house.pulse.gauge("portals:plan", what, counts)


def _sensor(house: House) -> PortalSensor:
    budget = replace(ROUND, witnesses=witnesses(house))
    return PortalSensor(house.settings.fetch, house.clock, keep=house.evidence.keep, budget=budget)


def _baseline(house: House, portal_id: str) -> Baseline | None:
    record = house.store.get("baseline", portal_id)
    return from_record(record.doc) if record is not None else None
