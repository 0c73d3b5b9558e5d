"""Which alerts wait?

An alert is the judge's; what people did with it is a record of its own. A view of one state therefore reads
alerts newest first and passes over those in another state, in bounded steps: a page that ran out of steps
says so and offers to look further back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.responses import Response

from citywatch.detect.fold import CARRIED
from citywatch.model import Alert, AlertState, Severity, from_doc
from citywatch.ports import All, Condition, Either, Everything, Is, Not, Query, Range, Record
from console.web import suppress, views
from console.web.desk import Desk
from console.web.door import Visit, Way
from console.web.query import ALERT_FIELDS, STATE_FIELDS, QueryError, read_alert_query, take_states
from console.web.scan import judge_of, read_slice
from console.web.show import link
from console.web.suppress import Suppression

PAGE = 50

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
    until: str = ""
    """Only what was last seen by then."""
    assignee: str = ""
    """Only what this person has."""

    def resolved(self) -> Ask:
        """What the text asks of the alerts' handling (`state:closed assignee:lan`) taken out of it.

        Raises:
            QueryError: there is no such state.
        """
        text, taken = take_states(self.text)
        state = taken.get("state", self.state)
        if state not in VIEWS:
            raise QueryError(self.text.find("state:"), "unknown_state", state, ", ".join(VIEWS))
        return replace(self, text=text, state=state, assignee=taken.get("assignee", self.assignee))

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
        if self.until:
            parts.append(Range("last_seen", None, self.until))
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
    ask = ask.resolved()
    wanted = VIEWS.get(ask.state, VIEWS["open"])
    hiding = () if ask.hidden else hiding
    if (ask.assignee or (wanted and "new" not in wanted)) and desk.sees_states:
        return _read_handled(desk, ask, wanted, hiding, limit=limit, loose=loose)
    held: dict[str, dict[str, Any]] = {}

    def sift(records: Sequence[Record]) -> list[bool]:
        held.update(desk.state_docs([record.id for record in records]))
        return [
            (not wanted or str(held.get(record.id, {}).get("state", "new")) in wanted)
            and (
                not ask.assignee
                or str(held.get(record.id, {}).get("assignee", "")).lower() == ask.assignee.lower()
            )
            and not (hiding and _is_hidden(record, hiding))
            for record in records
        ]

    query = Query(where=ask.where(), order="last_seen", limit=limit, after=ask.after or None)
    found = read_slice(desk, "alert", query, sift if wanted or hiding or ask.assignee else None, loose=loose)
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
    states: Condition = Either(tuple(Is("state", one) for one in sorted(wanted))) if wanted else Everything()
    if ask.assignee:
        states = All((Is("assignee", ask.assignee), states))
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
        fields=[*ALERT_FIELDS, *STATE_FIELDS, *CARRIED],
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


WAYS = (
    Way(path="/", handler=front, name="front", needs="see"),
    Way(path="/alerts", handler=show_inbox, name="inbox", needs="see"),
    *views.WAYS,
)
