"""Which software does a portal or system say that it runs, at this moment?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from citywatch.clock import stamp
from citywatch.model import Event, Portal
from citywatch.ports import Keep
from console.registry import portal_of

if TYPE_CHECKING:
    from console.house import House
    from sensors.portal.visit import Visit

MOST = 50


def software_told(events: Iterable[Event]) -> list[str]:
    """What a visit's pages said of the software that makes them, each once."""
    told = (one for event in events for one in event.get("citywatch.portal.software", ()))
    return list(dict.fromkeys(str(one) for one in told))[:MOST]


def software_record(visit: Visit, at: datetime) -> dict[str, Any]:
    """What is kept of it; empty when the visit told nothing."""
    told = software_told(visit.events)
    return {"portal": visit.portal.id, "at": stamp(at), "software": told} if told else {}


def software_now(house: House, kind: str, asset: str) -> Mapping[str, Any]:
    """Look at the first page of a portal, or of a system that answers by HTTP.

    Gives `available`, `software` (`name/version`) and `error`.
    """
    if kind == "system":
        record = house.store.get("system", asset)
        url = str(record.doc.get("url", "")) if record else ""
        if not url:
            return {"available": False, "software": [], "error": "the catalogue has no URL of this system"}
        portal = Portal(id=asset, url=url, name=asset, agency="")
    else:
        portal = portal_of(house, asset)
    seen = _first_page(house, portal, house.evidence.keep)
    if seen is None:
        return {"available": False, "software": [], "error": "the visit broke"}
    return {"available": seen.available, "software": software_told(seen.events), "error": seen.error}


def capture(house: House, portal_id: str) -> Mapping[str, Any]:
    """Keep a portal's first page as it is now: `kept` (hashes), `url`, `error`."""
    kept: list[str] = []

    def keep(raw: bytes, media_type: str) -> str:
        sha256 = house.evidence.keep(raw, media_type)
        kept.append(sha256)
        return sha256

    portal = portal_of(house, portal_id)
    seen = _first_page(house, portal, keep)
    error = "the visit broke" if seen is None else seen.error
    return {"kept": list(dict.fromkeys(kept)), "url": portal.url, "error": error}


def _first_page(house: House, portal: Portal, keep: Keep) -> Visit | None:
    from sensors.portal.view import DESKTOP
    from sensors.portal.visit import Budget, PortalSensor

    budget = Budget(views=(DESKTOP,), inner_pages=0, probes=False, total_s=60.0)
    seen: list[Visit] = []

    async def look() -> None:
        sensor = PortalSensor(house.settings.fetch, house.clock, keep=keep, budget=budget)
        try:
            await sensor.visit_many([portal], {}, seen.append, report=house.pulse.problem)
        finally:
            await sensor.close()

    asyncio.run(look())
    return seen[0] if seen else None
