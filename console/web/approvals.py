"""Which steps of playbooks wait for a second person, and what does that person say?"""

from __future__ import annotations

from starlette.responses import Response

from citywatch.respond.run import Run, StepState
from citywatch.respond.runner import Refused
from console.web.accounts import write_audit
from console.web.door import Visit, Way


def show_approvals(visit: Visit) -> Response:
    """What waits, the most urgent first."""
    runner = visit.house.runner
    waiting = list(runner.waiting()) if runner is not None else list[tuple[Run, StepState]]()
    return visit.page("approvals.html", waiting=sorted(waiting, key=lambda pair: pair[1].due_at))


def decide(visit: Visit) -> Response:
    """Agree to a step or refuse it."""
    runner, answer, item = visit.house.runner, visit.given("answer"), visit.given("item", "0")
    if runner is None or answer not in {"yes", "no"} or not (item.isascii() and item.isdecimal()):
        raise visit.missing()
    run_id, step = visit.path("id"), visit.given("step")
    waiting = {(run.id, state.step, state.item): run for run, state in runner.waiting()}
    run = waiting.get((run_id, step, int(item[:6])))
    if run is None:
        return visit.go("/approvals", "approve_gone")
    if run.started_by == visit.who.id:
        return visit.go("/approvals", "approve_other")
    try:
        runner.approve(run_id, step, visit.who.id, answer == "yes", item=int(item[:6]))
    except Refused:
        return visit.go("/approvals", "approve_gone")
    what = "approved" if answer == "yes" else "declined"
    write_audit(visit.house.store, visit.house.clock, visit.who.id, what, f"{run_id} {step} {item}")
    return visit.go("/approvals", what)


WAYS = (
    Way(path="/approvals", handler=show_approvals, name="approvals", needs="staff"),
    Way(path="/approvals/{id}", handler=decide, name="approval", method="POST", needs="approve"),
)
