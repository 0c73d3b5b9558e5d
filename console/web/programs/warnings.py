"""What do programs do with what other centers warn of: indicators and advisories?"""

from __future__ import annotations

from citywatch.model import to_doc
from console.web.counterpart import Context, Pair, named
from console.web.door import Visit
from console.web.openapi import Asked, Doc
from console.web.warnings import DAYS, LABELS

_INDICATOR = {"type": "ipv4", "value": "203.0.113.9", "source": "A05", "tlp": "AMBER", "title": ""}
_ADVISORY = {
    "id": "4c57d8ec73a1",
    "number": "9/CB",
    "title": "Cảnh báo nginx",
    "severity": "high",
    "state": "new",
}
_MOST_JSON = 3 * 2**20
_SAID = {"result": "advisory_matched", "text": "It concerns 3 assets.", "count": 3, "id": "", "undo": ""}


def _indicators(visit: Visit, context: Context) -> Doc:
    """Those found, or, after a warning was sent, what came of it."""
    del visit
    came = context["came"]
    if came is None:
        rows = [to_doc(one) for one in context["rows"]]
        return {"indicators": rows, "health": to_doc(context["health"])}
    told = to_doc(came)
    names = ("form", "named", "new", "problems", "passed_over", "told")
    sightings = [to_doc(one) for one in context["sightings"]]
    return {name: told[name] for name in names} | {
        "sightings": sightings, "events": came.past.events, "complete": came.past.complete,
    }  # fmt: skip


def _advisory(visit: Visit, context: Context) -> Doc:
    del visit
    return named(context["one"]) | {
        "assets": [to_doc(one) for one in context["assets"]],
        "agencies": [to_doc(row) for row in context["rows"]],
        "done": context["done"],
    }


PAIRS = (
    Pair(
        of="indicators",
        asked=(Asked(name="q", example="203.0.113.9"), Asked(name="source", example="A05")),
        shows=_indicators,
        answer={"indicators": [_INDICATOR], "health": {"held": 1}},
    ),
    Pair(
        of="take_in",
        body={
            "warning": "203.0.113.9 is bad",
            "source": "A05",
            "tlp": "AMBER",
            "days": "90",
            "reference": "",
        },
        required=("warning", "source"),
        allowed={"tlp": LABELS, "days": DAYS},
        takes=_MOST_JSON,
        shows=_indicators,
        answer={
            "form": "text",
            "named": 1,
            "new": 1,
            "problems": [],
            "passed_over": 0,
            "told": 0,
            "sightings": [],
            "events": 0,
            "complete": True,
        },
    ),
    Pair(
        of="indicators_remove",
        body={"source": "A05", "value": ""},
        required=("source",),
        answer={
            "result": "indicators_gone",
            "text": "1 indicators were taken out.",
            "count": 1,
            "id": "",
            "undo": "",
        },
    ),
    Pair(of="advisory", shows=_advisory, answer=_ADVISORY | {"assets": [], "agencies": [], "done": 0}),
    Pair(
        of="advisory_deed",
        body={"do": "match", "note": ""},
        required=("do",),
        allowed={"do": ("start", "check", "watch", "match", "close")},
        answer=_SAID,
    ),
    Pair(
        of="advisory_product",
        body={"vendor": "F5", "name": "nginx", "versions": "< 1.25.4", "fixed": "1.25.4"},
        required=("name",),
        answer=_SAID,
    ),
    Pair(
        of="advisory_say",
        body={"asset": "portal:www-soyte-example", "state": "said_fixed", "version": "1.25.5", "note": ""},
        required=("asset", "state"),
        answer={"result": "saved", "text": "Saved.", "count": 0, "id": "", "undo": ""},
    ),
)
