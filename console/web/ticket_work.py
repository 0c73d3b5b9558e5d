"""What else is done on a ticket's page: facts, tasks, links and merges, observables, drafts of reports?"""

from __future__ import annotations

from threading import BoundedSemaphore

from starlette.responses import Response

from citywatch.clock import stamp
from citywatch.model import Ticket
from citywatch.respond import casework
from citywatch.respond.lifecycle import Numbering
from citywatch.respond.report import ReportError
from citywatch.respond.split import split_off
from citywatch.respond.story import leave_campaign
from console.reports import TICKET_FORMS, Source, print_ticket
from console.web.accounts import write_audit
from console.web.door import Visit, Way
from console.web.tickets import change, seen

AT_ONCE = BoundedSemaphore(2)  # each document takes a process and up to a second of a core
MEDIA = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


def facts(visit: Visit) -> Response:
    """Another title, TLP or type of incident."""
    at, by = stamp(visit.house.clock()), visit.who.id

    def edited(ticket: Ticket) -> Ticket:
        for field in ("title", "tlp", "taxonomy"):
            if field in visit.form:
                ticket = casework.edited(
                    ticket, field, visit.given(field), by=by, at=at, seen=seen(visit, field)
                )
        return ticket

    return change(visit, edited, "saved")


def add_task(visit: Visit) -> Response:
    """One more thing to do."""
    at, text, who = stamp(visit.house.clock()), visit.given("note"), visit.given("assignee").strip()
    return change(
        visit,
        lambda ticket: casework.with_task(ticket, text, by=visit.who.id, at=at, assignee=who),
        "saved",
    )


def tick_task(visit: Visit) -> Response:
    """A task is done, or is not after all."""
    at, task, done = stamp(visit.house.clock()), visit.given("task"), visit.given("done") == "1"
    return change(
        visit,
        lambda ticket: casework.with_task_done(ticket, task, by=visit.who.id, at=at, done=done),
        "saved",
    )


def add_observable(visit: Visit) -> Response:
    """A value that may link this ticket to others."""
    at, value = stamp(visit.house.clock()), visit.given("note")
    return change(
        visit,
        lambda ticket: casework.with_observable(ticket, value, by=visit.who.id, at=at),
        "saved",
    )


def join(visit: Visit) -> Response:
    """Link the ticket with another, or merge it into that."""
    ticket, other = visit.desk.ticket(visit.path("id")), visit.given("other").strip()[:64]
    if ticket is None:
        raise visit.missing()
    back = f"/tickets/{ticket.id}"
    if visit.desk.ticket(other) is None:
        return visit.go(back, "refused")
    deed = "merge" if visit.given("deed") == "merge" else "link"
    done = casework.merge if deed == "merge" else casework.link
    try:
        done(visit.house.store, ticket.id, other, by=visit.who.id, at=stamp(visit.house.clock()))
    except casework.Refused:
        return visit.go(back, "refused")
    write_audit(visit.house.store, visit.house.clock, visit.who.id, f"ticket_{deed}", f"{ticket.id} {other}")
    return visit.go(f"/tickets/{other}" if deed == "merge" else back, "saved")


def split(visit: Visit) -> Response:
    """Something that joined the ticket gets a ticket of its own."""
    ticket, run = visit.desk.ticket(visit.path("id")), visit.given("run")
    if ticket is None:
        raise visit.missing()
    house, settings = visit.house, visit.house.settings
    numbering = Numbering(organisation=settings.organisation, timezone=settings.timezone)
    try:
        fresh = split_off(
            house.store, ticket.id, run, by=visit.who.id, now=house.clock(), numbering=numbering
        )
    except casework.Refused:
        return visit.go(f"/tickets/{ticket.id}", "refused")
    write_audit(house.store, house.clock, visit.who.id, "ticket_split", f"{ticket.id} {fresh.id}")
    return visit.go(f"/tickets/{fresh.id}", "saved", made=fresh.id)


def leave(visit: Visit) -> Response:
    """The ticket has nothing to do with its campaign."""
    ticket = visit.desk.ticket(visit.path("id"))
    if ticket is None:
        raise visit.missing()
    house = visit.house
    leave_campaign(house.store, ticket.id, by=visit.who.id, at=stamp(house.clock()))
    write_audit(house.store, house.clock, visit.who.id, "campaign_left", f"{ticket.id} {ticket.campaign}")
    return visit.go(f"/tickets/{ticket.id}", "saved")


def report(visit: Visit) -> Response:
    """A draft of a form, to be downloaded."""
    ticket = visit.desk.ticket(visit.path("id"))
    form, ending = visit.asked("form") or "progress", visit.asked("as") or "pdf"
    if ticket is None or form not in TICKET_FORMS or ending not in MEDIA:
        raise visit.missing()
    house = visit.house
    source = Source(
        settings=house.settings, clock=house.clock, store=house.store, sla=house.sla, law=house.law
    )
    try:
        with AT_ONCE:
            made = print_ticket(source, ticket, form, ending)
    except ReportError as error:
        return visit.page("error.html", 500, code=500, detail=str(error))
    write_audit(house.store, house.clock, visit.who.id, "report_read", f"{ticket.id} {form}.{ending}")
    name = f"{ticket.id}-{form}.{ending}"
    headers = {"content-disposition": f'attachment; filename="{name}"', "x-content-type-options": "nosniff"}
    return Response(made, media_type=MEDIA[ending], headers=headers)


WAYS = (
    Way(path="/tickets/{id}/facts", handler=facts, name="ticket_facts", method="POST", needs="triage"),
    Way(path="/tickets/{id}/task", handler=add_task, name="ticket_task", method="POST", needs="answer"),
    Way(
        path="/tickets/{id}/task/done",
        handler=tick_task,
        name="ticket_task_done",
        method="POST",
        needs="answer",
    ),
    Way(
        path="/tickets/{id}/observable",
        handler=add_observable,
        name="ticket_observable",
        method="POST",
        needs="triage",
    ),
    Way(path="/tickets/{id}/join", handler=join, name="ticket_join", method="POST", needs="triage"),
    Way(path="/tickets/{id}/split", handler=split, name="ticket_split", method="POST", needs="triage"),
    Way(path="/tickets/{id}/leave", handler=leave, name="ticket_leave", method="POST", needs="triage"),
    Way(path="/tickets/{id}/report", handler=report, name="ticket_report", needs="see"),
)
