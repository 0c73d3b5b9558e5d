"""What would a playbook do about this alert, without doing it?

The very runner that works for real runs it, on a store of its own that is thrown away, with a clock that
is moved to whatever the run waits for. Only `read_only` actions are done (or answered from a sample); of
all others it is written down what they would have been asked.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from citywatch.errors import ContentError
from citywatch.model import Agency, Alert, Portal, from_doc, to_doc
from citywatch.ports import Effect, Order, Responder, Store
from citywatch.respond.catalogue import Catalogue
from citywatch.respond.run import ENDED, Run
from citywatch.respond.runner import Runner
from citywatch.respond.shape import Playbook

MOVES: Final = 2000
"""So many looks at what is due, at most: a run has at most 200 steps with 50 tries each, most far fewer."""
FORWARD: Final = timedelta(minutes=10)
TICKET: Final = "REHEARSAL-0001"

OpenStore = Callable[[Path, Callable[[], datetime]], Store]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One step, for one item: what came of it, and what its action was (or would have been) asked."""

    step: str
    item: int
    action: str
    effect: Effect | None
    state: str
    """done, skipped, failed; `shown` when the action was not really done."""
    why: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict[str, Any])
    approval: str = ""
    """The role that would have been asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """How a run would have gone."""

    playbook: str
    state: str
    error: str
    steps: tuple[Done, ...]


@dataclass(slots=True)
class _Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass(slots=True)
class _Stage:
    """Stands in for one action: does it when it only reads, and writes down what it was asked."""

    name: str
    effect: Effect
    real: Responder | None
    answer: Mapping[str, Any]
    asked: dict[str, Mapping[str, Any]]
    repeats_safely: bool = True
    remote: bool = False

    def act(self, order: Order) -> Mapping[str, Any]:
        _, _, place = order.key.partition(":")
        self.asked[place] = order.inputs
        if self.real is not None:
            return self.real.act(order)
        return self.answer


def rehearse(  # noqa: PLR0913 - what a run needs, each passed in
    playbook: Playbook,
    alert: Alert,
    effects: Mapping[str, Effect],
    *,
    now: datetime,
    open_store: OpenStore,
    real: Mapping[str, Responder] | None = None,
    agencies: Sequence[Agency] = (),
    portals: Sequence[Portal] = (),
    answers: Mapping[str, Mapping[str, Any]] | None = None,
) -> Rehearsal:
    """Run a playbook on an alert without any effect.

    Args:
        playbook: what to run, whether or not its trigger wants the alert.
        alert: what it is run on.
        effects: the actions that there are, and what each does.
        now: the time at which it begins.
        open_store: makes the store that is thrown away.
        real: the real actions; of these only `read_only` ones are done.
        agencies: what the catalogue holds.
        portals: the same.
        answers: by action, what it gives back when it is not done.

    Raises:
        ContentError: the playbook names an action that there is not.
    """
    asked: dict[str, Mapping[str, Any]] = {}
    given = {"ticket.open": {"ticket_id": TICKET, "id": TICKET}, **(answers or {})}
    reading = {name: one for name, one in (real or {}).items() if one.effect == "read_only"}
    stages = {
        name: _Stage(
            name=name, effect=effect, real=reading.get(name), answer=given.get(name, {}), asked=asked
        )
        for name, effect in effects.items()
    }
    clock = _Clock(now)
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        store = open_store(Path(folder) / "store.sqlite", clock)
        try:
            store.put_many("agency", {agency.id: to_doc(agency) for agency in agencies})
            store.put_many("portal", {portal.id: to_doc(portal) for portal in portals})
            runner = Runner(store, [playbook], stages, Catalogue(store), clock, patience_s=0.1)
            if runner.refused:
                raise runner.refused[0]
            try:
                run = _through(runner, store, playbook, alert, clock)
            finally:
                runner.close()
        finally:
            store.close()
    steps = tuple(_told(run, playbook, stages, asked))
    return Rehearsal(playbook=playbook.playbook, state=run.state, error=run.error, steps=steps)


def _through(runner: Runner, store: Store, playbook: Playbook, alert: Alert, clock: _Clock) -> Run:
    """Run to the end: everything is approved, and nothing is waited for."""
    run_id = runner.start_by_hand(playbook.playbook, alert, "rehearsal")
    for _ in range(MOVES):
        done = runner.tick()
        record = store.get("run", run_id)
        run = from_doc(record.doc, Run) if record else None
        if run is None:
            break
        if run.state in ENDED:
            return run
        for waiting, state in runner.waiting():
            runner.approve(waiting.id, state.step, "second person", yes=True, item=state.item)
            done += 1
        if not done:
            clock.now += FORWARD
    raise ContentError(playbook.source or playbook.playbook, None, f"it did not end within {MOVES} looks")


def _told(
    run: Run,
    playbook: Playbook,
    stages: Mapping[str, _Stage],
    asked: Mapping[str, Mapping[str, Any]],
) -> Iterator[Done]:
    for step in playbook.every_step():
        for state in run.states(step.id):
            stage = stages.get(step.do)
            shown = stage is not None and stage.real is None
            yield Done(
                step=step.id,
                item=state.item,
                action=step.do,
                effect=stage.effect if stage else None,
                state="shown" if shown and state.state == "done" else state.state,
                why=state.error,
                asked=asked.get(f"{state.step}:{state.item}", {}),
                approval=step.approve.role if step.approve and state.state == "done" else "",
            )
