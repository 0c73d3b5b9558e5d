"""What do programs do with alerts: many at once, suppress, allow, undo, evidence?"""

from __future__ import annotations

from citywatch.model import to_doc
from console.web.counterpart import Context, Pair, lists, named
from console.web.door import Visit
from console.web.openapi import Asked, Doc

_AT, _UNTIL = "2026-11-22T08:05:00.000000Z", "2026-11-29T08:05:00.000000Z"
_SUPPRESSION = {
    "id": "9b2e", "rule_id": "0d0fe4e2", "title": "Port scan", "values": {"source.ip": "10.1.2.3"},
    "reason": "the city's own scanner", "by": "lan", "at": _AT, "until": _UNTIL,
}  # fmt: skip
_ALLOWANCE = {
    "id": "77c1", "source": "10.1.2.3/32", "destination": "", "either_way": True, "owner": "lan",
    "reason": "backup", "by": "lan", "at": _AT, "until": _UNTIL,
}  # fmt: skip
DAYS = ("1", "7", "30", "90")
EVIDENCE = ("text/plain", "application/octet-stream", "image/png", "image/jpeg", "image/webp")
AS = Asked(
    name="as",
    example="file",
    schema={"type": "string", "enum": ["", "file", "picture"]},
    what="file: the bytes; picture: the bytes if they are one; else the text",
)


def _groups(visit: Visit, context: Context) -> Doc:
    """What a suppression of many would be about, each with what `alerts/suppress` takes as `group`."""
    del visit
    groups = [to_doc(group) | {"group": group.packed} for group in context["groups"]]
    return {"groups": groups, "left": context["left"], "chosen": context["total"]}


def _would_hide(visit: Visit, context: Context) -> Doc:
    del visit
    return {
        "would_hide": context["total"],
        "counted_all": context["whole"],
        "values": dict(context["wanted"].values),
        "until": context["wanted"].until,
        "fields": context["fields"],
        "samples": [named(alert) for alert in context["samples"]],
    }


def _would_close(visit: Visit, context: Context) -> Doc:
    del visit
    return {
        "would_close": context["total"],
        "counted_all": not context["more"],
        "problem": context["problem"],
        "asked": dict(context["asked"]),
        "samples": [named(alert) for alert in context["samples"]],
    }


def _difference(visit: Visit, context: Context) -> Doc:
    del visit
    return {"before": to_doc(context["before"]), "found": to_doc(context["found"])}


PAIRS = (
    Pair(
        of="alerts_do",
        body={
            "deed": "close",
            "id": ("5f1d",),
            "scope": "",
            "q": "severity:low",
            "state": "open",
            "severity": "",
            "hidden": "",
            "reason": "planned change",
            "assignee": "",
            "ticket": "",
        },
        required=("deed",),
        allowed={
            "deed": ("acknowledge", "assign", "close", "false_positive", "reopen", "merge", "suppress"),
            "scope": ("", "all"),
        },
        shows=_groups,
        answer={"result": "closed", "text": "1 alerts closed.", "count": 1, "id": "", "undo": "3fe0"},
    ),
    Pair(
        of="alerts_undo",
        body={"undo": "3fe0"},
        required=("undo",),
        answer={"result": "undone", "text": "Undone for 1 alerts.", "count": 1, "id": "", "undo": ""},
    ),
    Pair(
        of="alerts_suppress",
        body={"group": ('["0d0fe4e2","Port scan",{"source.ip":"10.1.2.3"}]',), "reason": "ours", "days": "7"},
        required=("group", "reason"),
        allowed={"days": DAYS},
        answer={
            "result": "suppressed_many",
            "text": "1 suppressions saved.",
            "count": 1,
            "id": "",
            "undo": "a1",
        },
    ),
    Pair(
        of="suppress_preview",
        asked=(
            Asked(name="field", example=["agency"], schema={"type": "array", "items": {"type": "string"}}),
            Asked(name="days", example="7", schema={"type": "string", "enum": list(DAYS)}),
        ),
        shows=_would_hide,
        answer={
            "would_hide": 41,
            "counted_all": True,
            "values": {"agency": "so-y-te"},
            "until": _UNTIL,
            "fields": {"agency": "so-y-te", "source.ip": "10.1.2.3"},
            "samples": [],
        },
    ),
    Pair(
        of="suppress",
        body={"field": ("agency",), "reason": "the city's own scanner", "days": "7"},
        required=("field", "reason"),
        allowed={"days": DAYS},
        answer={"result": "suppressed", "text": "Suppression saved.", "count": 41, "id": "9b2e", "undo": ""},
    ),
    Pair(
        of="suppressions",
        shows=lists("suppressions", "items"),
        answer={"suppressions": [_SUPPRESSION], "total": 1, "next": None},
    ),
    Pair(of="suppression_end"),
    Pair(
        of="allow_preview",
        asked=tuple(
            Asked(name=name, example=example)
            for name, example in (
                ("source", "10.1.2.3"),
                ("destination", ""),
                ("days", "30"),
                ("owner", "lan"),
                ("reason", "backup"),
                ("one_way", ""),
                ("any_rule", ""),
            )
        ),
        shows=_would_close,
        answer={"would_close": 3, "counted_all": True, "problem": "", "asked": {}, "samples": []},
    ),
    Pair(
        of="allow",
        body={
            "source": "10.1.2.3",
            "destination": "",
            "days": "30",
            "owner": "lan",
            "reason": "backup",
            "one_way": "",
            "any_rule": "",
        },
        required=("source", "owner", "reason"),
        allowed={"days": ("7", "30", "90", "365")},
        answer={"result": "allowed", "text": "Allowed.", "count": 3, "id": "77c1", "undo": ""},
    ),
    Pair(
        of="allowances",
        shows=lists("allowances", "items"),
        answer={"allowances": [_ALLOWANCE], "total": 1, "next": None},
    ),
    Pair(of="allowance_end", body={"undo": ""}, allowed={"undo": ("", "1")}),
    Pair(of="alert_packets", media=("application/vnd.tcpdump.pcap",)),
    Pair(
        of="alert_difference",
        shows=_difference,
        answer={"before": {"at": _AT, "page": "ab12", "page_now": "cd34"}, "found": {}},
    ),
    Pair(of="alert_evidence", asked=(AS,), media=EVIDENCE),
    Pair(
        of="view_keep",
        body={"name": "night", "q": "severity:high", "state": "open", "severity": ""},
        required=("name",),
    ),
    Pair(of="view_drop", body={"name": "night"}, required=("name",)),
)
