"""What do programs do with tickets: answer, move, tasks, facts, links, proof, reports?"""

from __future__ import annotations

from citywatch.respond import casework
from console.attachment import LARGEST
from console.web.counterpart import Pair
from console.web.openapi import Asked
from console.web.programs.alerts import AS, EVIDENCE

_TICKET = {"id": "HN-2026-000003", "title": "Trang chủ bị thay", "severity": "critical", "state": "triage"}
_SAVED = {
    "result": "saved", "text": "Saved.", "count": 0, "id": "", "undo": "", "ticket": _TICKET, "version": 4,
}  # fmt: skip
_REPORTS = (
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
)

PAIRS = (
    Pair(
        of="ticket_comment",
        kind="ticket",
        body={"note": "Đã gọi @lan"},
        required=("note",),
        answer=_SAVED | {"result": "commented", "text": "Comment added."},
    ),
    Pair(
        of="ticket_move",
        kind="ticket",
        body={"to": "confirmed", "note": "seen by the agency", "was_state": "triage"},
        required=("to",),
        answer=_SAVED | {"result": "moved", "text": "The ticket was moved on."},
    ),
    Pair(
        of="ticket_assign",
        kind="ticket",
        body={"assignee": "lan", "was_assignee": ""},
        answer=_SAVED,
    ),
    Pair(
        of="ticket_facts",
        kind="ticket",
        body={
            "title": "Trang chủ bị thay",
            "tlp": "AMBER",
            "taxonomy": "",
            "was_title": "Trang chủ",
            "was_tlp": "GREEN",
            "was_taxonomy": "",
        },
        allowed={"tlp": tuple(casework.TLP)},
        answer=_SAVED,
    ),
    Pair(
        of="ticket_task",
        kind="ticket",
        body={"note": "call the agency", "assignee": "lan"},
        required=("note",),
        answer=_SAVED,
    ),
    Pair(
        of="ticket_task_done",
        kind="ticket",
        body={"task": "1", "done": "1"},
        required=("task", "done"),
        allowed={"done": ("0", "1")},
        answer=_SAVED,
    ),
    Pair(
        of="ticket_observable", kind="ticket", body={"note": "203.0.113.9"}, required=("note",), answer=_SAVED
    ),
    Pair(
        of="ticket_join",
        kind="ticket",
        body={"other": "HN-2026-000002", "deed": "link"},
        required=("other", "deed"),
        allowed={"deed": ("link", "merge")},
        answer=_SAVED,
    ),
    Pair(
        of="ticket_split",
        kind="ticket",
        body={"run": "7d10"},
        required=("run",),
        answer=_SAVED | {"id": "HN-2026-000009"},
    ),
    Pair(of="ticket_leave", kind="ticket", answer=_SAVED),
    Pair(
        of="ticket_attach",
        kind="ticket",
        file=LARGEST,
        required=("name", "base64"),
        answer=_SAVED | {"result": "attached", "text": "The proof was attached."},
    ),
    Pair(
        of="ticket_report",
        asked=(
            Asked(name="form", example="progress"),
            Asked(name="as", example="pdf", schema={"type": "string", "enum": ["pdf", "docx"]}),
        ),
        media=_REPORTS,
    ),
    Pair(of="ticket_evidence", asked=(AS,), media=EVIDENCE),
    Pair(
        of="table",
        media=("text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ),
)
