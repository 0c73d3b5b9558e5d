"""What is done with one alert or ten thousand at once, and how is it undone?

A deed is done with the chosen alerts, or with all that the inbox's query finds. What was there before is kept
for some hours, packed: as fields of a record, the states of thousands would fill an index's mapping.
"""

from __future__ import annotations

import secrets
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import orjson
from starlette.responses import Response

from citywatch.clock import parse_stamp, stamp
from citywatch.model import Alert, AlertState, Change, Ticket, from_doc, to_doc
from citywatch.respond import lifecycle
from console.web import suppress, views
from console.web.accounts import write_audit
from console.web.door import Visit, Way
from console.web.inbox import Row, read_ask, read_shelf
from console.web.query import QueryError
from console.web.suppress import LIVES, Suppression

MOST_AT_ONCE = 10_000
MOST_SUPPRESSED = 100
"""Different subjects that one deed suppresses."""
_MOST_PAGES = 50
_UNDO_LIFE = timedelta(hours=12)
_LARGEST_UNDO = 64_000_000

DEEDS = {
    "acknowledge": ("acknowledged", "acknowledged"),
    "assign": ("acknowledged", "assigned"),
    "close": ("closed", "closed"),
    "false_positive": ("false_positive", "false_positive"),
    "reopen": ("new", "new"),
}
"""What may be done with alerts: the state it leads to and what is said afterwards."""


def do_deed(visit: Visit) -> Response:
    """Do one thing with the chosen alerts."""
    deed, back = visit.given("deed"), visit.given("back") or "/alerts"
    if deed not in {*DEEDS, "merge", "suppress"}:
        raise visit.missing()
    if deed == "suppress" and not visit.can("suppress"):
        raise visit.missing()
    reason = visit.given("reason").strip()[:1000]
    if deed in {"close", "false_positive"} and not reason:
        return visit.go(back, "reason_missing")
    try:
        rows = chosen(visit)
    except QueryError:
        return visit.go(back, "nothing_chosen")
    if not rows:
        return visit.go(back, "nothing_chosen")
    alerts = [row.alert for row in rows]
    if deed == "suppress":
        return _ask_suppress(visit, alerts, back)
    if deed == "merge":
        return _merge(visit, rows, reason, back)
    assignee = visit.given("assignee").strip()[:64] or visit.who.id
    undo = change_states(visit, rows, deed, reason, assignee)
    return visit.go(_onward(visit, alerts, back), DEEDS[deed][1], count=len(alerts), undo=undo)


def _onward(visit: Visit, alerts: Sequence[Alert], back: str) -> str:
    """After a deed on an alert's own page: to the next one, if that is how this person works."""
    if visit.given("own") != "1" or len(alerts) != 1:
        return back
    onward = visit.given("onward") == "1"
    views.keep_onward(visit.house.store, visit.who.id, onward=onward)
    return f"/alerts/next?after={alerts[0].id}" if onward else back


def chosen(visit: Visit) -> list[Row]:
    """The alerts that a form chooses, with their states.

    Raises:
        QueryError: the form's query cannot be read.
    """
    desk = visit.desk
    if visit.given("scope") != "all":
        found = list(desk.many("alert", visit.form.get("id", [])[:MOST_AT_ONCE], Alert).values())
        states = desk.states(found)
        return [Row(alert=alert, state=states[alert.id]) for alert in found]
    ask = replace(read_ask(visit, form=True), after="")
    hiding = suppress.active(visit.house.store, visit.house.clock)
    some: list[Row] = []
    for _ in range(_MOST_PAGES):
        shelf = read_shelf(desk, ask, hiding, limit=2000, loose=True)
        some += shelf.rows
        if shelf.next is None or len(some) >= MOST_AT_ONCE:
            break
        ask = replace(ask, after=shelf.next)
    return some[:MOST_AT_ONCE]


def change_states(visit: Visit, rows: Sequence[Row], deed: str, reason: str, assignee: str) -> str:
    """Write new states, keep the old ones for undo; gives the undo's id."""
    desk, now, by = visit.desk, stamp(visit.house.clock()), visit.who.id
    before = {row.alert.id: row.state for row in rows}
    after: dict[str, AlertState] = {}
    for key, state in before.items():
        whose = "" if deed == "reopen" else assignee if deed == "assign" else state.assignee or by
        after[key] = replace(
            state, state=DEEDS[deed][0], assignee=whose, reason=reason, changed_at=now, changed_by=by
        )
    undo = remember(visit, deed, before, at=now)
    desk.write_states(after)
    _note(visit, f"alerts_{deed}", list(after))
    return undo


def _note(visit: Visit, what: str, ids: Sequence[str]) -> None:
    about = f"{len(ids)}: {' '.join(ids[:5])}"
    write_audit(visit.house.store, visit.house.clock, visit.who.id, what, about)


# -- into one ticket -------------------------------------------------------------------------------------


def _merge(visit: Visit, rows: Sequence[Row], reason: str, back: str) -> Response:
    """Put alerts into one ticket: the one that is named, else a new one."""
    desk, now, by = visit.desk, stamp(visit.house.clock()), visit.who.id
    before = {row.alert.id: row.state for row in rows}
    ticket = _ticket_for(visit, [row.alert for row in rows], reason)
    if ticket is None:
        return visit.go(back, "ticket_unknown")
    after = {
        key: replace(
            state,
            state="acknowledged",
            assignee=state.assignee or by,
            reason=reason,
            ticket_id=ticket.id,
            changed_at=now,
            changed_by=by,
        )
        for key, state in before.items()
    }
    undo = remember(visit, "merge", before, at=now, ticket=ticket.id)
    desk.write_states(after)
    _note(visit, "alerts_merge", [ticket.id, *after])
    return visit.go(back, "merged", count=len(after), undo=undo)


def _ticket_for(visit: Visit, alerts: Sequence[Alert], reason: str) -> Ticket | None:
    store, wanted = visit.house.store, visit.given("ticket").strip()
    worst = max(alerts, key=lambda alert: alert.severity)
    title = worst.title_vi or worst.title
    draft = lifecycle.Draft(
        key=f"by hand:{secrets.token_hex(8)}",
        title=f"{title}: {worst.subject}"[:300],
        severity=worst.severity,
        agency=worst.agency,
        asset=worst.asset,
        category=worst.category,
        alert_ids=tuple(alert.id for alert in alerts),
        alert_count=len(alerts),
        rule_ids=tuple(dict.fromkeys(alert.rule_id for alert in alerts)),
        guide_vi=worst.guide_vi,
        guide_en=worst.guide_en,
        by=visit.who.id,
        note=reason or title,
    )
    if not wanted:
        numbering = lifecycle.Numbering(
            organisation=visit.house.settings.organisation, timezone=visit.house.settings.timezone
        )
        return lifecycle.open_or_join(store, draft, now=visit.house.clock(), numbering=numbering).ticket
    if visit.desk.ticket(wanted) is None:
        return None
    line = Change(at=stamp(visit.house.clock()), by=visit.who.id, what="joined", note=draft.note)
    return lifecycle.change_ticket(
        store, wanted, lambda held: lifecycle.noted(lifecycle.with_alerts(held, draft), line)
    )


# -- suppressing many ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Chosen alerts of one rule about one subject."""

    rule_id: str
    title: str
    title_vi: str
    values: dict[str, str]
    chosen: int

    @property
    def packed(self) -> str:
        """As the form carries it."""
        return orjson.dumps([self.rule_id, self.title, self.values]).decode()


def groups_of(alerts: Sequence[Alert]) -> list[Group]:
    """Alerts by rule and subject, the most first."""
    held: dict[tuple[str, str], list[Alert]] = {}
    for alert in alerts:
        held.setdefault((alert.rule_id, alert.subject), []).append(alert)
    made = [
        Group(
            rule_id=some[0].rule_id,
            title=some[0].title,
            title_vi=some[0].title_vi,
            values=dict(some[0].subject_fields),
            chosen=len(some),
        )
        for some in held.values()
        if some[0].subject_fields
    ]
    return sorted(made, key=lambda group: -group.chosen)


def _ask_suppress(visit: Visit, alerts: Sequence[Alert], back: str) -> Response:
    """Before many are suppressed: which rules and subjects, and how many of the chosen each hides."""
    groups = groups_of(alerts)
    return visit.page(
        "suppress_many.html",
        groups=groups[:MOST_SUPPRESSED],
        left=max(len(groups) - MOST_SUPPRESSED, 0),
        total=len(alerts),
        reason=visit.given("reason").strip()[:1000],
        lives=list(LIVES),
        back=back,
    )


def suppress_many(visit: Visit) -> Response:
    """Make one suppression for each rule and subject that was left chosen."""
    store, clock = visit.house.store, visit.house.clock
    back, reason = visit.given("back") or "/alerts", visit.given("reason").strip()[:1000]
    groups = [group for group in map(_unpacked, visit.form.get("group", [])[:MOST_SUPPRESSED]) if group]
    if not reason:
        return visit.go(back, "reason_missing")
    if not groups:
        return visit.go(back, "nothing_chosen")
    now = clock()
    until = stamp(now + timedelta(days=LIVES.get(visit.given("days"), 7)))
    made = [
        Suppression(
            id=secrets.token_hex(8), rule_id=rule_id, title=title, values=values, reason=reason,
            by=visit.who.id, at=stamp(now), until=until,
        )
        for rule_id, title, values in groups
    ]  # fmt: skip
    store.put_many("suppression", {one.id: to_doc(one) for one in made})
    undo = remember(visit, "suppress", {}, at=stamp(now), suppressions=[one.id for one in made])
    for one in made:
        write_audit(store, clock, visit.who.id, "suppress", f"{one.rule_id} {one.values} {one.reason}")
    return visit.go(back, "suppressed_many", count=len(made), undo=undo)


def _unpacked(text: str) -> tuple[str, str, dict[str, str]] | None:
    """What a form says of a group; None when it is not what we wrote."""
    try:
        held: Any = orjson.loads(text)
        rule_id, title, values = held
        pairs = {str(key): str(value) for key, value in dict(values).items()}
    except (ValueError, TypeError):
        return None
    return (str(rule_id), str(title)[:300], pairs) if rule_id and pairs else None


# -- undo ------------------------------------------------------------------------------------------------


def remember(visit: Visit, deed: str, before: Mapping[str, AlertState], *, at: str, **more: Any) -> str:
    """Keep what was before a deed; gives the undo's id."""
    undo = secrets.token_hex(12)
    held = {
        "before": {key: to_doc(state) for key, state in before.items() if state.changed_at},
        "ids": list(before),
        **more,
    }
    packed = b64encode(zlib.compress(orjson.dumps(held), 6)).decode("ascii")
    doc = {"by": visit.who.id, "at": at, "deed": deed, "packed": packed}
    visit.house.store.put_if("undo", undo, doc, 0)
    return undo


def _recalled(doc: Mapping[str, Any]) -> dict[str, Any]:
    raw = zlib.decompressobj().decompress(b64decode(str(doc["packed"])), _LARGEST_UNDO)
    return orjson.loads(raw)


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
    held = _recalled(record.doc)
    if record.doc["deed"] == "suppress":
        return _undo_suppress(visit, held, back)
    desk = visit.desk
    untouched = [
        key
        for key, doc in desk.state_docs(held["ids"]).items()
        if doc["changed_at"] == made_at and doc["changed_by"] == visit.who.id
    ]
    old = {key: from_doc(doc, AlertState) for key, doc in held["before"].items()}
    fresh = {key: AlertState(alert_id=key) for key in untouched}
    desk.write_states({key: old.get(key, fresh[key]) for key in untouched})
    if held.get("ticket"):
        _take_out(visit, str(held["ticket"]), frozenset(untouched))
    write_audit(store, visit.house.clock, visit.who.id, "alerts_undo", f"{len(untouched)}")
    return visit.go(back, "undone", count=len(untouched))


def _take_out(visit: Visit, ticket_id: str, ids: frozenset[str]) -> None:
    """Take alerts out of the ticket that they were put into; the ticket stays, and says so."""
    line = Change(at=stamp(visit.house.clock()), by=visit.who.id, what="taken_out", note=f"{len(ids)}")

    def without(ticket: Ticket) -> Ticket:
        left = tuple(one for one in ticket.alert_ids if one not in ids)
        return lifecycle.noted(replace(ticket, alert_ids=left), line)

    lifecycle.change_ticket(visit.house.store, ticket_id, without)


def _undo_suppress(visit: Visit, held: Mapping[str, Any], back: str) -> Response:
    ids = [str(one) for one in held.get("suppressions", ())]
    for one in ids:
        suppress.end_now(visit, one)
    return visit.go(back, "suppressions_undone", count=len(ids))


WAYS = (
    Way(path="/alerts/do", handler=do_deed, name="alerts_do", method="POST", needs="triage"),
    Way(path="/alerts/undo", handler=undo_deed, name="alerts_undo", method="POST", needs="triage"),
    Way(
        path="/alerts/suppress",
        handler=suppress_many,
        name="alerts_suppress",
        method="POST",
        needs="suppress",
    ),
)
