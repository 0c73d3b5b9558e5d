"""What do programs do with playbooks and their runs: list, look, steer, approve?"""

from __future__ import annotations

from typing import Any

from citywatch.model import to_doc
from citywatch.respond.run import Run
from console.web.counterpart import Context, Pair, following
from console.web.door import Visit
from console.web.openapi import PAGING, Asked, Doc, one_of
from console.web.playbooks import STATES

_RUN = {
    "id": "7d10", "playbook": "defacement", "state": "waiting", "alert_id": "5f1d",
    "ticket_id": "HN-2026-000003", "started_by": "citywatch", "started_at": "2026-11-22T08:05:00.000000Z",
}  # fmt: skip
_WAITS = _RUN | {"step": "block", "item": 0, "due_at": "2026-11-22T09:05:00.000000Z"}
_PLAYBOOK = {
    "playbook": "defacement", "version": 3, "name": "Trang bị thay", "name_en": "Defaced page",
    "owner": "CSIRT", "risk": "change", "runs": 4,
}  # fmt: skip
_STATE = Asked(name="state", example="waiting", schema=one_of("", *STATES))


def brief(run: Run) -> Doc:
    """A run without its steps and its alert."""
    doc = to_doc(run)
    return {name: held for name, held in doc.items() if name not in {"alert", "steps"}}


def _named(playbook: Any, runs: int) -> Doc:
    names = ("playbook", "version", "name", "name_en", "owner", "risk")
    return {name: getattr(playbook, name) for name in names} | {"runs": runs}


def _playbooks(visit: Visit, context: Context) -> Doc:
    del visit
    times = context["times"]
    return {"playbooks": [_named(one, times.get(one.playbook, 0)) for one in context["playbooks"]]}


def _runs(visit: Visit, context: Context) -> Doc:
    del visit
    return {"runs": [brief(run) for run in context["runs"]], "total": None, "next": following(context)}


def _playbook(visit: Visit, context: Context) -> Doc:
    steps = [to_doc(step) for step in context["steps"]]
    return _named(context["playbook"], len(context["runs"])) | _runs(visit, context) | {
        "starts": [list(pair) for pair in context["starts"]], "steps": steps, "guide": context["guide"],
    }  # fmt: skip


def _run(visit: Visit, context: Context) -> Doc:
    del visit
    steps = [to_doc(step) for step in context["steps"]]
    return brief(context["run"]) | {"steps": steps, "over": context["over"]}


def _waiting(visit: Visit, context: Context) -> Doc:
    del visit
    found = [
        brief(run) | {"step": state.step, "item": state.item, "due_at": state.due_at}
        for run, state in context["waiting"]
    ]
    return {"approvals": found, "total": len(found), "next": None}


PAIRS = (
    Pair(of="playbooks", shows=_playbooks, answer={"playbooks": [_PLAYBOOK]}),
    Pair(
        of="playbooks",
        path="/api/v1/runs",
        name="api_runs",
        asked=(_STATE, PAGING[1]),
        shows=_runs,
        answer={"runs": [_RUN], "total": None, "next": None},
    ),
    Pair(
        of="playbook",
        asked=(PAGING[1],),
        shows=_playbook,
        answer=_PLAYBOOK
        | {"runs": [_RUN], "total": None, "next": None, "starts": [], "steps": [], "guide": ""},
    ),
    Pair(
        of="run", shows=_run, answer=_RUN | {"steps": [{"id": "block", "do": "block_address"}], "over": False}
    ),
    Pair(
        of="run_steer",
        body={"deed": "pause", "step": ""},
        required=("deed",),
        allowed={"deed": ("pause", "resume", "cancel", "retry", "replay")},
        answer={"result": "run_paused", "text": "The run is paused.", "count": 0, "id": "", "undo": ""},
    ),
    Pair(of="approvals", shows=_waiting, answer={"approvals": [_WAITS], "total": 1, "next": None}),
    Pair(
        of="approval",
        body={"step": "block", "item": "0", "answer": "yes"},
        required=("step", "answer"),
        allowed={"answer": ("yes", "no")},
        answer={"result": "approved", "text": "Approved.", "count": 0, "id": "", "undo": ""},
    ),
)
