"""How are alerts and tickets read and changed, whoever asks (terminal or program)?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from citywatch.clock import stamp
from citywatch.errors import CityWatchError, Conflict, SettingsError, StoreError
from citywatch.model import Alert, AlertState, Change, Severity, Ticket, from_doc, to_doc
from citywatch.ports import All, Condition, Is, Not, Query, Range

if TYPE_CHECKING:
    from citywatch.respond.priority import Priority
    from console.house import House

_RANKED = 1000
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Here:
    """The installation on this machine; `console.remote.Remote` is one that runs elsewhere."""

    house: House

    @property
    def timezone(self) -> str:
        """Of the city."""
        return self.house.settings.timezone

    def alert_rows(self, *, severity: str, agency: str, state: str, limit: int) -> list[dict[str, Any]]:
        """Alerts, newest first."""
        return alert_rows(self.house, severity=severity, agency=agency, state=state, limit=limit)

    def alert_detail(self, alert_id: str) -> dict[str, Any]:
        """One alert with everything that is known of it."""
        return alert_detail(self.house, alert_id)

    def set_alert_state(self, alert_id: str, to: str, *, by: str, note: str) -> None:
        """Write what was done with an alert."""
        set_alert_state(self.house, alert_id, to, by=by, note=note)

    def ticket_rows(self, *, agency: str, state: str, limit: int) -> list[dict[str, Any]]:
        """Tickets, last changed first."""
        return ticket_rows(self.house, agency=agency, state=state, limit=limit)

    def ticket_detail(self, ticket_id: str) -> dict[str, Any]:
        """One ticket with its history and the states it may move to."""
        return ticket_detail(self.house, ticket_id)

    def move(self, ticket_id: str, to: str, *, by: str, note: str) -> str:
        """Move a ticket on; gives the state it then has."""
        return move(self.house, ticket_id, to, by=by, note=note).state

    def comment(self, ticket_id: str, text: str, *, by: str) -> None:
        """Write a line into a ticket's history."""
        comment(self.house, ticket_id, text, by=by)


def severity_of(name: str) -> Severity:
    """Read a severity as people write it.

    Raises:
        SettingsError: there is no such severity.
    """
    try:
        return Severity[name.strip().lower()]
    except KeyError:
        known = ", ".join(level.name for level in Severity)
        raise SettingsError(f"there is no severity '{name}'; known: {known}") from None


def alert_rows(
    house: House, *, severity: str = "", agency: str = "", state: str = "", limit: int = 50
) -> list[dict[str, Any]]:
    """Alerts, newest first, each with the state that people gave it."""
    wanted: list[Condition] = []
    if severity:
        wanted.append(Range("severity", low=int(severity_of(severity))))
    if agency:
        wanted.append(Is("agency", agency))
    rows: list[dict[str, Any]] = []
    after: str | None = None
    while len(rows) < limit:
        query = Query(where=All(tuple(wanted)), order="last_seen", limit=min(500, limit), after=after)
        page = house.store.find("alert", query)
        states = house.store.get_many("alert_state", [record.id for record in page.records])
        for record in page.records:
            given = str(states[record.id].doc["state"]) if record.id in states else "new"
            if not state or state == given:
                rows.append(_alert_row(from_doc(record.doc, Alert), given))
        after = page.next
        if after is None:
            break
    return rows[:limit]


def _alert_row(alert: Alert, state: str) -> dict[str, Any]:
    from citywatch.detect.fold import row

    return {"id": alert.id, "state": state, "agency": alert.agency, "asset": alert.asset} | row(alert)


def alert_detail(house: House, alert_id: str) -> dict[str, Any]:
    """One alert with everything that is known of it.

    Raises:
        CityWatchError: there is none with this id.
    """
    record = house.store.get("alert", alert_id)
    if record is None:
        raise CityWatchError(f"there is no alert '{alert_id}'; list them: citywatch alerts list")
    state = house.store.get("alert_state", alert_id)
    alert = from_doc(record.doc, Alert)
    row = _alert_row(alert, str(state.doc["state"]) if state else "new")
    return to_doc(alert) | row | {"ticket": str(state.doc.get("ticket_id", "")) if state else ""}


def set_alert_state(house: House, alert_id: str, to: str, *, by: str, note: str) -> AlertState:
    """Write what somebody did with an alert; when two write at once, both are done, one after the other."""
    alert_detail(house, alert_id)
    for _ in range(_TRIES):
        record = house.store.get("alert_state", alert_id)
        before = from_doc(record.doc, AlertState) if record else AlertState(alert_id=alert_id)
        after = replace(
            before,
            state=to,
            assignee=by if to == "acknowledged" else before.assignee,
            reason=note,
            changed_at=stamp(house.clock()),
            changed_by=by,
        )
        try:
            house.store.put_if("alert_state", alert_id, to_doc(after), record.version if record else 0)
        except Conflict:
            continue
        _audit(house, by, f"alert_{to}", alert_id)
        return after
    raise StoreError(f"alert {alert_id} could not be changed: others kept writing it")


def ticket_rows(house: House, *, agency: str = "", state: str = "", limit: int = 50) -> list[dict[str, Any]]:
    """Tickets, last changed first."""
    wanted: list[Condition] = []
    if agency:
        wanted.append(Is("agency", agency))
    if state:
        wanted.append(Is("state", state))
    page = house.store.find("ticket", Query(where=All(tuple(wanted)), order="changed_at", limit=limit))
    return [ticket_row(from_doc(record.doc, Ticket)) for record in page.records]


def ticket_row(ticket: Ticket) -> dict[str, Any]:
    """A ticket as one flat row."""
    return {
        "id": ticket.id,
        "title": ticket.title,
        "agency": ticket.agency,
        "asset": ticket.asset,
        "severity": ticket.severity.name,
        "state": ticket.state,
        "opened_at": ticket.opened_at,
        "changed_at": ticket.changed_at,
        "due_at": ticket.due_at,
        "assignee": ticket.assignee,
        "campaign": ticket.campaign,
        "rule_ids": list(ticket.rule_ids),
        "alert_ids": list(ticket.alert_ids),
    }


def read_ticket(house: House, ticket_id: str) -> Ticket:
    """One ticket.

    Raises:
        CityWatchError: there is none with this id.
    """
    record = house.store.get("ticket", ticket_id)
    if record is None:
        raise _no_ticket(ticket_id)
    return from_doc(record.doc, Ticket)


def ticket_detail(house: House, ticket_id: str) -> dict[str, Any]:
    """One ticket with its history and the states it may move to."""
    from citywatch.respond.lifecycle import TRANSITIONS

    ticket = read_ticket(house, ticket_id)
    found = ranked(house, ticket)
    return to_doc(ticket) | {
        "severity": ticket.severity.name,
        "moves": sorted(TRANSITIONS[ticket.state]),
        "priority": found.total,
        "priority_sum": found.sum,
    }


def ranked(house: House, ticket: Ticket) -> Priority:
    """A ticket's priority, with its parts."""
    from console.ranking import priority_of

    return priority_of(house.store, house.warnings.about, house.settings.data, ticket)


def ranked_rows(house: House, *, agency: str = "", limit: int = 50) -> list[dict[str, Any]]:
    """Open tickets, the most urgent first, of the thousand that changed last."""
    from citywatch.respond.lifecycle import CLOSED

    wanted: list[Condition] = [Not(Is("state", state)) for state in sorted(CLOSED)]
    if agency:
        wanted.append(Is("agency", agency))
    page = house.store.find("ticket", Query(where=All(tuple(wanted)), order="changed_at", limit=_RANKED))
    tickets = [from_doc(record.doc, Ticket) for record in page.records]
    rows = [ticket_row(ticket) | {"priority": ranked(house, ticket).total} for ticket in tickets]
    return sorted(rows, key=lambda row: -int(row["priority"]))[:limit]


def move(house: House, ticket_id: str, to: str, *, by: str, note: str) -> Ticket:
    """Move a ticket to another state."""
    from citywatch.respond.lifecycle import move as moved

    at = stamp(house.clock())
    changed = _changed(house, ticket_id, lambda ticket: moved(ticket, to, by=by, at=at, note=note))
    _audit(house, by, "ticket_moved", f"{ticket_id} {to}")
    return changed


def comment(house: House, ticket_id: str, text: str, *, by: str) -> Ticket:
    """Write a line into a ticket's history; who is named in it with @ is told."""
    from console.web.tickets import note_named

    line = Change(at=stamp(house.clock()), by=by, what="comment", note=text)
    changed = _changed(
        house,
        ticket_id,
        lambda ticket: replace(ticket, changed_at=line.at, history=(*ticket.history, line)),
    )
    _audit(house, by, "ticket_commented", ticket_id)
    note_named(house.store, ticket_id, line)
    return changed


def split(house: House, ticket_id: str, run_id: str, *, by: str) -> Ticket:
    """Give something that joined a ticket one of its own."""
    from citywatch.respond.lifecycle import Numbering
    from citywatch.respond.split import split_off

    numbering = Numbering(organisation=house.settings.organisation, timezone=house.settings.timezone)
    fresh = split_off(house.store, ticket_id, run_id, by=by, now=house.clock(), numbering=numbering)
    _audit(house, by, "ticket_split", f"{ticket_id} {fresh.id}")
    return fresh


def leave_campaign(house: House, ticket_id: str, *, by: str) -> None:
    """Take a ticket out of its campaign."""
    from citywatch.respond.story import leave_campaign as left

    campaign = read_ticket(house, ticket_id).campaign
    left(house.store, ticket_id, by=by, at=stamp(house.clock()))
    _audit(house, by, "campaign_left", f"{ticket_id} {campaign}")


def _audit(house: House, by: str, what: str, about: str) -> None:
    """Note what was done at the terminal as the console notes what was done there."""
    from citywatch.respond import audit

    audit.append(house.store, house.clock, by=by, what=what, about=f"{about} (terminal)")


def _changed(house: House, ticket_id: str, change: Callable[[Ticket], Ticket]) -> Ticket:
    from citywatch.respond.lifecycle import change_ticket

    changed = change_ticket(house.store, ticket_id, change)
    if changed is None:
        raise _no_ticket(ticket_id)
    return changed


def _no_ticket(ticket_id: str) -> CityWatchError:
    return CityWatchError(f"there is no ticket '{ticket_id}'; list them: citywatch tickets list")
