"""What do people work on, where does it stand, and how is it moved on?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from starlette.responses import Response

from citywatch.clock import parse_stamp, stamp
from citywatch.errors import Conflict
from citywatch.model import Alert, Change, Severity, Ticket, from_doc
from citywatch.ports import All, Condition, Everything, Is, Not, Query, Range, Text
from citywatch.respond import lifecycle
from console.web.access import may
from console.web.accounts import write_audit
from console.web.desk import Desk
from console.web.door import Visit, Way
from console.web.scan import read_slice
from console.web.show import link

PAGE = 50
AGENCY_MOVES = frozenset({"confirmed", "contained", "recovered"})
"""States that an agency may set; the rest is the CSIRT's."""
_ORDER = (
    "new", "triage", "confirmed", "contained", "recovered", "reported", "closed", "reopened", "on_hold",
    "duplicate", "false_positive",
)  # fmt: skip


def show_tickets(visit: Visit) -> Response:
    """The list."""
    state = visit.asked("state") or "open"
    text, severity = visit.asked("q").strip(), visit.asked("severity")
    where = _where(state, text, severity)
    query = Query(where=where, order="changed_at", limit=PAGE, after=visit.asked("after") or None)
    page = read_slice(visit.desk, "ticket", query)
    tickets = [from_doc(record.doc, Ticket) for record in page.records]
    keep = {"q": text, "state": "" if state == "open" else state, "severity": severity}
    return visit.page(
        "tickets.html",
        tickets=tickets,
        total=page.total,
        cut=page.cut,
        state=state,
        text=text,
        severity=severity,
        severities=[level.name for level in sorted(Severity, reverse=True)],
        states=["open", *_ordered(lifecycle.TRANSITIONS), "any"],
        names=visit.desk.agency_names([ticket.agency for ticket in tickets]),
        left={ticket.id: seconds_left(visit, ticket) for ticket in tickets},
        next_link=link("/tickets", **keep, after=page.next) if page.next else "",
        first_link=link("/tickets", **keep) if visit.asked("after") else "",
    )


def _where(state: str, text: str, severity: str) -> Condition:
    parts: list[Condition] = []
    if state == "open":
        parts += [Not(Is("state", one)) for one in sorted(lifecycle.CLOSED)]
    elif state in lifecycle.TRANSITIONS:
        parts.append(Is("state", state))
    if text:
        parts.append(Text(text))
    if severity in Severity.__members__:
        parts.append(Range("severity", int(Severity[severity])))
    return All(tuple(parts)) if parts else Everything()


def seconds_left(visit: Visit, ticket: Ticket) -> float | None:
    """Until the ticket is due; negative when overdue; None when there is no clock."""
    if not ticket.due_at or ticket.state in lifecycle.CLOSED:
        return None
    return (parse_stamp(ticket.due_at) - visit.house.clock()).total_seconds()


def show_ticket(visit: Visit) -> Response:
    """The ticket page."""
    desk = visit.desk
    ticket = desk.ticket(visit.path("id"))
    if ticket is None:
        raise visit.missing()
    alerts = desk.many("alert", ticket.alert_ids[:100], Alert)
    guides = (ticket.guide_vi, ticket.guide_en)
    return visit.page(
        "ticket.html",
        ticket=ticket,
        alerts=sorted(alerts.values(), key=lambda alert: alert.last_seen, reverse=True),
        moves=moves_of(visit, ticket),
        names=desk.agency_names([ticket.agency]),
        left=seconds_left(visit, ticket),
        guide=next((text for text in (guides if visit.language == "vi" else guides[::-1]) if text), ""),
    )


def moves_of(visit: Visit, ticket: Ticket) -> list[str]:
    """Where this person may move the ticket."""
    moves = _ordered(lifecycle.TRANSITIONS.get(ticket.state, ()))
    if may(visit.who.role, "triage"):
        return moves
    return [to for to in moves if to in AGENCY_MOVES] if may(visit.who.role, "answer") else []


def _ordered(states: Iterable[str]) -> list[str]:
    return sorted(states, key=lambda state: _ORDER.index(state) if state in _ORDER else len(_ORDER))


def _read(desk: Desk, visit: Visit) -> tuple[Ticket, int]:
    found = desk.read("ticket", visit.path("id"), Ticket)
    if found is None:
        raise visit.missing()
    return found


def comment(visit: Visit) -> Response:
    """Write a line into the history."""
    desk = visit.desk
    ticket, version = _read(desk, visit)
    back, text = f"/tickets/{ticket.id}", visit.given("note").strip()
    if not text:
        return visit.go(back, "reason_missing")
    at = stamp(visit.house.clock())
    line = Change(at=at, by=visit.who.id, what="comment", note=text)
    return _write(
        visit, replace(ticket, changed_at=at, history=(*ticket.history, line)), version, "commented"
    )


def move(visit: Visit) -> Response:
    """Move the ticket to another state."""
    desk = visit.desk
    ticket, version = _read(desk, visit)
    back, to = f"/tickets/{ticket.id}", visit.given("to")
    if to not in moves_of(visit, ticket):
        return visit.go(back, "not_allowed")
    at, note = stamp(visit.house.clock()), visit.given("note").strip()
    if to in lifecycle.NEEDS_NOTE and not note:
        return visit.go(back, "reason_missing")
    try:
        moved = lifecycle.move(ticket, to, by=visit.who.id, at=at, note=note)
    except lifecycle.NotAllowed:
        return visit.go(back, "not_allowed")
    return _write(visit, moved, version, "moved")


def assign(visit: Visit) -> Response:
    """Say who works on it."""
    desk = visit.desk
    ticket, version = _read(desk, visit)
    at = stamp(visit.house.clock())
    who = visit.given("assignee").strip()[:64] or visit.who.id
    line = Change(at=at, by=visit.who.id, what="assigned", note=who)
    changed = replace(ticket, assignee=who, changed_at=at, history=(*ticket.history, line))
    return _write(visit, changed, version, "saved")


def _write(visit: Visit, ticket: Ticket, version: int, note: str) -> Response:
    try:
        visit.desk.write_ticket(ticket, version)
    except Conflict:
        return visit.go(f"/tickets/{ticket.id}", "conflict")
    write_audit(visit.house.store, visit.house.clock, visit.who.id, f"ticket_{note}", ticket.id)
    return visit.go(f"/tickets/{ticket.id}", note)


WAYS = (
    Way(path="/tickets", handler=show_tickets, name="tickets", needs="see"),
    Way(path="/tickets/{id}", handler=show_ticket, name="ticket", needs="see"),
    Way(path="/tickets/{id}/comment", handler=comment, name="ticket_comment", method="POST", needs="answer"),
    Way(path="/tickets/{id}/move", handler=move, name="ticket_move", method="POST", needs="answer"),
    Way(path="/tickets/{id}/assign", handler=assign, name="ticket_assign", method="POST", needs="triage"),
)
