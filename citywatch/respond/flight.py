"""Which run is at work, and which of its acts go on in other threads?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from citywatch.respond.run import Run, StepState
from citywatch.respond.shape import Step

Edit = Callable[[Run], Run]


@dataclass(slots=True)
class Held:
    """A run as read, what changed since, and the version it was read at."""

    run: Run
    version: int
    edits: list[Edit] = field(default_factory=list[Edit])

    def edit(self, edit: Edit) -> None:
        """Change it here; `Worker.save` writes it, again over what others wrote meanwhile."""
        self.run = edit(self.run)
        self.edits.append(edit)

    def put(self, *states: StepState) -> None:
        self.edit(lambda run: run.having(*states))


@dataclass(frozen=True, slots=True)
class Flight:
    """An act that goes on in another thread."""

    run_id: str
    future: Future[Mapping[str, Any]]
    step: Step
    state: StepState
    deadline: float

    def is_awaited(self, run: Run) -> bool:
        """The run still waits for it: its step was not replayed meanwhile, as another effect."""
        known = run.state_of(self.state.step, self.state.item)
        return known is not None and (known.state, known.generation) == ("running", self.state.generation)
