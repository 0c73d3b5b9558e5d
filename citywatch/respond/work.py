"""How is one step of a run done: asked, journalled, acted, journalled, told?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import Any, Final, cast

import msgspec
from pydantic import ValidationError

from citywatch.clock import Clock, stamp
from citywatch.errors import ActionFailed, Conflict, StoreError, StoreUnreachable
from citywatch.model import Change, from_doc, to_doc
from citywatch.ports import Order, Responder, Store
from citywatch.respond import when
from citywatch.respond.catalogue import Catalogue
from citywatch.respond.due import DueTimes
from citywatch.respond.flight import Flight, Held
from citywatch.respond.lifecycle import change_ticket, noted
from citywatch.respond.plan import Begin, Do, Expired, Finish, Skip, Wait, holder_settled, next_move
from citywatch.respond.render import Renderer, RenderError
from citywatch.respond.run import ENDED, SETTLED, Run, StepState
from citywatch.respond.scope import scope_of
from citywatch.respond.shape import Playbook, Step

WORKERS: Final = 8
BESIDE: Final = 4
"""Acts of one run that go on side by side, at most."""
LONGEST_WAIT_S: Final = 3600.0
OUTPUT: Final = 16 * 1024
STEPS_AT_ONCE: Final = 100
CUT_OFF: Final = "it was cut off twice amid its effect and is not done a third time; ask the receiver"


class Worker:
    """Advances runs step by step. Used by one thread; remote acts are done in threads of their own."""

    def __init__(  # noqa: PLR0913 - what a step may need, each passed in
        self,
        store: Store,
        playbooks: Sequence[Playbook],
        responders: Mapping[str, Responder],
        catalogue: Catalogue,
        clock: Clock,
        *,
        due: DueTimes,
        renderer: Renderer,
        patience_s: float,
    ) -> None:
        self._store = store
        self._playbooks = {playbook.digest: playbook for playbook in playbooks}
        self._responders = responders
        self._catalogue = catalogue
        self._clock = clock
        self._due = due
        self._renderer = renderer
        self._patience_s = patience_s
        self._pool: ThreadPoolExecutor | None = None
        self._flights: dict[str, Flight] = {}

    def close(self) -> None:
        """End what goes on beside."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._renderer.close()

    # -- a run -------------------------------------------------------------------------------------------

    def advance(self, run_id: str) -> int:
        """Do what this run can do now; give how many steps were done."""
        if len(self._beside(run_id)) >= BESIDE:
            return 0
        held = self._read(run_id)
        if held is None or held.run.state in ENDED or held.run.state == "paused":
            self._due.done(f"run:{run_id}")
            return 0
        playbook = self.pinned(held.run)
        if playbook is None:
            self._end(held, "failed", "the version of the playbook that it began with is gone")
            return 1
        done = 0
        while done < STEPS_AT_ONCE and held.run.state not in {*ENDED, "paused"}:
            step_done, more = self._move(held, playbook)
            done += step_done
            if not more:
                return done
        self.save(held)
        return done

    def _beside(self, run_id: str) -> set[tuple[str, int]]:
        """Which steps of a run go on in other threads."""
        flights = (flight for flight in self._flights.values() if flight.run_id == run_id)
        return {(flight.state.step, flight.state.item) for flight in flights}

    def _move(self, held: Held, playbook: Playbook) -> tuple[int, bool]:
        """Make the run's next move: how many steps that did, and whether there is more to do now."""
        done, more = 0, True
        beside = self._beside(held.run.id)
        match next_move(held.run, playbook, stamp(self._clock()), beside):
            case Finish() | Wait() if beside:  # it goes on when one of them comes back
                self._show(held)
                more = False
            case Finish(state, error):
                self._end(held, state, error)
                done, more = 1, False
            case Wait(until):
                self._rest(held, until)
                more = False
            case Begin(step):
                self._begin(held, playbook, step)
            case Skip(step, because):
                held.put(self._fresh(held.run, step, state="skipped", error=because))
            case Expired(step, state):
                self._expire(held, step, state)
            case Do(step, state):
                done, more = 1, self._do(held, playbook, step, state)
        return done, more

    def _read(self, run_id: str) -> Held | None:
        record = self._store.get("run", run_id)
        return Held(from_doc(record.doc, Run), record.version) if record else None

    def save(self, held: Held) -> None:
        """Write what changed, over what others wrote meanwhile."""
        if not held.edits:
            return
        now = stamp(self._clock())
        held.edit(lambda run: replace(run, updated_at=now))
        while True:
            try:
                written = self._store.put_if("run", held.run.id, to_doc(held.run), held.version)
            except Conflict:
                again = self._read(held.run.id)
                if again is None:
                    raise
                for edit in held.edits:
                    again.run = edit(again.run)
                held.run, held.version = again.run, again.version
                continue
            held.version = written.version
            held.edits.clear()
            return

    def _end(self, held: Held, state: str, error: str) -> None:
        now = stamp(self._clock())
        held.edit(lambda run: replace(run, state=state, error=error, finished_at=now))
        self.save(held)
        self._due.done(f"run:{held.run.id}")
        self._due.put(f"link:{held.run.id}")
        if error:
            self._escalate(held, f"the playbook stopped: {error}")

    def _show(self, held: Held) -> None:
        """Write whether the run waits for somebody."""
        asks = any(state.state == "waiting" for state in held.run.steps)
        state = "waiting" if asks else "running"
        if held.run.state != state:
            held.edit(lambda run: run if run.state in {*ENDED, "paused"} else replace(run, state=state))
        self.save(held)

    def _rest(self, held: Held, until: str) -> None:
        self._show(held)
        if until:
            self._due.put(f"run:{held.run.id}", until)
        else:
            self._due.done(f"run:{held.run.id}")

    def pinned(self, run: Run) -> Playbook | None:
        """The playbook as it was when the run began."""
        known = self._playbooks.get(run.digest)
        if known is None:
            record = self._store.get("playbook_version", run.digest)
            if record is None:
                return None
            doc = record.doc
            try:
                known = Playbook.of(doc["content"], str(doc["source"]), doc["templates"])
            except (ValidationError, KeyError):
                return None
            self._playbooks[run.digest] = known
        return known

    # -- a step ------------------------------------------------------------------------------------------

    def _fresh(self, run: Run, step: Step, **given: Any) -> StepState:
        return StepState(step=step.id, generation=run.generation, **given)

    def _begin(self, held: Held, playbook: Playbook, step: Step) -> None:
        """Ask the step's condition and write down its items: they stay these, whatever comes."""
        run = held.run
        if step.each is None:
            held.put(self._fresh(run, step, **self._asked(run, playbook, step, None)))
            return
        items = when.look_up(step.each, scope_of(run, playbook, self._catalogue))
        several = cast("list[Any]", items) if isinstance(items, list | tuple) else []
        if not several:
            self.tell(run, f"{step.id}: nobody and nothing to do it for ({step.each} is empty)")
            held.put(self._fresh(run, step, state="skipped", error=f"{step.each} holds nothing"))
            return
        states: list[StepState] = []
        for number, value in enumerate(several[: step.max_items]):
            state = self._fresh(run, step, item=number, value=value)
            states.append(replace(state, **self._asked(run, playbook, step, state)))
        held.put(*states)
        if len(several) > step.max_items:
            left = len(several) - step.max_items
            self.tell(run, f"{step.id}: {left} of {len(several)} items were left out (max_items)")

    def _asked(self, run: Run, playbook: Playbook, step: Step, state: StepState | None) -> dict[str, Any]:
        if step.when is None:
            return {}
        scope = scope_of(run, playbook, self._catalogue, state)
        return {} if when.holds(when.parse(step.when), scope) else {"state": "skipped", "error": step.when}

    def _do(self, held: Held, playbook: Playbook, step: Step, state: StepState) -> bool:
        """Do a step; False when the run must wait for it."""
        state = replace(state, generation=held.run.generation)
        if held.run.state_of(state.step, state.item) is None:  # inside another: not asked yet
            state = replace(state, **self._asked(held.run, playbook, step, state))
            if state.state in SETTLED:
                self._settle(held, playbook, state)
                return True
        if step.approve is not None and not state.decided_by:
            until = stamp(self._clock() + timedelta(seconds=step.approve.within))
            held.put(replace(state, state="waiting", due_at=until))
            self.tell(held.run, f"{step.id}: waits for approval by {step.approve.role} until {until[:16]}Z")
            return True
        responder = self._responders.get(step.do)
        if responder is None:
            self._fail(
                held, playbook, step, state, ActionFailed(step.do, "there is no such action", again=False)
            )
            return True
        if state.state == "running" and not self._may_repeat(held, playbook, step, state, responder):
            return True
        if state.state == "running" and not _is_repeatable(responder):
            state = replace(state, perhaps_twice=True)
        try:
            inputs = self._inputs(held.run, playbook, step, state)
        except RenderError as error:
            self._fail(held, playbook, step, state, ActionFailed(step.do, str(error), again=False))
            return True
        return self._act(held, playbook, step, state, responder, inputs)

    def _may_repeat(
        self, held: Held, playbook: Playbook, step: Step, state: StepState, responder: Responder
    ) -> bool:
        if _is_repeatable(responder) or not state.perhaps_twice:
            return True
        self._fail(held, playbook, step, state, ActionFailed(step.do, CUT_OFF, again=False))
        return False

    def _inputs(self, run: Run, playbook: Playbook, step: Step, state: StepState) -> dict[str, Any]:
        """What the action is given: `with`, filled in; a template becomes `subject` and `text`."""
        scope = scope_of(run, playbook, self._catalogue, state)
        scope["guide"] = {
            "vi": run.alert.guide_vi or playbook.guide_vi,
            "en": run.alert.guide_en or playbook.guide_en,
        }
        given = dict(step.with_)
        name = given.pop("template", None)
        if step.key:
            given["key"] = step.key
        made: dict[str, Any] = self._renderer.fill(given, scope)
        if name is not None:
            made |= self._letter(playbook, str(name), str(made.pop("lang", "both")), scope)
        return made

    def _letter(
        self, playbook: Playbook, name: str, language: str, scope: Mapping[str, Any]
    ) -> dict[str, str]:
        wanted = [language] if language in {"vi", "en"} else ["vi", "en"]
        texts = {one: playbook.templates.get(f"{name}.{one}", "") for one in wanted}
        made = self._renderer.render(texts, scope)
        subject = ""
        bodies: list[str] = []
        for one in wanted:
            head, _, body = made[one].partition("\n")
            subject = subject or head.removeprefix("Subject:").strip()
            bodies.append(body.strip())
        return {"subject": subject, "text": "\n\n————————\n\n".join(bodies) + "\n"}

    def _act(
        self,
        held: Held,
        playbook: Playbook,
        step: Step,
        state: StepState,
        responder: Responder,
        inputs: Mapping[str, Any],
    ) -> bool:
        now = stamp(self._clock())
        began = replace(
            state, state="running", attempts=state.attempts + 1, started_at=now, due_at="", error=""
        )
        held.put(began)
        if began.perhaps_twice:
            self._note_doubt(held.run, began, step)
        self.save(held)
        order = Order(key=held.run.key(began), action=step.do, inputs=inputs, run_id=held.run.id)
        if responder.remote:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="act")
            future = self._pool.submit(responder.act, order)
            deadline = monotonic() + step.timeout
            self._flights[order.key] = Flight(held.run.id, future, step, began, deadline)
            return len(self._beside(held.run.id)) < BESIDE
        try:
            output = responder.act(order)
        except StoreUnreachable:
            raise
        except Exception as error:  # noqa: BLE001 - one broken action must not stop the other runs
            self._fail(held, playbook, step, began, error)
        else:
            self._succeed(held, playbook, step, began, output)
        return True

    def _note_doubt(self, run: Run, state: StepState, step: Step) -> None:
        doc = {
            "key": run.key(state),
            "run_id": run.id,
            "step": step.id,
            "action": step.do,
            "state": "perhaps_twice",
            "at": state.started_at,
        }
        self._store.put_many("outbox", {run.key(state): doc})
        self.tell(run, f"{step.id}: cut off amid {step.do} and done again; it may have arrived twice")

    # -- what came of it ---------------------------------------------------------------------------------

    def land(self) -> int:
        """Take the acts that came back (waiting a little for them) and go on with their runs."""
        done = 0
        waited = 0.0
        while self._flights:
            futures = [flight.future for flight in self._flights.values()]
            ready, _ = wait(futures, timeout=0.05, return_when=FIRST_COMPLETED)
            waited += 0.0 if ready else 0.05
            now = monotonic()
            for key, flight in list(self._flights.items()):
                if flight.future in ready or flight.deadline <= now:
                    del self._flights[key]
                    self._landed(flight)
                    done += 1 + self.advance(flight.run_id)
            if waited >= self._patience_s and done:
                break
        return done

    def _landed(self, flight: Flight) -> None:
        held = self._read(flight.run_id)
        playbook = self.pinned(held.run) if held else None
        if held is None or playbook is None or not flight.is_awaited(held.run):
            return
        if not flight.future.done() and not flight.future.cancel():
            late = ActionFailed(flight.step.do, f"no answer within {flight.step.timeout:.0f} s")
            responder = self._responders[flight.step.do]
            if not _is_repeatable(responder):
                doubt = "it is not known whether it arrived"
                late = ActionFailed(flight.step.do, f"{late.what}; {doubt}", again=False)
            self._fail(held, playbook, flight.step, flight.state, late)
        elif flight.future.cancelled():
            self._fail(held, playbook, flight.step, flight.state, ActionFailed(flight.step.do, "too busy"))
        else:
            error = flight.future.exception()
            if isinstance(error, StoreUnreachable):
                raise error
            if error is not None:
                self._fail(held, playbook, flight.step, flight.state, error)
            else:
                self._succeed(held, playbook, flight.step, flight.state, flight.future.result())
        self.save(held)

    def _succeed(
        self, held: Held, playbook: Playbook, step: Step, state: StepState, output: Mapping[str, Any]
    ) -> None:
        kept = _bounded(output)
        ticket_id, covered = str(kept.get("ticket_id") or ""), int(kept.get("covered") or 0)
        if ticket_id or covered:
            held.edit(
                lambda run: replace(
                    run, ticket_id=ticket_id or run.ticket_id, covered=max(run.covered, covered)
                )
            )
        if ticket_id:
            self._due.put(f"link:{held.run.id}")
        if kept.get("note"):
            self.tell(held.run, f"{step.id}: {kept['note']}", what=step.do)
        finished = stamp(self._clock())
        self._settle(held, playbook, replace(state, state="done", finished_at=finished, output=kept))
        self.save(held)

    def _fail(
        self, held: Held, playbook: Playbook, step: Step, state: StepState, error: BaseException
    ) -> None:
        what = error.what if isinstance(error, ActionFailed) else f"{type(error).__name__}: {error}"
        again = error.again if isinstance(error, ActionFailed) else isinstance(error, StoreError)
        if again and state.attempts <= step.retry.times:
            span = min(step.retry.wait * 2 ** (state.attempts - 1), LONGEST_WAIT_S)
            due = stamp(self._clock() + timedelta(seconds=span))
            held.put(replace(state, state="pending", due_at=due, error=what[:500]))
        else:
            finished = stamp(self._clock())
            self._settle(
                held, playbook, replace(state, state="failed", finished_at=finished, error=what[:500])
            )
            self.save(held)
            if step.on_error == "escalate":
                self._escalate(held, f"step '{step.id}' ({step.do}) failed: {what[:300]}")
        self.save(held)

    def _expire(self, held: Held, step: Step, state: StepState) -> None:
        policy = step.approve.on_timeout if step.approve else "skip"
        finished, what = stamp(self._clock()), "nobody approved it in time"
        ended = "failed" if policy == "fail" else "skipped"
        held.put(replace(state, state=ended, finished_at=finished, error=what))
        self.save(held)
        if policy == "escalate":
            self._escalate(held, f"step '{step.id}': {what}")

    def _settle(self, held: Held, playbook: Playbook, state: StepState) -> None:
        """Put a state in, and settle the step around it when that was its last."""
        held.put(state)
        holder = next(
            (step for step in playbook.steps if any(inner.id == state.step for inner in step.steps)), None
        )
        around = held.run.state_of(holder.id, state.item) if holder else None
        if holder is not None and around is not None:
            settled = holder_settled(held.run, holder, state.item)
            if settled:
                held.put(replace(around, state=settled, finished_at=stamp(self._clock())))

    # -- telling -----------------------------------------------------------------------------------------

    def tell(self, run: Run, note: str, *, what: str = "playbook", by: str = "") -> None:
        """Write a line into the run's ticket, when it has one."""
        if not run.ticket_id:
            return
        line = Change(
            at=stamp(self._clock()), by=by or f"{run.playbook} v{run.version}", what=what, note=note[:1000]
        )
        change_ticket(self._store, run.ticket_id, lambda ticket: noted(ticket, line))

    def _escalate(self, held: Held, what: str) -> None:
        """A person must look: told in the ticket, or in a ticket opened for it."""
        opener = self._responders.get("ticket.open")
        if held.run.ticket_id or opener is None:
            self.tell(held.run, f"a person must look: {what}", what="escalated")
            return
        inputs = {
            "title": f"{held.run.alert.title_vi or held.run.alert.title}: cần người xử lý",
            "note": what,
        }
        key = f"{held.run.id}:escalate:0"
        output = opener.act(Order(key=key, action="ticket.open", inputs=inputs, run_id=held.run.id))
        ticket_id = str(output["ticket_id"])
        held.edit(lambda run: replace(run, ticket_id=ticket_id))
        self.save(held)
        self._due.put(f"link:{held.run.id}")
        self.tell(held.run, f"a person must look: {what}", what="escalated")


def _is_repeatable(responder: Responder) -> bool:
    return responder.repeats_safely or responder.effect == "read_only"


def _bounded(output: Mapping[str, Any]) -> dict[str, Any]:
    """What an action gave back, as plain data of a bounded size."""
    try:
        plain: dict[str, Any] = msgspec.to_builtins(dict(output))
        if len(msgspec.json.encode(plain)) <= OUTPUT:
            return plain
    except (TypeError, ValueError):
        pass
    kept = {name: value for name, value in output.items() if isinstance(value, str | int | float | bool)}
    return {name: value[:500] if isinstance(value, str) else value for name, value in list(kept.items())[:50]}
