"""Which states may a ticket be in, how does it move between them, and how is one opened or joined?

One open ticket a key. A ticket's number comes from a counter record; which ticket a key has open stands in a
record of its own (`ticket_key`), written before the ticket, so that a kill between the two neither doubles a
ticket nor leaves a gap in the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from citywatch.clock import stamp
from citywatch.errors import CityWatchError, Conflict, StoreError
from citywatch.model import Change, Evidence, Severity, Strand, Ticket, from_doc, repeatable_id, to_doc
from citywatch.ports import Record, Store

TRANSITIONS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "new": frozenset({"triage", "confirmed", "false_positive", "duplicate", "on_hold"}),
        "triage": frozenset({"confirmed", "false_positive", "duplicate", "on_hold"}),
        "confirmed": frozenset({"contained", "recovered", "false_positive", "duplicate", "on_hold"}),
        "contained": frozenset({"confirmed", "recovered", "on_hold"}),
        "recovered": frozenset({"confirmed", "reported", "closed", "on_hold"}),
        "reported": frozenset({"closed"}),
        "on_hold": frozenset(
            {"triage", "confirmed", "contained", "recovered", "false_positive", "duplicate"}
        ),
        "closed": frozenset({"reopened"}),
        "false_positive": frozenset({"reopened"}),
        "duplicate": frozenset({"reopened"}),
        "reopened": frozenset({"triage", "confirmed", "false_positive", "duplicate", "on_hold"}),
    }
)
"""From each state, the states it may move to."""

CLOSED: Final = frozenset({"closed", "false_positive", "duplicate"})
"""States in which nobody works on it any more: an alert of the same key opens a new ticket."""

ARROW: Final = " → "
"""What stands between two states in a line of history that moves a ticket."""

NEEDS_NOTE: Final = frozenset({"on_hold", "false_positive", "duplicate", "reopened"})
"""Moves that must say why."""

STRANDS: Final = 20
"""Runs of other keys that one ticket names."""
ALERTS_LISTED = 200
"""A ticket lists this many alerts by id and counts all; each alert's state names its ticket."""
HISTORY_LINES = 2000
TRIES = 50
"""How often an optimistic write is repeated when others write the same record."""


@dataclass(eq=False)
class NotAllowed(CityWatchError):  # noqa: N818 - what the caller may show as it is
    """A move that the transition table does not have, or that lacks its reason."""

    ticket_id: str
    state: str
    to: str
    why: str

    def __str__(self) -> str:
        return f"{self.ticket_id}: cannot move from '{self.state}' to '{self.to}': {self.why}"


def move(ticket: Ticket, to: str, *, by: str, at: str, note: str = "") -> Ticket:
    """Move a ticket to another state, with a line in its history.

    Raises:
        NotAllowed: the table has no such move, or the move must say why and does not.

    >>> ticket = Ticket(id="HN-2026-000001", key="k", title="t", severity=Severity.high)
    >>> move(ticket, "triage", by="lan", at="2026-11-22T08:00:00.000000Z").state
    'triage'
    >>> move(ticket, "closed", by="lan", at="2026-11-22T08:00:00.000000Z")
    Traceback (most recent call last):
    ...
    citywatch.respond.lifecycle.NotAllowed: HN-2026-000001: cannot move from 'new' to 'closed': from here it \
may go to confirmed, duplicate, false_positive, on_hold, triage
    """
    allowed = TRANSITIONS.get(ticket.state, frozenset())
    if to not in allowed:
        raise NotAllowed(ticket.id, ticket.state, to, f"from here it may go to {', '.join(sorted(allowed))}")
    if to in NEEDS_NOTE and not note.strip():
        raise NotAllowed(ticket.id, ticket.state, to, "this move needs a reason")
    line = Change(at=at, by=by, what=f"{ticket.state}{ARROW}{to}", note=note)
    return replace(ticket, state=to, changed_at=at, history=history_with(ticket, line))


def noted(ticket: Ticket, line: Change) -> Ticket:
    """A ticket with one more line of history; the very same line is not written twice."""
    if any((old.by, old.what, old.note) == (line.by, line.what, line.note) for old in ticket.history):
        return ticket
    return replace(ticket, changed_at=line.at, history=history_with(ticket, line))


def history_with(ticket: Ticket, line: Change) -> tuple[Change, ...]:
    """A ticket's history and one line more; of too many the oldest that moved nothing go first.

    The opening, the moves and the newest half stay: clocks and reports are read from them.
    """
    history = ticket.history
    if len(history) < HISTORY_LINES:
        return (*history, line)
    half = HISTORY_LINES // 2
    early, late = history[:-half], history[-half:]
    kept = [
        old for place, old in enumerate(early) if not place or ARROW in old.what or old.what == "assigned"
    ]
    return (*kept[: half - 1], *late, line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a new ticket shall say, or what joins the one that is open."""

    key: str
    title: str
    severity: Severity
    agency: str = ""
    asset: str = ""
    category: str = ""
    tlp: str = "AMBER"
    due_at: str = ""
    alert_ids: tuple[str, ...] = ()
    alert_count: int = 1
    rule_ids: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    guide_vi: str = ""
    guide_en: str = ""
    run_id: str = ""
    by: str = "citywatch"
    note: str = ""
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A ticket that something belongs to though its key is another, and why."""

    ticket_id: str
    because: str
    graver: bool = False
    """What joins says more of the attack than the ticket's own title."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The ticket that the draft became or joined."""

    ticket: Ticket
    joined: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbering:
    """How ticket ids are written: `HN-2026-000123`, the year being that of the city's own time."""

    organisation: str = "HN"
    timezone: str = "Asia/Ho_Chi_Minh"

    def year(self, moment: datetime) -> int:
        return moment.astimezone(ZoneInfo(self.timezone)).year


def open_or_join(
    store: Store,
    draft: Draft,
    *,
    now: datetime,
    numbering: Numbering,
    home: Callable[[], Home | None] = lambda: None,
) -> Opened:
    """Open a ticket, or join the one that is open for this key. Asked again, it gives the same ticket.

    Where none is open, `home` is asked for a ticket of another key that it is one attack with; that it joined
    this stands in the key's record before the ticket is touched.

    Raises:
        StoreError: others kept writing the same records (`TRIES` times).
    """
    slot = repeatable_id("ticket", draft.key)
    for _ in range(TRIES):
        try:
            return _try_open(store, draft, slot, now, numbering, home)
        except Conflict:
            continue
    raise StoreError(f"the ticket of key '{draft.key}' could not be opened: others kept writing it")


def open_apart(store: Store, draft: Draft, *, now: datetime, numbering: Numbering) -> Ticket:
    """Open a ticket for a key that had joined another's: from now on the key has its own.

    Asked again by the same run, it gives the same ticket.

    Raises:
        StoreError: others kept writing the same records (`TRIES` times).
    """
    slot = repeatable_id("ticket", draft.key)
    for _ in range(TRIES):
        pointer = store.get("ticket_key", slot)
        try:
            if pointer is None or pointer.doc.get("because"):
                ticket_id = _number(store, slot, now, numbering)
                doc = {"key": draft.key, "ticket_id": ticket_id}
                store.put_if("ticket_key", slot, doc, pointer.version if pointer else 0)
            return _try_open(store, draft, slot, now, numbering, lambda: None).ticket
        except Conflict:
            continue
    raise StoreError(f"the ticket of key '{draft.key}' could not be opened: others kept writing it")


def _try_open(
    store: Store,
    draft: Draft,
    slot: str,
    now: datetime,
    numbering: Numbering,
    home: Callable[[], Home | None],
) -> Opened:
    pointer = store.get("ticket_key", slot)
    if pointer is not None:
        ticket_id = str(pointer.doc["ticket_id"])
        record = store.get("ticket", ticket_id)
        if record is None:
            return _create(store, draft, ticket_id, now)
        ticket = one_that_goes_on(store, record)
        known = from_doc(ticket.doc, Ticket)
        if known.state not in CLOSED or (draft.run_id and draft.run_id == known.run_id):
            because, graver = str(pointer.doc.get("because", "")), bool(pointer.doc.get("graver"))
            joins = Home(ticket_id=known.id, because=because, graver=graver) if because else None
            return _join(store, draft, ticket, known, now, joins)
    found = home()
    ticket_id = found.ticket_id if found else _number(store, slot, now, numbering)
    doc: dict[str, Any] = {"key": draft.key, "ticket_id": ticket_id}
    if found is not None:
        doc |= {"because": found.because, "graver": found.graver}
    store.put_if("ticket_key", slot, doc, pointer.version if pointer else 0)
    if found is not None:
        record = store.get("ticket", ticket_id)
        if record is not None:
            return _join(store, draft, record, from_doc(record.doc, Ticket), now, found)
    return _create(store, draft, ticket_id, now)


def one_that_goes_on(store: Store, record: Record) -> Record:
    """The ticket that this one was merged into, at most a few merges away."""
    for _ in range(10):
        into = str(record.doc.get("merged_into", ""))
        following = store.get("ticket", into) if into else None
        if following is None:
            break
        record = following
    return record


def _number(store: Store, slot: str, now: datetime, numbering: Numbering) -> str:
    """Take the next number, or the one that this key took before a kill and did not use."""
    year = numbering.year(now)
    name = f"ticket-{year}"
    counter = store.get("counter", name)
    value = int(counter.doc["value"]) if counter else 0
    last = _ticket_id(numbering, year, value)
    if counter and counter.doc.get("taken_by") == slot and store.get("ticket", last) is None:
        return last
    store.put_if("counter", name, {"value": value + 1, "taken_by": slot}, counter.version if counter else 0)
    return _ticket_id(numbering, year, value + 1)


def _ticket_id(numbering: Numbering, year: int, value: int) -> str:
    return f"{numbering.organisation}-{year}-{value:06d}"


def _create(store: Store, draft: Draft, ticket_id: str, now: datetime) -> Opened:
    at = stamp(now)
    ticket = Ticket(
        id=ticket_id,
        key=draft.key,
        title=draft.title,
        severity=draft.severity,
        agency=draft.agency,
        asset=draft.asset,
        category=draft.category,
        tlp=draft.tlp,
        opened_at=at,
        due_at=draft.due_at,
        changed_at=at,
        alert_ids=draft.alert_ids[:ALERTS_LISTED],
        alerts_by_run={draft.run_id: draft.alert_count} if draft.run_id else {},
        rule_ids=draft.rule_ids,
        evidence=draft.evidence,
        history=(Change(at=at, by=draft.by, what="opened", note=draft.note),),
        guide_vi=draft.guide_vi,
        guide_en=draft.guide_en,
        run_id=draft.run_id,
        links=draft.links,
    )
    store.put_if("ticket", ticket_id, to_doc(ticket), 0)
    return Opened(ticket=ticket, joined=False)


def _join(
    store: Store, draft: Draft, record: Record, ticket: Ticket, now: datetime, home: Home | None
) -> Opened:
    if draft.run_id and ticket.run_id == draft.run_id:
        return Opened(ticket=ticket, joined=False)
    note = " · ".join(one for one in (draft.note or draft.title, home.because if home else "") if one)
    line = Change(at=stamp(now), by=draft.by, what="joined", note=note)
    joined = noted(with_alerts(ticket, draft), line)
    if home is not None and not any(strand.run_id == draft.run_id for strand in ticket.strands):
        joined = _with_strand(joined, draft, home, stamp(now))
    joined = replace(joined, evidence=tuple(dict.fromkeys((*ticket.evidence, *draft.evidence)))[:200])
    if joined != ticket:
        store.put_if("ticket", ticket.id, to_doc(joined), record.version)
    return Opened(ticket=joined, joined=True)


def _with_strand(ticket: Ticket, draft: Draft, home: Home, at: str) -> Ticket:
    """A ticket that something of another key joined: who reads it learns what to do about that too."""
    strand = Strand(
        run_id=draft.run_id,
        key=draft.key,
        title=draft.title,
        category=draft.category,
        because=home.because,
        guide_vi=draft.guide_vi,
        guide_en=draft.guide_en,
    )
    if home.graver and not any(line.what == "edited" for line in ticket.history):
        strand = replace(strand, title_before=ticket.title, category_before=ticket.category)
        line = Change(at=at, by=draft.by, what="graver", note=f"{ticket.title} → {draft.title}"[:1000])
        ticket = replace(noted(ticket, line), title=draft.title, category=draft.category)
    return replace(ticket, strands=(*ticket.strands, strand)[:STRANDS])


def with_alerts(ticket: Ticket, draft: Draft) -> Ticket:
    """A ticket that a draft's alerts joined: listed up to a bound, counted by run; severity only rises."""
    counts = ticket.alerts_by_run
    if draft.run_id:
        counts = counts | {draft.run_id: max(counts.get(draft.run_id, 0), draft.alert_count)}
    return replace(
        ticket,
        alert_ids=tuple(dict.fromkeys((*ticket.alert_ids, *draft.alert_ids)))[:ALERTS_LISTED],
        alerts_by_run=counts,
        rule_ids=tuple(dict.fromkeys((*ticket.rule_ids, *draft.rule_ids)))[:ALERTS_LISTED],
        severity=max(ticket.severity, draft.severity),
    )


def change_ticket(store: Store, ticket_id: str, change: Callable[[Ticket], Ticket]) -> Ticket | None:
    """Read, change, write, again until nobody was in between; None when there is no such ticket.

    A ticket that was merged is followed to the one that goes on.

    Raises:
        StoreError: others kept writing it (`TRIES` times).
    """
    for _ in range(TRIES):
        record = store.get("ticket", ticket_id)
        if record is None:
            return None
        record = one_that_goes_on(store, record)
        ticket = from_doc(record.doc, Ticket)
        changed = change(ticket)
        if changed == ticket:
            return ticket
        try:
            store.put_if("ticket", ticket.id, to_doc(changed), record.version)
        except Conflict:
            continue
        return changed
    raise StoreError(f"ticket {ticket_id} could not be changed: others kept writing it")
