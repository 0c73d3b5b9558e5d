"""Who is told that a portal is well again?

Everybody who works on a ticket about it: the ticket's history gets a line, which goes out like every other
change of a ticket. The ticket stays open: that a page looks well does not show that the hole was closed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from citywatch.clock import stamp
from citywatch.errors import Conflict
from citywatch.model import Change, Ticket, from_doc, to_doc
from citywatch.ports import All, Is, Not, Query
from citywatch.respond import lifecycle

if TYPE_CHECKING:
    from citywatch.ports import Record
    from console.house import House
    from sensors.portal.visit import Visit

log = logging.getLogger("citywatch")

WHAT = "recovered"
BY = "citywatch"
_TRIES = 5


def tell(house: House, visits: Iterable[Visit]) -> int:
    """Write a line on each open ticket about a portal that is well again; give how many tickets that were."""
    told = 0
    for visit in visits:
        if visit.recovered:
            told += sum(_noted(house, record.id, visit) for record in _tickets(house, visit.portal.id))
    return told


def _tickets(house: House, portal_id: str) -> tuple[Record, ...]:
    where = All((Is("asset", portal_id), Not(Is("state", "closed"))))
    return house.store.find("ticket", Query(where=where, order="opened_at", limit=50)).records


def _noted(house: House, ticket_id: str, visit: Visit) -> bool:
    note = f"{', '.join(visit.recovered)} · {visit.portal.url}"
    line = Change(at=stamp(house.clock()), by=BY, what=WHAT, note=note)
    for _ in range(_TRIES):
        record = house.store.get("ticket", ticket_id)
        if record is None:
            return False
        ticket = from_doc(record.doc, Ticket)
        if ticket.history and ticket.history[-1].what == WHAT:
            return False  # it comes and goes: said once until people do something
        try:
            house.store.put_if("ticket", ticket_id, to_doc(lifecycle.noted(ticket, line)), record.version)
        except Conflict:
            continue
        return True
    log.warning(
        "ticket %s: others kept writing it; that %s is well again is not noted", ticket_id, visit.portal.id
    )
    return False
