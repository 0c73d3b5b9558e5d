"""What may this person see? The only door from the pages to alerts, tickets, portals and events.

Every read is narrowed here: who works for an agency sees what belongs to it and nothing else, and what it may
not see is simply not there (None, and a page that says 404).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from citywatch.errors import Conflict
from citywatch.model import Agency, Alert, AlertState, Event, Portal, Ticket, from_doc, to_doc
from citywatch.ports import (
    All,
    Condition,
    Either,
    Everything,
    Is,
    Page,
    Query,
    Range,
    Record,
    RecordPage,
    Store,
)
from console.web.access import AGENCY_ROLES, may
from console.web.accounts import User

T = TypeVar("T")

AGENCY_FIELDS = {
    "alert": "agency",
    "ticket": "agency",
    "portal": "agency",
    "system": "agency",
    "agency": "id",
}
"""Which field of a record says whose it is. Kinds that are not here are closed to agencies."""
EVENT_AGENCY_FIELD = "citywatch.portal.agency"


class Desk:
    """The store as one person sees it. Its calls block: use it in a thread."""

    def __init__(
        self, store: Store, user: User, unchanged: Callable[[str, str, int], None] | None = None
    ) -> None:
        """Take the store, the person, and what refuses a record that is no longer as the person saw it."""
        self._store = store
        self.user = user
        self._unchanged = unchanged

    @property
    def indexes_all(self) -> bool:
        """The store finds by any field of a record from an index."""
        return self._store.name != "sqlite"

    def scope(self, kind: str) -> Condition:
        """What narrows every read of this kind of record; an unknown kind is closed to agencies."""
        if may(self.user.role, "staff"):
            return Everything()
        field = AGENCY_FIELDS.get(kind)
        own = self.user.agency
        return Is(field, own) if field and own and self.user.role in AGENCY_ROLES else Either(())

    def sees(self, kind: str, doc: Mapping[str, Any]) -> bool:
        """Tell whether one record is within the scope."""
        narrowed = self.scope(kind)
        if isinstance(narrowed, Everything):
            return True
        return isinstance(narrowed, Is) and doc.get(narrowed.field) == narrowed.value

    # -- reading -----------------------------------------------------------------------------------------

    def find(self, kind: str, query: Query) -> RecordPage:
        """Records of a kind that this person may see."""
        narrowed = self.scope(kind)
        if isinstance(narrowed, Everything):
            return self._store.find(kind, query)
        page = self._store.find(kind, replace(query, where=All((narrowed, query.where))))
        # stores compare without letter case; ids of agencies do not
        return replace(page, records=tuple(record for record in page.records if self.sees(kind, record.doc)))

    def read(self, kind: str, record_id: str, noun: type[T]) -> tuple[T, int] | None:
        """One record with its version, or None when it is not there or not this person's.

        Raises:
            Conflict: it is the one that the visit is about, and not as who asks saw it.
        """
        record = self._store.get(kind, record_id)
        if record is None or not self.sees(kind, record.doc):
            return None
        if self._unchanged is not None:
            self._unchanged(kind, record_id, record.version)
        return from_doc(record.doc, noun), record.version

    def many(self, kind: str, ids: Sequence[str], noun: type[T]) -> dict[str, T]:
        """Records by id, without those that are not this person's."""
        found = self._store.get_many(kind, list(dict.fromkeys(ids))) if ids else {}
        return {key: from_doc(item.doc, noun) for key, item in found.items() if self.sees(kind, item.doc)}

    def alert(self, alert_id: str) -> Alert | None:
        found = self.read("alert", alert_id, Alert)
        return found[0] if found else None

    def ticket(self, ticket_id: str) -> Ticket | None:
        found = self.read("ticket", ticket_id, Ticket)
        return found[0] if found else None

    @property
    def sees_states(self) -> bool:
        """What people did with alerts may be looked through by itself: every alert may be seen."""
        return may(self.user.role, "staff")

    def state_docs(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What people did with alerts that were read through this desk, as it is stored."""
        found = self._store.get_many("alert_state", ids) if ids else {}
        return {key: record.doc for key, record in found.items()}

    def alert_records(self, ids: Sequence[str]) -> dict[str, Record]:
        """Alerts as they are stored, without those that are not this person's."""
        found = self._store.get_many("alert", ids) if ids else {}
        return {key: record for key, record in found.items() if self.sees("alert", record.doc)}

    def states(self, alerts: Sequence[Alert]) -> dict[str, AlertState]:
        """What people did with alerts that were read through this desk."""
        found = self._store.get_many("alert_state", [alert.id for alert in alerts]) if alerts else {}
        known = {key: from_doc(record.doc, AlertState) for key, record in found.items()}
        return {alert.id: known.get(alert.id) or AlertState(alert_id=alert.id) for alert in alerts}

    def handled_since(self, since: str, limit: int, after: str | None) -> tuple[list[Alert], str | None]:
        """Alerts that people did something with since then, last first, and the next page's cursor."""
        query = Query(where=Range("changed_at", since, None), order="changed_at", limit=limit, after=after)
        page = self._store.find("alert_state", query)  # its alerts are narrowed in the next line
        found = self.many("alert", [record.id for record in page.records], Alert)
        return [found[record.id] for record in page.records if record.id in found], page.next

    def seen_since(self, since: str, limit: int, after: str | None) -> tuple[list[Alert], str | None]:
        """Alerts whose last event is of that time or later, without what `handled_since` gives."""
        query = Query(order="last_seen", start=since, limit=limit, after=after, count_to=1)
        page = self.find("alert", query)
        found = [from_doc(record.doc, Alert) for record in page.records]
        states = self.states(found)
        return [alert for alert in found if states[alert.id].changed_at < since], page.next

    def agency_names(self, ids: Sequence[str]) -> dict[str, str]:
        """Names of agencies for a list: only of those ids that may be seen anyway."""
        wanted = [key for key in dict.fromkeys(ids) if key]
        return {key: agency.name for key, agency in self.many("agency", wanted, Agency).items()}

    def portals(self, query: Query) -> tuple[list[Portal], RecordPage]:
        page = self.find("portal", query)
        return [from_doc(record.doc, Portal) for record in page.records], page

    def events(self, query: Query) -> Page:
        """Events that this person may see."""
        return self._store.search(self._narrow_events(query))

    def counts(
        self, query: Query, by: str, *, size: int = 20, interval_s: int | None = None
    ) -> list[tuple[str, int]]:
        """Counts over events that this person may see."""
        return self._store.aggregate(self._narrow_events(query), by, size=size, interval_s=interval_s)

    def event(self, event_id: str) -> Event | None:
        event = self._store.get_event(event_id)
        if event is None or may(self.user.role, "staff"):
            return event
        own = self.user.agency
        return event if own and event.get(EVENT_AGENCY_FIELD) == own else None

    def _narrow_events(self, query: Query) -> Query:
        if may(self.user.role, "staff"):
            return query
        own = self.user.agency
        narrowed: Condition = Is(EVENT_AGENCY_FIELD, own) if own else Either(())
        return replace(query, where=All((narrowed, query.where)))

    # -- writing: what is written was read through this desk before -----------------------------------------

    def write_ticket(self, ticket: Ticket, version: int) -> None:
        """Write a ticket back.

        Raises:
            Conflict: somebody else changed it.
        """
        if not self.sees("ticket", to_doc(ticket)):
            raise Conflict("ticket", ticket.id, version, 0)
        self._store.put_if("ticket", ticket.id, to_doc(ticket), version)

    def write_states(self, states: Mapping[str, AlertState]) -> None:
        """Write what was done with alerts, all in one go."""
        if not may(self.user.role, "triage"):
            raise PermissionError(self.user.role)
        self._store.put_many("alert_state", {key: to_doc(state) for key, state in states.items()})
