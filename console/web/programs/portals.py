"""What do programs do with portals and agencies: bring in, prove, change, accept, windows, check again?"""

from __future__ import annotations

from starlette.exceptions import HTTPException

from citywatch.model import to_doc
from console.cares import OUTSIDE
from console.web.counterpart import Context, Pair, following, lists, named
from console.web.door import Visit
from console.web.openapi import PAGING, Asked, Doc
from sensors.portal.care import SENSITIVITIES

_AT = "2026-11-22T08:05:00.000000Z"
_PORTAL = {
    "id": "www-soyte-example", "url": "https://www.soyte.example/", "name": "Cổng thông tin Sở Y tế",
    "agency": "so-y-te", "level": 3, "active": True,
}  # fmt: skip
_SAVED = {
    "result": "saved", "text": "Saved.", "count": 0, "id": "", "undo": "", "portal": _PORTAL, "version": 2,
}  # fmt: skip
_TAKEN = {
    "id": "www-soyte-example", "at": _AT, "by": "lan",
    "differences": [
        {
            "page": "/", "view": "desktop", "changed": ["text"], "text": 0.4, "title_before": "", "title": "",
            "added": ["Tin mới"], "domains": [], "dangerous": [], "evidence": {"picture_after": "0" * 64},
        }
    ],
    "spots": [{"place": "div.tin-moi>ul>li", "text": "Tin mới", "count": 12}],
}  # fmt: skip
_VERSION = {
    "version": 2, "state": "learned", "visits": 60, "changed_at": _AT, "accepted_by": "lan", "stands": "yes",
}  # fmt: skip
_CARE = {"sensitivity": "normal", "inner_pages": 0, "hours": "22:00-05:00", "outside": "home"}
_LEVELS = ("1", "2", "3", "4", "5")
_CSV = "url,name,agency,level,contact\nhttps://www.soyte.example/,Sở Y tế,so-y-te,3,\n"
_MOST_CSV = 2**20


def _refused(visit: Visit, context: Context) -> Doc:
    """The form comes back only when the portal was refused."""
    del visit
    raise HTTPException(400, "; ".join(context["wrong"]) or "not understood")


def _list(visit: Visit, context: Context) -> Doc:
    del visit
    return {"taken": context["taken"], "wrong": list(context["wrong"])}


def _portal(visit: Visit, context: Context) -> Doc:
    del visit
    return {
        "id": context["portal"].id,
        "claim": context["claim"],
        "seen": list(context["seen"]),
        "tickets": [named(ticket) for ticket in context["tickets"]],
        "windows": [to_doc(window) for window in context["windows"]],
        "care": {name: getattr(context["wish"], name) for name in _CARE},
    }


def _face(visit: Visit, context: Context) -> Doc:
    del visit
    return {
        "id": context["portal"].id,
        "taken": to_doc(context["taken"]) if context["taken"] is not None else None,
        "faces": context["faces"],
        "ignored": list(context["ignored"]),
    }


def _pictures(visit: Visit, context: Context) -> Doc:
    del visit
    shown = [
        {"at": event["@timestamp"], "view": event.get("citywatch.portal.view", ""), "sha256": name}
        for event, name in context["shown"]
    ]
    return {"pictures": shown, "next": following(context)}


def _proof(visit: Visit, context: Context) -> Doc:
    del visit
    claim = to_doc(context["claim"])
    names = ("state", "way", "detail", "checked_at", "proven_at")
    told = {name: context[name] for name in ("record", "file", "tag", "text")}
    return told | {name: claim[name] for name in names}


PAIRS = (
    Pair(
        of="portal_register",
        path="/api/v1/portals",
        body={
            "url": "https://www.soyte.example/",
            "name": "Sở Y tế",
            "level": "3",
            "contact": "",
            "agency": "",
        },
        required=("url",),
        allowed={"level": _LEVELS},
        shows=_refused,
        answer={"result": "saved", "text": "Saved.", "count": 0, "id": "www-soyte-example", "undo": ""},
    ),
    Pair(
        of="portal_list",
        body={"csv": _CSV},
        required=("csv",),
        takes=_MOST_CSV,
        shows=_list,
        answer={"taken": 1, "wrong": []},
    ),
    Pair(
        of="portal",
        kind="portal",
        shows=_portal,
        answer={
            "id": _PORTAL["id"],
            "portal": _PORTAL,
            "version": 2,
            "claim": "proven",
            "seen": [],
            "tickets": [],
            "windows": [{"start": "2026-11-23T15:00:00Z", "end": "2026-11-23T18:00:00Z", "what": "upgrade"}],
            "care": _CARE,
        },
    ),
    Pair(
        of="portal_proof",
        shows=_proof,
        answer={
            "record": "_citywatch.www.soyte.example",
            "file": "https://www.soyte.example/.well-known/citywatch.txt",
            "tag": '<meta name="citywatch" content="cw-1f">',
            "text": "citywatch=cw-1f",
            "state": "open",
            "way": "",
            "detail": "",
            "checked_at": "",
            "proven_at": "",
        },
    ),
    Pair(of="portal_prove", fine=frozenset({"proof_missing"}), kind="portal", answer=_SAVED),
    Pair(
        of="portal_change",
        kind="portal",
        body={"name": "Sở Y tế", "contact": "soyte@example", "level": "3", "active": "1"},
        allowed={"level": _LEVELS, "active": ("0", "1")},
        answer=_SAVED,
    ),
    Pair(
        of="portal_recheck",
        kind="portal",
        fine=frozenset({"recheck_bad", "recheck_away"}),
        answer=_SAVED | {"result": "recheck_good", "text": "Looked again: nothing bad was seen."},
    ),
    Pair(of="portal_accept", kind="portal", answer=_SAVED | {"result": "face_accepted"}),
    Pair(
        of="portal_face",
        shows=_face,
        answer={"id": _PORTAL["id"], "taken": _TAKEN, "faces": [_VERSION], "ignored": ["div.tin-moi>ul>li"]},
    ),
    Pair(of="face_look", kind="portal", answer=_SAVED | {"result": "face_differs"}),
    Pair(
        of="face_revert",
        kind="portal",
        body={"to": "1"},
        required=("to",),
        answer=_SAVED | {"result": "face_reverted"},
    ),
    Pair(of="face_ignore", kind="portal", body={"place": ("div.tin-moi>ul>li",)}, answer=_SAVED),
    Pair(
        of="portal_pictures",
        asked=(PAGING[1],),
        shows=_pictures,
        answer={"pictures": [{"at": _AT, "view": "desktop", "sha256": "0" * 64}], "next": None},
    ),
    Pair(of="portal_picture_one", media=("image/png", "image/jpeg", "image/webp")),
    Pair(
        of="portal_care",
        kind="portal",
        body={name: str(value) for name, value in _CARE.items()},
        allowed={"sensitivity": SENSITIVITIES, "outside": OUTSIDE},
        answer=_SAVED,
    ),
    Pair(
        of="window_add",
        kind="portal",
        body={"start": "2026-11-23T22:00", "end": "2026-11-24T01:00", "what": "upgrade"},
        required=("start", "end"),
        answer=_SAVED | {"result": "window_added"},
    ),
    Pair(of="windows_clear", kind="portal", answer=_SAVED),
    Pair(of="portal_picture", media=("image/png", "image/jpeg", "image/webp")),
    Pair(
        of="agencies",
        asked=(Asked(name="q", example="y tế"), PAGING[1]),
        shows=lists("agencies"),
        answer={"agencies": [{"id": "so-y-te", "name": "Sở Y tế"}], "total": 1, "next": None},
    ),
)
