"""How does a program do what a person does with a page or a form?

By the same handler: the JSON body becomes the form, and what would be a page becomes JSON. So permission,
tenancy, the second person, the audit and every refusal are decided once. A `Pair` names a route of the
console and says what of its form a program may send and what of its page it gets.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from citywatch.errors import Conflict
from citywatch.model import Portal, Ticket, to_doc
from console import drafts
from console.web.access import Permission
from console.web.door import BAD_NOTES, Handler, Upload, Visit, Way
from console.web.once import once
from console.web.openapi import Asked, Body, Doc, Spec
from console.web.told import Done, Shown

Context = Mapping[str, Any]
Shows = Callable[[Visit, Context], Doc]
"""What of a page's context a program gets."""

STATES = {
    "conflict", "approve_other", "approve_gone", "not_allowed", "refused", "undo_gone", "too_soon",
    "last_admin", "run_refused", "rule_unsound", "user_taken", "hunts_full", "upload_many",
    "packets_gone", "proof_missing", "advisory_not_yet", "advisory_word", "indicators_full", "recheck_away",
    "version_gone",
}  # fmt: skip
"""Notes that refuse because of how things stand (409); other bad ones are about what was sent (400)."""
_WRONG = {"warning_missing", "warning_wrong", "mail_wrong"}
_JSON_AROUND = 64 * 1024
_SERVER_ERROR = 500
_THINGS: Mapping[str, type[Any]] = {"ticket": Ticket, "portal": Portal}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A route of the console and the one beside it for programs."""

    of: str
    """The console's route by its name."""
    path: str = ""
    """Where it is not /api/v1 and the console's own path."""
    name: str = ""
    """Where it is not `api_` and the console's own name."""
    asked: Sequence[Asked] = ()
    body: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict[str, str | tuple[str, ...]])
    """An example; a tuple where the form has several values of the name."""
    required: tuple[str, ...] = ()
    allowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    fixed: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the form always says."""
    shows: Shows | None = None
    answer: Doc = field(default_factory=dict[str, Any])
    """An example of what comes."""
    media: tuple[str, ...] = ()
    """Of which kinds the bytes are that come instead."""
    kind: str = ""
    """What the path names (ticket, portal, draft): its state comes with the answer, `version` may be sent."""
    fine: frozenset[str] = frozenset()
    """Notes that sound bad and are yet what was asked for."""
    secret: bool = False
    """The answer holds what is shown once: it is not kept for a second request under the same key."""
    file: int = 0
    """Bytes of a file that may come, in base64."""
    takes: int = 0
    """Bytes of the JSON, where that is more than usual."""

    @property
    def spec(self) -> Spec:
        """As it is described."""
        example = dict(self.body)
        if self.kind:
            example["version"] = ""
        if self.file:
            example |= {"name": "anh-chup.png", "base64": "iVBORw0KGgo="}
        answer = self.answer or {"result": "saved", "text": "Saved.", "count": 0, "id": "", "undo": ""}
        body = Body(example=example, required=self.required, allowed=self.allowed)
        return Spec(asked=self.asked, body=body, answer=answer, media=self.media)

    def way(self, console: Sequence[Way]) -> Way:
        """The route for programs, with the permission of the console's."""
        twin = next(way for way in console if way.name == self.of)
        needs: Permission | None = twin.needs
        if needs is None:
            raise ValueError(f"{self.of} is open to everybody; a program needs no counterpart of it")
        handler = self._handler(twin.handler)
        handler.__doc__ = twin.handler.__doc__
        return Way(
            path=self.path or f"/api/v1{twin.path}",
            handler=self._once(handler) if twin.method == "POST" and not self.media else handler,
            name=self.name or f"api_{self.of}",
            method=twin.method,
            needs=needs,
            api=True,
            takes=self.file * 4 // 3 + _JSON_AROUND if self.file else self.takes,
        )

    def _once(self, handler: Handler) -> Handler:
        if not self.secret:
            return once(handler)

        @wraps(handler)
        def unkept(visit: Visit) -> Response:
            if "idempotency-key" in visit.request.headers:
                raise HTTPException(400, "no Idempotency-Key here: the answer holds a secret and is not kept")
            return handler(visit)

        return unkept

    def _handler(self, handler: Handler) -> Handler:
        def asked(visit: Visit) -> Response:
            try:
                inner = replace(visit, form=self._form(visit), upload=self._upload(visit), program=True)
                inner = replace(inner, expects=_version(visit) if self.kind else None)
                return self._told(visit, handler(inner))
            except Conflict as error:
                return JSONResponse({"error": str(error)} | self._now(visit), 409)

        return asked

    def _form(self, visit: Visit) -> dict[str, list[str]]:
        form = {name: [value] for name, value in self.fixed.items()}
        for name in self.body:
            held: Any = visit.body.get(name)
            if isinstance(held, str):
                form[name] = [held]
            elif held is not None:
                form[name] = cast("list[str]", held)
        return form

    def _upload(self, visit: Visit) -> Upload | None:
        encoded = str(visit.body.get("base64", "")) if self.file else ""
        if not encoded:
            return None
        try:
            raw = b64decode(encoded, validate=True)
        except ValueError as error:
            raise HTTPException(400, f"base64 cannot be read: {error}") from error
        return Upload(name=visit.text("name")[:200], raw=raw[: self.file + 1])

    def _told(self, visit: Visit, came: Response) -> Response:
        if isinstance(came, Done):
            return self._done(visit, came)
        if not isinstance(came, Shown):
            return came
        if came.status >= _SERVER_ERROR:
            raise HTTPException(503, str(came.context.get("detail") or "not possible now"))
        if stale := came.context.get("stale"):
            return JSONResponse({"error": str(stale)} | self._now(visit), 409)
        if self.shows is None:
            raise HTTPException(400, "not understood")
        return JSONResponse(self.shows(visit, came.context) | self._now(visit))

    def _done(self, visit: Visit, came: Done) -> Response:
        refused = None if came.note in self.fine else refusal(visit, came, **self._now(visit))
        if refused is not None:
            return refused
        note = came.note or "saved"
        text = visit.say("note", note) % {"count": came.count}
        told = {"result": note, "text": text, "count": came.count, "id": came.made, "undo": came.undo}
        return JSONResponse(told | self._now(visit))

    def _now(self, visit: Visit) -> Doc:
        """What the path names, as it is now."""
        return thing(visit, self.kind, visit.path("id")) if self.kind else {}


def refusal(visit: Visit, came: Response, **now: Any) -> Response | None:
    """What is answered when a handler refused, with the words that a person reads; None when it did not."""
    if not isinstance(came, Done) or came.note not in STATES | BAD_NOTES | _WRONG:
        return None
    error = {"error": visit.say("note", came.note), "code": came.note}
    return JSONResponse(error | now, 409 if came.note in STATES else 400)


def _version(visit: Visit) -> int | None:
    text = visit.text("version")
    if text and not (text.isascii() and text.isdecimal() and len(text) < 10):  # noqa: PLR2004 - digits of any version there is
        raise HTTPException(400, "version must be the number that came with what you saw")
    return int(text) if text else None


def thing(visit: Visit, kind: str, key: str) -> Doc:
    """A ticket, portal or draft with its version, as this account may see it; nothing when it may not."""
    if kind == "draft":
        draft = drafts.read(visit.house.store, key) if visit.can("staff") else None
        return {"draft": to_doc(draft[0]), "version": draft[1]} if draft else {}
    found = visit.desk.read(kind, key, _THINGS[kind])
    return {kind: named(found[0]), "version": found[1]} if found else {}


def named(noun: Any) -> Doc:
    """A noun as JSON, its severity in a word."""
    doc: Doc = to_doc(noun)
    return doc | {"severity": noun.severity.name} if isinstance(doc.get("severity"), int) else doc


def following(context: Context) -> str | None:
    """The cursor in the link to the next page."""
    asked = parse_qs(urlsplit(str(context.get("next_link", ""))).query)
    return asked.get("after", [None])[0]


def lists(name: str, key: str = "", **more: str) -> Shows:
    """A list of the context as it stands, with the cursor of the next page."""

    def shows(visit: Visit, context: Context) -> Doc:
        del visit
        held: Sequence[Any] = context[key or name]
        items = [named(one) for one in held]
        total = context.get("total", len(items))
        return {name: items, "total": total, "next": following(context)} | {
            told: to_doc(context[source]) for told, source in more.items()
        }

    return shows
