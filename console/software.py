"""Which software does a portal or system say that it runs, at this moment?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from citywatch.clock import stamp
from citywatch.model import Event, Portal
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
    from sensors.portal.view import DESKTOP
    from sensors.portal.visit import Budget, PortalSensor

    if kind == "system":
        record = house.store.get("system", asset)
        url = str(record.doc.get("url", "")) if record else ""
        if not url:
            return {"available": False, "software": [], "error": "the catalogue has no URL of this system"}
        portal = Portal(id=asset, url=url, name=asset, agency="")
    else:
        portal = portal_of(house, asset)
    budget = Budget(views=(DESKTOP,), inner_pages=0, probes=False, total_s=60.0)
    seen: list[Visit] = []

    async def look() -> None:
        sensor = PortalSensor(house.settings.fetch, house.clock, keep=house.evidence.keep, budget=budget)
        try:
            await sensor.visit_many([portal], {}, seen.append, report=house.pulse.problem)
        finally:
            await sensor.close()

    asyncio.run(look())
    if not seen:
        return {"available": False, "software": [], "error": "the visit broke"}
    return {
        "available": seen[0].available,
        "software": software_told(seen[0].events),
        "error": seen[0].error,
    }
