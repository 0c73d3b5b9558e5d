"""Which alerts wait, and what is done with many of them at once?

An alert is the judge's; what people did with it is a record of its own. A view of one state therefore reads
alerts newest first and passes over those in another state, in bounded steps: a page that ran out of steps
says so and offers to look further back.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from citywatch.clock import parse_stamp, stamp
from citywatch.detect.fold import CARRIED
from citywatch.model import Alert, AlertState, Severity, from_doc, to_doc
from citywatch.ports import All, Condition, Either, Everything, Is, Not, Query, Record
from console.web import suppress, views
from console.web.accounts import write_audit
from console.web.desk import Desk
from console.web.door import Visit, Way
from console.web.query import ALERT_FIELDS, QueryError, read_alert_query
from console.web.scan import judge_of, read_slice
from console.web.show import link
from console.web.suppress import Suppression

PAGE = 50
_MOST_AT_ONCE = 10_000
_MOST_PAGES = 50
_UNDO_LIFE = timedelta(hours=12)

VIEWS: dict[str, frozenset[str]] = {
    "open": frozenset({"new", "acknowledged"}),
    "new": frozenset({"new"}),
    "acknowledged": frozenset({"acknowledged"}),
    "closed": frozenset({"closed"}),
    "false_positive": frozenset({"false_positive"}),
    "any": frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What an inbox is asked for; the same in its address, its forms and the API."""

    text: str = ""
    state: str = "open"
    severity: str = ""
    """At least this one."""
    hidden: bool = False
    """Show what a suppression hides."""
    after: str = ""

    def where(self) -> Condition:
        """The condition over alerts (states and suppressions are not in it: no store can index them).

        Raises:
            QueryError: the text cannot be read.
        """
        parts: list[Condition] = []
        if self.text.strip():
            parts.append(read_alert_query(self.text))
        if self.severity in Severity.__members__:
            lower = range(int(Severity[self.severity]))
            # said so, SQLite walks the newest first; asked for a range it sorts everything that is in it
            parts.append(Not(Either(tuple(Is("severity", level) for level in lower))))
        return All(tuple(parts)) if parts else Everything()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One alert as the list shows it."""

    alert: Alert
    state: AlertState


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """One page of the inbox."""

    rows: tuple[Row, ...]
    total: int | None
    """In all, counted up to `scan.COUNT_TO`; None where that would take long."""
    next: str | None
    cut: bool = False
    """Time ran out before the page was full."""


def read_shelf(
    desk: Desk, ask: Ask, hiding: Sequence[Suppression], *, limit: int = PAGE, loose: bool = False
) -> Shelf:
    """Read one page of alerts with their states.

    What people did is found by its state, last done first; what is open by the alerts themselves, newest
    first, passing over those that are not.
    """
    wanted = VIEWS.get(ask.state, VIEWS["open"])
    hiding = () if ask.hidden else hiding
    if wanted and "new" not in wanted and desk.sees_states:
        return _read_handled(desk, ask, wanted, hiding, limit=limit, loose=loose)
    held: dict[str, dict[str, Any]] = {}

    def sift(records: Sequence[Record]) -> list[bool]:
        held.update(desk.state_docs([record.id for record in records]))
        return [
            (not wanted or str(held.get(record.id, {}).get("state", "new")) in wanted)
            and not (hiding and _is_hidden(record, hiding))
            for record in records
        ]

    query = Query(where=ask.where(), order="last_seen", limit=limit, after=ask.after or None)
    found = read_slice(desk, "alert", query, sift if wanted or hiding else None, loose=loose)
    if not held:
        held.update(desk.state_docs([record.id for record in found.records]))
    rows = tuple(
        Row(alert=from_doc(record.doc, Alert), state=_state_of(record.id, held)) for record in found.records
    )
    if not ask.after and found.next is None:
        return Shelf(rows=rows, total=len(rows), next=None)
    return Shelf(rows=rows, total=found.total, next=found.next, cut=found.cut)


def _is_hidden(record: Record, hiding: Sequence[Suppression]) -> bool:
    rule = record.doc.get("rule_id")
    some = [one for one in hiding if one.rule_id == rule]
    return bool(some) and any(one.hides(from_doc(record.doc, Alert)) for one in some)


def _state_of(alert_id: str, held: Mapping[str, dict[str, Any]]) -> AlertState:
    doc = held.get(alert_id)
    return from_doc(doc, AlertState) if doc is not None else AlertState(alert_id=alert_id)


def _read_handled(
    desk: Desk,
    ask: Ask,
    wanted: frozenset[str],
    hiding: Sequence[Suppression],
    *,
    limit: int,
    loose: bool,
) -> Shelf:
    """Alerts in these states, the last changed first."""
    where = ask.where()
    judge = judge_of(where)
    known: dict[str, Record] = {}

    def sift(states: Sequence[Record]) -> list[bool]:
        alerts = desk.alert_records([state.id for state in states])
        known.update(alerts)
        return [
            state.id in alerts
            and judge(alerts[state.id].doc)
            and not (hiding and _is_hidden(alerts[state.id], hiding))
            for state in states
        ]

    plain = isinstance(where, Everything) and not hiding
    states = Either(tuple(Is("state", one) for one in sorted(wanted)))
    query = Query(where=states, order="changed_at", limit=limit, after=ask.after or None)
    found = read_slice(desk, "alert_state", query, None if plain else sift, loose=loose)
    if plain:
        known = dict(desk.alert_records([state.id for state in found.records]))
    rows = tuple(
        Row(alert=from_doc(known[state.id].doc, Alert), state=from_doc(state.doc, AlertState))
        for state in found.records
        if state.id in known  # a state may outlive its alert
    )
    return Shelf(rows=rows, total=found.total, next=found.next, cut=found.cut)


def read_ask(visit: Visit, *, form: bool = False) -> Ask:
    """The inbox that an address, or a form made from one, asks for."""
    take = visit.given if form else visit.asked
    state = take("state") or "open"
    return Ask(
        text=take("q"),
        state=state if state in VIEWS else "open",
        severity=take("severity"),
        hidden=take("hidden") == "1",
        after=take("after"),
    )


def show_inbox(visit: Visit) -> Response:
    """The inbox: the page, or only its table when htmx asks."""
    ask = read_ask(visit)
    desk = visit.desk
    problem: QueryError | None = None
    try:
        shelf = read_shelf(desk, ask, suppress.active(visit.house.store, visit.house.clock))
    except QueryError as error:
        problem, shelf = error, Shelf(rows=(), total=0, next=None)
    names = desk.agency_names([row.alert.agency for row in shelf.rows])
    return visit.page(
        "inbox_table.html" if visit.request.headers.get("hx-target") == "table" else "inbox.html",
        ask=ask,
        shelf=shelf,
        names=names,
        problem=problem,
        views=list(VIEWS),
        severities=[level.name for level in sorted(Severity, reverse=True)],
        liking=views.read(visit.house.store, visit.who.id)[0],
        columns=views.COLUMNS,
        fields=[*ALERT_FIELDS, *CARRIED],
        next_link=_link(ask, shelf.next) if shelf.next else "",
        first_link=_link(ask, "") if ask.after else "",
    )


def _link(ask: Ask, after: str | None) -> str:
    return link(
        "/alerts",
        q=ask.text,
        state="" if ask.state == "open" else ask.state,
        severity=ask.severity,
        hidden="1" if ask.hidden else "",
        after=after,
    )


def front(visit: Visit) -> Response:
    """The front page: the inbox, for an agency its tickets."""
    return visit.go("/tickets" if not visit.can("staff") else "/alerts")


# -- doing ------------------------------------------------------------------------------------------------

DEEDS = {
    "acknowledge": ("acknowledged", "acknowledged"),
    "assign": ("acknowledged", "assigned"),
    "close": ("closed", "closed"),
    "false_positive": ("false_positive", "false_positive"),
    "reopen": ("new", "new"),
}
"""What may be done with alerts: the state it leads to and what is said afterwards."""


def do_deed(visit: Visit) -> Response:
    """Do one thing with the chosen alerts, or with all that the inbox's query finds."""
    deed = visit.given("deed")
    back = visit.given("back") or "/alerts"
    if deed not in DEEDS:
        raise visit.missing()
    reason = visit.given("reason").strip()
    if deed in {"close", "false_positive"} and not reason:
        return visit.go(back, "reason_missing")
    try:
        alerts = _chosen(visit)
    except QueryError:
        return visit.go(back, "nothing_chosen")
    if not alerts:
        return visit.go(back, "nothing_chosen")
    assignee = visit.given("assignee").strip()[:64] or visit.who.id
    undo = change_states(visit, alerts, deed, reason[:1000], assignee)
    return visit.go(back, DEEDS[deed][1], count=len(alerts), undo=undo)


def _chosen(visit: Visit) -> list[Alert]:
    desk = visit.desk
    if visit.given("scope") != "all":
        found = desk.many("alert", visit.form.get("id", [])[:_MOST_AT_ONCE], Alert)
        return list(found.values())
    ask = replace(read_ask(visit, form=True), after="")
    hiding = suppress.active(visit.house.store, visit.house.clock)
    chosen: list[Alert] = []
    for _ in range(_MOST_PAGES):
        shelf = read_shelf(desk, ask, hiding, limit=2000, loose=True)
        chosen += [row.alert for row in shelf.rows]
        if shelf.next is None or len(chosen) >= _MOST_AT_ONCE:
            break
        ask = replace(ask, after=shelf.next)
    return chosen[:_MOST_AT_ONCE]


def change_states(visit: Visit, alerts: Sequence[Alert], deed: str, reason: str, assignee: str) -> str:
    """Write new states, keep the old ones for undo; gives the undo's id."""
    desk, now = visit.desk, stamp(visit.house.clock())
    before = desk.states(alerts)
    after = {
        key: replace(
            state,
            state=DEEDS[deed][0],
            assignee=""
            if deed == "reopen"
            else assignee
            if deed == "assign"
            else state.assignee or visit.who.id,
            reason=reason,
            changed_at=now,
            changed_by=visit.who.id,
        )
        for key, state in before.items()
    }
    undo = secrets.token_hex(12)
    doc = {
        "by": visit.who.id,
        "at": now,
        "deed": deed,
        "before": {key: to_doc(state) for key, state in before.items() if state.changed_at},
        "ids": list(before),
    }
    visit.house.store.put_if("undo", undo, doc, 0)
    desk.write_states(after)
    about = f"{len(after)}: {' '.join(list(after)[:5])}"
    write_audit(visit.house.store, visit.house.clock, visit.who.id, f"alerts_{deed}", about)
    return undo


def undo_deed(visit: Visit) -> Response:
    """Put back what the same person did, where nobody changed it since."""
    store, key = visit.house.store, visit.given("undo")
    back = visit.given("back") or "/alerts"
    record = store.get("undo", key) if key.isalnum() else None
    if record is None or record.doc["by"] != visit.who.id:
        return visit.go(back, "undo_gone")
    made_at = str(record.doc["at"])
    if visit.house.clock() - parse_stamp(made_at) > _UNDO_LIFE or not store.delete("undo", key):
        return visit.go(back, "undo_gone")
    desk = visit.desk
    alerts = list(desk.many("alert", record.doc["ids"], Alert).values())
    untouched = [
        state.alert_id
        for state in desk.states(alerts).values()
        if state.changed_at == made_at and state.changed_by == visit.who.id
    ]
    old = {key: from_doc(doc, AlertState) for key, doc in record.doc["before"].items()}
    fresh = {key: AlertState(alert_id=key) for key in untouched}
    desk.write_states({key: old.get(key, fresh[key]) for key in untouched})
    write_audit(store, visit.house.clock, visit.who.id, "alerts_undo", f"{len(untouched)}")
    return visit.go(back, "undone", count=len(untouched))


WAYS = (
    Way(path="/", handler=front, name="front", needs="see"),
    Way(path="/alerts", handler=show_inbox, name="inbox", needs="see"),
    *views.WAYS,
    Way(path="/alerts/do", handler=do_deed, name="alerts_do", method="POST", needs="triage"),
    Way(path="/alerts/undo", handler=undo_deed, name="alerts_undo", method="POST", needs="triage"),
)
