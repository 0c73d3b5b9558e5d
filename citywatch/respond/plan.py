"""What does a run do next? Decided from its journal alone, without touching anything.

A step waits for the steps in `needs`, or, where it says none, for the step above it. When a step it needs by
name was skipped or failed it is skipped too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

from citywatch.respond.run import SETTLED, Run, StepState
from citywatch.respond.shape import Playbook, Step


@dataclass(frozen=True, slots=True)
class Begin:
    """Ask the step's conditions and items."""

    step: Step


@dataclass(frozen=True, slots=True)
class Skip:
    """The step is not done, since one it needs was not."""

    step: Step
    because: str


@dataclass(frozen=True, slots=True)
class Do:
    """Do a step for an item. `step` is the one with the action, which may stand inside another."""

    step: Step
    state: StepState


@dataclass(frozen=True, slots=True)
class Expired:
    """Nobody decided in time."""

    step: Step
    state: StepState


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before this time (empty: before somebody acts)."""

    until: str


@dataclass(frozen=True, slots=True)
class Finish:
    """All is settled."""

    state: str
    error: str = ""


Move = Begin | Skip | Do | Expired | Wait | Finish


Place = tuple[str, int]
"""A step and an item of it."""


def next_move(run: Run, playbook: Playbook, now: str, beside: Collection[Place] = ()) -> Move:
    """The next thing to do about a run at a time (`clock.stamp`).

    `beside` is what goes on already, in threads of its own: steps that do not wait for it begin meanwhile.
    """
    if _ended(run, playbook):
        return Finish("done")
    broken = _broken(run, playbook)
    if broken is not None:
        return Finish("failed", f"step '{broken.step}': {broken.error}")
    waits: list[str] = []
    unsettled = False
    for step, above in _with_above(playbook):
        if is_settled(run, step):
            continue
        unsettled = True
        move = _move_of(run, step, above, now, beside)
        if isinstance(move, Wait):
            waits.append(move.until)
        elif move is not None:
            return move
    if not unsettled:
        return Finish("done")
    return Wait(min((until for until in waits if until), default=""))


def _with_above(playbook: Playbook) -> Iterator[tuple[Step, Step | None]]:
    yield playbook.steps[0], None
    for above, step in pairwise(playbook.steps):
        yield step, above


def _move_of(run: Run, step: Step, above: Step | None, now: str, beside: Collection[Place]) -> Move | None:
    """What to do about one step. Its items go one after the other."""
    states = run.states(step.id)
    if not states:
        return _start_of(run, step, above)
    for state in states:
        if step.steps:
            move = _inside(run, step, state, now, beside)
        else:
            move = None if state.state in SETTLED else _due(step, state, now, beside)
        if move is not None:
            return move
    return None


def _start_of(run: Run, step: Step, above: Step | None) -> Move | None:
    if step.needs is None:
        if above is not None and not run.states(above.id):
            return None
        return Begin(step) if above is None or _all_settled(run, above.id) else None
    for name in step.needs:
        if not _all_settled(run, name):
            return None
        if not any(state.state == "done" for state in run.states(name)):
            return Skip(step, f"'{name}' was not done")
    return Begin(step)


def _inside(run: Run, step: Step, holder: StepState, now: str, beside: Collection[Place]) -> Move | None:
    """The steps inside another go one after the other, for each of its items."""
    if holder.state in SETTLED:
        return None
    for inner in step.steps:
        state = run.state_of(inner.id, holder.item)
        if state is None:
            fresh = StepState(step=inner.id, item=holder.item, value=holder.value)
            return Do(inner, fresh)
        if state.state not in SETTLED:
            return _due(inner, state, now, beside)
    return None


def _due(step: Step, state: StepState, now: str, beside: Collection[Place]) -> Move:
    if (state.step, state.item) in beside:
        return Wait("")
    if state.state == "waiting":
        return Expired(step, state) if state.due_at <= now else Wait(state.due_at)
    return Wait(state.due_at) if state.due_at > now else Do(step, state)


def _all_settled(run: Run, name: str) -> bool:
    states = run.states(name)
    return bool(states) and all(state.state in SETTLED for state in states)


def holders_of(playbook: Playbook, step_id: str) -> Iterator[str]:
    """The step that this one stands in, when it stands in one."""
    return (step.id for step in playbook.steps if any(inner.id == step_id for inner in step.steps))


def left_out_after(playbook: Playbook, step_id: str) -> Iterator[str]:
    """The steps that are left out when this one is not done: those that need it, and so on."""
    gone = {step_id, *holders_of(playbook, step_id)}
    for step in playbook.steps:
        if gone.intersection(step.needs or ()):
            gone.add(step.id)
            yield step.id


def is_settled(run: Run, step: Step) -> bool:
    """Nothing more is done about this step, nor about those inside it."""
    states = run.states(step.id)
    return bool(states) and all(state.state in SETTLED for state in states)


def holder_settled(run: Run, step: Step, item: int) -> str:
    """The state of a step that holds others, for an item: empty while something inside it is unsettled."""
    found = [run.state_of(inner.id, item) for inner in step.steps]
    if any(state is None or state.state not in SETTLED for state in found):
        return ""
    return "done" if any(state and state.state == "done" for state in found) else "skipped"


def _ended(run: Run, playbook: Playbook) -> bool:
    """A step that says `then: end` was done."""
    return any(
        step.then == "end" and any(state.state == "done" for state in run.states(step.id))
        for step in playbook.every_step()
    )


def _broken(run: Run, playbook: Playbook) -> StepState | None:
    """A step failed that stops the run."""
    for step in playbook.every_step():
        if step.on_error == "stop":
            for state in run.states(step.id):
                if state.state == "failed":
                    return state
    return None
