"""How are kept bytes shown without ever running them?

Evidence is reached only through the alert, ticket or event that names it, so whoever may see that may see it.
It goes out as plain text or as a download, never as what it claims to be; each look is noted in the audit.
"""

from __future__ import annotations

import re

from starlette.responses import Response

from console.web.accounts import write_audit
from console.web.alert import proofs_of
from console.web.door import Visit, Way

_HASH = re.compile(r"[0-9a-f]{64}")
_MOST_SHOWN = 500_000


def of_alert(visit: Visit) -> Response:
    """Evidence that the alert's event names."""
    alert = visit.desk.alert(visit.path("id"))
    if alert is None:
        raise visit.missing()
    return _serve(visit, {proof.sha256 for proof in proofs_of(alert.event)})


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


def _serve(visit: Visit, known: set[str]) -> Response:
    sha256 = visit.path("sha256")
    if sha256 not in known or not _HASH.fullmatch(sha256):
        raise visit.missing()
    kept = visit.house.evidence.get(sha256)
    if kept is None:
        raise visit.missing()
    write_audit(
        visit.house.store, visit.house.clock, visit.who.id, "evidence_read", f"{visit.request.url.path}"
    )
    headers = {"content-security-policy": "sandbox; default-src 'none'", "x-content-type-options": "nosniff"}
    if visit.asked("as") == "file":
        headers["content-disposition"] = f'attachment; filename="{sha256}.evidence"'
        return Response(kept, media_type="application/octet-stream", headers=headers)
    text = kept[:_MOST_SHOWN].decode("utf-8", "replace")
    return Response(text, media_type="text/plain; charset=utf-8", headers=headers)


WAYS = (
    Way(path="/alerts/{id}/evidence/{sha256}", handler=of_alert, name="alert_evidence", needs="see"),
    Way(path="/tickets/{id}/evidence/{sha256}", handler=of_ticket, name="ticket_evidence", needs="see"),
    Way(path="/events/{id}/evidence/{sha256}", handler=of_event, name="event_evidence", needs="staff"),
)
