"""What do the playbooks do, and how far has each of their runs come?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from citywatch.errors import CityWatchError
from citywatch.model import from_doc
from citywatch.ports import All, Condition, Everything, Is, Query
from citywatch.respond.run import ENDED, Run, StepState
from console.web.accounts import write_audit
from console.web.door import Visit, Way
from console.web.show import link

if TYPE_CHECKING:
    from citywatch.respond.shape import Playbook, Step

PAGE = 50
STATES = ("running", "waiting", "paused", "failed", "done", "canceled")
_DEEDS = {
    "pause": "paused",
    "resume": "resumed",
    "cancel": "canceled",
    "retry": "retried",
    "replay": "replayed",
}
"""What may be done with a run, and the note that tells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One step of a playbook and, in a run, how far each of its items has come."""

    id: str
    name: str = ""
    do: str = ""
    when: str = ""
    each: str = ""
    approver: str = ""
    ends: bool = False
    inside: bool = False
    needs: tuple[str, ...] = ()
    states: tuple[StepState, ...] = ()

    @property
    def state(self) -> str:
        """Of all items: what is most to be looked at."""
        held = {one.state for one in self.states}
        order = ("failed", "waiting", "running", "pending", "done", "skipped")
        return next((state for state in order if state in held), "pending")


def draw(playbook: Playbook | None, run: Run | None = None) -> list[Drawn]:
    """The steps in their order; those of the run alone, when its playbook's version is gone."""
    if playbook is None:
        names = dict.fromkeys(state.step for state in run.steps) if run is not None else {}
        return [Drawn(id=name, states=run.states(name) if run is not None else ()) for name in names]
    return [_drawn(step, run, inside=inside) for step, inside in _each(playbook.steps)]


def _each(steps: Sequence[Step], *, inside: bool = False) -> Iterator[tuple[Step, bool]]:
    for step in steps:
        yield step, inside
        yield from _each(step.steps, inside=True)


def _drawn(step: Step, run: Run | None, *, inside: bool) -> Drawn:
    return Drawn(
        id=step.id,
        name=step.name,
        do=step.do,
        when=step.when or "",
        each=step.each or "",
        approver=step.approve.role if step.approve is not None else "",
        ends=step.then == "end",
        inside=inside,
        needs=tuple(step.needs or ()),
        states=run.states(step.id) if run is not None else (),
    )


def show_playbooks(visit: Visit) -> Response:
    """Every playbook, and the newest runs."""
    state = visit.asked("state") if visit.asked("state") in STATES else ""
    runs, following = _runs(visit, Is("state", state) if state else Everything())
    return visit.page(
        "playbooks.html",
        playbooks=sorted(visit.house.playbooks, key=lambda one: one.playbook),
        times=dict(visit.house.store.tally("run", Everything(), "playbook")),
        runs=runs,
        state=state,
        states=STATES,
        next_link=link("/playbooks", state=state, after=following) if following else "",
    )


def show_playbook(visit: Visit) -> Response:
    """One playbook: what starts it, its steps, its newest runs."""
    name = visit.path("name")
    playbook = next((one for one in visit.house.playbooks if one.playbook == name), None)
    if playbook is None:
        raise visit.missing()
    runs, following = _runs(visit, Is("playbook", name))
    return visit.page(
        "playbook.html",
        playbook=playbook,
        starts=_starts(playbook),
        steps=draw(playbook),
        runs=runs,
        guide=playbook.guide_vi if visit.language == "vi" else playbook.guide_en,
        next_link=link(f"/playbooks/{name}", after=following) if following else "",
    )


def _starts(playbook: Playbook) -> list[tuple[str, str]]:
    """The conditions of its trigger, for people."""
    where: Mapping[str, Any] = playbook.trigger.where
    return [
        (name, " | ".join(str(one) for one in held) if isinstance(held, tuple) else str(held))
        for name, held in where.items()
    ]


def _runs(visit: Visit, where: Condition) -> tuple[list[Run], str | None]:
    query = Query(
        where=All((where,)), order="updated_at", limit=PAGE, after=visit.asked("after") or None, count_to=1
    )
    page = visit.house.store.find("run", query)
    return [from_doc(record.doc, Run) for record in page.records], page.next


def show_run(visit: Visit) -> Response:
    """One run, drawn step by step."""
    run = _run(visit)
    return visit.page(
        "run.html",
        run=run,
        steps=draw(_pinned(visit, run), run),
        over=run.state in ENDED,
        names=visit.desk.agency_names([run.alert.agency]),
    )


def _run(visit: Visit) -> Run:
    record = visit.house.store.get("run", visit.path("id"))
    if record is None:
        raise visit.missing()
    return from_doc(record.doc, Run)


def _pinned(visit: Visit, run: Run) -> Playbook | None:
    """The playbook as it was when the run began."""
    from citywatch.respond.shape import Playbook

    record = visit.house.store.get("playbook_version", run.digest)
    if record is None:
        return None
    return Playbook.of(record.doc["content"], str(record.doc["source"]), record.doc["templates"])


def steer(visit: Visit) -> Response:
    """Pause, resume or cancel a run; try a failed step again, or do a step and all after it once more."""
    run, deed, step = _run(visit), visit.given("deed"), visit.given("step")
    runner, back = visit.house.runner, f"/runs/{run.id}"
    if runner is None or deed not in _DEEDS:
        raise visit.missing()
    by = visit.who.id
    try:
        if deed in {"retry", "replay"}:
            (runner.retry if deed == "retry" else runner.replay)(run.id, step, by)
        else:
            {"pause": runner.pause, "resume": runner.resume, "cancel": runner.cancel}[deed](run.id, by)
    except CityWatchError:
        return visit.go(back, "run_refused")
    write_audit(visit.house.store, visit.house.clock, by, f"run_{deed}", f"{run.id} {step}".strip())
    return visit.go(back, f"run_{_DEEDS[deed]}")


WAYS = (
    Way(path="/playbooks", handler=show_playbooks, name="playbooks", needs="staff"),
    Way(path="/playbooks/{name}", handler=show_playbook, name="playbook", needs="staff"),
    Way(path="/runs/{id}", handler=show_run, name="run", needs="staff"),
    Way(path="/runs/{id}/steer", handler=steer, name="run_steer", method="POST", needs="approve"),
)
