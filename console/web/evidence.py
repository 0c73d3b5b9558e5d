"""How are kept bytes shown without ever running them?

Evidence is reached only through the alert, ticket or event that names it, so whoever may see that may see it.
It goes out as plain text, as a download, or, when its first bytes are a PNG's, JPEG's or WebP's, as a
picture; never as what it claims to be. Each look is noted in the audit.
"""

from __future__ import annotations

import re
from dataclasses import replace

from starlette.responses import Response

from citywatch.clock import stamp
from citywatch.errors import Conflict
from citywatch.model import Change, Evidence, Ticket
from citywatch.respond import lifecycle
from console import attachment
from console.evidence import piece_of
from console.web.accounts import write_audit
from console.web.before import look_before, picture_type
from console.web.door import Visit, Way
from console.web.proofs import proofs_of

_HASH = re.compile(r"[0-9a-f]{64}")
_MOST_SHOWN = 500_000


def of_alert(visit: Visit) -> Response:
    """Evidence that the alert's event names."""
    alert = visit.desk.alert(visit.path("id"))
    if alert is None:
        raise visit.missing()
    known = {proof.sha256 for proof in proofs_of(alert.event)}
    if visit.path("sha256") not in known:
        earlier = look_before(visit, alert)
        known |= earlier.hashes if earlier is not None else frozenset()
    return _serve(visit, known)


def of_ticket(visit: Visit) -> Response:
    """Evidence of a ticket, its own or that of its alerts."""
    ticket = visit.desk.ticket(visit.path("id"))
    if ticket is None:
        raise visit.missing()
    return _serve(visit, {item.sha256 for item in ticket.evidence})


def of_event(visit: Visit) -> Response:
    """Evidence that an event names."""
    event = visit.desk.event(visit.path("id"))
    if event is None:
        raise visit.missing()
    return _serve(visit, {proof.sha256 for proof in proofs_of(event)})


def attach(visit: Visit) -> Response:
    """Keep a file as proof on a ticket."""
    found = visit.desk.read("ticket", visit.path("id"), Ticket)
    if found is None:
        raise visit.missing()
    ticket, version = found
    back, now = f"/tickets/{ticket.id}", stamp(visit.house.clock())
    if visit.upload is None:
        return visit.go(back, "upload_missing")
    if len(ticket.evidence) >= attachment.MOST_OF_TICKET:
        return visit.go(back, "upload_many")
    try:
        kind = attachment.kind_of(visit.upload.raw)
    except attachment.NotTaken as error:
        return visit.go(back, str(error))
    name = attachment.shown_name(visit.upload.name) or kind
    kept = Evidence(
        sha256=visit.house.evidence.keep(visit.upload.raw, kind),
        media_type=kind,
        size=len(visit.upload.raw),
        taken_at=now,
        source=visit.who.id,
        what=name,
    )
    visit.house.custody.note([piece_of(kept, ticket.id)])
    line = Change(at=now, by=visit.who.id, what="attached", note=f"{name} · SHA-256 {kept.sha256}")
    changed = replace(lifecycle.noted(ticket, line), evidence=(*ticket.evidence, kept))
    try:
        visit.desk.write_ticket(changed, version)
    except Conflict:
        return visit.go(back, "conflict")
    write_audit(
        visit.house.store, visit.house.clock, visit.who.id, "ticket_attached", f"{ticket.id} {kept.sha256}"
    )
    return visit.go(back, "attached")


def _serve(visit: Visit, known: set[str]) -> Response:
    sha256 = visit.path("sha256")
    if sha256 not in known or not _HASH.fullmatch(sha256):
        raise visit.missing()
    kept = visit.house.evidence.get(sha256)
    if kept is None:
        raise visit.missing()
    deed = "evidence_taken" if visit.asked("as") == "file" else "evidence_read"
    write_audit(visit.house.store, visit.house.clock, visit.who.id, deed, visit.request.url.path)
    headers = {"content-security-policy": "sandbox; default-src 'none'", "x-content-type-options": "nosniff"}
    if visit.asked("as") == "file":
        headers["content-disposition"] = f'attachment; filename="{sha256}.evidence"'
        return Response(kept, media_type="application/octet-stream", headers=headers)
    kind = picture_type(kept) if visit.asked("as") == "picture" else ""
    if kind:
        return Response(kept, media_type=kind, headers=headers)
    text = kept[:_MOST_SHOWN].decode("utf-8", "replace")
    return Response(text, media_type="text/plain; charset=utf-8", headers=headers)


WAYS = (
    Way(
        path="/tickets/{id}/attach",
        handler=attach,
        name="ticket_attach",
        method="POST",
        needs="answer",
        takes=attachment.LARGEST,
    ),
    Way(path="/alerts/{id}/evidence/{sha256}", handler=of_alert, name="alert_evidence", needs="see"),
    Way(path="/tickets/{id}/evidence/{sha256}", handler=of_ticket, name="ticket_evidence", needs="see"),
    Way(path="/events/{id}/evidence/{sha256}", handler=of_event, name="event_evidence", needs="staff"),
)
