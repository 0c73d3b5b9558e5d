"""Is a failed step tried again as the same effect, a run begun by hand, and a role asked for?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from citywatch.errors import ActionFailed
from citywatch.model import from_doc
from citywatch.ports import Order, Store
from citywatch.respond.catalogue import Catalogue
from citywatch.respond.run import Run
from citywatch.respond.runner import Refused, Runner

from .conftest import Recorder, RunnerOf, Watch, a_playbook, an_alert


def drain(runner: Runner) -> None:
    while runner.tick():
        pass


def failing_until(moment: list[bool]) -> Callable[[Order], dict[str, Any]]:
    def answer(order: Order) -> dict[str, Any]:
        if not moment:
            raise ActionFailed("test.do", "the receiver is down", again=False)
        return {"ok": True, "key": order.key}

    return answer


STEPS = {
    "after one that stopped the run": """
  - { id: one, do: test.do, on_error: stop }
  - { id: two, do: test.after }
""",
    "with what needs it": """
  - { id: one, do: test.do, on_error: continue }
  - { id: two, do: test.after, needs: [one] }
""",
    "inside another": """
  - id: outer
    on_error: continue
    steps:
      - { id: one, do: test.do, on_error: continue }
  - { id: two, do: test.after, needs: [outer] }
""",
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS.keys())
def test_a_failed_step_is_tried_again_with_its_key_and_the_rest_follows(
    runner_of: RunnerOf, store: Store, steps: str
) -> None:
    up: list[bool] = []
    outlet, after = Recorder(answer=failing_until(up)), Recorder(name="test.after")
    runner = runner_of(a_playbook(steps), outlet, after)
    (run_id,) = runner.start(an_alert())
    drain(runner)
    assert after.orders == []
    up.append(True)
    runner.retry(run_id, "one", "lan")
    drain(runner)
    assert outlet.keys == ["one:0", "one:0"]
    assert after.keys == ["two:0"]
    record = store.get("run", run_id)
    assert record is not None
    run = from_doc(record.doc, Run)
    assert run.state == "done"
    assert {state.state for state in run.steps} == {"done"}
    with pytest.raises(Refused, match="did not fail"):
        runner.retry(run_id, "one", "lan")


def test_a_run_begun_by_hand_knows_who_began_it_and_takes_known_inputs_only(runner_of: RunnerOf) -> None:
    outlet = Recorder()
    head = """
playbook: by_hand
version: 1
name: Tay
name_en: Hand
owner: csirt
risk: notify
trigger: { event: manual }
inputs: { word: none }
steps:
"""
    runner = runner_of(
        a_playbook('  - { id: one, do: test.do, with: { w: "{{ inputs.word }}" } }', head), outlet
    )
    assert runner.start(an_alert()) == []
    run_id = runner.start_by_hand("by_hand", an_alert(), "lan", {"word": "yes"})
    drain(runner)
    assert [order.inputs for order in outlet.orders] == [{"w": "yes"}]
    assert next(run for run in runner.runs() if run.id == run_id).started_by == "lan"
    with pytest.raises(Refused, match="no input 'other'"):
        runner.start_by_hand("by_hand", an_alert(), "lan", {"other": 1})
    with pytest.raises(Refused, match="no playbook 'x'"):
        runner.start_by_hand("x", an_alert(), "lan")


def test_who_approves_must_have_the_role_that_the_step_asks_for(store: Store, watch: Watch) -> None:
    change = Recorder(name="test.change", effect="change")
    playbook = a_playbook("  - { id: one, do: test.change, approve: { role: lead, within: 30m } }")
    asked: list[tuple[str, str]] = []

    def may(person: str, role: str) -> bool:
        asked.append((person, role))
        return person == "hoa"

    runner = Runner(store, [playbook], {"test.change": change}, Catalogue(store), watch, may_approve=may)
    (run_id,) = runner.start(an_alert())
    drain(runner)
    with pytest.raises(Refused, match="must be approved by 'lead'"):
        runner.approve(run_id, "one", "lan", yes=True)
    drain(runner)
    assert change.orders == []
    runner.approve(run_id, "one", "hoa", yes=True)
    drain(runner)
    assert len(change.orders) == 1
    assert asked == [("lan", "lead"), ("hoa", "lead")]
    runner.close()
