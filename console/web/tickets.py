"""What do people work on, where does it stand, and how is it moved on?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from citywatch.clock import parse_stamp, stamp
from citywatch.errors import Conflict
from citywatch.model import Alert, Change, Severity, Ticket, from_doc
from citywatch.ports import (
    All,
    Condition,
    Either,
    Everything,
    Exists,
    Is,
    Like,
    Not,
    Query,
    Range,
    Store,
    Text,
)
from citywatch.respond import casework, lifecycle, story
from citywatch.respond.casework import Stale
from citywatch.respond.rsit import kind_of, kinds
from citywatch.respond.sla import GoalClock
from console.measures import deadlines_of
from console.ranking import priority_of
from console.web.access import may
from console.web.accounts import get_user, write_audit
from console.web.desk import Desk
from console.web.door import Visit, Way
from console.web.scan import read_slice
from console.web.show import link

PAGE = 50
_TYPED = ("note", "title", "tlp", "taxonomy", "assignee")
"""What people type or choose in the forms of a ticket's page."""
MOST_PEOPLE = 5000
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
        left=_left(visit, tickets),
        named=mentions_of(visit),
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


def _left(visit: Visit, tickets: Sequence[Ticket]) -> dict[str, float | None]:
    people = people_by_agency(visit.house.store)
    return {ticket.id: seconds_left(visit, ticket, clocks_of(visit, ticket, people)) for ticket in tickets}


def clocks_of(visit: Visit, ticket: Ticket, people: Mapping[str, Collection[str]]) -> list[GoalClock]:
    """How the goals of a ticket stand; none of its agency's, when it has no agency."""
    clocks = visit.house.sla.clocks(ticket, visit.house.clock(), people.get(ticket.agency, ()))
    return [clock for clock in clocks if ticket.agency or clock.goal != "answer"]


def seconds_left(visit: Visit, ticket: Ticket, clocks: Sequence[GoalClock]) -> float | None:
    """Until the first clock runs out (or what a playbook set); negative when overdue; None when none runs."""
    if ticket.state in lifecycle.CLOSED or ticket.state == "on_hold":
        return None
    contained = any(clock.goal == "contain" and clock.state == "met" for clock in clocks)
    waited = [clock for clock in clocks if clock.goal != "answer" or not contained]
    moments = [clock.due for clock in waited if clock.due is not None]
    moments += [parse_stamp(ticket.due_at)] if ticket.due_at else []
    return (min(moments) - visit.house.clock()).total_seconds() if moments else None


def people_by_agency(store: Store) -> dict[str, set[str]]:
    """Accounts of every agency."""
    found: dict[str, set[str]] = {}
    for record in store.find("user", Query(where=Exists("agency"), order="id", limit=MOST_PEOPLE)).records:
        found.setdefault(str(record.doc.get("agency", "")), set()).add(record.id)
    return found


def mentions_of(visit: Visit) -> list[dict[str, Any]]:
    """Comments of the last days that name this person."""
    since = stamp(visit.house.clock() - timedelta(days=7))
    where = All((Is("user", visit.who.id), Range("at", since)))
    page = visit.house.store.find("mention", Query(where=where, order="at", limit=8))
    return [record.doc for record in page.records if record.doc.get("user") == visit.who.id]


def show_ticket(visit: Visit) -> Response:
    """The ticket page."""
    ticket = visit.desk.ticket(visit.path("id"))
    if ticket is None:
        raise visit.missing()
    return page_of(visit, ticket)


def page_of(visit: Visit, ticket: Ticket, *, stale: Stale | None = None) -> Response:
    """The ticket's page; after a change that came too late, with what was typed still in it."""
    desk, store, law = visit.desk, visit.house.store, visit.house.law
    alerts = desk.many("alert", ticket.alert_ids[:100], Alert)
    guides = (ticket.guide_vi, ticket.guide_en)
    clocks = clocks_of(visit, ticket, people_by_agency(store))
    campaign = desk.many(
        "ticket", story.members_of(store, ticket.campaign) if ticket.campaign else [], Ticket
    )
    status = 409 if stale else 200
    return visit.page(
        "ticket.html",
        status,
        ticket=ticket,
        alerts=sorted(alerts.values(), key=lambda alert: alert.last_seen, reverse=True),
        moves=moves_of(visit, ticket),
        names=desk.agency_names([ticket.agency, *(one.agency for one in campaign.values())]),
        campaign=[one for one in campaign.values() if one.id != ticket.id],
        ties=story.ties_told(ticket),
        left=seconds_left(visit, ticket, clocks),
        clocks=clocks,
        duties=deadlines_of(store, law, ticket),
        now=visit.house.clock(),
        kept={name: visit.given(name) for name in _TYPED if stale and name in visit.form},
        stale=stale,
        kind=kind_of(ticket.taxonomy, ticket.category),
        kinds=kinds().values(),
        tlps=casework.TLP,
        links=desk.many("ticket", [*ticket.links, ticket.merged_into], Ticket),
        observables=casework.observables_of(ticket, alerts.values()),
        techniques=casework.techniques_of(alerts.values()),
        custody=custody_of(visit, ticket),
        priority=priority_of(
            store, visit.house.warnings.about, visit.house.settings.data, ticket, list(alerts.values())
        ),
        guide=next((text for text in (guides if visit.language == "vi" else guides[::-1]) if text), ""),
    )


def custody_of(visit: Visit, ticket: Ticket) -> list[dict[str, Any]]:
    """Who read or took the ticket's evidence, newest first, from the audit; for the CSIRT's eyes."""
    if not ticket.evidence or not visit.can("staff"):
        return []
    hashes = dict.fromkeys(item.sha256 for item in ticket.evidence)
    named = Either(tuple(Like("about", f"*/evidence/{sha256}") for sha256 in list(hashes)[:20]))
    where = All((Either((Is("what", "evidence_read"), Is("what", "evidence_taken"))), named))
    page = visit.house.store.find("audit", Query(where=where, order="seq", limit=50))
    return [record.doc | {"sha256": str(record.doc["about"]).rpartition("/")[2]} for record in page.records]


def moves_of(visit: Visit, ticket: Ticket) -> list[str]:
    """Where this person may move the ticket."""
    moves = _ordered(lifecycle.TRANSITIONS.get(ticket.state, ()))
    if may(visit.who.role, "triage"):
        return moves
    return [to for to in moves if to in AGENCY_MOVES] if may(visit.who.role, "answer") else []


def _ordered(states: Iterable[str]) -> list[str]:
    return sorted(states, key=lambda state: _ORDER.index(state) if state in _ORDER else len(_ORDER))


def change(visit: Visit, apply: Callable[[Ticket], Ticket], note: str) -> Response:
    """Apply a change to the ticket as it is now, until nobody was in between; who comes too late is told.

    What was typed is then still on the page that says so.
    """
    back = f"/tickets/{visit.path('id')}"
    for _ in range(lifecycle.TRIES):
        found = visit.desk.read("ticket", visit.path("id"), Ticket)
        if found is None:
            raise visit.missing()
        ticket, version = found
        try:
            changed = apply(ticket)
            if changed != ticket:
                visit.desk.write_ticket(changed, version)
        except Stale as error:
            return page_of(visit, ticket, stale=error)
        except (lifecycle.NotAllowed, casework.Refused):
            return visit.go(back, "not_allowed" if note == "moved" else "refused")
        except Conflict:
            continue
        write_audit(visit.house.store, visit.house.clock, visit.who.id, f"ticket_{note}", ticket.id)
        return visit.go(back, note)
    return visit.go(back, "conflict")


def seen(visit: Visit, field: str) -> str | None:
    """The value that stood on the page when the form was filled in; None when the form does not say."""
    return visit.given(f"was_{field}") if f"was_{field}" in visit.form else None


def comment(visit: Visit) -> Response:
    """Write a line into the history; who is named in it with @ is told."""
    text = visit.given("note").strip()
    if not text:
        return visit.go(f"/tickets/{visit.path('id')}", "reason_missing")
    line = Change(at=stamp(visit.house.clock()), by=visit.who.id, what="comment", note=text)
    response = change(visit, lambda ticket: casework.commented(ticket, line), "commented")
    tell_named(visit, line)
    return response


def tell_named(visit: Visit, line: Change) -> None:
    """Note for each account that a comment names, and that may see the ticket, that it was named."""
    if visit.desk.ticket(visit.path("id")):
        note_named(visit.house.store, visit.path("id"), line)


def note_named(store: Store, ticket_id: str, line: Change) -> None:
    """Note for each account that a line names, and that may see the ticket, that it was named."""
    for name in casework.mentions(line.note):
        user = get_user(store, name)
        if user is None or not user.active or not Desk(store, user).ticket(ticket_id):
            continue
        doc = {"user": user.id, "ticket": ticket_id, "by": line.by, "at": line.at, "text": line.note[:300]}
        store.put_many("mention", {f"{user.id}:{ticket_id}:{line.at}": doc | {"state": "new"}})


def move(visit: Visit) -> Response:
    """Move the ticket to another state."""
    to, at, text = visit.given("to"), stamp(visit.house.clock()), visit.given("note").strip()
    if to in lifecycle.NEEDS_NOTE and not text:
        return visit.go(f"/tickets/{visit.path('id')}", "reason_missing")

    def moved(ticket: Ticket) -> Ticket:
        casework.unchanged(ticket, "state", seen(visit, "state"))
        if to not in moves_of(visit, ticket):
            raise lifecycle.NotAllowed(ticket.id, ticket.state, to, "not by this person")
        return lifecycle.move(ticket, to, by=visit.who.id, at=at, note=text)

    return change(visit, moved, "moved")


def assign(visit: Visit) -> Response:
    """Say who works on it."""
    at = stamp(visit.house.clock())
    who = visit.given("assignee").strip()[:64] or visit.who.id

    def assigned(ticket: Ticket) -> Ticket:
        return casework.edited(ticket, "assignee", who, by=visit.who.id, at=at, seen=seen(visit, "assignee"))

    return change(visit, assigned, "saved")


WAYS = (
    Way(path="/tickets", handler=show_tickets, name="tickets", needs="see"),
    Way(path="/tickets/{id}", handler=show_ticket, name="ticket", needs="see"),
    Way(path="/tickets/{id}/comment", handler=comment, name="ticket_comment", method="POST", needs="answer"),
    Way(path="/tickets/{id}/move", handler=move, name="ticket_move", method="POST", needs="answer"),
    Way(path="/tickets/{id}/assign", handler=assign, name="ticket_assign", method="POST", needs="triage"),
)
