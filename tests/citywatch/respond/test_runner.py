"""Does a run do each step once, in order, and in the order that its playbook says?"""

from __future__ import annotations

from threading import Event
from typing import Any

import pytest

from citywatch.errors import ActionFailed
from citywatch.model import Ticket, from_doc, to_doc
from citywatch.ports import Order, Query, Store
from citywatch.respond.catalogue import Catalogue
from citywatch.respond.due import Lease
from citywatch.respond.lifecycle import Numbering
from citywatch.respond.runner import Refused, Runner
from responders.ticket import CloseAlert, OpenTicket

from .conftest import Recorder, RunnerOf, Watch, a_playbook, an_alert


def drain(runner: Runner) -> int:
    total = 0
    while done := runner.tick():
        total += done
    return total


def tickets(store: Store) -> list[Ticket]:
    page = store.find("ticket", Query(order="opened_at", newest_first=False, limit=1000))
    return [from_doc(record.doc, Ticket) for record in page.records]


@pytest.fixture
def opener(store: Store, watch: Watch) -> OpenTicket:
    return OpenTicket(store=store, clock=watch, numbering=Numbering())


TWO = """
  - { id: one, do: test.do, with: { said: "{{ alert.title }} x {{ alert.count }}" } }
  - id: two
    do: test.do
    when: "steps.one.ok"
    with: { a: "{{ steps.one.ok }}", b: [1, "{{ alert.count }}"] }
"""


def test_steps_are_done_in_turn_with_their_texts_filled_in(runner_of: RunnerOf) -> None:
    outlet = Recorder()
    runner = runner_of(a_playbook(TWO), outlet)
    (run_id,) = runner.start(an_alert(count=3))
    drain(runner)
    assert [dict(order.inputs) for order in outlet.orders] == [
        {"said": "Port scan x 3"},
        {"a": True, "b": [1, 3]},
    ]
    assert [order.key for order in outlet.orders] == [f"{run_id}:one:0", f"{run_id}:two:0"]
    (run,) = runner.runs()
    assert (run.state, run.error) == ("done", "")


def test_starting_again_and_growing_start_nothing_new(runner_of: RunnerOf) -> None:
    outlet = Recorder()
    runner = runner_of(a_playbook(TWO), outlet)
    first = runner.start(an_alert())
    assert runner.start(an_alert()) == first
    drain(runner)
    assert runner.start(an_alert(count=7)) == first
    drain(runner)
    assert len(outlet.orders) == 2
    again = runner_of(a_playbook(TWO), outlet)
    assert again.start(an_alert(count=9)) == first
    drain(again)
    assert len(outlet.orders) == 2


def test_alerts_of_a_group_join_one_run_and_its_ticket(
    runner_of: RunnerOf, store: Store, opener: OpenTicket
) -> None:
    runner = runner_of(a_playbook("  - { id: ticket, do: ticket.open }"), opener)
    alerts = [an_alert(number, rule_id=f"rule-{number % 2}") for number in range(1, 13)]
    store.put_many("alert", {alert.id: to_doc(alert) for alert in alerts})
    runs = {run_id for alert in alerts[:5] for run_id in runner.start(alert)}
    drain(runner)
    runs |= {one for some in runner.start_many(alerts[5:]).values() for one in some}
    drain(runner)
    (ticket,) = tickets(store)
    assert len(runs) == 1
    assert ticket.alert_ids == tuple(alert.id for alert in alerts)
    assert ticket.alert_count == 12
    assert set(ticket.rule_ids) == {"rule-0", "rule-1"}
    assert [line.note for line in ticket.history if line.what == "alerts joined"] == [
        "10 alerts joined (10.0.0.1)"
    ]
    for alert in alerts:
        state = store.get("alert_state", alert.id)
        assert state is not None
        assert state.doc["ticket_id"] == ticket.id


def test_another_group_and_a_later_time_are_other_runs(runner_of: RunnerOf) -> None:
    runner = runner_of(a_playbook(TWO), Recorder())
    here = runner.start(an_alert(1))
    other = runner.start(an_alert(2, subject_fields={"source.ip": "10.0.0.2"}))
    near = runner.start(an_alert(3, at="2026-11-23T02:20:00.000000Z"))
    far = runner.start(an_alert(4, at="2026-11-23T03:20:00.000000Z"))
    assert here == near
    assert len({*here, *other, *far}) == 3


def test_an_alert_that_comes_after_its_ticket_was_closed_opens_another(
    runner_of: RunnerOf, store: Store, opener: OpenTicket
) -> None:
    runner = runner_of(a_playbook("  - { id: ticket, do: ticket.open }"), opener)
    for number in (1, 2):
        alert = an_alert(number)
        store.put_many("alert", {alert.id: to_doc(alert)})
        runner.start(alert)
        drain(runner)
        known = tickets(store)[-1]
        record = store.get("ticket", known.id)
        assert record is not None
        store.put_if("ticket", known.id, record.doc | {"state": "closed"}, record.version)
    first, second = tickets(store)
    assert (first.alert_ids, second.alert_ids) == (("alert-00001",), ("alert-00002",))


def test_an_alert_that_joined_a_run_which_closed_its_alerts_is_not_swallowed(
    runner_of: RunnerOf, store: Store, watch: Watch, opener: OpenTicket
) -> None:
    steps = """
  - { id: look, do: test.do }
  - { id: gone, when: "steps.look.well", do: alert.close, with: { as: false_positive }, then: end }
  - { id: ticket, do: ticket.open }
"""
    well = [True, False]
    late = an_alert(2)
    runner: Runner

    def look(_: Order) -> dict[str, Any]:
        return {"well": well.pop(0)}

    runner = runner_of(a_playbook(steps), Recorder(answer=look), CloseAlert(store=store, clock=watch), opener)
    store.put_many("alert", {late.id: to_doc(late)})
    (first,) = runner.start(an_alert(1))
    drain(runner)
    runner.start(late)
    drain(runner)
    closed = store.get("alert_state", "alert-00001")
    assert closed is not None
    assert closed.doc["state"] == "false_positive"
    (ticket,) = tickets(store)
    assert ticket.alert_ids == ("alert-00002",)
    assert ticket.run_id != first


def test_a_failed_step_is_tried_again_with_growing_pauses_and_then_a_person_is_called(
    runner_of: RunnerOf, store: Store, watch: Watch, opener: OpenTicket
) -> None:
    def fail(_: Order) -> dict[str, Any]:
        raise ActionFailed("test.do", "no answer")

    outlet = Recorder(answer=fail)
    steps = """
  - { id: ticket, do: ticket.open }
  - { id: tell, do: test.do, retry: { times: 2, wait: 10s } }
  - { id: after, do: test.more }
"""
    more = Recorder(name="test.more")
    runner = runner_of(a_playbook(steps), outlet, opener, more)
    runner.start(an_alert())
    drain(runner)
    assert len(outlet.orders) == 1
    watch.forward(seconds=11)
    drain(runner)
    assert len(outlet.orders) == 2
    watch.forward(seconds=11)
    drain(runner)
    assert len(outlet.orders) == 2
    watch.forward(seconds=10)
    drain(runner)
    assert len(outlet.orders) == 3
    assert len({order.key for order in outlet.orders}) == 1
    assert len(more.orders) == 1
    (ticket,) = tickets(store)
    assert "step 'tell' (test.do) failed: no answer" in ticket.history[-1].note
    (run,) = runner.runs()
    assert run.state == "done"


def test_a_failure_before_any_ticket_opens_one(runner_of: RunnerOf, store: Store, opener: OpenTicket) -> None:
    def fail(_: Order) -> dict[str, Any]:
        raise ValueError("hostile")

    steps = "  - { id: tell, do: test.do, on_error: stop }\n  - { id: two, do: test.do }"
    runner = runner_of(a_playbook(steps), Recorder(answer=fail), opener)
    runner.start(an_alert())
    drain(runner)
    (run,) = runner.runs()
    assert (run.state, run.error) == ("failed", "step 'tell': ValueError: hostile")
    (ticket,) = tickets(store)
    assert "a person must look" in ticket.history[-1].note


def test_each_does_a_step_for_every_item_up_to_its_bound(runner_of: RunnerOf) -> None:
    outlet = Recorder()
    steps = """
  - { id: tell, each: inputs.people, max_items: 2, do: test.do, with: { to: "{{ item }}" } }
  - { id: none, each: inputs.nobody, do: test.do }
  - id: both
    each: inputs.people
    when: "item != 'c'"
    steps:
      - { id: first, do: test.do, with: { first: "{{ item }}" } }
      - { id: second, when: "item == 'a'", do: test.do, with: { second: "{{ item }}" } }
"""
    head = """
playbook: scan
version: 1
name: Q
name_en: S
owner: o
risk: notify
inputs: { people: [a, b, c] }
trigger: { where: { rule.category: network_attack } }
steps:
"""
    runner = runner_of(a_playbook(steps, head), outlet)
    runner.start(an_alert())
    drain(runner)
    assert [dict(order.inputs) for order in outlet.orders] == [
        {"to": "a"},
        {"to": "b"},
        {"first": "a"},
        {"second": "a"},
        {"first": "b"},
    ]
    (run,) = runner.runs()
    assert run.state == "done"
    assert [state.state for state in run.states("both")] == ["done", "done", "skipped"]


def test_a_step_is_skipped_with_the_step_that_it_needs(runner_of: RunnerOf) -> None:
    outlet = Recorder()
    steps = """
  - { id: one, when: "alert.count > 5", do: test.do }
  - { id: two, needs: [one], do: test.do }
  - { id: three, do: test.do }
"""
    runner = runner_of(a_playbook(steps), outlet)
    runner.start(an_alert())
    drain(runner)
    assert outlet.keys == ["three:0"]


APPROVED = """
  - { id: block, do: test.change, approve: { role: lead, within: 30m, on_timeout: escalate } }
  - { id: after, do: test.do }
"""


@pytest.mark.parametrize(("yes", "done"), [(True, 1), (False, 0)])
def test_a_step_waits_for_a_second_person(runner_of: RunnerOf, yes: bool, done: int) -> None:  # noqa: FBT001 - a row of the table
    change, after = Recorder(name="test.change", effect="change"), Recorder()
    runner = runner_of(a_playbook(APPROVED), change, after)
    (run_id,) = runner.start(an_alert())
    drain(runner)
    assert (len(change.orders), len(after.orders)) == (0, 0)
    ((run, state),) = runner.waiting()
    assert (run.id, state.step, state.due_at) == (run_id, "block", "2026-11-23T02:30:00.000000Z")
    with pytest.raises(Refused, match="second person"):
        runner.approve(run_id, "block", run.started_by, yes)
    runner.approve(run_id, "block", "lan", yes)
    drain(runner)
    assert (len(change.orders), len(after.orders)) == (done, 1)
    with pytest.raises(Refused, match="does not wait"):
        runner.approve(run_id, "block", "hoa", yes)


def test_an_approval_that_nobody_gave_expires_and_is_escalated(
    runner_of: RunnerOf, store: Store, watch: Watch, opener: OpenTicket
) -> None:
    change, after = Recorder(name="test.change", effect="change"), Recorder()
    runner = runner_of(a_playbook(APPROVED), change, after, opener)
    (run_id,) = runner.start(an_alert())
    drain(runner)
    watch.forward(minutes=31)
    with pytest.raises(Refused, match="does not wait"):
        runner.approve(run_id, "block", "lan", yes=True)
    drain(runner)
    assert (len(change.orders), len(after.orders)) == (0, 1)
    assert "nobody approved it in time" in tickets(store)[0].history[-1].note


def test_a_playbook_that_these_responders_cannot_run_is_refused(store: Store, watch: Watch) -> None:
    playbook = a_playbook("  - { id: one, do: test.change }")
    runner = Runner(
        store, [playbook], {"test.change": Recorder("test.change", "change")}, Catalogue(store), watch
    )
    assert "nobody must approve it" in str(runner.refused[0])
    assert runner.start(an_alert()) == []


def test_a_run_is_paused_resumed_canceled_and_replayed(runner_of: RunnerOf) -> None:
    outlet = Recorder()
    runner = runner_of(a_playbook(TWO), outlet)
    (run_id,) = runner.start(an_alert())
    runner.pause(run_id, "lan")
    assert drain(runner) == 0
    runner.resume(run_id, "lan")
    drain(runner)
    assert outlet.keys == ["one:0", "two:0"]
    runner.replay(run_id, "two", "lan")
    drain(runner)
    assert outlet.keys == ["one:0", "two:0", "two:0#1"]
    with pytest.raises(Refused):
        runner.cancel(run_id, "lan")
    with pytest.raises(Refused, match="no step 'x'"):
        runner.replay(run_id, "x", "lan")
    (second,) = runner.start(an_alert(2, subject_fields={"source.ip": "10.0.0.9"}))
    runner.cancel(second, "lan")
    drain(runner)
    assert len(outlet.orders) == 3


def test_a_run_goes_on_with_the_version_that_it_began_with(runner_of: RunnerOf) -> None:
    outlet = Recorder()
    waits = "  - { id: one, do: test.do, approve: { within: 1h } }\n  - { id: old, do: test.do }"
    runner = runner_of(a_playbook(waits), outlet)
    (run_id,) = runner.start(an_alert())
    drain(runner)
    newer = runner_of(a_playbook("  - { id: new, do: test.do }"), outlet)
    newer.approve(run_id, "one", "lan", yes=True)
    drain(newer)
    assert outlet.keys == ["one:0", "old:0"]


def test_remote_steps_of_several_runs_go_on_beside_each_other_and_may_time_out(
    runner_of: RunnerOf, opener: OpenTicket
) -> None:
    hold = Event()

    def slow(order: Order) -> dict[str, Any]:
        if "alert-00001" in str(order.inputs):
            hold.wait(5)
        return {}

    outlet = Recorder(remote=True, answer=slow, repeats_safely=False)
    steps = """
  - { id: tell, do: test.do, with: { id: "{{ alert.id }}" }, timeout: 1s, retry: { times: 0 } }
"""
    runner = runner_of(a_playbook(steps), outlet, opener)
    for number in range(1, 6):
        runner.start(an_alert(number, subject_fields={"source.ip": f"10.0.0.{number}"}))
    drain(runner)
    hold.set()
    states = {run.alert_id: run.steps[0] for run in runner.runs()}
    assert states.pop("alert-00001").error == "no answer within 1 s; it is not known whether it arrived"
    assert {state.state for state in states.values()} == {"done"}


def test_two_runners_do_not_both_lead(runner_of: RunnerOf, store: Store, watch: Watch) -> None:
    runner = runner_of(a_playbook(TWO), Recorder())
    other = Lease(store, "runner", watch, holder="elsewhere|x|1|2")
    assert other.hold()
    runner.start(an_alert())
    assert runner.tick() == 0
    watch.forward(seconds=31)
    assert drain(runner) > 0
    assert not other.hold()
