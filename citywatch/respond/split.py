"""How is something that joined a ticket split off again, into a ticket of its own?

What joined because of a shared value (`respond.story`) stands in the ticket as a strand. Split off, it has
its own ticket, with its alerts and those that come; both tickets name each other. Done again after a kill
it goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from citywatch.clock import stamp
from citywatch.errors import Conflict
from citywatch.model import AlertState, Change, Severity, Strand, Ticket, from_doc, to_doc
from citywatch.ports import Store
from citywatch.respond.case import alerts_of
from citywatch.respond.casework import LINKS, Refused
from citywatch.respond.lifecycle import ALERTS_LISTED, Draft, Numbering, change_ticket, noted, open_apart
from citywatch.respond.run import Run

MOST = 10_000
"""Alerts whose state is told at once that they have another ticket."""


def split_off(
    store: Store, ticket_id: str, run_id: str, *, by: str, now: datetime, numbering: Numbering
) -> Ticket:
    """Give a strand of a ticket a ticket of its own; give that.

    Raises:
        Refused: the ticket has no such strand.
    """
    record = store.get("ticket", ticket_id)
    ticket = from_doc(record.doc, Ticket) if record else None
    strand = next((one for one in ticket.strands if one.run_id == run_id), None) if ticket else None
    if ticket is None or strand is None:
        raise Refused(f"{ticket_id}: nothing of run '{run_id[:60]}' joined it (any more)")
    found = store.get("run", run_id)
    run = from_doc(found.doc, Run) if found else None
    ids = alerts_of(store, run_id, 0, MOST)
    fresh = open_apart(store, _draft(ticket, strand, run, ids, by), now=now, numbering=numbering)
    _hand_over(store, run_id, ids, fresh.id)
    at = stamp(now)
    gone = tuple(ids)
    change_ticket(store, ticket_id, lambda one: _without(one, run_id, gone, fresh.id, by, at))
    return fresh


def _draft(ticket: Ticket, strand: Strand, run: Run | None, ids: list[str], by: str) -> Draft:
    return Draft(
        key=strand.key,
        title=strand.title,
        severity=run.alert.severity if run else Severity.medium,
        agency=run.alert.agency if run else ticket.agency,
        asset=run.alert.asset if run else ticket.asset,
        category=strand.category,
        tlp=ticket.tlp,
        alert_ids=tuple(ids),
        alert_count=max(len(ids), 1),
        rule_ids=(run.alert.rule_id,) if run else (),
        evidence=ticket.evidence,
        guide_vi=strand.guide_vi,
        guide_en=strand.guide_en,
        run_id=strand.run_id,
        by=by,
        note=f"split off {ticket.id} ({strand.because})",
        links=(ticket.id,),
    )


def _hand_over(store: Store, run_id: str, ids: list[str], ticket_id: str) -> None:
    """The run writes into its own ticket from now on, and its alerts name that."""
    while True:
        record = store.get("run", run_id)
        if record is None or record.doc.get("ticket_id") == ticket_id:
            break
        if _written(store, "run", run_id, record.doc | {"ticket_id": ticket_id}, record.version):
            break
    for alert_id in ids:
        while True:
            known = store.get("alert_state", alert_id)
            state = from_doc(known.doc, AlertState) if known else AlertState(alert_id=alert_id)
            if state.ticket_id == ticket_id:
                break
            named = to_doc(replace(state, ticket_id=ticket_id))
            if _written(store, "alert_state", alert_id, named, known.version if known else 0):
                break


def _written(store: Store, kind: str, record_id: str, doc: Mapping[str, Any], version: int) -> bool:
    try:
        store.put_if(kind, record_id, doc, version)
    except Conflict:
        return False
    return True


def _without(ticket: Ticket, run_id: str, gone: tuple[str, ...], into: str, by: str, at: str) -> Ticket:
    strand = next((one for one in ticket.strands if one.run_id == run_id), None)
    if strand is None:
        return ticket
    named_by_it = bool(strand.title_before) and ticket.title == strand.title
    line = Change(at=at, by=by, what="split", note=f"{into}: {strand.title}"[:1000])
    return replace(
        noted(ticket, line),
        title=strand.title_before if named_by_it else ticket.title,
        category=strand.category_before if named_by_it else ticket.category,
        strands=tuple(one for one in ticket.strands if one.run_id != run_id),
        alerts_by_run={run: count for run, count in ticket.alerts_by_run.items() if run != run_id},
        alert_ids=tuple(one for one in ticket.alert_ids if one not in gone)[:ALERTS_LISTED],
        links=tuple(dict.fromkeys((*ticket.links, into)))[:LINKS],
    )
