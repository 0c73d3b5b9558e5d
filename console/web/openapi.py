"""How is the programs' interface described, so that a machine can use it and a test can try it?

OpenAPI 3.1, made from the routes: what is not described here makes a test fail. Every answer has an example.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, cast

from starlette.exceptions import HTTPException
from starlette.responses import Response

from citywatch.model import to_doc
from console.web.door import Visit, Way

Doc = dict[str, Any]

_TEXT: Doc = {"type": "string"}
_STAMP: Doc = {"type": "string", "format": "date-time"}
MOST_ROWS = 500
"""Of one answer."""
_DIGITS = 6
_LIMIT: Doc = {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": 100}
_MOST_ITEMS = 10_000
_AT = "2026-11-22T08:05:00.000000Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One value of the query."""

    name: str
    example: Any
    schema: Doc = field(default_factory=lambda: _TEXT)
    what: str = ""

    def described(self) -> Doc:
        """As OpenAPI has it."""
        told = {"description": self.what} if self.what else {}
        return {
            "name": self.name,
            "in": "query",
            "required": False,
            "schema": self.schema,
            "example": self.example,
        } | told


def one_of(*names: str) -> Doc:
    """A text that is one of these."""
    return {"type": "string", "enum": list(names)}


_STATES = ("open", "new", "acknowledged", "closed", "false_positive", "any")
_LEVELS = ("informational", "low", "medium", "high", "critical")
PAGING = (
    Asked(name="limit", example=100, schema=_LIMIT),
    Asked(name="after", example="", what="the `next` of the page before"),
)


def limit_of(visit: Visit) -> int:
    """How many rows are asked for.

    Raises:
        HTTPException: 400, it is no number from 1 to `MOST_ROWS`.
    """
    text = visit.asked("limit") or "100"
    plain = text.isascii() and text.isdecimal() and len(text) <= _DIGITS
    if not plain or not 1 <= int(text) <= MOST_ROWS:
        raise HTTPException(400, f"limit must be a number from 1 to {MOST_ROWS}")
    return int(text)


QUERIES: Mapping[str, Sequence[Asked]] = {
    "/api/v1/alerts": (
        Asked(name="q", example="severity:high agency:so-y-te", what="the inbox's own filter language"),
        Asked(name="state", example="open", schema=one_of(*_STATES)),
        Asked(name="severity", example="medium", schema=one_of("", *_LEVELS), what="at least this one"),
        Asked(name="suppressed", example="false", schema=one_of("true", "false")),
        Asked(
            name="updated_since",
            example="2026-11-22T00:00:00Z",
            what="only alerts that were seen or changed by somebody at or after this time; q, state, "
            "severity and suppressed are then not heeded",
        ),
        *PAGING,
    ),
    "/api/v1/tickets": (
        Asked(name="state", example="confirmed"),
        Asked(name="agency", example="so-y-te"),
        Asked(name="assignee", example="lan"),
        Asked(name="updated_since", example="2026-11-22T00:00:00Z"),
        *PAGING,
    ),
    "/api/v1/advisories": PAGING[1:],
    "/api/v1/portals": PAGING,
    "/api/v1/hunts/{id}/events": PAGING,
    "/api/v1/events": (
        Asked(name="q", example="source.ip:10.0.0.0/8"),
        Asked(name="from", example="2026-11-22T00:00:00Z"),
        Asked(name="to", example="2026-11-23T00:00:00Z"),
        *PAGING,
    ),
}
"""What may stand behind the question mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a POST takes: texts by name, or lists of texts where the example is a tuple."""

    example: Mapping[str, str | tuple[str, ...]]
    required: tuple[str, ...] = ()
    allowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def described(self) -> Doc:
        """As OpenAPI has it."""
        named = {name: self._schema(name) for name in self.example}
        schema: Doc = {"type": "object", "properties": named, "required": list(self.required)}
        content = {"application/json": {"schema": schema, "example": to_doc(self.example)}}
        return {"required": True, "content": content}

    def _schema(self, name: str) -> Doc:
        one = one_of(*self.allowed[name]) if name in self.allowed else _TEXT
        if isinstance(self.example[name], tuple):
            return {"type": "array", "items": one, "maxItems": _MOST_ITEMS}
        return one

    def fits(self, name: str, value: object) -> bool:
        """Tell whether a value is of the kind that the name takes."""
        if not isinstance(self.example[name], tuple):
            return isinstance(value, str)
        if not isinstance(value, list):
            return False
        items = cast("list[object]", value)
        return len(items) <= _MOST_ITEMS and all(isinstance(one, str) for one in items)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What one route takes and gives."""

    asked: Sequence[Asked] = ()
    body: Body = Body(example={})
    answer: Doc = field(default_factory=dict[str, Any])
    """What a good answer looks like."""
    media: tuple[str, ...] = ()
    """Of which kinds the bytes are, where bytes are answered."""


BODIES: Mapping[str, Body] = {
    "/api/v1/advisories": Body(
        example={
            "text": "Số: 9/CB\nCảnh báo nginx < 1.25.4",
            "name": "cb-9.txt",
            "source": "A05",
            "base64": "",
        }
    ),
    "/api/v1/alerts/{id}/state": Body(
        example={"do": "close", "reason": "planned change", "assignee": "lan"},
        required=("do",),
        allowed={"do": ("acknowledge", "assign", "close", "false_positive", "reopen")},
    ),
    "/api/v1/tickets/{id}": Body(example={"to": "confirmed", "note": "seen by the agency"}),
}


def strict(way: Way, spec: Spec) -> Way:
    """The same route, that refuses names which are not described, and values that are no text."""
    asked, body = tuple(one.name for one in spec.asked), spec.body

    @wraps(way.handler)
    def handler(visit: Visit) -> Response:
        _check(visit.request.query_params, asked)
        _check(visit.body, tuple(body.example))
        for name, value in visit.body.items():
            if not body.fits(name, value):
                kind = "a list of texts" if isinstance(body.example[name], tuple) else "a text"
                raise HTTPException(400, f"every value must be a text: {name} must be {kind}")
        return way.handler(visit)

    return replace(way, handler=handler)


def _check(given: Iterable[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise HTTPException(400, f"there is no '{name[:100]}' here; known: {', '.join(known) or 'none'}")


_STATE = {
    "alert_id": "5f1d", "state": "acknowledged", "assignee": "lan", "ticket_id": "HN-2026-000003",
    "reason": "", "changed_at": _AT, "changed_by": "lan",
}  # fmt: skip
_ALERT = {
    "id": "5f1d", "rule_id": "0d0fe4e2-6a3f-4a33-8a62-54e1f7d1c001",
    "title": "Home page replaced by a defacement", "severity": "critical", "subject": "cong-so-y-te",
    "subject_fields": {"citywatch.portal.id": "cong-so-y-te"}, "first_seen": _AT, "last_seen": _AT,
    "count": 2, "agency": "so-y-te", "state": _STATE,
}  # fmt: skip
_TICKET = {
    "id": "HN-2026-000003", "title": "Trang chủ bị thay bằng trang tấn công: cong-so-y-te",
    "severity": "critical", "state": "triage", "agency": "so-y-te", "tlp": "AMBER", "opened_at": _AT,
    "due_at": _AT, "changed_at": _AT, "assignee": "lan", "alert_ids": ["5f1d"],
    "history": [{"at": _AT, "by": "citywatch", "what": "opened", "note": ""}],
}  # fmt: skip
_PORTAL = {
    "id": "cong-so-y-te", "url": "https://www.soyte.example/", "name": "Cổng thông tin Sở Y tế",
    "agency": "so-y-te", "level": 3, "active": True,
}  # fmt: skip
_EVENT = {
    "@timestamp": _AT, "event.id": "9c2e", "event.dataset": "network.flow", "source.ip": "10.10.4.7",
    "destination.port": 445,
}  # fmt: skip


def _page(name: str, item: Doc) -> Doc:
    return {name: [item], "total": 1, "next": None}


_ADVISORY = {
    "id": "4c57d8ec73a1", "number": "9/CB", "title": "Cảnh báo nginx", "source": "A05", "severity": "high",
    "tlp": "AMBER", "state": "new", "received_at": _AT, "assets": 3, "agencies": 2, "done": 0,
}  # fmt: skip

ANSWERS: Mapping[tuple[str, str], Doc] = {
    ("GET", "/api/v1/advisories"): _page("advisories", _ADVISORY),
    ("POST", "/api/v1/advisories"): _ADVISORY | {"known": False},
    ("GET", "/api/v1/alerts"): _page("alerts", _ALERT),
    ("GET", "/api/v1/alerts/{id}"): _ALERT,
    ("POST", "/api/v1/alerts/{id}/state"): _STATE,
    ("GET", "/api/v1/tickets"): _page("tickets", _TICKET),
    ("GET", "/api/v1/tickets/{id}"): _TICKET | {"moves": ["closed", "confirmed"], "version": 3},
    ("POST", "/api/v1/tickets/{id}"): _TICKET | {"state": "confirmed"},
    ("GET", "/api/v1/portals"): _page("portals", _PORTAL),
    ("GET", "/api/v1/events"): _page("events", _EVENT),
    ("GET", "/api/v1/hunts/{id}/events"): _page("events", _EVENT),
}
"""What a good answer looks like."""

Specs = Mapping[tuple[str, str], Spec]
"""By method and path."""
OWN: Specs = {
    (method, path): Spec(
        asked=QUERIES.get(path, ()) if method == "GET" else (),
        body=BODIES[path] if method == "POST" else Body(example={}),
        answer=answer,
    )
    for (method, path), answer in ANSWERS.items()
}
"""Of the routes that have no form of the console behind them."""

_REFUSALS = {
    "400": "the request cannot be read; `error` says why",
    "401": "no good token",
    "404": "not there, or not for this account",
    "429": "too many wrong tokens; wait as `retry-after` says",
    "503": "the store does not answer",
}
_REFUSALS_OF_CHANGES = {
    "409": "not possible in the present state, or changed by somebody else",
    "413": "the body is too large",
    "422": "the idempotency key was used for another request",
}


def describe_api(ways: Sequence[Way], specs: Specs) -> Doc:
    """The whole description."""
    paths: dict[str, Doc] = {}
    for way in ways:
        if way.needs is not None:
            paths.setdefault(way.path, {})[way.method.lower()] = _described(way, specs[way.method, way.path])
    error = {"type": "object", "properties": {"error": _TEXT}, "required": ["error"]}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CityWatch",
            "version": "1",
            "description": "What the console shows and does, for programs. A token belongs to an account "
            "(made on its page 'My account') and sees what the account sees. Lists have `next`, the cursor "
            "of the page after, and `total`: counted up to 1,000 alerts, 10,000 of all else, and null where "
            "counting would take long.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": error},
        },
        "security": [{"token": []}],
    }


def _described(way: Way, spec: Spec) -> Doc:
    changes = way.method == "POST"
    asked = [one.described() for one in spec.asked]
    parts: list[Doc] = [
        {"name": name, "in": "path", "required": True, "schema": _TEXT}
        for name in re.findall(r"{([a-z0-9]+)}", way.path)
    ]
    made: Doc = {
        "operationId": way.name,
        "summary": (way.handler.__doc__ or "").strip(),
        "parameters": parts + asked + ([_ONCE] if changes else []),
        "responses": {"200": _good(spec)} | _refused(_REFUSALS | (_REFUSALS_OF_CHANGES if changes else {})),
    }
    if changes:
        made["requestBody"] = spec.body.described()
    return made


_ONCE: Doc = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
    "example": "6f9c2a1e-close-5f1d",
    "description": "A second request with the same key within a day gets the first one's answer again, and "
    "changes nothing",
}


def _good(spec: Spec) -> Doc:
    told, example = "what was asked for", spec.answer
    if spec.media:
        content = {kind: {"schema": {"type": "string"}} for kind in spec.media}
        return {"description": told, "content": content}
    schema = {"type": "object", "required": sorted(example.keys() & {"total", "next", "id", "alert_id"})}
    return {"description": told, "content": {"application/json": {"schema": schema, "example": example}}}


def _refused(words: Mapping[str, str]) -> Doc:
    schema = {"$ref": "#/components/schemas/Error"}
    return {
        code: {
            "description": told,
            "content": {"application/json": {"schema": schema, "example": {"error": told}}},
        }
        for code, told in words.items()
    }
