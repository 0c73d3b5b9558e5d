"""Does a ticket move only as the table says, and is there one open ticket a key?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from citywatch.model import Severity, Ticket, to_doc
from citywatch.ports import Store
from citywatch.respond.lifecycle import (
    CLOSED,
    NEEDS_NOTE,
    TRANSITIONS,
    Draft,
    NotAllowed,
    Numbering,
    change_ticket,
    move,
    open_or_join,
)

AT = "2026-11-23T02:00:00.000000Z"
NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
STATES = [
    *("new", "triage", "confirmed", "contained", "recovered", "reported"),
    *("closed", "false_positive", "duplicate", "on_hold", "reopened"),
]


def ticket(state: str = "new") -> Ticket:
    return Ticket(id="HN-2026-000001", key="k", title="t", severity=Severity.high, state=state)


def draft(key: str = "k", **more: Any) -> Draft:
    return Draft(key=key, title="Đổi giao diện", severity=Severity.high, **more)


def opened(store: Store, made: Draft, now: datetime = NOW) -> Ticket:
    return open_or_join(store, made, now=now, numbering=Numbering()).ticket


def test_the_table_knows_every_state_and_leads_only_to_states_it_knows() -> None:
    assert set(TRANSITIONS) == set(STATES)
    assert {to for targets in TRANSITIONS.values() for to in targets} <= set(STATES)


@pytest.mark.parametrize("state", STATES)
def test_every_state_can_be_reached_from_new(state: str) -> None:
    seen, open_states = {"new"}, ["new"]
    while open_states:
        fresh = TRANSITIONS[open_states.pop()] - seen
        seen |= fresh
        open_states += fresh
    assert state in seen


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("to", [*STATES, "gone"])
def test_a_move_is_made_exactly_when_the_table_has_it(state: str, to: str) -> None:
    if to in TRANSITIONS[state]:
        moved = move(ticket(state), to, by="lan", at=AT, note="vì thế")
        assert (moved.state, moved.changed_at, moved.history[-1].by) == (to, AT, "lan")
    else:
        with pytest.raises(NotAllowed):
            move(ticket(state), to, by="lan", at=AT, note="vì thế")


@pytest.mark.parametrize("to", sorted(NEEDS_NOTE))
def test_a_move_that_needs_a_reason_is_refused_without_one(to: str) -> None:
    state = next(state for state, targets in TRANSITIONS.items() if to in targets)
    with pytest.raises(NotAllowed, match="reason"):
        move(ticket(state), to, by="lan", at=AT, note="  ")


def test_numbers_count_up_within_the_citys_year(store: Store) -> None:
    first = opened(store, draft("a"))
    second = opened(store, draft("b"))
    eve = opened(store, draft("c"), datetime(2026, 12, 31, 17, 30, tzinfo=UTC))
    assert [first.id, second.id, eve.id] == ["HN-2026-000001", "HN-2026-000002", "HN-2027-000001"]


def test_a_second_draft_of_the_key_joins_the_open_ticket_and_is_told_in_its_history(store: Store) -> None:
    first = opened(store, draft(alert_ids=("a1",), run_id="r1"))
    result = open_or_join(
        store,
        replace(draft(alert_ids=("a2",), run_id="r2", alert_count=3), severity=Severity.critical),
        now=NOW,
        numbering=Numbering(),
    )
    assert result.joined
    assert result.ticket.id == first.id
    assert result.ticket.alert_ids == ("a1", "a2")
    assert result.ticket.alert_count == 4
    assert result.ticket.severity is Severity.critical
    assert [line.what for line in result.ticket.history] == ["opened", "joined"]


def test_asking_again_changes_nothing(store: Store) -> None:
    made = draft(alert_ids=("a1",), run_id="r1")
    first = opened(store, made)
    again = opened(store, made)
    assert again == first
    joining = draft(alert_ids=("a2",), run_id="r2")
    assert opened(store, joining) == opened(store, joining)


@pytest.mark.parametrize("state", sorted(CLOSED))
def test_after_a_ticket_was_closed_its_key_opens_a_new_one(store: Store, state: str) -> None:
    first = opened(store, draft(run_id="r1"))
    change_ticket(store, first.id, lambda known: replace(known, state=state))
    assert opened(store, draft(run_id="r2")).id != first.id


def test_a_run_that_asks_again_after_its_ticket_was_closed_is_given_that_ticket(store: Store) -> None:
    first = opened(store, draft(run_id="r1"))
    change_ticket(store, first.id, lambda known: replace(known, state="closed"))
    assert opened(store, draft(run_id="r1")).id == first.id


def test_a_merged_ticket_is_followed_to_the_one_that_goes_on(store: Store) -> None:
    first, second = opened(store, draft("a")), opened(store, draft("b"))
    change_ticket(store, first.id, lambda known: replace(known, merged_into=second.id, state="duplicate"))
    assert opened(store, draft("a", run_id="r9")).id == second.id


def test_twenty_at_once_open_one_ticket(store: Store) -> None:
    drafts = [draft(run_id=f"r{n}", alert_ids=(f"a{n}",)) for n in range(20)]
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(partial(opened, store), drafts))
    assert len({known.id for known in ids}) == 1
    record = store.get("ticket", ids[0].id)
    assert record is not None
    assert len(record.doc["alert_ids"]) == 20


class Killed(Exception):  # noqa: N818 - not an error of ours: the machine stops here
    pass


class Mortal:
    """A store that dies after a number of writes."""

    def __init__(self, store: Store, writes: int) -> None:
        self._store = store
        self._left = writes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put_if(self, kind: str, record_id: str, doc: Any, version: int) -> Any:
        if self._left == 0:
            raise Killed
        self._left -= 1
        return self._store.put_if(kind, record_id, doc, version)


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_killed_between_any_two_writes_it_neither_doubles_a_ticket_nor_skips_a_number(
    store: Store, writes: int
) -> None:
    dying: Any = Mortal(store, writes)
    with pytest.raises(Killed):
        opened(dying, draft(run_id="r1"))
    first = opened(store, draft(run_id="r1"))
    second = opened(store, draft("other", run_id="r2"))
    assert (first.id, second.id) == ("HN-2026-000001", "HN-2026-000002")


def test_a_change_made_meanwhile_is_not_lost(store: Store) -> None:
    known = opened(store, draft())
    meddled: list[int] = []

    def change(seen: Ticket) -> Ticket:
        if not meddled:
            meddled.append(1)
            record = store.get("ticket", known.id)
            assert record is not None
            other = move(seen, "triage", by="hoa", at=AT)
            store.put_if("ticket", known.id, to_doc(other), record.version)
        return replace(seen, assignee="lan")

    changed = change_ticket(store, known.id, change)
    assert changed is not None
    assert (changed.state, changed.assignee) == ("triage", "lan")


def test_history_keeps_its_beginning_and_its_end() -> None:
    known = ticket("triage")
    for n in range(2100):
        known = replace(known, state="triage")
        known = move(known, "confirmed", by="lan", at=AT, note=str(n))
    assert len(known.history) == 2000
    assert (known.history[0].note, known.history[-1].note) == ("0", "2099")
