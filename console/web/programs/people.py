"""What do programs do with accounts, invitations, sessions and tokens, the audit, figures and health?"""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException

from citywatch.clock import stamp
from citywatch.model import to_doc
from citywatch.respond.metrics import ALL
from console.web import views
from console.web.access import ROLES
from console.web.counterpart import Context, Pair, lists
from console.web.door import Visit
from console.web.openapi import PAGING, Asked, Doc

_AT = "2026-11-22T08:05:00.000000Z"
_PERSON = {"id": "lan", "name": "Lan", "role": "analyst", "agency": "", "email": "", "active": True}
_INVITE = {
    "id": "e1f2",
    "role": "agency",
    "agency": "so-y-te",
    "email": "a@soyte.example",
    "by": "lan",
    "at": _AT,
}
_DONE = {"result": "user_changed", "text": "The account was changed.", "count": 0, "id": "", "undo": ""}


def person(user: Any) -> Doc:
    """An account without what makes it one: no hash, no secret of a second factor."""
    names = ("id", "name", "role", "agency", "email", "language", "active", "created_at")
    return {name: getattr(user, name) for name in names} | {"second_factor": user.has_second_factor}


def _me(visit: Visit, context: Context) -> Doc:
    seen = ("id", "created_at", "seen_at", "agent")
    sessions = [{name: getattr(one, name) for name in seen} for one in context["sessions"]]
    held = ("id", "name", "scope", "created_at", "expires_at")
    tokens = [{name: getattr(one, name) for name in held} for one in context["tokens"]]
    liking = views.read(visit.house.store, visit.who.id)[0]
    kept = [to_doc(view) for view in liking.views]
    return person(visit.who) | {"sessions": sessions, "tokens": tokens, "views": kept}


def _people(visit: Visit, context: Context) -> Doc:
    del visit
    people = [person(user) | {"in_charge": mine} for user, mine in context["users"]]
    made = {"link": context["fresh"], "mailed": context["told"]} if context["fresh"] else {}
    return {"people": people, "invites": [to_doc(one) for one in context["invites"]]} | made


_PERIOD = (
    Asked(
        name="period", example="2026-11", what="a month, or a week as 2026-W47; the present month if empty"
    ),
    Asked(name="agency", example="", what="the report of one agency"),
)


def _accounts(visit: Visit, context: Context) -> Doc:
    del visit
    found = [person(user) for user in context["users"]]
    return {"accounts": found, "total": len(found), "next": None}


def _overview(visit: Visit, context: Context) -> Doc:
    del visit
    figures = context["figures"]
    doc: Doc = to_doc(figures)
    doc["by_severity"] = {level.name: count for level, count in figures.by_severity}
    doc["by_state"] = dict(figures.by_state)
    for agency, one in zip(doc["agencies"], figures.agencies, strict=True):
        agency |= {"worst": one.worst.name if one.worst is not None else "", "state": one.state}
    return doc


def _report(visit: Visit, context: Context) -> Doc:
    del visit
    if context["counted"] is None:
        raise HTTPException(400, context["wrong"])
    counted = context["counted"]
    return {
        "period": context["period"],
        "agency": context["agency"],
        "from": stamp(counted.period.start),
        "to": stamp(counted.end),
        "all": counted.rows[ALL].flat(),
        "before": counted.before.flat(),
        "agencies": [row.flat() for row in context["rows"]],
        "days": {day.isoformat(): times for day, times in context["days"]},
    }


def _health(visit: Visit, context: Context) -> Doc:
    del visit
    loud = [{"rule": rule_id, "alerts": times} for _, rule_id, times in context["loud"]]
    unseen = [{"portal": one.portal.id, "at": one.at} for one in context["unseen"]]
    return dict(context["health"]) | {
        "unseen": unseen,
        "unseen_total": context["unseen_total"],
        "loud": loud,
        "rules": to_doc(context["reading"]),
    }


PAIRS = (
    Pair(of="me", shows=_me, answer=_PERSON | {"sessions": [], "tokens": [], "views": []}),
    Pair(
        of="me_session_end",
        body={"session": "ab12"},
        required=("session",),
        answer=_DONE | {"result": "session_ended"},
    ),
    Pair(
        of="me_token_end",
        body={"token": "api-ab12"},
        required=("token",),
        answer=_DONE | {"result": "token_ended"},
    ),
    Pair(of="accounts", shows=_accounts, answer={"accounts": [_PERSON], "total": 1, "next": None}),
    Pair(
        of="account_add",
        body={
            "name": "minh",
            "full_name": "Minh",
            "role": "analyst",
            "agency": "",
            "password": "ten letters or more",
        },
        required=("name", "role", "password"),
        allowed={"role": ROLES},
        answer=_DONE | {"result": "user_added"},
    ),
    Pair(
        of="account",
        body={"role": "analyst", "agency": "", "active": "1"},
        allowed={"role": ROLES, "active": ("0", "1")},
        answer=_DONE,
    ),
    Pair(of="people", shows=_people, answer={"people": [_PERSON], "invites": [_INVITE]}),
    Pair(
        of="invite",
        secret=True,
        body={"role": "agency", "agency": "so-y-te", "email": ""},
        required=("role",),
        allowed={"role": ROLES},
        shows=_people,
        answer={
            "people": [_PERSON],
            "invites": [_INVITE],
            "link": "https://soc.example/invite/x",
            "mailed": "",
        },
    ),
    Pair(
        of="person", body={"active": "1"}, required=("active",), allowed={"active": ("0", "1")}, answer=_DONE
    ),
    Pair(of="invite_end"),
    Pair(
        of="audit",
        asked=(Asked(name="q", example="login"), PAGING[1]),
        shows=lists("lines"),
        answer={"lines": [{"at": _AT, "by": "lan", "what": "login", "about": ""}], "total": 1, "next": None},
    ),
    Pair(
        of="overview",
        shows=_overview,
        answer={
            "at": _AT,
            "open": 3,
            "late": 1,
            "by_severity": {"high": 3},
            "by_state": {"triage": 3},
            "workload": [["lan", 2, 1]],
            "trend": [],
            "agencies": [],
        },
    ),
    Pair(
        of="reports",
        asked=_PERIOD,
        shows=_report,
        answer={
            "period": "2026-11",
            "agency": "",
            "from": _AT,
            "to": _AT,
            "all": {"agency": "*", "opened": 12, "closed": 9, "backlog": 3, "mtta_s": 900, "breaches": 1},
            "before": {"agency": "*", "opened": 10, "closed": 8, "backlog": 1, "mtta_s": 700, "breaches": 0},
            "agencies": [],
            "days": {"2026-11-01": 2},
        },
    ),
    Pair(
        of="report_file",
        asked=(
            *_PERIOD,
            Asked(name="as", example="pdf", schema={"type": "string", "enum": ["pdf", "docx"]}),
        ),
        media=(
            "application/pdf",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
    ),
    Pair(
        of="health",
        shows=_health,
        answer={
            "ok": True,
            "store": {"ok": True, "events": 12},
            "parts": [],
            "unseen": [],
            "unseen_total": 0,
            "loud": [],
        },
    ),
)
