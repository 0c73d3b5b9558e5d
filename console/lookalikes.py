"""Which names look like the city's portals, and what is under them?

Candidates are records (kind `lookalike`, id = the name); what is under them becomes events that rules judge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from citywatch.clock import stamp
from citywatch.model import Event, Portal
from citywatch.ports import Is, Query, Report
from console.evidence import note
from console.lookalike_pictures import Glances
from console.registry import active_portals

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

    from console.house import House
    from sensors.portal.fetch import Fetcher
    from sensors.portal.imitation import Face
    from sensors.portal.lookalike import Likeness

MOST: Final = 20_000
"""Candidates that one import keeps."""
_BATCH: Final = 500
_AT_ONCE: Final = 8


def import_files(
    house: House, paths: Sequence[Path], report: Report, tell: Callable[[str], object]
) -> dict[str, int]:
    """Look through files of names; those that look like a portal's become candidates."""
    from sensors.portal.lookalike import Likenesses
    from sensors.portal.name_files import names_in

    portals = active_portals(house)
    likenesses = Likenesses(portals, _own(house))
    found: dict[str, Likeness] = {}
    read = 0
    for path in paths:
        for name in names_in(path, report):
            read += 1
            if read % 200_000 == 0:
                tell(f"{read} names, {len(found)} like a portal …")
            like = likenesses.of(name) if len(found) < MOST else None
            if like is not None:
                found.setdefault(name.strip(".").removeprefix("*."), like)
    return {"names": read, "alike": len(found), "new": _keep(house, found)}


def guess(house: House) -> dict[str, int]:
    """Names that somebody might register, made from the portals' own."""
    from sensors.portal.lookalike import Likeness, guesses
    from sensors.portal.page import registered_domain
    from sensors.portal.witness import host_of

    found: dict[str, Likeness] = {}
    for portal in active_portals(house):
        for name in guesses(registered_domain(host_of(portal.url))):
            found.setdefault(name, Likeness(portal=portal.id, how="typo"))
    chosen = dict(islice(found.items(), MOST))
    return {"names": len(found), "alike": len(chosen), "new": _keep(house, chosen)}


def _own(house: House) -> Iterable[str]:
    from sensors.portal.page import registered_domain

    page = house.store.find("agency", Query(order="id", limit=5000))
    for record in page.records:
        yield from (registered_domain(str(name)) for name in record.doc.get("domains", ()))


def _keep(house: House, found: dict[str, Likeness]) -> int:
    now, new = stamp(house.clock()), 0
    names = list(found)
    for start in range(0, len(names), _BATCH):
        part = names[start : start + _BATCH]
        known = house.store.get_many("lookalike", part)
        fresh: dict[str, dict[str, Any]] = {
            name: {
                "domain": name,
                "portal": found[name].portal,
                "how": found[name].how,
                "state": "new",
                "found_at": now,
                "checked_at": "",
                "likeness": 0.0,
                "signs": [],
                "address": "",
            }
            for name in part
            if name not in known
        }
        house.store.put_many("lookalike", fresh)
        new += len(fresh)
    return new


def rows(house: House, limit: int, *, all_of_them: bool) -> list[dict[str, Any]]:
    """Candidates, those that imitate first."""
    page = house.store.find("lookalike", Query(order="likeness", limit=min(limit, 10_000)))
    held = [record.doc for record in page.records]
    return held if all_of_them else [doc for doc in held if doc["state"] not in {"unused", "own"}]


def check(
    house: House,
    names: Sequence[str],
    limit: int,
    tell: Callable[[str], object],
    resolver: AbstractResolver | None = None,
) -> list[dict[str, Any]]:
    """Look at candidates (those not looked at for longest, or the named ones); what is seen is journalled."""
    held = (
        [record.doc for record in house.store.get_many("lookalike", list(names)).values()]
        if names
        else [
            record.doc
            for record in house.store.find(
                "lookalike", Query(order="checked_at", newest_first=False, limit=limit)
            ).records
        ]
    )
    portals = {portal.id: portal for portal in active_portals(house)}
    wanted = [doc for doc in held if doc["portal"] in portals]
    if not wanted:
        return []
    # those whose picture was taken longest ago come first: a check takes only some
    wanted.sort(key=lambda doc: str(doc.get("pictured_at", "")))
    events: list[Event] = []
    from sensors.portal.fetch import Fetcher

    async def run() -> None:
        fetcher = Fetcher(house.settings.fetch, resolver=resolver)
        try:
            await _check(house, fetcher, wanted, (portals, events, tell))
        finally:
            await fetcher.close()

    asyncio.run(run())
    house.journal.append(events)
    note(house, events)
    house.store.put_many("lookalike", {str(doc["domain"]): doc for doc in wanted})
    return wanted


async def _check(
    house: House,
    fetcher: Fetcher,
    wanted: list[dict[str, Any]],
    about: tuple[dict[str, Portal], list[Event], Callable[[str], object]],
) -> None:
    from sensors.portal.view import DESKTOP

    portals, events, tell = about
    headers = dict(DESKTOP.headers(house.settings.fetch.user_agent))
    glances = Glances(house, headers)
    genuine: dict[str, Face | None] = {}
    waiting = iter(list(wanted))
    done = 0

    async def work() -> None:
        nonlocal done
        for doc in waiting:
            portal = portals[doc["portal"]]
            if portal.id not in genuine:
                genuine[portal.id] = await _genuine(fetcher, portal, headers)
            face = genuine[portal.id]
            if face is None:
                house.pulse.count("portal.lookalike", no_portal=1)
                continue
            await _one(house, fetcher, doc, (portal, face, headers, glances), events)
            done += 1
            tell(f"looked at {done} of {len(wanted)}")

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))


async def _genuine(fetcher: Fetcher, portal: Portal, headers: dict[str, str]) -> Face | None:
    from sensors.portal.imitation import face_at

    async with fetcher.open() as talk:
        return (await face_at(talk, portal.url, headers))[1]


async def _one(
    house: House,
    fetcher: Fetcher,
    doc: dict[str, Any],
    about: tuple[Portal, Face, dict[str, str], Glances],
    events: list[Event],
) -> None:
    from sensors.portal.imitation import imitation_event, look
    from sensors.portal.lookalike import Likeness

    portal, face, headers, glances = about
    now = house.clock()
    seen = await look(fetcher, str(doc["domain"]), portal, face, headers)
    seen, picture = await glances.at(seen, portal)
    own = "leads_to_the_portal" in seen.signs
    imitates = seen.likeness >= 0.5  # noqa: PLR2004 - as the rule has it
    state = "own" if own else "imitates" if imitates else "resolves" if seen.resolves else "unused"
    if seen.domain in glances.tried:
        doc["pictured_at"] = stamp(now)
    doc |= {
        "state": state,
        "checked_at": stamp(now),
        "likeness": seen.likeness,
        "signs": list(seen.signs),
        "address": seen.address,
    }
    house.pulse.count("portal.lookalike", asked=1, resolves=int(seen.resolves), imitates=int(imitates))
    if state in {"imitates", "resolves"}:
        parts = (("page", seen.body, "text/html"), ("picture_after", picture, "image/jpeg"))
        kept = {what: house.evidence.keep(raw, kind) for what, raw, kind in parts if imitates and raw}
        like = Likeness(portal=portal.id, how=str(doc["how"]))
        events.append(imitation_event(portal, seen, like, at=now, kept=kept))


def look_again(house: House) -> int:
    """The night's share: the candidates not looked at for longest."""
    if not house.store.find(
        "lookalike", Query(where=Is("state", "new"), order="domain", limit=1)
    ).total and not (house.store.find("lookalike", Query(order="domain", limit=1)).total):
        return 0
    return len(check(house, (), 500, lambda _: None))
