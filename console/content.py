"""Which playbooks are in force, what is wrong with the others, and what did they do?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from citywatch.errors import ContentError
from citywatch.model import from_doc
from citywatch.ports import Query
from console.house import House
from console.rules import house_of

if TYPE_CHECKING:
    from citywatch.respond.run import Run


def playbook_rows(data: Path | None) -> tuple[list[dict[str, Any]], list[ContentError]]:
    """Playbooks, and what is wrong with those that were not loaded."""
    from citywatch.respond.playbook import load_playbooks

    playbooks, errors = load_playbooks(house_of(data).content_dir / "playbooks")
    rows = [
        {
            "playbook": each.playbook,
            "version": each.version,
            "risk": each.risk,
            "name": each.name,
            "name_en": each.name_en,
            "steps": len(each.steps),
        }
        for each in playbooks
    ]
    return rows, errors


def check_playbooks(data: Path | None, folder: Path | None) -> tuple[list[ContentError], int]:
    """What is wrong with playbooks, and how many are sound."""
    from citywatch.respond.playbook import load_playbooks

    playbooks, errors = load_playbooks(folder or house_of(data).content_dir / "playbooks")
    return list(errors), len(playbooks)


def run_rows(house: House) -> list[dict[str, Any]]:
    """Runs of playbooks, newest first."""
    from citywatch.respond.run import Run

    records = house.store.find("run", Query(order="started_at", limit=1000)).records
    return [_run_row(from_doc(record.doc, Run)) for record in records]


def _run_row(run: Run) -> dict[str, Any]:
    waiting = [f"{step.step} (approval)" for step in run.steps if step.state == "waiting"]
    return {
        "id": run.id,
        "playbook": f"{run.playbook} v{run.version}",
        "state": run.state,
        "waits_for": ", ".join(waiting),
        "alert": run.alert_id,
        "started_at": run.started_at,
        "steps": [{"step": step.step, "state": step.state, "error": step.error} for step in run.steps],
    }
