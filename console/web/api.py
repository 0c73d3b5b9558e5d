"""How do programs read and change what people see here?

The same desk, the same permissions: a token belongs to an account and sees what it sees. Lists come in pages
with an opaque `next`; errors are `{"error": ...}`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from citywatch.clock import parse_stamp, stamp
from citywatch.errors import StoreError
from citywatch.model import Alert, Portal, Severity, Ticket, from_doc, to_doc
from citywatch.ports import All, Condition, Is, Query, Range
from console import standing
from console.web import advisories, inbox, roster, suppress
from console.web.counterpart import refusal
from console.web.deeds import DEEDS, change_states
from console.web.door import Visit, Way
from console.web.inbox import VIEWS, Ask, Row
from console.web.once import once
from console.web.openapi import OWN, Specs, describe_api, limit_of, strict
from console.web.programs import ALL as PAIRS
from console.web.query import QueryError, read_event_query
from console.web.search import RANGES
from console.web.tickets import comment, move, moves_of
from console.web.ways import CONSOLE

_COUNT_TO = 10_000


def _alert(row: Row) -> dict[str, Any]:
    doc = to_doc(row.alert)
    doc["severity"] = row.alert.severity.name
    return doc | {"state": to_doc(row.state)}


def alerts(visit: Visit) -> Response:
    """Alerts, last seen first: the inbox's own filter; with `updated_since`, what changed since then."""
    if visit.asked("updated_since"):
        return _changed_alerts(visit)
    state = visit.asked("state") or "any"
    if state not in VIEWS:
        raise HTTPException(400, f"state must be one of {', '.join(VIEWS)}")
    if visit.asked("severity") not in {"", *Severity.__members__}:
        raise HTTPException(400, f"severity must be one of {', '.join(Severity.__members__)}")
    ask = Ask(
        text=visit.asked("q"),
        state=state,
        severity=visit.asked("severity"),
        hidden=visit.asked("suppressed") != "false",
        after=visit.asked("after"),
    )
    hiding = suppress.active(visit.house.store, visit.house.clock)
    try:
        shelf = inbox.read_shelf(visit.desk, ask, hiding, limit=limit_of(visit))
    except (QueryError, StoreError) as error:
        raise HTTPException(400, str(error)) from error
    found = [_alert(row) for row in shelf.rows]
    return JSONResponse({"alerts": found, "total": shelf.total, "next": shelf.next})


def _changed_alerts(visit: Visit) -> Response:
    """Two lists, one after the other: what people changed, then what was seen."""
    since = _moment(visit, "updated_since")
    part, _, after = visit.asked("after").partition(":")
    try:
        if part != "seen":
            found, follows = visit.desk.handled_since(since, limit_of(visit), after or None)
            following = f"handled:{follows}" if follows else "seen:"
        else:
            found, follows = visit.desk.seen_since(since, limit_of(visit), after or None)
            following = f"seen:{follows}" if follows else None
    except StoreError as error:
        raise HTTPException(400, str(error)) from error
    states = visit.desk.states(found)
    rows = [_alert(Row(alert=alert, state=states[alert.id])) for alert in found]
    return JSONResponse({"alerts": rows, "total": None, "next": following})


def _moment(visit: Visit, name: str) -> str:
    try:
        return stamp(parse_stamp(visit.asked(name)))
    except (ValueError, OverflowError) as error:
        raise HTTPException(400, f"{name} must be a time, 2026-11-22T08:00:00Z: {error}") from error


def _one_alert(visit: Visit) -> Alert:
    alert = visit.desk.alert(visit.path("id"))
    if alert is None:
        raise HTTPException(404, "there is no such alert")
    return alert


def alert(visit: Visit) -> Response:
    """One alert with what was done with it."""
    found = _one_alert(visit)
    return JSONResponse(_alert(Row(alert=found, state=visit.desk.states([found])[found.id])))


@once
def set_state(visit: Visit) -> Response:
    """Acknowledge, assign, close, mark as false positive or reopen an alert."""
    found = _one_alert(visit)
    deed, reason = visit.text("do"), visit.text("reason")
    if deed not in DEEDS:
        raise HTTPException(400, f"do must be one of {', '.join(DEEDS)}")
    if deed in {"close", "false_positive"} and not reason:
        raise HTTPException(400, "a reason is needed")
    row = Row(alert=found, state=visit.desk.states([found])[found.id])
    change_states(visit, [row], deed, reason, visit.text("assignee") or visit.who.id)
    return JSONResponse(to_doc(visit.desk.states([found])[found.id]))


def _ticket_doc(ticket: Ticket) -> dict[str, Any]:
    return to_doc(ticket) | {"severity": ticket.severity.name}


def tickets(visit: Visit) -> Response:
    """Tickets, last changed first; `updated_since` gives those changed at or after a time."""
    parts: list[Condition] = [
        Is(name, visit.asked(name)) for name in ("state", "agency", "assignee") if visit.asked(name)
    ]
    since = visit.asked("updated_since")
    try:
        if since:
            parts.append(Range("changed_at", stamp(parse_stamp(since)), None))
        query = Query(
            where=All(tuple(parts)),
            order="changed_at",
            limit=limit_of(visit),
            after=visit.asked("after") or None,
            count_to=_COUNT_TO,
        )
        page = visit.desk.find("ticket", query)
    except (ValueError, OverflowError, StoreError) as error:
        raise HTTPException(400, str(error)) from error
    found = [_ticket_doc(from_doc(record.doc, Ticket)) for record in page.records]
    return JSONResponse({"tickets": found, "total": page.total, "next": page.next})


def _one_ticket(visit: Visit) -> tuple[Ticket, int]:
    found = visit.desk.read("ticket", visit.path("id"), Ticket)
    if found is None:
        raise HTTPException(404, "there is no such ticket")
    return found


def ticket(visit: Visit) -> Response:
    """One ticket, and where it may be moved."""
    found, version = _one_ticket(visit)
    return JSONResponse(_ticket_doc(found) | {"moves": moves_of(visit, found), "version": version})


@once
def change_ticket(visit: Visit) -> Response:
    """Comment on a ticket, or move it (with `to`); as the console's two forms do."""
    found, _ = _one_ticket(visit)
    to = visit.text("to")
    if to and to not in moves_of(visit, found):
        raise HTTPException(409, f"from '{found.state}' it may go to: {', '.join(moves_of(visit, found))}")
    if not to and not visit.text("note"):
        raise HTTPException(400, "give a note, or a state in 'to'")
    form = {name: [visit.text(name)] for name in ("to", "note")}
    came = (move if to else comment)(replace(visit, form=form, program=True))
    refused = refusal(visit, came)
    return refused if refused is not None else JSONResponse(_ticket_doc(_one_ticket(visit)[0]))


def portals(visit: Visit) -> Response:
    """Portals by name."""
    query = Query(order="name", newest_first=False, limit=limit_of(visit), after=visit.asked("after") or None)
    try:
        page = visit.desk.find("portal", query)
    except StoreError as error:
        raise HTTPException(400, str(error)) from error
    found = [to_doc(from_doc(record.doc, Portal)) for record in page.records]
    return JSONResponse({"portals": found, "total": page.total, "next": page.next})


def events(visit: Visit) -> Response:
    """Events, newest first, by the query of the search page."""
    try:
        bounds = [
            stamp(parse_stamp(text)) if text else None for text in (visit.asked("from"), visit.asked("to"))
        ]
        query = Query(
            where=read_event_query(visit.asked("q")),
            start=bounds[0],
            end=bounds[1],
            limit=limit_of(visit),
            after=visit.asked("after") or None,
            count_to=_COUNT_TO,
        )
        page = visit.desk.events(query)
    except (QueryError, StoreError, ValueError, OverflowError) as error:
        raise HTTPException(400, str(error)) from error
    return JSONResponse({"events": list(page.events), "total": page.total, "next": page.next})


def hunt_events(visit: Visit) -> Response:
    """What a kept hunt finds now, newest first, in the span that it was kept with."""
    record = visit.house.store.get(standing.KIND, visit.path("id"))
    if record is None:
        raise HTTPException(404, "there is no such hunt")
    hunt = from_doc(record.doc, standing.Hunt)
    span = RANGES.get(hunt.range, RANGES["24h"])
    now = visit.house.clock()
    try:
        where = read_event_query(hunt.q)
    except QueryError as error:
        raise HTTPException(400, str(error)) from error
    query = Query(
        where=where,
        start=stamp(now - timedelta(seconds=span)) if span else None,
        limit=limit_of(visit),
        after=visit.asked("after") or None,
        count_to=_COUNT_TO,
    )
    page = visit.desk.events(query)
    return JSONResponse({"events": list(page.events), "total": page.total, "next": page.next})


def describe(visit: Visit) -> Response:
    """This interface as OpenAPI 3.1."""
    del visit
    return JSONResponse(describe_api((*_WAYS, *FORMS), SPECS))


_WAYS = (
    Way(path="/api/v1/alerts", handler=alerts, name="api_alerts", needs="see", api=True),
    Way(path="/api/v1/alerts/{id}", handler=alert, name="api_alert", needs="see", api=True),
    Way(
        path="/api/v1/alerts/{id}/state",
        handler=set_state,
        name="api_alert_state",
        method="POST",
        needs="triage",
        api=True,
    ),
    Way(path="/api/v1/tickets", handler=tickets, name="api_tickets", needs="see", api=True),
    Way(path="/api/v1/tickets/{id}", handler=ticket, name="api_ticket", needs="see", api=True),
    Way(
        path="/api/v1/tickets/{id}",
        handler=change_ticket,
        name="api_ticket_change",
        method="POST",
        needs="answer",
        api=True,
    ),
    Way(path="/api/v1/portals", handler=portals, name="api_portals", needs="see", api=True),
    Way(path="/api/v1/events", handler=events, name="api_events", needs="staff", api=True),
    Way(path="/api/v1/hunts/{id}/events", handler=hunt_events, name="api_hunt_run", needs="staff", api=True),
    *advisories.API_WAYS,
    *roster.WAYS,
)
FORMS = tuple(pair.way(CONSOLE) for pair in PAIRS)
"""The counterparts of what the console has, in the order of `programs.ALL`."""
SPECS: Specs = {
    **OWN,
    **roster.SPECS,
    **{(way.method, way.path): pair.spec for way, pair in zip(FORMS, PAIRS, strict=True)},
}
"""What each route takes and gives."""
WAYS = (
    *(strict(way, SPECS[way.method, way.path]) for way in (*_WAYS, *FORMS)),
    Way(path="/api/v1/openapi.json", handler=describe, name="api_openapi", api=True),
)
