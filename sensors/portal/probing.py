"""What stands open on a portal that should not be public?

Each probe's path is asked for, and counts only when its content proves it. A host that answers everything
with one page is told by a path that nobody has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from citywatch.clock import Clock, stamp
from citywatch.model import repeatable_id
from citywatch.ports import Keep
from sensors.portal.answer import Fetched
from sensors.portal.case import Case
from sensors.portal.event import probe_event
from sensors.portal.exposure import probes, proves
from sensors.portal.missing import is_like, mark_of
from sensors.portal.page import Page, absolute
from sensors.portal.walk import parse_page

_GIVE_UP = 4
"""So many probes without an answer in a row, and the rest is left for the next visit."""


async def probe_portal(
    case: Case, ask: Callable[[str], Awaitable[Fetched]], *, keep: Keep, clock: Clock
) -> None:
    """Ask for every path; what is proven goes into the case, its bytes are kept."""
    portal = case.portal
    nowhere = await _nowhere(case, ask)
    silent = 0
    for probe in probes():
        answer = await ask(absolute(portal.url, probe.path))
        silent = silent + 1 if answer.status == 0 else 0
        if silent >= _GIVE_UP:
            return
        proof = proves(probe, answer.body) if answer.available else None
        if proof is None or proves(probe, nowhere.body) is not None or _is_nowhere(case, answer):
            continue
        kept = await asyncio.to_thread(keep, answer.body, "application/octet-stream")
        case.probed.append(probe_event(portal, answer, proof, at=clock(), kept=kept))


async def _nowhere(case: Case, ask: Callable[[str], Awaitable[Fetched]]) -> Fetched:
    """Ask for a page that nobody has, another one each day: so the host says "not found"."""
    name = repeatable_id("nowhere", case.portal.id, stamp(case.began)[:10])[:12]
    answer = await ask(absolute(case.portal.url, f"/khong-co-trang-{name}.html"))
    if answer.available:
        case.missing = mark_of(_parsed(answer))
    elif answer.status:
        case.missing = ()
    return answer


def _parsed(answer: Fetched) -> Page:
    return parse_page(answer.body, answer.final_url, answer.header("Content-Type"))


def _is_nowhere(case: Case, answer: Fetched) -> bool:
    """It is the page that the host shows for everything that it does not have."""
    return bool(case.missing) and is_like(case.missing or (), _parsed(answer))
