"""Which tickets are one attack, and which one campaign, because they share what few others know?

Alerts of different playbooks on one asset that share a tie (`respond.tie`) close in time are one ticket;
tickets that share one across assets or agencies are one campaign, named after its first ticket. Where a tie
was met stands in a record of its own (kind `tie`, at most 100 tickets a value), read by id, so that both
stores answer alike; all of it is worked out again after a kill, and comes out the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from citywatch.clock import Clock, parse_stamp, stamp
from citywatch.model import Alert, Change, Observable, Ticket, from_doc, repeatable_id, to_doc
from citywatch.ports import Is, Query, Store
from citywatch.respond.case import alerts_of
from citywatch.respond.lifecycle import CLOSED, Draft, Home, change_ticket, noted, one_that_goes_on
from citywatch.respond.run import Run
from citywatch.respond.tie import Ties, foreign

LOOKED_AT: Final = 50
"""So many alerts of a run are asked for what ties them, the first that came."""
REMEMBERED: Final = 100
"""Tickets remembered for one value, the last met."""
_ACTORS: Final = 20
_OWN: Final = frozenset({"asset", "host"})
"""Kinds that are the city's own: two attackers may meet at one."""

JOINED: Final = "campaign"
LEFT: Final = "campaign_left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """Where and when a value was met."""

    ticket: str
    first: str
    last: str
    actors: tuple[str, ...] = ()
    """Sources from outside, as far as the alerts are about any."""
    weak: bool = False
    """Nothing but what is seen from outside all day long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """Every place where one value was met."""

    type: str
    value: str
    met: tuple[Met, ...] = ()


@dataclass(slots=True)
class _Mine:
    """What some alerts hold between them."""

    spans: dict[Observable, tuple[str, str]] = field(default_factory=dict[Observable, tuple[str, str]])
    actors: frozenset[str] = frozenset()
    weak: bool = True


@dataclass(frozen=True, slots=True)
class _Vote:
    tie: Observable
    last: str


class Stories:
    """Finds the ticket that an alert belongs to besides its own group's, and the campaign of a ticket.

    For the process that runs playbooks, in one thread.
    """

    def __init__(self, store: Store, ties: Ties, clock: Clock) -> None:
        self._store = store
        self._ties = ties
        self._clock = clock

    def home(self, draft: Draft, alerts: Sequence[Alert]) -> Home | None:
        """The open ticket of the same asset and agency that these alerts are one attack with."""
        if not draft.asset or draft.category in self._ties.alone:
            return None
        own = [alert for alert in alerts if (alert.agency, alert.asset) == (draft.agency, draft.asset)]
        mine = self._gathered(own)
        found: list[tuple[int, str, Ticket, Observable]] = []
        for ticket, votes in self._sharing(mine):
            if (ticket.agency, ticket.asset) != (draft.agency, draft.asset) or ticket.state in CLOSED:
                continue
            if ticket.category in self._ties.alone:
                continue
            best = min(votes, key=lambda vote: (vote.tie.type in _OWN, vote.tie.type, vote.tie.value))
            found.append((len(votes), max(vote.last for vote in votes), ticket, best.tie))
        if not found:
            return None
        most = max(one[:2] for one in found)
        nearest = (one for one in found if one[:2] == most)
        _, _, ticket, tie = min(nearest, key=lambda one: one[2].id)
        graver = self._ties.is_graver(draft.category, ticket.category)
        return Home(ticket_id=ticket.id, because=f"{tie.type} {tie.value}", graver=graver)

    def remember(self, ticket_id: str, alerts: Sequence[Alert], by: str) -> None:
        """Note what ties a ticket's alerts, and tell the tickets that share it that they are a campaign."""
        record = self._store.get("ticket", ticket_id)
        if record is None or not alerts:
            return
        ticket = from_doc(one_that_goes_on(self._store, record).doc, Ticket)
        if ticket.category in self._ties.alone:
            return
        mine = self._gathered(alerts, but_assets_of=ticket)
        related = list(self._sharing(mine))
        self._write(ticket.id, mine)
        for other, votes in related:
            same = (other.agency, other.asset) == (ticket.agency, ticket.asset) and bool(ticket.asset)
            by_tie = [vote.tie for vote in votes if same or vote.tie.type in self._ties.campaign_by]
            if other.id != ticket.id and other.category not in self._ties.alone and by_tie:
                self._campaign(ticket.id, other.id, by_tie[0], by)

    # -- what is shared ----------------------------------------------------------------------------------

    def _gathered(self, alerts: Iterable[Alert], but_assets_of: Ticket | None = None) -> _Mine:
        """What ties these alerts; of assets that are not the ticket's the asset itself does not count."""
        mine = _Mine()
        actors: set[str] = set()
        for alert in alerts:
            if not alert.first_seen or not alert.last_seen:
                continue
            ours = but_assets_of
            elsewhere = ours is not None and (alert.agency, alert.asset) != (ours.agency, ours.asset)
            for tie in self._ties.of(alert):
                if elsewhere and tie.type in _OWN:
                    continue
                first, last = mine.spans.get(tie, (alert.first_seen, alert.last_seen))
                mine.spans[tie] = min(first, alert.first_seen), max(last, alert.last_seen)
            actors |= foreign(alert)
            mine.weak = mine.weak and self._ties.is_weak(alert)
        mine.actors = frozenset(sorted(actors)[:_ACTORS])
        return mine

    def _sharing(self, mine: _Mine) -> Iterator[tuple[Ticket, list[_Vote]]]:
        """Tickets that hold one of these ties, near in time, by which ties."""
        votes: dict[str, list[_Vote]] = {}
        for tie, known in self._known(mine).items():
            for met in self._near(known, *mine.spans[tie]):
                if tie.type not in _OWN or _may_be_one(met, mine):
                    votes.setdefault(met.ticket, []).append(_Vote(tie, met.last))
        nearest = sorted(votes, key=lambda one: (max(vote.last for vote in votes[one]), one), reverse=True)
        records = self._store.get_many("ticket", nearest[: self._ties.campaign_most])
        for ticket_id in nearest:
            if ticket_id in records:
                record = one_that_goes_on(self._store, records[ticket_id])
                yield from_doc(record.doc, Ticket), votes[ticket_id]

    def _near(self, known: _Known, first: str, last: str) -> list[Met]:
        """Where a value was met close in time; nowhere when it is everybody's."""
        span = timedelta(hours=self._ties.within_h.get(known.type, 0))
        begin, end = parse_stamp(first) - span, parse_stamp(last) + span
        if self._is_busy(known, begin):
            return []
        return [met for met in known.met if parse_stamp(met.last) >= begin and parse_stamp(met.first) <= end]

    def _is_busy(self, known: _Known, begin: datetime) -> bool:
        """It was met in several tickets before: a way out that many share, or a service that all ask."""
        since = stamp(begin - timedelta(days=self._ties.busy_days))
        before = {met.ticket for met in known.met if since <= met.last < stamp(begin)}
        return len(before) >= self._ties.busy_tickets

    def _known(self, mine: _Mine) -> dict[Observable, _Known]:
        ids = {tie_id(tie): tie for tie in mine.spans}
        found: dict[Observable, _Known] = {}
        for record_id, record in self._store.get_many("tie", list(ids)).items() if ids else ():
            try:
                found[ids[record_id]] = from_doc(record.doc, _Known)
            except msgspec.ValidationError:
                continue
        return found

    def _write(self, ticket_id: str, mine: _Mine) -> None:
        known = self._known(mine)
        docs: dict[str, dict[str, object]] = {}
        for tie, (first, last) in mine.spans.items():
            before = known.get(tie) or _Known(type=tie.type, value=tie.value)
            actors = tuple(sorted(mine.actors))
            met = Met(ticket=ticket_id, first=first, last=last, actors=actors, weak=mine.weak)
            after = replace(before, met=_with(before.met, met))
            if after != before:
                docs[tie_id(tie)] = to_doc(after)
        if docs:
            self._store.put_many("tie", docs)

    # -- a campaign --------------------------------------------------------------------------------------

    def _campaign(self, ticket_id: str, other_id: str, tie: Observable, by: str) -> None:
        """Let two tickets be of one campaign; of two campaigns the one with the lower number goes on."""
        pair = self._store.get_many("ticket", [ticket_id, other_id])
        if len(pair) < len({ticket_id, other_id}):
            return
        both = [from_doc(pair[one].doc, Ticket) for one in (ticket_id, other_id)]
        if both[0].campaign and both[0].campaign == both[1].campaign:
            return
        names = sorted({one.campaign or one.id for one in both})
        goes_on, told = names[0], f"{tie.type} {tie.value}"
        if any(line.what == LEFT and line.note in names for one in both for line in one.history):
            return
        others = {one for name in names for one in members_of(self._store, name, self._ties.campaign_most)}
        others -= {ticket_id, other_id}
        if len(others) + 2 > self._ties.campaign_most:
            return
        # the two last: after a kill among the others their names still differ, and it is done again
        for one in (*sorted(others), ticket_id, other_id):
            note = f"{goes_on}: {told}" if one in {ticket_id, other_id} else goes_on
            line = Change(at=stamp(self._clock()), by=by, what=JOINED, note=note)
            change_ticket(self._store, one, lambda known, line=line: _in_campaign(known, goes_on, line))


def read_alerts(store: Store, run: Run) -> list[Alert]:
    """The first alerts of a run, in the order in which they joined; the one that opened it in any case."""
    ids = alerts_of(store, run.id, 0, LOOKED_AT)
    records = store.get_many("alert", ids) if ids else {}
    found = {run.alert_id: run.alert}
    for one in ids:
        if one in records:
            with suppress(msgspec.ValidationError):
                found[one] = from_doc(records[one].doc, Alert)
    return list(found.values())


def members_of(store: Store, campaign: str, limit: int = 100) -> list[str]:
    """The tickets of a campaign, by number."""
    page = store.find("ticket", Query(where=Is("campaign", campaign), order="id", limit=limit))
    return sorted(record.id for record in page.records if record.doc.get("campaign") == campaign)


def ties_told(ticket: Ticket) -> list[str]:
    """The values that its history says its campaign shares, each once."""
    named = (line.note.partition(": ")[2] for line in ticket.history if line.what == JOINED)
    return list(dict.fromkeys(one for one in named if one))[:10]


def leave_campaign(store: Store, ticket_id: str, *, by: str, at: str) -> Ticket | None:
    """Take a ticket out of its campaign; what ties them puts it in no more."""

    def left(ticket: Ticket) -> Ticket:
        if not ticket.campaign:
            return ticket
        line = Change(at=at, by=by, what=LEFT, note=ticket.campaign)
        return replace(noted(ticket, line), campaign="")

    return change_ticket(store, ticket_id, left)


def tie_id(tie: Observable) -> str:
    """The record that says where a value was met."""
    return repeatable_id("tie", tie.type, tie.value)


def _in_campaign(ticket: Ticket, campaign: str, line: Change) -> Ticket:
    if ticket.campaign == campaign:
        return ticket
    return replace(noted(ticket, line), campaign=campaign)


def _may_be_one(met: Met, mine: _Mine) -> bool:
    """Of one asset, without noise; where both name their sources, it is for these to tell."""
    both_told = bool(met.actors) and bool(mine.actors)
    return not both_told and not met.weak and not mine.weak


def _with(met: tuple[Met, ...], more: Met) -> tuple[Met, ...]:
    """The places where a value was met, and one more, or that one wider; the last met are kept."""
    known = next((one for one in met if one.ticket == more.ticket), None)
    if known is not None:
        more = Met(
            ticket=known.ticket,
            first=min(known.first, more.first),
            last=max(known.last, more.last),
            actors=tuple(sorted({*known.actors, *more.actors})[:_ACTORS]),
            weak=known.weak and more.weak,
        )
    others = [one for one in met if one.ticket != more.ticket]
    return tuple(sorted((*others, more), key=lambda one: (one.last, one.ticket))[-REMEMBERED:])
