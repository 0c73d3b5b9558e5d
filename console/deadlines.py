"""Who is told that a ticket's time runs out, and is told once?

The service looks for tickets that changed, and puts the moment of their next notice among the due times. When
it has come, the notice is a record before a letter leaves, and says after it that it was sent: a kill between
the two sends it once more, nothing else does. One letter a person and tick, however many tickets are late.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from citywatch.clock import stamp
from citywatch.errors import ActionFailed
from citywatch.model import Change, Ticket, from_doc, repeatable_id
from citywatch.ports import All, Is, Not, Query, Record, Store
from citywatch.respond.due import DueTimes, Lease
from citywatch.respond.every import every_record
from citywatch.respond.lifecycle import CLOSED, change_ticket, noted
from citywatch.respond.sla import Notice

if TYPE_CHECKING:
    from console.house import House

KIND: Final = "sla_notice"
OVERLAP: Final = timedelta(seconds=60)
"""Looked back over each time: a change is written a little after the time that it carries."""
PAGE: Final = 500
AT_ONCE: Final = 200
TRIES: Final = 5
AGAIN: Final = timedelta(minutes=2)
BY: Final = "sla"
_WHOLE: Final = 100
"""Percent of the time: from here on it is late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A notice of a ticket that is to go out now."""

    ticket: Ticket
    notice: Notice
    tries: int

    @property
    def key(self) -> str:
        return self.notice.key(self.ticket.id)

    def line(self, zone: datetime) -> str:
        """What the letter says of it."""
        at = self.notice.at.astimezone(zone.tzinfo).strftime("%d/%m/%Y %H:%M")
        return (
            f"- {self.ticket.id}  {self.notice.goal} {self.notice.part} %  ({at})  {self.ticket.title[:200]}"
        )


def people_of(store: Store, agency: str) -> frozenset[str]:
    """Accounts of an agency."""
    if not agency:
        return frozenset()
    page = store.find("user", Query(where=Is("agency", agency), order="id", limit=PAGE))
    return frozenset(record.id for record in page.records if record.doc.get("agency") == agency)


class Deadlines:
    """The notices of one installation. Of several nodes the one with the lease sends them.

    Args:
        house: whose tickets.
        holder: who asks for the lease; this process when empty.
    """

    def __init__(self, house: House, *, holder: str = "") -> None:
        self._house = house
        self._lease = Lease(house.store, "sla", house.clock, holder=holder)
        self._due = DueTimes(house.store, house.clock)
        self._seen: dict[str, int] = {}
        self._mark: datetime | None = None

    def step(self) -> int:
        """Take up what changed, tell what is due; gives how many notices went out."""
        if not self._lease.hold():
            return 0
        self._look()
        return self._tell() + self._tell_named()

    def _look(self) -> None:
        """Tickets that changed since the last look; at first every ticket that is open."""
        now, mark = self._house.clock(), self._mark
        still = All(tuple(Not(Is("state", state)) for state in sorted(CLOSED)))
        query = Query(where=still, order="id", newest_first=False, limit=PAGE)
        if mark is not None:
            query = Query(start=stamp(mark - OVERLAP), order="changed_at", newest_first=False, limit=PAGE)
        seen = {record.id: record.version for record in every_record(self._house.store, "ticket", query)}
        fresh = [ticket_id for ticket_id, version in seen.items() if self._seen.get(ticket_id) != version]
        self._due.put_many({f"sla:{ticket_id}": "" for ticket_id in fresh})
        self._seen, self._mark = seen, now

    def _tell(self) -> int:
        """Notices of the tickets that are due, one letter a person."""
        now = self._house.clock()
        ids = self._due.take("sla", AT_ONCE)
        records = self._house.store.get_many("ticket", ids)
        letters: dict[str, list[Told]] = {}
        told: list[Told] = []
        for ticket_id in ids:
            ticket = from_doc(records[ticket_id].doc, Ticket) if ticket_id in records else None
            if ticket is None:
                self._due.done(f"sla:{ticket_id}")
                continue
            for one in self._due_now(ticket, now):
                told.append(one)
                for address in self._addresses(one) or ("",):
                    letters.setdefault(address, []).append(one)
        failed = {
            one.key: error
            for address, ones in letters.items()
            if (error := self._send(address, ones))
            for one in ones
        }
        for one in told:
            self._after(one, failed.get(one.key, ""), now)
        return len(told)

    def _tell_named(self) -> int:
        """Letters to those whom comments name with @; one that is refused is not tried again."""
        store = self._house.store
        query = Query(where=Is("state", "new"), order="at", newest_first=False, limit=AT_ONCE)
        fresh = store.find("mention", query).records
        by_user: dict[str, list[Record]] = {}
        for record in fresh:
            by_user.setdefault(str(record.doc["user"]), []).append(record)
        for user, records in by_user.items():
            lines = [f"- {one.doc['ticket']}  {one.doc['by']}: {one.doc['text']}" for one in records]
            store.put_many("mention", {one.id: {**one.doc, "state": "sent"} for one in records})
            known = store.get("user", user)
            address = str(known.doc.get("email", "")) if known else ""
            if address:
                self._write(address, "CityWatch: bạn được nhắc đến / you were named", lines)
        return len(fresh)

    def _write(self, address: str, subject: str, lines: Sequence[str]) -> str:
        """A letter; gives the error, when it was not taken."""
        key = repeatable_id("sla", address, subject, *lines)
        try:
            self._house.mail(key, address, subject, "\n".join(lines) + "\n")
        except ActionFailed as error:
            return str(error)
        return ""

    def _due_now(self, ticket: Ticket, now: datetime) -> Iterable[Told]:
        """What of a ticket is to be told now; puts its next moment among the due times."""
        people = people_of(self._house.store, ticket.agency)
        notices = self._house.sla.notices(ticket, people)
        coming = [notice.at for notice in notices if notice.at > now]
        passed = [notice for notice in notices if notice.at <= now]
        known = self._house.store.get_many(KIND, [notice.key(ticket.id) for notice in passed])
        open_ones = [one for one in passed if not _is_settled(known.get(one.key(ticket.id)))]
        latest = {
            notice.goal: notice for notice in open_ones
        }  # of several that were missed only the last is told
        if coming:
            self._due.put(f"sla:{ticket.id}", stamp(min(coming)))
        else:
            self._due.done(f"sla:{ticket.id}")
        for notice in open_ones:
            record = known.get(notice.key(ticket.id))
            tries = int(record.doc.get("tries", 0)) if record else 0
            is_latest = latest[notice.goal] is notice
            self._note(ticket, notice, "begun" if is_latest else "passed", tries)
            if is_latest:
                yield Told(ticket=ticket, notice=notice, tries=tries)

    def _note(self, ticket: Ticket, notice: Notice, state: str, tries: int, error: str = "") -> None:
        doc = {
            "ticket": ticket.id,
            "agency": ticket.agency,
            "goal": notice.goal,
            "part": notice.part,
            "round": notice.round,
            "at": stamp(self._house.clock()),
            "to": list(notice.to),
            "state": state,
            "tries": tries,
            "error": error,
        }
        self._house.store.put_many(KIND, {notice.key(ticket.id): doc})

    def _addresses(self, told: Told) -> tuple[str, ...]:
        """Mail addresses of those whom a notice names; for an assignee without one, those of the leads."""
        found: list[str] = []
        for whom in told.notice.to:
            if whom == "agency":
                found += self._house.catalogue.contacts(told.ticket.agency, told.ticket.category)
            elif "@" in whom:
                found.append(whom)
            else:
                found += self._accounts(whom, told.ticket.assignee)
        return tuple(dict.fromkeys(found))

    def _accounts(self, whom: str, assignee: str) -> list[str]:
        if whom == "assignee":
            record = self._house.store.get("user", assignee) if assignee else None
            if record and record.doc.get("active", True) and record.doc.get("email"):
                return [str(record.doc["email"])]
            whom = "lead"
        page = self._house.store.find("user", Query(where=Is("role", whom), order="id", limit=PAGE))
        docs = (record.doc for record in page.records)
        return [str(doc["email"]) for doc in docs if doc.get("active", True) and doc.get("email")]

    def _send(self, address: str, ones: Sequence[Told]) -> str:
        """One letter; gives the error, when it may be tried again."""
        if not address:
            return ""
        zone = self._house.clock().astimezone(self._house.sla.calendar.zone)
        late = sum(one.notice.part >= _WHOLE for one in ones)
        subject = f"CityWatch: {len(ones)} phiếu sắp hoặc đã quá hạn ({late} quá hạn)"
        head = "Các phiếu sau sắp hoặc đã quá hạn. / The time of these tickets runs out, or has."
        return self._write(address, subject, [head, "", *(one.line(zone) for one in ones)])

    def _after(self, told: Told, error: str, now: datetime) -> None:
        """Note what came of it, in the notice and in the ticket's history; a failure is tried again."""
        if error and told.tries + 1 < TRIES:
            self._note(told.ticket, told.notice, "failed", told.tries + 1, error)
            self._due.put(f"sla:{told.ticket.id}", stamp(now + AGAIN * 2**told.tries))
            return
        self._note(told.ticket, told.notice, "sent" if not error else "gave_up", told.tries + 1, error)
        whom = ", ".join(told.notice.to)
        note = f"{told.notice.goal} {told.notice.part} % → {whom}" + (f": {error}" if error else "")
        line = Change(
            at=stamp(self._house.clock()),
            by=BY,
            what="late" if told.notice.part >= _WHOLE else "reminded",
            note=note,
        )
        change_ticket(self._house.store, told.ticket.id, lambda ticket: noted(ticket, line))


def _is_settled(record: Record | None) -> bool:
    return record is not None and record.doc.get("state") in {"sent", "passed", "gave_up"}
