"""What does a visit to a portal see?

`PortalSensor.visit` looks at a portal in every view, follows a few of its pages, probes for what should not
be public, and gives events, evidence and the grown baseline. `visit_many` visits many at once: one that is
dead or slow delays no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver

from citywatch.clock import Clock, stamp
from citywatch.model import Event, Portal, Problem
from citywatch.ports import Keep, Report
from citywatch.settings import Fetch
from sensors.portal.baseline import Baseline, Face, new_baseline
from sensors.portal.cloak import mark_cloaked
from sensors.portal.crawl import pages_of
from sensors.portal.event import page_event, probe_event
from sensors.portal.exposure import PROBE_BYTES, Probe, probes, proves
from sensors.portal.fetch import Conversation, Fetcher
from sensors.portal.look import Look, look_at
from sensors.portal.page import absolute
from sensors.portal.view import ALL, DESKTOP, INNER, View
from sensors.portal.witness import Heard, Scene, Witness, hear, is_due, remember

_PROBE_S = 8.0
_GIVE_UP = 4
"""So many probes without an answer in a row, and the rest is left for the next visit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much of a portal one visit looks at."""

    views: tuple[View, ...] = ALL
    inner_pages: int = 4
    probes: bool = True
    total_s: float = 180.0
    recheck_s: float = 1.0
    """Pause before something grave, or no answer, is looked at again over a fresh connection."""
    witnesses: tuple[Witness, ...] = ()
    """Who is asked beside the pages, in this order."""
    ask_all: bool = False
    """Also those that would still rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What one visit gave. `baseline` is to be stored; `faces` are what to accept as the new right ones."""

    portal: Portal
    events: tuple[Event, ...]
    baseline: Baseline
    faces: tuple[Face, ...] = ()
    available: bool = False
    error: str = ""
    took_ms: int = 0
    heard: tuple[Heard, ...] = ()
    """What the witnesses beside the pages said."""


Done = Callable[[Visit], None]


def _keep_nothing(_data: bytes, _media_type: str) -> str:
    return ""


class PortalSensor:
    """Visits portals. Make it inside a running event loop, and `close` it there.

    Args:
        settings: limits of each fetch; `concurrency` portals are visited at once.
        clock: the time written on events.
        keep: keeps page bodies of what is not quiet, and proofs, as evidence.
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

    async def close(self) -> None:
        """Let go of what the fetcher holds."""
        await self._fetcher.close()

    async def visit(
        self, portal: Portal, baseline: Baseline | None = None, report: Report | None = None
    ) -> Visit:
        """Visit one portal; never raises for what the portal does."""
        began = self._clock()
        before = baseline or new_baseline(portal.id, at=stamp(began))
        looks: list[Look] = []
        found: list[tuple[str, Probe, Event]] = []
        try:
            async with asyncio.timeout(self._budget.total_s):
                await self._look_around(portal, before, looks, found)
        except TimeoutError:
            pass  # what was seen until then counts; a home page that hangs has an event of its own
        heard = await self._hear(portal, before, looks, report)
        told = [event for _, _, event in found] + [event for one in heard for event in one.said.events]
        done = self._tell(portal, before, looks, told)
        baseline = replace(done.baseline, heard=remember(before.heard, heard))
        return replace(done, baseline=baseline, heard=tuple(heard))

    async def _hear(
        self, portal: Portal, before: Baseline, looks: list[Look], report: Report | None
    ) -> list[Heard]:
        now = self._clock()
        due = [
            witness
            for witness in self._budget.witnesses
            if looks and (self._budget.ask_all or is_due(witness, before.heard, now))
        ]
        if not due:
            return []
        async with self._fetcher.open() as talk:
            scene = Scene(
                portal=portal,
                home=looks[0],
                looks=tuple(looks),
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
    ) -> int:
        """Visit many portals, `concurrency` at once; `on_done` is called as each one ends.

        Gives how many were visited. A portal that breaks the visit itself is reported, and the rest goes on.
        """
        waiting = iter(list(portals))
        count = 0

        async def work() -> None:
            nonlocal count
            for portal in waiting:
                try:
                    done = await self.visit(portal, baselines.get(portal.id), report)
                except Exception as error:  # noqa: BLE001 - one broken portal must not stop the night
                    _tell_broken(report, portal, error)
                    continue
                count += 1
                on_done(done)

        await asyncio.gather(*(work() for _ in range(max(1, self._settings.concurrency))))
        return count

    async def _look_around(
        self,
        portal: Portal,
        before: Baseline,
        looks: list[Look],
        found: list[tuple[str, Probe, Event]],
    ) -> None:
        async with self._fetcher.open() as talk:
            home = await self._home(talk, portal, before)
            looks.append(home)
            if home.page is None:
                return
            for view in (item for item in self._budget.views if item is not DESKTOP):
                look = await self._view(talk, portal.url, "/", view, before, home)
                looks.append(look)
            for url in pages_of(home, portal, before, self._budget.inner_pages):
                await self._inner(talk, url, before, looks)
            if self._budget.probes:
                await self._probe(talk, portal, found)

    async def _home(self, talk: Conversation, portal: Portal, before: Baseline) -> Look:
        look = await self._one(talk, portal.url, "/", DESKTOP, before)
        if look.fetched.available and (look.quiet or not before.visits):
            return look
        await asyncio.sleep(self._budget.recheck_s)
        async with self._fetcher.open() as fresh:
            again = await self._one(fresh, portal.url, "/", DESKTOP, before)
        return again if again.fetched.available or not look.fetched.available else look

    async def _one(self, talk: Conversation, url: str, path: str, view: View, before: Baseline) -> Look:
        fetched = await talk.fetch(url, view.headers(self._settings.user_agent))
        return look_at(fetched, before.face(path, view.name), path=path, view=view.name)

    async def _view(
        self, talk: Conversation, url: str, path: str, view: View, before: Baseline, desktop: Look
    ) -> Look:
        return mark_cloaked(await self._one(talk, url, path, view, before), desktop)

    async def _inner(self, talk: Conversation, url: str, before: Baseline, looks: list[Look]) -> None:
        path = _path(url)
        desktop = await self._one(talk, url, path, DESKTOP, before)
        if not desktop.fetched.error:
            looks.append(desktop)
        for view in INNER:
            if view is not DESKTOP and view in self._budget.views:
                look = await self._view(talk, url, path, view, before, desktop)
                if look.page is not None:
                    looks.append(look)

    async def _probe(self, talk: Conversation, portal: Portal, found: list[tuple[str, Probe, Event]]) -> None:
        headers = DESKTOP.headers(self._settings.user_agent)
        missing = absolute(portal.url, "/citywatch-khong-co-trang-nay.html")
        nowhere = await talk.fetch(missing, headers, max_bytes=PROBE_BYTES, timeout_s=_PROBE_S)
        silent = 0
        for probe in probes():
            url = absolute(portal.url, probe.path)
            answer = await talk.fetch(url, headers, max_bytes=PROBE_BYTES, timeout_s=_PROBE_S)
            silent = silent + 1 if answer.status == 0 else 0
            if silent >= _GIVE_UP:
                return
            proof = proves(probe, answer.body) if answer.available else None
            if proof is None or proves(probe, nowhere.body) is not None:
                continue
            kept = self._keep(answer.body, "application/octet-stream")
            found.append((url, probe, probe_event(portal, answer, proof, at=self._clock(), kept=kept)))

    def _tell(self, portal: Portal, before: Baseline, looks: list[Look], probed: list[Event]) -> Visit:
        moment = self._clock()
        events = [page_event(portal, look, before, at=moment, kept=self._evidence(look)) for look in looks]
        faces = tuple(look.face for look in looks if look.face is not None)
        quiet = [look.face for look in looks if look.face is not None and look.quiet]
        shown = looks[0].fetched.certificate if looks else None
        baseline = before
        if quiet:
            baseline = before.learn(
                quiet,
                at=stamp(moment),
                certificate=shown.sha256 if shown is not None else "",
                issuer=shown.issuer if shown is not None else "",
            )
        return Visit(
            portal=portal,
            events=(*events, *probed),
            baseline=baseline,
            faces=faces,
            available=bool(looks) and looks[0].fetched.available,
            error=looks[0].fetched.error if looks else "timeout",
            took_ms=sum(look.fetched.took_ms for look in looks),
        )

    def _evidence(self, look: Look) -> str:
        """Keep the body of a first look and of what is not quiet; a quiet page is kept once by its hash."""
        body = look.fetched.body
        if not body or (look.quiet and look.difference is not None and not look.difference.changed):
            return ""
        return self._keep(body, look.fetched.header("Content-Type") or "text/html")


def _path(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _tell_broken(report: Report | None, portal: Portal, error: Exception) -> None:
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
    """The baseline that takes what a visit saw as the portal's new right face."""
    faces = [replace(face, visits=1) for face in visit.faces]
    accepted = visit.baseline.accept(faces, by=by, at=at)
    return replace(accepted, heard=remember(accepted.heard, visit.heard, accepted=True))
