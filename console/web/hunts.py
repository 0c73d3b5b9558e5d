"""Which searches are kept, which of them does the house repeat, and what did they find?"""

from __future__ import annotations

import secrets

from starlette.responses import Response

from citywatch.clock import stamp
from citywatch.model import Severity, from_doc
from console import standing
from console.standing import Hunt
from console.web.accounts import write_audit
from console.web.door import Visit, Way
from console.web.query import QueryError, read_event_query
from console.web.show import link


def show_hunts(visit: Visit) -> Response:
    """All that are kept."""
    hunts = standing.read_all(visit.house.store)
    return visit.page("hunts.html", hunts=hunts, address=address_of)


def address_of(hunt: Hunt) -> str:
    """The search that a hunt keeps."""
    return link("/search", q=hunt.q, range=hunt.range, by=hunt.by)


def keep(visit: Visit) -> Response:
    """Keep the present search under a name, to be repeated or not."""
    name, text = visit.given("name").strip()[: standing.LONGEST_NAME], visit.given("q")[:2000]
    back = visit.given("back") or "/hunts"
    every, severity = visit.given("every"), visit.given("severity")
    if not name:
        return visit.go(back, "view_nameless")
    try:
        read_event_query(text)
    except QueryError:
        return visit.go(back, "hunt_wrong")
    hunt = Hunt(
        id=secrets.token_hex(8),
        name=name,
        q=text,
        range=visit.given("range") or "24h",
        by=visit.given("by")[:200],
        every=every if every in standing.EVERY else "",
        severity=Severity.__members__.get(severity, Severity.medium),
        owner=visit.who.id,
        made_at=stamp(visit.house.clock()),
    )
    if not standing.keep(visit.house.store, hunt):
        return visit.go(back, "hunts_full")
    write_audit(visit.house.store, visit.house.clock, visit.who.id, "hunt_kept", f"{hunt.id} {name}")
    return visit.go("/hunts", "saved", made=hunt.id)


def drop(visit: Visit) -> Response:
    """Forget a hunt; the alerts that it made stay."""
    store, key = visit.house.store, visit.path("id")
    record = store.get(standing.KIND, key)
    if record is None:
        raise visit.missing()
    name = from_doc(record.doc, Hunt).name
    store.delete(standing.KIND, key)
    write_audit(store, visit.house.clock, visit.who.id, "hunt_dropped", f"{key} {name}")
    return visit.go("/hunts", "saved")


WAYS = (
    Way(path="/hunts", handler=show_hunts, name="hunts", needs="staff"),
    Way(path="/hunts", handler=keep, name="hunt_keep", method="POST", needs="triage"),
    Way(path="/hunts/{id}/drop", handler=drop, name="hunt_drop", method="POST", needs="triage"),
)
