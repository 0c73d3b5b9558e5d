"""What do programs do with hunts, rules and drafts, events and the matrix of techniques?"""

from __future__ import annotations

from citywatch.model import to_doc
from console import bench
from console.web.bench import DAYS
from console.web.counterpart import Context, Pair, lists, named
from console.web.door import Visit
from console.web.openapi import Asked, Doc
from console.web.programs.alerts import AS, EVIDENCE

_AT = "2026-11-22T08:05:00.000000Z"
_HUNT = {
    "id": "3b1c",
    "name": "night",
    "q": "source.ip:10.0.0.0/8",
    "range": "24h",
    "every": "hour",
    "found": 2,
}
_DRAFT = {
    "id": "web_shell_1f2e3d",
    "title": "Web shell",
    "state": "draft",
    "sound": False,
    "by": "lan",
    "at": _AT,
}
_SAVED = {
    "result": "saved", "text": "Saved.", "count": 0, "id": "", "undo": "", "draft": _DRAFT, "version": 2,
}  # fmt: skip
_RULE = {
    "id": "0d0fe4e2",
    "title": "Port scan",
    "severity": "medium",
    "source": "rules/sigma/network/scan.yml",
}
_MOST_JSON = 8 * bench.LARGEST


def _rules(visit: Visit, context: Context) -> Doc:
    del visit
    drafts = [_bare(to_doc(draft)) for draft in context["drafts"]]
    return {"rules": [named(rule) for rule in context["rules"]], "total": context["total"], "drafts": drafts}


def _bare(draft: Doc) -> Doc:
    return {name: held for name, held in draft.items() if name not in {"text", "samples"}}


def _rule(visit: Visit, context: Context) -> Doc:
    del visit
    return named(context["rule"]) | {"text": context["rule_text"]}


def _bench(visit: Visit, context: Context) -> Doc:
    """The draft as it stands, and what came of a trial when one was asked for."""
    del visit
    outcome = context["outcome"]
    tried = {"outcome": to_doc(outcome) | {"sound": outcome.sound}} if outcome is not None else {}
    return {"id": context["draft"].id, "mine": context["mine"]} | tried


def _event(visit: Visit, context: Context) -> Doc:
    del visit
    return {"event": dict(context["event"]), "evidence": [to_doc(proof) for proof in context["proofs"]]}


def _matrix(visit: Visit, context: Context) -> Doc:
    del visit
    tactics = {
        tactic: [{"technique": cell.technique, "rules": [rule.id for rule in cell.rules]} for cell in cells]
        for tactic, cells in context["matrix"].items()
    }
    return {"tactics": tactics, "techniques": context["techniques"], "rules": context["total"]}


PAIRS = (
    Pair(of="event", shows=_event, answer={"event": {"event.id": "9c2e", "@timestamp": _AT}, "evidence": []}),
    Pair(of="event_evidence", asked=(AS,), media=EVIDENCE),
    Pair(of="hunts", shows=lists("hunts"), answer={"hunts": [_HUNT], "total": 1, "next": None}),
    Pair(
        of="hunt_keep",
        body={
            "name": "night",
            "q": "source.ip:10.0.0.0/8",
            "range": "24h",
            "by": "",
            "every": "hour",
            "severity": "medium",
        },
        required=("name",),
        allowed={
            "every": ("", "hour", "day"),
            "severity": ("informational", "low", "medium", "high", "critical"),
        },
        answer={"result": "saved", "text": "Saved.", "count": 0, "id": "3b1c", "undo": ""},
    ),
    Pair(of="hunt_drop"),
    Pair(
        of="attack",
        shows=_matrix,
        answer={
            "tactics": {"initial-access": [{"technique": "T1190", "rules": ["0d0fe4e2"]}]},
            "techniques": 1,
            "rules": 1,
        },
    ),
    Pair(
        of="rules",
        asked=(Asked(name="q", example="shell", what="in title, id or file; the first 200 are given"),),
        shows=_rules,
        answer={"rules": [_RULE], "total": 1, "drafts": [_DRAFT]},
    ),
    Pair(of="rule", shows=_rule, answer=_RULE | {"text": "title: Port scan\n"}),
    Pair(
        of="rule_start",
        body={"from": "0d0fe4e2"},
        answer={"result": "saved", "text": "Saved.", "count": 0, "id": _DRAFT["id"], "undo": ""},
    ),
    Pair(
        of="rule_draft",
        kind="draft",
        shows=_bench,
        answer={"id": _DRAFT["id"], "mine": True, "draft": _DRAFT, "version": 2},
    ),
    Pair(
        of="rule_save",
        kind="draft",
        body={"text": "title: Web shell\n", "samples": "", "try": "", "days": "7"},
        required=("text", "samples"),
        allowed={"days": DAYS, "try": ("", "1")},
        takes=_MOST_JSON,
        shows=_bench,
        answer=_SAVED,
    ),
    Pair(of="rule_ask", kind="draft", answer=_SAVED | {"result": "rule_asked"}),
    Pair(
        of="rule_decide",
        kind="draft",
        body={"answer": "enable", "note": "looked at twice"},
        required=("answer",),
        allowed={"answer": ("enable", "decline", "off")},
        answer=_SAVED | {"result": "rule_enabled"},
    ),
)
