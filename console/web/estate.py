"""Which portals and agencies does the city have?"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from starlette.responses import Response

from citywatch.model import Agency, Portal, Ticket, from_doc
from citywatch.ports import All, Condition, Everything, Is, Not, Query, Text
from citywatch.respond.duty import called
from console.web import bring, care
from console.web.before import look_last
from console.web.door import Visit, Way
from console.web.show import link

PAGE = 100


def _where(text: str) -> Condition:
    return Text(text) if text else Everything()


def show_portals(visit: Visit) -> Response:
    """The portals, with when each was last looked at."""
    text = visit.asked("q").strip()
    query = Query(
        where=_where(text), order="name", newest_first=False, limit=PAGE, after=visit.asked("after") or None
    )
    portals, page = visit.desk.portals(query)
    return visit.page(
        "portals.html",
        portals=portals,
        claims=bring.claims_of(visit, portals),
        total=page.total,
        text=text,
        names=visit.desk.agency_names([portal.agency for portal in portals]),
        next_link=link("/portals", q=text, after=page.next) if page.next else "",
    )


def show_portal(visit: Visit) -> Response:
    """One portal: what it is, its open tickets, what was seen last."""
    desk = visit.desk
    found = desk.read("portal", visit.path("id"), Portal)
    if found is None:
        raise visit.missing()
    portal = found[0]
    seen = desk.events(Query(where=Is("citywatch.portal.id", portal.id), limit=30))
    where = All((Is("asset", portal.id), Not(Is("state", "closed"))))
    tickets = desk.find("ticket", Query(where=where, order="opened_at", limit=20))
    return visit.page(
        "portal.html",
        portal=portal,
        claim=bring.claims_of(visit, [portal]).get(portal.id, ""),
        seen=seen.events,
        total=seen.total,
        tickets=[from_doc(record.doc, Ticket) for record in tickets.records],
        shot=look_last(desk, portal.id),
        names=desk.agency_names([portal.agency]),
        windows=care.windows_of(visit, portal.id),
        wish=care.wish_of(visit, portal.id),
    )


def show_agencies(visit: Visit) -> Response:
    """The owners."""
    text = visit.asked("q").strip()
    query = Query(
        where=_where(text), order="name", newest_first=False, limit=PAGE, after=visit.asked("after") or None
    )
    page = visit.desk.find("agency", query)
    agencies = [from_doc(record.doc, Agency) for record in page.records]
    local = visit.house.clock().astimezone(ZoneInfo(visit.house.settings.timezone))
    return visit.page(
        "agencies.html",
        agencies=agencies,
        called={agency.id: called(agency.contacts, local) for agency in agencies},
        total=page.total,
        text=text,
        next_link=link("/agencies", q=text, after=page.next) if page.next else "",
    )


WAYS = (
    Way(path="/portals", handler=show_portals, name="portals", needs="see"),
    Way(path="/portals/{id}", handler=show_portal, name="portal", needs="see"),
    Way(path="/agencies", handler=show_agencies, name="agencies", needs="staff"),
)
