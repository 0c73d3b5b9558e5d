"""Do tasks, links, merges, facts and observables change a ticket as they say, whoever else writes it?"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import Alert, Change, Evidence, Observable, Severity, Ticket, from_doc, to_doc
from citywatch.ports import Store
from citywatch.respond import casework
from citywatch.respond.casework import TLP, Refused, Stale
from citywatch.respond.lifecycle import HISTORY_LINES, change_ticket, history_with, open_or_join
from citywatch.respond.rsit import kinds
from tests.citywatch.respond.test_lifecycle import NOW, Numbering, draft

AT = "2026-11-23T02:00:00.000000Z"
OPENED = Ticket(id="HN-2026-000001", key="k", title="t", severity=Severity.high)


def put(store: Store, number: int, **more: object) -> str:
    ticket = Ticket(id=f"HN-2026-{number:06d}", key=f"k{number}", title="t", severity=Severity.high)
    store.put_if("ticket", ticket.id, to_doc(ticket) | more, 0)
    return ticket.id


def read(store: Store, ticket_id: str) -> Ticket:
    record = store.get("ticket", ticket_id)
    assert record
    return from_doc(record.doc, Ticket)


def test_a_task_is_added_done_and_opened_again() -> None:
    there = casework.with_task(OPENED, "Gọi cho Sở Y tế", by="lan", at=AT, assignee="minh")
    (task,) = there.tasks
    done = casework.with_task_done(there, task.id, by="minh", at=AT)
    assert (done.tasks[0].done_by, done.tasks[0].done_at) == ("minh", AT)
    assert casework.with_task_done(done, task.id, by="lan", at=AT) == done
    again = casework.with_task_done(done, task.id, by="lan", at=AT, done=False)
    assert again.tasks == there.tasks
    assert [line.what for line in again.history] == ["task", "task_done", "task_open"]


@pytest.mark.parametrize(
    "change",
    [
        lambda: casework.with_task(OPENED, " ", by="lan", at=AT),
        lambda: casework.with_task_done(OPENED, "gone", by="lan", at=AT),
        lambda: casework.with_observable(OPENED, "hello", by="lan", at=AT),
        lambda: casework.edited(OPENED, "tlp", "PINK", by="lan", at=AT),
        lambda: casework.edited(OPENED, "taxonomy", "odd", by="lan", at=AT),
        lambda: casework.edited(OPENED, "title", " ", by="lan", at=AT),
        lambda: casework.edited(OPENED, "state", "closed", by="lan", at=AT),
    ],
)
def test_what_cannot_be_is_refused(change: Callable[[], Ticket]) -> None:
    with pytest.raises(Refused):
        change()


@pytest.mark.parametrize("tlp", TLP)
def test_every_word_of_tlp_2_can_be_given(tlp: str) -> None:
    assert casework.edited(OPENED, "tlp", tlp, by="lan", at=AT).tlp == tlp


def test_a_fact_is_changed_only_when_it_is_what_was_seen() -> None:
    green = casework.edited(OPENED, "tlp", "GREEN", by="lan", at=AT, seen="AMBER")
    assert green.history[-1].note == "tlp: AMBER → GREEN"
    with pytest.raises(Stale, match="tlp is 'GREEN' now, not 'AMBER'"):
        casework.edited(green, "tlp", "RED", by="minh", at=AT, seen="AMBER")
    same = casework.edited(green, "tlp", "GREEN", by="minh", at=AT, seen="AMBER")
    assert same == green  # both wanted the same


def test_the_taxonomy_is_that_of_the_csirts() -> None:
    assert len(kinds()) == 39
    taken = [category for kind in kinds().values() for category in kind.category]
    assert len(taken) == len(set(taken)) == 10
    assert all(kind.class_vi and kind.name_vi for kind in kinds().values())


def test_links_are_named_on_both_tickets(store: Store) -> None:
    first, second = put(store, 1), put(store, 2)
    for _ in range(2):
        casework.link(store, first, second, by="lan", at=AT)
    assert (read(store, first).links, read(store, second).links) == ((second,), (first,))
    assert [line.what for line in read(store, second).history] == ["linked"]
    for other in (first, "HN-2026-000099", ""):
        with pytest.raises(Refused):
            casework.link(store, first, other, by="lan", at=AT)


def test_a_merged_ticket_goes_on_in_the_other_with_all_it_had(store: Store) -> None:
    proof = Evidence(sha256="a" * 64, media_type="t", size=1, taken_at=AT, source="s")
    gone = put(store, 1, alert_ids=["a1"], alerts_by_run={"r1": 3}, severity=4, evidence=[to_doc(proof)])
    goes_on = put(store, 2, alert_ids=["a2"], alerts_by_run={"r2": 1})
    for _ in range(2):
        casework.merge(store, gone, goes_on, by="lan", at=AT)
    into, ended = read(store, goes_on), read(store, gone)
    assert (into.alert_ids, into.alert_count, into.severity, into.evidence) == (
        ("a2", "a1"),
        4,
        Severity.critical,
        (proof,),
    )
    assert (ended.state, ended.merged_into) == ("duplicate", goes_on)
    assert [line.what for line in into.history] == ["merged"]
    line = Change(at=AT, by="a", what="comment")
    changed = change_ticket(store, gone, partial(casework.commented, line=line))
    assert changed
    assert changed.id == goes_on


def test_new_alerts_of_a_merged_ticket_join_the_one_that_goes_on(store: Store) -> None:
    gone = open_or_join(store, draft("a", run_id="r1"), now=NOW, numbering=Numbering()).ticket
    goes_on = open_or_join(store, draft("b", run_id="r2"), now=NOW, numbering=Numbering()).ticket
    casework.merge(store, gone.id, goes_on.id, by="lan", at=AT)
    joined = open_or_join(store, draft("a", run_id="r3"), now=NOW, numbering=Numbering())
    assert (joined.ticket.id, joined.joined) == (goes_on.id, True)


def test_nothing_is_merged_into_what_is_closed_or_in_a_circle(store: Store) -> None:
    first, second, closed = put(store, 1), put(store, 2), put(store, 3, state="closed")
    with pytest.raises(Refused, match="closed"):
        casework.merge(store, first, closed, by="lan", at=AT)
    casework.merge(store, first, second, by="lan", at=AT)
    with pytest.raises(Refused):
        casework.merge(store, second, first, by="lan", at=AT)
    with pytest.raises(Refused):
        casework.merge(store, first, first, by="lan", at=AT)


def test_what_many_add_at_once_is_all_there(store: Store) -> None:
    ticket = put(store, 1)

    def add(number: int) -> None:
        change_ticket(store, ticket, partial(casework.with_task, text=f"việc {number}", by="lan", at=AT))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(18)))
    assert {task.text for task in read(store, ticket).tasks} == {f"việc {number}" for number in range(18)}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("2001:DB8::1", "ip"), ("a@b.vn", "email"), ("https://x.example/a", "url"), ("A" * 64, "sha256"),
        ("b" * 40, "sha1"), ("c" * 32, "md5"), ("Evil.Example", "domain"),
    ],
)  # fmt: skip
def test_an_observable_is_known_by_its_shape(text: str, kind: str) -> None:
    made = casework.observable(text)
    assert made
    assert made.type == kind


def test_observables_and_techniques_come_from_the_alerts() -> None:
    alert = Alert(
        id="a", rule_id="r", title="t", severity=Severity.high, subject="s", first_seen=AT, last_seen=AT,
        count=1, subject_fields={"source.ip": "10.0.0.1"},
        values={"destination.ip": ["10.0.0.2", "10.0.0.1"]},
        tags=("attack.t1110.001", "attack.impact", "attack.T1491"),
    )  # fmt: skip
    there = casework.with_observable(OPENED, "10.0.0.1", by="lan", at=AT)
    found = casework.observables_of(there, [alert])
    assert found == [Observable(type="ip", value="10.0.0.1"), Observable(type="ip", value="10.0.0.2")]
    assert casework.techniques_of([alert]) == ["T1110.001", "T1491"]


@given(text=st.text(max_size=400))
def test_mentions_are_few_and_folded(text: str) -> None:
    found = casework.mentions(text)
    assert len(found) <= 20
    assert all(name == name.casefold() for name in found)


def test_a_history_that_is_full_keeps_its_opening_and_every_move() -> None:
    kept = [Change(at=AT, by="a", what=what) for what in ("opened", "new → triage", "triage → confirmed")]
    chatter = [Change(at=AT, by="a", what="comment", note=str(number)) for number in range(HISTORY_LINES)]
    lines = (*kept, *chatter)[:HISTORY_LINES]
    made = history_with(replace(OPENED, history=lines), Change(at=AT, by="a", what="comment", note="last"))
    assert len(made) <= HISTORY_LINES
    assert [line.what for line in made[:3]] == [line.what for line in kept]
    assert made[-1].note == "last"
