"""What is a run: a playbook at work on an alert, and how far has it come?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from citywatch.errors import ActionFailed
from citywatch.model import Alert, from_doc
from citywatch.ports import Order, Store

SETTLED: Final = frozenset({"done", "skipped", "failed"})
"""States of a step in which nothing more is done about it."""

ENDED: Final = frozenset({"done", "failed", "canceled"})
"""States of a run in which nothing more is done about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """How far one step has come, for one item of its `each`."""

    step: str
    item: int = 0
    state: str = "pending"
    """pending, waiting (for approval), running, done, skipped, failed."""
    value: Any = None
    """The item itself."""
    attempts: int = 0
    due_at: str = ""
    """Not before this time: a retry, or the end of an approval's time."""
    started_at: str = ""
    finished_at: str = ""
    error: str = ""
    output: dict[str, Any] = field(default_factory=dict[str, Any])
    decided_by: str = ""
    """Who approved or refused."""
    generation: int = 0
    """How often the run was replayed before this: a replayed step is a new effect."""
    perhaps_twice: bool = False
    """It was cut off amid its effect and done again, and the receiver does not tell doubles apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A playbook at work on an alert. Pinned to the playbook's content by its digest."""

    id: str
    playbook: str
    version: int
    digest: str
    alert: Alert
    """The alert that opened it, as it was then."""
    alert_id: str
    group: str
    """What the alerts of this run have in common, for people."""
    group_id: str
    state: str = "running"
    """running, waiting (for approval), paused, done, failed, canceled."""
    started_at: str = ""
    updated_at: str = ""
    finished_at: str = ""
    started_by: str = "citywatch"
    ticket_id: str = ""
    error: str = ""
    inputs: dict[str, Any] = field(default_factory=dict[str, Any])
    steps: tuple[StepState, ...] = ()
    generation: int = 0
    """How often it was replayed from a step."""
    linked: int = 0
    """How many of its alerts are in the ticket."""
    covered: int = 0
    """How many of its alerts a step closed."""

    def states(self, step: str) -> tuple[StepState, ...]:
        """The states of one step, by item."""
        return tuple(state for state in self.steps if state.step == step)

    def state_of(self, step: str, item: int = 0) -> StepState | None:
        """The state of one step and item; None before it was begun."""
        return next((state for state in self.steps if (state.step, state.item) == (step, item)), None)

    def having(self, *states: StepState) -> Run:
        """The run with these states put in."""
        new = {(state.step, state.item): state for state in states}
        kept = [new.pop((state.step, state.item), state) for state in self.steps]
        return replace(self, steps=(*kept, *new.values()))

    def key(self, state: StepState) -> str:
        """What an outlet is told: the same key means the same effect."""
        again = f"#{state.generation}" if state.generation else ""
        return f"{self.id}:{state.step}:{state.item}{again}"


def run_of(store: Store, order: Order) -> Run:
    """The run that an order comes from.

    Raises:
        ActionFailed: there is none.
    """
    record = store.get("run", order.run_id)
    if record is None:
        raise ActionFailed(order.action, f"run '{order.run_id}' is not in the store", again=False)
    return from_doc(record.doc, Run)
