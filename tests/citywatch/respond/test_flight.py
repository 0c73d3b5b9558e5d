"""Do steps that do not wait for each other go on side by side, each once, also after a kill?"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Barrier, Event, Lock
from typing import Any

import pytest

from citywatch.model import from_doc, to_doc
from citywatch.ports import Order, Store
from citywatch.respond.plan import Begin, Finish, Wait, next_move
from citywatch.respond.run import Run, StepState
from citywatch.respond.runner import Runner

from .conftest import Recorder, RunnerOf, a_playbook, an_alert

FORK = """
  - { id: begin, do: test.do }
  - { id: left, do: test.far, needs: [begin] }
  - { id: right, do: test.far, needs: [begin] }
  - { id: both, do: test.do, needs: [left, right] }
"""


def drain(runner: Runner) -> None:
    while runner.tick():
        pass


def run_of(store: Store, run_id: str) -> Run:
    record = store.get("run", run_id)
    assert record
    return from_doc(record.doc, Run)


def test_two_branches_meet_while_both_are_under_way(runner_of: RunnerOf, store: Store) -> None:
    meet = Barrier(2, timeout=20)

    def answer(_: Order) -> Mapping[str, Any]:
        meet.wait()  # breaks, and fails the step, unless the other is under way too
        return {}

    near, far = Recorder(), Recorder(name="test.far", remote=True, answer=answer)
    runner = runner_of(a_playbook(FORK), near, far)
    (run_id,) = runner.start(an_alert())
    drain(runner)
    run = run_of(store, run_id)
    assert (run.state, [(state.step, state.state, state.attempts) for state in run.steps]) == (
        "done",
        [("begin", "done", 1), ("left", "done", 1), ("right", "done", 1), ("both", "done", 1)],
    )
    assert near.keys == ["begin:0", "both:0"]
    assert sorted(far.keys) == ["left:0", "right:0"]


def test_items_of_one_step_and_steps_that_follow_each_other_do_not(runner_of: RunnerOf) -> None:
    steps = """
  - { id: first, do: test.far, each: inputs.names }
  - { id: then, do: test.far }
"""
    head = """
playbook: scan
version: 1
name: Quét
name_en: Scan
owner: csirt
risk: change
trigger: { where: { rule.category: network_attack }, group_by: [source.ip], within: 30m }
inputs: { names: [a, b, c] }
steps:
"""
    under_way, most, lock = 0, 0, Lock()

    def answer(_: Order) -> Mapping[str, Any]:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        with lock:
            under_way -= 1
        return {}

    far = Recorder(name="test.far", remote=True, answer=answer)
    runner = runner_of(a_playbook(steps, head), far)
    runner.start(an_alert())
    drain(runner)
    assert (far.keys, most) == (["first:0", "first:1", "first:2", "then:0"], 1)


def test_of_many_branches_at_most_four_are_under_way(runner_of: RunnerOf, store: Store) -> None:
    full, go, lock = Event(), Event(), Lock()
    under_way, most = 0, 0

    def answer(_: Order) -> Mapping[str, Any]:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
            if under_way == 4:
                full.set()
        assert full.wait(20)
        go.set()
        with lock:
            under_way -= 1
        return {}

    steps = "".join(f"\n  - {{ id: b{n}, do: test.far, needs: [] }}" for n in range(10))
    runner = runner_of(a_playbook(steps), Recorder(name="test.far", remote=True, answer=answer))
    (run_id,) = runner.start(an_alert())
    drain(runner)
    run = run_of(store, run_id)
    assert (run.state, most, go.is_set()) == ("done", 4, True)
    assert [state.step for state in run.steps] == [f"b{n}" for n in range(10)]


def test_both_branches_that_a_kill_cut_off_are_asked_again_with_their_keys(
    runner_of: RunnerOf, store: Store
) -> None:
    safe = Recorder(name="test.far", remote=True)
    runner = runner_of(a_playbook(FORK), Recorder(), safe)
    (run_id,) = runner.start(an_alert())
    run = run_of(store, run_id)
    cut = [StepState(step=name, state="running", attempts=1) for name in ("left", "right")]
    run = run.having(StepState(step="begin", state="done"), *cut)
    store.put_many("run", {run_id: to_doc(run)})
    drain(runner)
    assert sorted(safe.keys) == ["left:0", "right:0"]
    assert run_of(store, run_id).state == "done"


def test_a_branch_that_fails_lets_the_other_come_in_before_the_run_ends(
    runner_of: RunnerOf, store: Store
) -> None:
    failed = Event()

    def answer(order: Order) -> Mapping[str, Any]:
        if ":left:" in order.key:
            failed.set()
            raise ValueError("no")
        assert failed.wait(20)
        return {"said": 1}

    steps = FORK.replace("needs: [begin] }", "needs: [begin], on_error: stop, retry: { times: 0 } }")
    runner = runner_of(a_playbook(steps), Recorder(), Recorder(name="test.far", remote=True, answer=answer))
    (run_id,) = runner.start(an_alert())
    drain(runner)
    run = run_of(store, run_id)
    found = {state.step: state.state for state in run.steps}
    assert (run.state, found["left"], found["right"]) == ("failed", "failed", "done")
    assert "both" not in found


@pytest.mark.parametrize(
    ("beside", "move"),
    [(set[tuple[str, int]](), "Do"), ({("left", 0)}, "Begin"), ({("left", 0), ("right", 0)}, "Wait")],
)
def test_what_is_under_way_is_passed_over(beside: set[tuple[str, int]], move: str) -> None:
    playbook, alert = a_playbook(FORK), an_alert()
    names = ["left", "right"] if move == "Wait" else ["left"]
    states = [StepState(step=one, state="running") for one in names]
    run = Run(
        id="r", playbook="scan", version=1, digest="d", alert=alert, alert_id=alert.id, group="", group_id="",
        steps=(StepState(step="begin", state="done"), *states),
    )  # fmt: skip
    found = next_move(run, playbook, "2026-11-23T02:00:00.000000Z", beside)
    assert type(found).__name__ == move
    assert not isinstance(found, Finish)
    assert not isinstance(found, Begin) or found.step.id == "right"
    assert not isinstance(found, Wait) or found.until == ""
