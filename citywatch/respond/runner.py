"""How are playbooks run so that a kill at any instant neither forgets a step nor repeats its effect?

Each step is journalled in its run before and after its effect, with the key `run:step:item` that its outlet
is told. A step found begun and not ended was cut off: an outlet that drops doubles is simply asked again with
the same key; another is asked once more at most, and the step says that it may have happened twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from citywatch.clock import Clock, stamp
from citywatch.errors import CityWatchError, Conflict, ContentError
from citywatch.model import Alert, from_doc, to_doc
from citywatch.ports import All, Effect, Either, Is, Query, Responder, Store
from citywatch.respond.case import Cases, alerts_of
from citywatch.respond.catalogue import Catalogue
from citywatch.respond.due import DueTimes, Lease
from citywatch.respond.link import Linker
from citywatch.respond.plan import holders_of, left_out_after
from citywatch.respond.playbook import wrong
from citywatch.respond.render import Renderer
from citywatch.respond.run import ENDED, Run, StepState
from citywatch.respond.shape import Playbook
from citywatch.respond.story import Stories
from citywatch.respond.work import Worker

AGAIN_S: Final = 30
RECALLED: Final = 500
"""After a start so many runs, the last changed, are asked whether an alert of theirs is not in its ticket."""

MayApprove = Callable[[str, str], bool]
"""Tells whether a person may approve for a role."""


def _anybody(_person: str, _role: str) -> bool:
    return True


class Refused(CityWatchError):  # noqa: N818 - what the caller may show as it is
    """This cannot be done with that run now; the message says why."""


class Runner:
    """Runs playbooks.

    `start` may be called from the judge's thread while `tick` runs in another; both from one process, the
    one that holds the lease. `approve`, `pause`, `resume`, `cancel` and `replay` from any process.
    """

    def __init__(  # noqa: PLR0913 - what playbooks need, each passed in
        self,
        store: Store,
        playbooks: Sequence[Playbook],
        responders: Mapping[str, Responder],
        catalogue: Catalogue,
        clock: Clock,
        *,
        renderer: Renderer | None = None,
        patience_s: float = 1.0,
        may_approve: MayApprove = _anybody,
        stories: Stories | None = None,
    ) -> None:
        effects: dict[str, Effect] = {name: responder.effect for name, responder in responders.items()}
        self.refused = [
            ContentError(playbook.source or playbook.playbook, None, what, hint)
            for playbook in playbooks
            for _, what, hint in wrong(playbook, effects)
        ]
        """Playbooks that these responders cannot run: they are not used."""
        playbooks = [playbook for playbook in playbooks if not any(wrong(playbook, effects))]
        self._store = store
        self._clock = clock
        by_name = {playbook.playbook: playbook for playbook in playbooks}
        self._due = DueTimes(store, clock)
        self._lease = Lease(store, "runner", clock)
        self._by_name = by_name
        self._may_approve = may_approve
        self._cases = Cases(store, playbooks, self._due, clock)
        self._linker = Linker(store, self._cases, by_name, clock, stories=stories)
        self._worker = Worker(
            store,
            playbooks,
            responders,
            catalogue,
            clock,
            due=self._due,
            renderer=renderer or Renderer(),
            patience_s=patience_s,
        )
        self._recovered = False

    # -- alerts in, steps done ---------------------------------------------------------------------------

    def start(self, alert: Alert) -> list[str]:
        """Put an alert into its runs; give their ids. Asked again, or when it grew, nothing is doubled."""
        return list(self._cases.start((alert,)).get(alert.id, ()))

    def start_many(self, alerts: Sequence[Alert]) -> dict[str, tuple[str, ...]]:
        """Put many alerts into their runs in one go; give the run ids of each alert that has any."""
        return self._cases.start(alerts)

    def start_by_hand(
        self, name: str, alert: Alert, by: str, inputs: Mapping[str, Any] | None = None, *, once: str = ""
    ) -> str:
        """Run a playbook on an alert because a person says so; give the run's id.

        Asked again with the same `once` it gives the run that was begun then.

        Raises:
            Refused: there is no such playbook, or it has no such input.
        """
        playbook = self._by_name.get(name)
        if playbook is None:
            raise Refused(f"there is no playbook '{name}'; there are: {', '.join(sorted(self._by_name))}")
        unknown = sorted(set(inputs or ()) - set(playbook.inputs))
        if unknown:
            known = ", ".join(sorted(playbook.inputs)) or "none"
            raise Refused(f"playbook '{name}' has no input '{unknown[0]}'; its inputs: {known}")
        return self._cases.start_by_hand(playbook, alert, by, inputs, once=once)

    def tick(self, limit: int = 200) -> int:
        """Do what is due; give how many steps were done (0: nothing is due, or another process leads).

        Raises:
            StoreUnreachable: nothing is lost; tick again later.
        """
        if not self._lease.hold():
            return 0
        if not self._recovered:
            self._recover()
        done = 0
        for run_id in self._in_turn(self._due.take("run", limit)):
            done += self._worker.advance(run_id)
        done += self._worker.land()
        for run_id in self._due.take("link", limit):
            done += self._link(run_id)
        for alert_id in self._due.take("grow", limit):
            done += self._grow(alert_id)
        return done

    def _in_turn(self, run_ids: Sequence[str]) -> Sequence[str]:
        """Of runs that are due together, those first whose alerts were seen first.

        Which of them opens the ticket that the others join must not hang on how their ids fall out.
        """
        if len(run_ids) < 2:  # noqa: PLR2004 - one has no order
            return run_ids
        records = self._store.get_many("run", run_ids)

        def seen(run_id: str) -> tuple[str, str]:
            doc = records[run_id].doc if run_id in records else {}
            return str(doc.get("alert", {}).get("first_seen", "")), run_id

        return sorted(run_ids, key=seen)

    def is_due(self) -> bool:
        """Something is to be done now, or was found after a restart and not looked at yet."""
        return not self._recovered or any(self._due.take(kind, 1) for kind in ("run", "link", "grow"))

    def _recover(self) -> None:
        """Make every run due that is going on: a kill may have come between a run and its due time."""
        after: str | None = None
        while True:
            where = Either((Is("state", "running"), Is("state", "waiting")))
            page = self._store.find("run", Query(where=where, order="updated_at", limit=500, after=after))
            self._due.put_many({f"run:{record.id}": "" for record in page.records})
            after = page.next
            if after is None:
                break
        newest = self._store.find("run", Query(order="updated_at", limit=RECALLED))
        self._due.put_many({f"link:{record.id}": "" for record in newest.records})
        self._recovered = True

    def _link(self, run_id: str) -> int:
        """Bring a run's further alerts into its ticket.

        It is due until that is done: a kill in between must not lose it. What came meanwhile is seen after.
        """
        run = self._read(run_id)
        linked = self._linker.link(run) if run else 0
        before = run.linked if run else 0
        if linked != before:
            self._change(run_id, lambda known: replace(known, linked=max(known.linked, linked)))
        self._due.done(f"link:{run_id}")
        if linked != before and alerts_of(self._store, run_id, linked, 1):
            self._due.put(f"link:{run_id}")
        return int(linked != before)

    def _grow(self, alert_id: str) -> int:
        if self._linker.grow(alert_id):
            self._due.done(f"grow:{alert_id}")
            return 1
        self._due.put(f"grow:{alert_id}", stamp(self._clock() + timedelta(seconds=AGAIN_S)))
        return 0

    # -- people ------------------------------------------------------------------------------------------

    def approve(self, run_id: str, step_id: str, by: str, yes: bool, *, item: int = 0) -> Run:  # noqa: FBT001 - yes or no is what is asked
        """Agree to a step that waits, or refuse it.

        Raises:
            Refused: it does not wait any more, `by` is who started the run, or has not the role it asks for.
        """
        now = stamp(self._clock())

        def decide(run: Run) -> Run:
            state = run.state_of(step_id, item)
            if state is None or state.state != "waiting" or state.due_at <= now or run.state in ENDED:
                raise Refused(f"step '{step_id}' of run {run_id} does not wait for approval (any more)")
            if by == run.started_by:
                raise Refused(f"'{by}' started this run: a second person must decide")
            self._check_role(run, step_id, by)
            if yes:
                decided = replace(state, state="pending", due_at="", decided_by=by)
            else:
                error = f"refused by {by}"
                decided = replace(state, state="skipped", finished_at=now, decided_by=by, error=error)
            return replace(run.having(decided), state="running")

        run = self._change(run_id, decide)
        self._worker.tell(run, f"{step_id}: {'approved' if yes else 'refused'}", by=by)
        self._due.put(f"run:{run_id}")
        return run

    def _check_role(self, run: Run, step_id: str, by: str) -> None:
        playbook = self._worker.pinned(run)
        steps = playbook.every_step() if playbook else ()
        role = next((step.approve.role for step in steps if step.id == step_id and step.approve), "")
        if role and not self._may_approve(by, role):
            raise Refused(f"step '{step_id}' of run {run.id} must be approved by '{role}': '{by}' is not")

    def pause(self, run_id: str, by: str) -> Run:
        """Do nothing more of this run until it is resumed."""
        return self._set(run_id, by, "paused", {"running", "waiting"})

    def resume(self, run_id: str, by: str) -> Run:
        """Go on with a paused run."""
        return self._set(run_id, by, "running", {"paused"})

    def cancel(self, run_id: str, by: str) -> Run:
        """End a run; what was done stays done."""
        return self._set(run_id, by, "canceled", {"running", "waiting", "paused"})

    def _set(self, run_id: str, by: str, state: str, of: set[str]) -> Run:
        now = stamp(self._clock())

        def change(run: Run) -> Run:
            if run.state not in of:
                raise Refused(f"run {run_id} is {run.state}: it cannot become {state}")
            return replace(run, state=state, updated_at=now, finished_at=now if state in ENDED else "")

        run = self._change(run_id, change)
        self._worker.tell(run, f"run {state}", by=by)
        self._due.put(f"run:{run_id}")
        if state in ENDED:
            self._due.put(f"link:{run_id}")
        return run

    def replay(self, run_id: str, step_id: str, by: str) -> Run:
        """Do a step of a run again, and all after it, as new effects.

        Raises:
            Refused: the run has no such step, or its playbook's version is gone.
        """
        now = stamp(self._clock())

        def change(run: Run) -> Run:
            playbook = self._worker.pinned(run)
            order = [step.id for step in playbook.every_step()] if playbook else []
            if step_id not in order:
                raise Refused(f"run {run_id} has no step '{step_id}'; steps are: {', '.join(order)}")
            before = set(order[: order.index(step_id)])
            return replace(
                run,
                state="running",
                error="",
                updated_at=now,
                finished_at="",
                started_by=by,
                generation=run.generation + 1,
                steps=tuple(state for state in run.steps if state.step in before),
            )

        run = self._change(run_id, change)
        self._worker.tell(run, f"replayed from '{step_id}'", by=by)
        self._due.put(f"run:{run_id}")
        return run

    def retry(self, run_id: str, step_id: str, by: str) -> Run:
        """Try a failed step again, as the same effect (its key stays), and do what was left out after it.

        Raises:
            Refused: the run has no such step, or it did not fail.
        """
        now = stamp(self._clock())

        def change(run: Run) -> Run:
            failed = {state.item for state in run.states(step_id) if state.state == "failed"}
            if not failed:
                raise Refused(f"step '{step_id}' of run {run_id} did not fail; do it anew: replay")
            playbook = self._worker.pinned(run)
            left_out = set(left_out_after(playbook, step_id)) if playbook else set[str]()
            kept = (state for state in run.steps if state.step not in left_out or state.state != "skipped")
            again = {step_id, *(holders_of(playbook, step_id) if playbook else ())}
            steps = tuple(
                replace(state, state="pending", attempts=0, due_at="", finished_at="")
                if state.step in again and state.item in failed
                else state
                for state in kept
            )
            return replace(run, state="running", error="", updated_at=now, finished_at="", steps=steps)

        run = self._change(run_id, change)
        self._worker.tell(run, f"{step_id}: tried again", by=by)
        self._due.put(f"run:{run_id}")
        return run

    def runs(self, *, state: str = "", alert_id: str = "", limit: int = 100) -> list[Run]:
        """Runs, the last changed first."""
        wanted = (("state", state), ("alert_id", alert_id))
        where = All(tuple(Is(name, value) for name, value in wanted if value))
        page = self._store.find("run", Query(where=where, order="updated_at", limit=limit))
        return [from_doc(record.doc, Run) for record in page.records]

    def waiting(self) -> list[tuple[Run, StepState]]:
        """Steps that wait for somebody's approval, with their runs."""
        now = stamp(self._clock())
        return [
            (run, state)
            for run in self.runs(state="waiting", limit=1000)
            for state in run.steps
            if state.state == "waiting" and state.due_at > now
        ]

    def close(self) -> None:
        """Give the lease back and end the renderer's process."""
        self._worker.close()
        self._lease.release()

    def _read(self, run_id: str) -> Run | None:
        record = self._store.get("run", run_id)
        return from_doc(record.doc, Run) if record else None

    def _change(self, run_id: str, change: Callable[[Run], Run]) -> Run:
        while True:
            record = self._store.get("run", run_id)
            if record is None:
                raise Refused(f"there is no run '{run_id}'; list them: citywatch playbooks runs")
            changed = change(from_doc(record.doc, Run))
            try:
                self._store.put_if("run", run_id, to_doc(changed), record.version)
            except Conflict:
                continue
            return changed
