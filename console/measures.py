"""What are the numbers of the work, and which duties does a ticket have?"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from citywatch.clock import stamp
from citywatch.errors import SettingsError
from citywatch.model import Alert, Ticket, from_doc, to_doc
from citywatch.ports import Store
from citywatch.respond.every import every
from citywatch.respond.law import Deadline, Law
from citywatch.respond.metrics import Row, measure
from citywatch.respond.register import guarded
from console.deadlines import people_of

if TYPE_CHECKING:
    from console.house import House


def metric_rows(house: House, since: str = "", until: str = "") -> list[dict[str, Any]]:
    """The numbers of a period, all agencies first and then by name.

    Raises:
        SettingsError: a day is none.
    """
    end = _day(house, until) if until else house.clock()
    start = _day(house, since) if since else end - timedelta(days=30)
    rows = measured(house, start, end)
    return [rows[name].flat() for name in sorted(rows)]


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV with a header line; nothing in a cell is a formula to a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow(["" if value is None else guarded(str(value)) for value in row.values()])
    return out.getvalue()


def measured(house: House, start: datetime, end: datetime) -> Mapping[str, Row]:
    """Count all tickets of the store."""

    @cache
    def people(agency: str) -> frozenset[str]:
        return people_of(house.store, agency)

    return measure(every(house.store, "ticket", Ticket), house.sla, start, end, people)


def _day(house: House, text: str) -> datetime:
    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"'{text}' is no day; write 2026-11-23") from None
    return day if day.tzinfo else day.replace(tzinfo=house.sla.calendar.zone)


def level_of(store: Store, ticket: Ticket) -> int:
    """The level (1 to 5) of the system that a ticket is about; 0 when it is not known."""
    for kind in ("portal", "system") if ticket.asset else ():
        record = store.get(kind, ticket.asset)
        if record is not None:
            return int(record.doc.get("level", 0))
    alerts = store.get_many("alert", list(ticket.alert_ids[:100]))
    return max((from_doc(one.doc, Alert).asset_level for one in alerts.values()), default=0)


def seen_at(store: Store, ticket: Ticket) -> str:
    """When the first of a ticket's alerts was first seen; nothing when it has none."""
    alerts = store.get_many("alert", list(ticket.alert_ids[:100]))
    return min((str(one.doc.get("first_seen", "")) for one in alerts.values()), default="")


def deadlines_of(store: Store, law: Law, ticket: Ticket) -> list[Deadline]:
    """The duties of a ticket; their time runs from the first sight of the first of its alerts."""
    return law.deadlines(ticket, detected=seen_at(store, ticket), level=level_of(store, ticket))


def duty_rows(house: House, ticket_id: str = "") -> list[dict[str, Any]]:
    """The duties of a ticket, or the table in force today."""
    from console.cases import read_ticket

    if not ticket_id:
        today = house.clock().astimezone(house.law.zone).date()
        coming = {duty.id: day.isoformat() for day, duty in reversed(house.law.yearly(today))}
        found = house.law.in_force(today)
        return [to_doc(duty) | {"due": "", "within": duty.within or coming[duty.id]} for duty in found]
    found = deadlines_of(house.store, house.law, read_ticket(house, ticket_id))
    return [to_doc(one.duty) | {"due": stamp(one.due) if one.due else ""} for one in found]
