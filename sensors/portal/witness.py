"""Who else is asked about a portal, beside its pages?

A witness looks in a way of its own (a picture, DNS, a handshake, documents), remembers what it learned of
each portal, and tells what it saw as events that rules judge. One that fails is counted and told; the others
go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit

from citywatch.clock import Clock, parse_stamp, stamp
from citywatch.model import Event, Portal, Problem, repeatable_id
from citywatch.ports import Keep, Report
from sensors.portal.baseline import Memory
from sensors.portal.fetch import Conversation
from sensors.portal.look import Look

Learned = Mapping[str, Any]
"""What a witness remembers of one portal: plain JSON types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a witness is shown of one visit."""

    portal: Portal
    home: Look
    """The home page as a desktop browser was served it."""
    looks: tuple[Look, ...]
    talk: Conversation
    headers: Mapping[str, str]
    """Request headers that say who we are."""
    known: Learned
    """What this witness remembered after its last look; empty before the first."""
    now: datetime
    keep: Keep

    @property
    def host(self) -> str:
        """The host name that is registered, in small letters."""
        return host_of(self.portal.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Testimony:
    """What a witness says. `learned` None: nothing new is remembered."""

    events: tuple[Event, ...] = ()
    learned: Learned | None = None
    fresh: Learned | None = None
    """What to remember instead once people accept what was seen as right; None: as `learned`."""
    counts: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one witness said on one visit, and how long it took."""

    name: str
    said: Testimony
    at: str
    error: str = ""


class Witness(Protocol):
    """Looks at a portal in one way; `ask` may raise, which is counted and told."""

    @property
    def name(self) -> str: ...

    @property
    def every_s(self) -> float:
        """How long it rests between two looks at a portal; a deep visit asks it always."""
        ...

    @property
    def limit_s(self) -> float: ...

    async def ask(self, scene: Scene) -> Testimony: ...


def is_due(witness: Witness, known: Mapping[str, Memory], now: datetime) -> bool:
    """Whether a witness has rested long enough."""
    last = known.get(witness.name)
    if last is None:
        return True
    return parse_stamp(last.at) + timedelta(seconds=witness.every_s) <= now


async def hear(
    witnesses: Sequence[Witness],
    scene: Scene,
    remembered: Mapping[str, Memory],
    *,
    clock: Clock,
    report: Report | None,
) -> list[Heard]:
    """Ask witnesses one after the other: they share one portal's patience."""
    heard: list[Heard] = []
    for witness in witnesses:
        mine = replace(scene, known=_learned_by(witness.name, remembered))
        error, said = "", Testimony()
        try:
            async with asyncio.timeout(witness.limit_s):
                said = await witness.ask(mine)
        except TimeoutError:
            error = f"took longer than {witness.limit_s:.0f} s"
        except Exception as broken:  # noqa: BLE001 - one broken witness must not silence the others
            error = f"{type(broken).__name__}: {broken}"[:300]
        if error:
            said = Testimony(counts={"failed": 1})
        if error and report is not None:
            report(_problem(witness.name, scene.portal, error))
        heard.append(Heard(name=witness.name, said=said, at=stamp(clock()), error=error))
    return heard


def _problem(name: str, portal: Portal, error: str) -> Problem:
    return Problem(
        sensor=f"portal.{name}",
        source=portal.id,
        position=portal.url,
        what=error,
        hint="the other witnesses went on; see the guide for operators, 'Witnesses of portals'",
    )


def _learned_by(name: str, remembered: Mapping[str, Memory]) -> Learned:
    memory = remembered.get(name)
    return memory.learned if memory is not None else {}


def remember(
    before: Mapping[str, Memory], heard: Sequence[Heard], *, accepted: bool = False
) -> dict[str, Memory]:
    """What is remembered after a visit; a witness that failed keeps what it knew, and rests all the same."""
    after = dict(before)
    for one in heard:
        learned = one.said.learned
        if accepted and one.said.fresh is not None:
            learned = one.said.fresh
        if learned is None:
            learned = _learned_by(one.name, before)
        after[one.name] = Memory(at=one.at, learned=learned)
    return after


def witness_event(portal: Portal, dataset: str, what: str, *, at: datetime) -> dict[str, Any]:
    """The start of an event of a witness; `what` tells it from others of the same moment."""
    moment = stamp(at)
    event: dict[str, Any] = {
        "@timestamp": moment,
        "event.id": repeatable_id("portal", portal.id, dataset, what, moment),
        "event.kind": "event",
        "event.category": ["web"],
        "event.dataset": dataset,
        "event.module": "portal",
        "citywatch.portal.id": portal.id,
        "citywatch.portal.name": portal.name,
        "citywatch.portal.agency": portal.agency,
        "citywatch.portal.level": portal.level,
    }
    if portal.tags:
        event["citywatch.portal.tags"] = list(portal.tags)
    return event


def tidy(event: Mapping[str, Any]) -> Event:
    """The event without what is empty: absent means missing."""
    return {name: value for name, value in event.items() if value not in ("", [], None)}


def host_of(url: str) -> str:
    """The host of a URL, or nothing.

    >>> host_of("https://Www.Hanoi.gov.vn:8443/a")
    'www.hanoi.gov.vn'
    """
    try:
        return (urlsplit(url).hostname or "").lower().rstrip(".")
    except ValueError:
        return ""
