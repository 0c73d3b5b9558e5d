"""What does a visit to a portal see?

`PortalSensor.visit` looks at a portal in every view, follows a few of its pages, probes for what should not
be public, and gives events, evidence and the grown baseline. What is as it was on the last visit is neither
parsed nor told (`memory`); what is grave is looked at twice (`confirm`). `visit_many` visits many at once:
one that is dead or slow delays no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from aiohttp.abc import AbstractResolver

from citywatch.clock import Clock, stamp
from citywatch.model import Event, Portal, Problem
from citywatch.ports import Keep, Report
from citywatch.settings import Fetch
from sensors.portal.answer import Fetched
from sensors.portal.baseline import Baseline, Face, new_baseline
from sensors.portal.care import CARELESS, Care
from sensors.portal.case import Ask, Case, is_home
from sensors.portal.cloak import mark_cloaked
from sensors.portal.confirm import MOST, is_grave, settled
from sensors.portal.crawl import choose, linked_pages, mapped_pages, named_pages, path_of
from sensors.portal.event import page_event
from sensors.portal.exposure import PROBE_BYTES
from sensors.portal.fetch import Conversation, Fetcher
from sensors.portal.habit import TOLD
from sensors.portal.look import Look
from sensors.portal.memory import NOTHING, Memory, conditional
from sensors.portal.page import absolute
from sensors.portal.pieces import before_of, parts_of, with_body
from sensors.portal.polite import Robots
from sensors.portal.probing import probe_portal
from sensors.portal.sitemap import read_sitemap
from sensors.portal.view import ALL, DESKTOP, EVERY, INNER, View
from sensors.portal.witness import Heard, Scene, Witness, hear, remember

_PROBE_S = 8.0
_MAPS = 3
_MAP_BYTES = 2_000_000
_TURN_S = 300
_MOST_ROBOTS = 50_000
_ROBOTS_AGAIN_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much of a portal one visit looks at. As it stands, it is that of a deep visit."""

    views: tuple[View, ...] = ALL
    inner_pages: int = 4
    probes: bool = True
    sitemap: bool = False
    """Also look into the site map for pages that nothing links."""
    skip_known: bool = False
    """What is as it was when it was last judged, and was quiet then, is not judged again."""
    total_s: float = 180.0
    recheck_s: float = 1.0
    """Pause before something grave, or no answer, is looked at again over a fresh connection."""
    witnesses: tuple[Witness, ...] = ()
    """Who is asked beside the pages, in this order."""
    ask_all: bool = False
    """Also those that would still rest."""


ROUND = Budget(inner_pages=2, probes=False, skip_known=True)
"""What is looked at all day long."""
BRIEF = Budget(inner_pages=2, probes=False)
"""What is looked at when somebody asks for a look now: judged in full, whatever is known."""
NIGHT = Budget(views=EVERY, inner_pages=20, sitemap=True, total_s=600.0)
"""What is looked at every night."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What one visit gave. `faces` are what to accept as the new right ones."""

    portal: Portal
    events: tuple[Event, ...]
    baseline: Baseline
    """Grown, or as it was; an empty one when it was not needed."""
    learned: bool = True
    """The baseline grew and is to be stored."""
    memory: Memory = NOTHING
    faces: tuple[Face, ...] = ()
    available: bool = False
    error: str = ""
    took_ms: int = 0
    heard: tuple[Heard, ...] = ()
    """What the witnesses beside the pages said."""
    judged: int = 0
    unchanged: int = 0
    """How many pages were judged, and how many were as they had been."""
    troubles: tuple[str, ...] = ()
    recovered: tuple[str, ...] = ()
    """What was wrong on the last visit and is not any more."""


Done = Callable[[Visit], None]


def _keep_nothing(_data: bytes, _media_type: str) -> str:
    return ""


class PortalSensor:
    """Visits portals. Make it inside a running event loop, and `close` it there.

    Args:
        settings: limits of each fetch; `concurrency` portals are visited at once.
        clock: the time written on events.
        keep: keeps page bodies of what is not quiet, and proofs, as evidence; called in a thread.
        budget: how much of a portal one visit looks at.
        resolver: names to addresses, for tests.
        ca_file: trust this CA instead of the system's, for tests.
    """

    name = "portal"

    def __init__(
        self,
        settings: Fetch,
        clock: Clock,
        *,
        keep: Keep | None = None,
        budget: Budget | None = None,
        resolver: AbstractResolver | None = None,
        ca_file: str = "",
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._keep = keep or _keep_nothing
        self._budget = budget or Budget()
        self._fetcher = Fetcher(settings, resolver=resolver, ca_file=ca_file)
        self._robots: dict[str, tuple[float, Robots]] = {}

    async def close(self) -> None:
        """Let go of what the fetcher holds."""
        await self._fetcher.close()

    async def visit(
        self,
        portal: Portal,
        baseline: Baseline | Ask | None = None,
        memory: Memory = NOTHING,
        care: Care = CARELESS,
        report: Report | None = None,
    ) -> Visit:
        """Visit one portal; never raises for what the portal does.

        Args:
            portal: whom.
            baseline: what it looks like when nothing is wrong, or how to get at that.
            memory: what the last visit gave to remember.
            care: how its owners want it to be watched.
            report: is told of witnesses that fail.
        """
        case = Case(
            portal=portal,
            known=baseline,
            memory=memory,
            care=care,
            began=self._clock(),
            skip_known=self._budget.skip_known,
        )
        try:
            async with asyncio.timeout(self._budget.total_s):
                await self._look_around(case)
        except TimeoutError:
            pass  # what was seen until then counts; a home page that hangs has an event of its own
        case.heard = await self._hear(case, report)
        return await self._tell(case)

    async def _hear(self, case: Case, report: Report | None) -> list[Heard]:
        """Ask the witnesses whose time has come; they see the home page judged in full."""
        if case.care.home_only:
            return []
        now = self._clock()
        due = case.due(self._budget.witnesses, now, everybody=self._budget.ask_all)
        if not due:
            return []
        before = await case.before()
        async with self._fetcher.open() as talk:
            home = await self._in_full(talk, case, case.portal.url, case.looks[0])
            scene = Scene(
                portal=case.portal,
                home=home,
                looks=(home, *case.looks[1:]),
                talk=talk,
                headers=DESKTOP.headers(self._settings.user_agent),
                known={},
                now=now,
                keep=self._keep,
            )
            return await hear(due, scene, before.heard, clock=self._clock, report=report)

    async def visit_many(
        self,
        portals: Iterable[Portal],
        baselines: Mapping[str, Baseline],
        on_done: Done,
        report: Report | None = None,
        memories: Mapping[str, Memory] | None = None,
        cares: Mapping[str, Care] | None = None,
    ) -> int:
        """Visit many portals, `concurrency` at once; `on_done` is called as each one ends.

        Gives how many were visited. A portal that breaks the visit itself is reported, and the rest goes on.
        The baselines are asked for one by one, when they are needed, from another thread.
        """
        waiting = iter(portals)
        remembered, cared = memories or {}, cares or {}
        count = 0

        async def work() -> None:
            nonlocal count
            for portal in waiting:
                ask = partial(baselines.get, portal.id)
                memory, care = remembered.get(portal.id, NOTHING), cared.get(portal.id, CARELESS)
                try:
                    done = await self.visit(portal, ask, memory, care, report)
                except Exception as error:  # noqa: BLE001 - one broken portal must not stop the night
                    tell_broken(report, portal, error)
                    continue
                count += 1
                on_done(done)

        await asyncio.gather(*(work() for _ in range(max(1, self._settings.concurrency))))
        return count

    # -- looking -------------------------------------------------------------------------------------

    async def _look_around(self, case: Case) -> None:
        portal = case.portal
        async with self._fetcher.open() as talk:
            home = await self._home(talk, case)
            case.looks.append(home)
            if home.page is None and not home.unchanged:
                return
            for view in (item for item in self._budget.views if item is not DESKTOP):
                case.looks.append(await self._view(talk, case, portal.url, "/", view, home))
            if not case.care.home_only:
                for url in await self._inner_pages(talk, case, home):
                    await self._inner(talk, case, url)
                if self._budget.probes:
                    ask = partial(self._small, talk)
                    await probe_portal(case, ask, keep=self._keep, clock=self._clock)
        await self._confirm(case)

    async def _home(self, talk: Conversation, case: Case) -> Look:
        look = await self._one(talk, case, case.portal.url, "/", DESKTOP)
        if look.fetched.available:
            return look
        await asyncio.sleep(self._budget.recheck_s)
        async with self._fetcher.open() as fresh:
            again = await self._one(fresh, case, case.portal.url, "/", DESKTOP)
        return settled(look, again)

    async def _one(self, talk: Conversation, case: Case, url: str, path: str, view: View) -> Look:
        seen = case.seen(path, view)
        headers = view.headers(self._settings.user_agent)
        asked = conditional(seen, case.began)
        fetched = await talk.fetch(url, {**headers, **asked} if asked else headers)
        if case.is_same(seen, fetched):
            return Look(path=path, view=view.name, fetched=fetched, unchanged=True)
        if fetched.unchanged:  # what it was is not known here any more
            fetched = await talk.fetch(url, headers)
        return await case.judge(fetched, path, view)

    async def _view(
        self, talk: Conversation, case: Case, url: str, path: str, view: View, desktop: Look
    ) -> Look:
        look = await self._one(talk, case, url, path, view)
        if look.unchanged:
            return look
        return mark_cloaked(look, await self._in_full(talk, case, url, desktop))

    async def _in_full(self, talk: Conversation, case: Case, url: str, look: Look) -> Look:
        """The same look, judged: what another view shows is held against it."""
        if not look.unchanged:
            return look
        fetched = look.fetched
        if fetched.unchanged:
            fetched = await talk.fetch(url, DESKTOP.headers(self._settings.user_agent))
        return await case.judge(fetched, look.path, DESKTOP)

    async def _inner(self, talk: Conversation, case: Case, url: str) -> None:
        path = path_of(url)
        desktop = await self._one(talk, case, url, path, DESKTOP)
        if not desktop.fetched.error:
            case.looks.append(desktop)
        for view in INNER:
            if view is not DESKTOP and view in self._budget.views:
                look = await self._view(talk, case, url, path, view, desktop)
                if look.page is not None or look.unchanged:
                    case.looks.append(look)

    # -- inner pages ---------------------------------------------------------------------------------

    async def _inner_pages(self, talk: Conversation, case: Case, home: Look) -> list[str]:
        budget = case.care.inner_pages or self._budget.inner_pages
        if budget <= 0:
            return []
        front = home.fetched.final_url
        found = case.memory.links
        if home.page is not None:
            found = case.found = linked_pages(home.page, front)
        robots = await self._robots_of(talk, front) if self._settings.robots and found else Robots()
        if self._budget.sitemap:
            mapped = await self._mapped(talk, front, robots)
            found = case.found = tuple(dict.fromkeys((*found, *mapped)))
        return choose(
            named_pages(case.portal.url, case.portal.inner_pages),
            found,
            case.memory.links,
            turn=int(case.began.timestamp()) // _TURN_S,
            budget=budget,
            may=robots.allows,
        )

    async def _robots_of(self, talk: Conversation, front: str) -> Robots:
        place = absolute(front, "/robots.txt")
        now = asyncio.get_running_loop().time()
        held = self._robots.get(place)
        if held is not None and held[0] > now:
            return held[1]
        answer = await self._small(talk, place)
        text = answer.body.decode("utf-8", "replace") if answer.available else ""
        robots = Robots("" if "<html" in text[:1000].lower() else text)
        if len(self._robots) >= _MOST_ROBOTS:
            self._robots.clear()
        self._robots[place] = (now + _ROBOTS_AGAIN_S, robots)
        return robots

    async def _mapped(self, talk: Conversation, front: str, robots: Robots) -> tuple[str, ...]:
        waiting = list(dict.fromkeys([*robots.sitemaps, absolute(front, "/sitemap.xml")]))
        pages: list[str] = []
        asked = 0
        while waiting and asked < _MAPS:
            asked += 1
            answer = await self._small(talk, waiting.pop(0), _MAP_BYTES)
            if answer.available:
                named, further = read_sitemap(answer.body)
                pages.extend(named)
                waiting[:0] = further[:_MAPS]
        return mapped_pages(pages, front)[:200]

    async def _small(self, talk: Conversation, url: str, limit: int = PROBE_BYTES) -> Fetched:
        headers = DESKTOP.headers(self._settings.user_agent)
        return await talk.fetch(url, headers, max_bytes=limit, timeout_s=_PROBE_S, retries=0)

    # -- looking twice -------------------------------------------------------------------------------

    async def _confirm(self, case: Case) -> None:
        """Look again at what is grave, over a fresh connection, from another place where one is set."""
        grave = [index for index, look in enumerate(case.looks) if is_grave(look)][:MOST]
        if not grave:
            return
        await asyncio.sleep(self._budget.recheck_s)
        views = {view.name: view for view in EVERY}
        async with self._fetcher.open(self._settings.second_proxy) as fresh:
            for index in grave:
                first = case.looks[index]
                headers = views[first.view].headers(self._settings.user_agent)
                fetched = await fresh.fetch(first.fetched.url, headers)
                again = await case.judge(fetched, first.path, views[first.view])
                if first.cloaked:
                    again = mark_cloaked(again, self._desktop_of(case, first))
                case.looks[index] = settled(first, again)

    @staticmethod
    def _desktop_of(case: Case, look: Look) -> Look:
        beside = (item for item in case.looks if item.path == look.path and item.view == DESKTOP.name)
        return next(beside, case.looks[0])

    # -- telling -------------------------------------------------------------------------------------

    async def _tell(self, case: Case) -> Visit:
        moment = self._clock()
        before = await case.before() if any(not look.unchanged for look in case.looks) else None
        troubles = case.troubles()
        recovered = case.memory.troubles if not troubles else ()
        slow = case.habit().slow == TOLD
        events: list[Event] = []
        for number, seen in enumerate(case.looks):
            if seen.unchanged and not ((recovered or slow) and is_home(seen)):
                continue
            kept = await self._evidence(seen)
            case.looks[number] = look = with_body(seen, kept.get("page", ""))
            kept |= before_of(look, before)
            event = page_event(case.portal, look, before, at=moment, kept=kept)
            events.append(event | _around(case, look, recovered))
        grown = case.learned(stamp(moment))
        home = case.home()
        told = [event for one in case.heard for event in one.said.events]
        return Visit(
            portal=case.portal,
            events=(*events, *case.probed, *told),
            baseline=grown or before or new_baseline(case.portal.id, at=stamp(moment)),
            learned=grown is not None,
            memory=case.remembered(grown, stamp(moment)),
            faces=tuple(look.face for look in case.looks if look.face is not None),
            available=home is not None and home.fetched.available,
            error=home.fetched.error if home is not None else "timeout",
            took_ms=sum(look.fetched.took_ms for look in case.looks),
            judged=sum(not look.unchanged for look in case.looks),
            unchanged=sum(look.unchanged for look in case.looks),
            troubles=troubles,
            recovered=recovered,
            heard=tuple(case.heard),
        )

    async def _evidence(self, look: Look) -> dict[str, str]:
        """Keep what proves it: what it is, to its hash."""
        parts = list(parts_of(look, everything=self._settings.keep_bodies))
        if not parts:
            return {}
        kept = await asyncio.to_thread(
            lambda: {part.what: self._keep(part.raw, part.media_type) for part in parts}
        )
        return {what: name for what, name in kept.items() if name}


def _around(case: Case, look: Look, recovered: tuple[str, ...]) -> Event:
    """What an event tells of the portal as a whole."""
    fields: Event = {}
    if case.care.in_maintenance:
        fields["citywatch.portal.maintenance"] = True
    if not is_home(look):
        return fields
    if recovered:
        fields["citywatch.portal.recovered"] = list(recovered)
        fields["citywatch.portal.trouble_since"] = case.memory.since
    return fields | _pace(case)


def _pace(case: Case) -> Event:
    """How fast the home page answers otherwise, and for how many looks it was slow now."""
    before, now = case.memory.habit, case.habit()
    if not before.usual:
        return {}
    fields: Event = {
        "citywatch.portal.usual_ms": before.usual,
        "citywatch.portal.usual_spread_ms": before.spread,
    }
    return fields | ({"citywatch.portal.slow_looks": now.slow} if now.slow else {})


def tell_broken(report: Report | None, portal: Portal, error: Exception) -> None:
    """Report a portal that broke the visit itself."""
    if report is not None:
        what = f"the visit broke: {type(error).__name__}: {error}"
        report(
            Problem(
                sensor="portal",
                source=portal.id,
                position=portal.url,
                what=what,
                hint="look whether the registered URL is right",
            )
        )


def accept(visit: Visit, *, by: str, at: str) -> Baseline:
    """The baseline that takes what a visit saw as the portal's new right face.

    Pages that the visit did not look at are forgotten: they are learned anew, in the new design.
    """
    faces = [replace(face, visits=1) for face in visit.faces]
    accepted = replace(visit.baseline, faces={}).accept(faces, by=by, at=at)
    return replace(accepted, heard=remember(accepted.heard, visit.heard, accepted=True))
