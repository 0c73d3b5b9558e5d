"""Who comes in, by which route, and with what in hand? Every request passes here.

A page is a `Way`: a path, a handler and the permission it needs. The door finds the visitor, refuses who may
not pass, checks that a form came from one of our own pages, and runs the handler in a thread (stores and
hashes block). Handlers get a `Visit` and give a response.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio.to_thread
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from citywatch.errors import Conflict, StoreError, StoreUnreachable
from console.web import codes, show, words
from console.web.access import Permission, may
from console.web.accounts import User
from console.web.desk import Desk
from console.web.seal import Seal
from console.web.sessions import LIFE, Session, csrf_fits, find_session, find_token, mask_csrf
from console.web.throttle import Throttle
from console.web.told import Done, Shown

if TYPE_CHECKING:
    from console.web.app import HouseView

COOKIE = "citywatch_session"
BEFORE_COOKIE = "citywatch_before"
NOTE_COOKIE = "citywatch_note"
HALF_COOKIE = "citywatch_half"
"""What is remembered between the steps of a login, sealed."""
AWAY_COOKIE = "citywatch_away"
AWAY_S = 600
"""What is remembered while the browser is at the identity provider, and for how long."""
LANGUAGE_COOKIE = "citywatch_language"
MOST_BODY = 2_000_000
_MOST_FIELDS = 2000
_MOST_JSON = 64 * 1024
"""Of the body of an API request, but for routes that take more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as it came: nothing of it is to be believed, least of all its name."""

    name: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, with who makes it and what of the house is needed to answer it."""

    request: Request
    house: HouseView
    throttle: Throttle
    nonce: str
    user: User | None = None
    session: Session | None = None
    form: Mapping[str, list[str]] = field(default_factory=dict[str, list[str]])
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The JSON object that came with an API request."""
    upload: Upload | None = None
    """The file that came with a form."""
    program: bool = False
    """A program does what a form does: in place of a page it gets what would stand there."""
    expects: int | None = None
    """The version in which who asks saw what the path names."""

    @property
    def who(self) -> User:
        """The user; only routes that need a permission may ask."""
        if self.user is None:
            raise HTTPException(403)
        return self.user

    @property
    def desk(self) -> Desk:
        return Desk(self.house.store, self.who, self.unchanged)

    def unchanged(self, kind: str, key: str, version: int) -> None:
        """Go on only if what the path names is as who asks saw it.

        Raises:
            Conflict: somebody changed it since.
        """
        if self.expects not in {None, version} and self.request.path_params.get("id") == key:
            raise Conflict(kind, key, self.expects or 0, version)

    @property
    def language(self) -> str:
        if self.user is not None:
            return self.user.language if self.user.language in words.LANGUAGES else words.DEFAULT
        asked = self.request.cookies.get(LANGUAGE_COOKIE, "")
        return (
            asked if asked in words.LANGUAGES else words.pick(self.request.headers.get("accept-language", ""))
        )

    @property
    def address(self) -> str:
        """Where the request comes from, for counting guesses."""
        return self.request.client.host if self.request.client else "local"

    @property
    def site(self) -> str:
        """The console's address, without a slash at its end: as it was set, else as the request says."""
        return (self.house.settings.accounts.address or str(self.request.base_url)).rstrip("/")

    @property
    def seal(self) -> Seal:
        """Closes what must not be read or changed on its way."""
        return Seal(self.house.settings.data)

    @property
    def whole_path(self) -> str:
        """Path and query of the request."""
        url = self.request.url
        return url.path + (f"?{url.query}" if url.query else "")

    def asked(self, name: str, default: str = "") -> str:
        """A value of the query, cut at 2,000 characters."""
        return self.request.query_params.get(name, default)[:2000]

    def given(self, name: str, default: str = "") -> str:
        """A value of the form, cut at 10,000 characters."""
        values = self.form.get(name)
        return values[0][:10_000] if values else default

    def text(self, name: str) -> str:
        """A text of the JSON body, stripped and cut; nothing when it is absent or no text."""
        held = self.body.get(name)
        return held.strip()[:10_000] if isinstance(held, str) else ""

    @property
    def must_add_factor(self) -> bool:
        """The account's role needs a second factor here, and it has none yet."""
        user = self.user
        wanted = self.house.settings.accounts.second_factor
        return user is not None and user.role in wanted and not user.has_second_factor and not user.subject

    def path(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def page(self, template: str, status: int = 200, **context: Any) -> Response:
        """A whole page."""
        if self.program:
            return Shown(status, context)
        note = self._note()
        body = show.render(
            self.language,
            self.house.settings.timezone,
            template,
            {
                "user": self.user,
                "can": self.can,
                "nonce": self.nonce,
                "csrf_text": self._csrf(),
                "here": self.request.url.path,
                "here_whole": self.whole_path if self.request.method == "GET" else self.request.url.path,
                "theme": self.user.theme if self.user else "system",
                "note": note,
                "asked": self.asked,
                "bare": self.request.headers.get("hx-request") == "true",
            }
            | context,
        )
        response = HTMLResponse(body, status)
        if note:
            self.drop_cookie(response, NOTE_COOKIE)
        return response

    def picture(self, template: str, **context: Any) -> Response:
        """A drawing that other sites may show."""
        body = show.render(self.language, self.house.settings.timezone, template, context)
        headers = {"cross-origin-resource-policy": "cross-origin", "cache-control": "public, max-age=3600"}
        return Response(body, media_type="image/svg+xml", headers=headers)

    def say(self, kind: str, code: str) -> str:
        """The words for a code, in the visitor's language."""
        return words.say(self.language, kind, code)

    def go(self, where: str, note: str = "", *, count: int = 0, undo: str = "", made: str = "") -> Response:
        """Send the browser on to one of our own pages, with something to say there.

        Args:
            where: the page.
            note: what is said there; a code of `words`.
            count: how many it was done to.
            undo: under which id it can be undone.
            made: the id of the new thing.
        """
        if self.program:
            return Done(note, count, undo, made)
        response = RedirectResponse(local_path(where), 303)
        if note:
            self.put_cookie(response, NOTE_COOKIE, f"{note}.{count}.{undo}", 60)
        return response

    def put_cookie(self, response: Response, name: str, value: str, seconds: int | None = None) -> None:
        """Set a cookie that scripts cannot read and other sites cannot send."""
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path="/",
            secure=self.request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )

    def leave(self, where: str, remembered: str) -> Response:
        """Send the browser to another site that will send it back; what is remembered is sealed in a cookie.

        The cookie is lax, not strict: it must come along when the other site leads back here.
        """
        response = RedirectResponse(where, 303)
        sealed = self.seal.close(remembered, self.house.clock())
        secure = self.request.url.scheme == "https"
        response.set_cookie(
            AWAY_COOKIE, sealed, max_age=AWAY_S, path="/login", secure=secure, httponly=True, samesite="lax"
        )
        return response

    def returned(self) -> str | None:
        """What was remembered when the browser left; None when it is too old or from elsewhere."""
        sealed = self.request.cookies.get(AWAY_COOKIE, "")
        return self.seal.open(sealed, self.house.clock(), timedelta(seconds=AWAY_S)) if sealed else None

    def drop_cookie(self, response: Response, name: str) -> None:
        """Take a cookie back."""
        response.delete_cookie(name, path="/", httponly=True, samesite="strict")

    def put_session(self, response: Response, token: str) -> None:
        """Log the browser in."""
        self.put_cookie(response, COOKIE, token, int(LIFE.total_seconds()))

    def can(self, permission: Permission) -> bool:
        """Tell whether the visitor has a permission."""
        return self.user is not None and may(self.user.role, permission)

    def missing(self) -> HTTPException:
        """There is no such thing, or it is not this person's: the two look alike."""
        return HTTPException(404)

    def _csrf(self) -> str:
        if self.session is not None:
            return mask_csrf(self.session.csrf)
        before = self.request.cookies.get(BEFORE_COOKIE, "")
        return _before_token(before) if before else ""

    def _note(self) -> dict[str, Any] | None:
        code, _, rest = self.request.cookies.get(NOTE_COOKIE, "").partition(".")
        count, _, undo = rest.partition(".")
        if code not in codes.WORDS["note"]:
            return None
        number = int(count) if re.fullmatch(r"[0-9]{1,8}", count) else 0
        text = words.say(self.language, "note", code)
        bad = code in BAD_NOTES
        return {
            "text": text % {"count": show.number(number, self.language)},
            "undo": undo if re.fullmatch(r"[0-9a-f]{1,64}", undo) else "",
            "bad": bad,
        }


BAD_NOTES = {
    "login_failed", "wait", "code_wrong", "password_length", "password_wrong", "passwords_differ",
    "user_name", "user_taken", "agency_missing", "last_admin", "undo_gone", "nothing_chosen",
    "reason_missing", "suppression_wrong", "not_allowed", "conflict", "approve_other", "approve_gone",
    "refused",
    "view_nameless", "upload_missing", "upload_large", "upload_type", "upload_bomb", "upload_many",
    "factor_wrong", "factor_stale", "factor_needed", "passkey_wrong", "oidc_refused", "oidc_failed",
    "rule_unsound", "rule_long", "invite_gone", "proof_missing", "too_soon", "recheck_bad", "recheck_away",
    "version_gone", "blocks_many",
    "allowance_wrong", "packets_gone", "run_refused", "ticket_unknown",
    "hunt_wrong", "hunts_full", "window_wrong", "care_wrong",
    "advisory_unreadable", "advisory_not_yet", "advisory_versions", "advisory_word",
}  # fmt: skip

Handler = Callable[[Visit], Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One route: what may be asked, how, and by whom."""

    path: str
    handler: Handler
    name: str
    method: str = "GET"
    needs: Permission | None = None
    """None: everybody, also who is not logged in."""
    api: bool = False
    """Asked by programs: a token in the Authorization header, no cookie, JSON in and out."""
    takes: int = 0
    """Bytes that a file may have which comes with the form (0: none is taken), or the JSON of a program."""

    def route(self) -> Route:
        """As Starlette wants it."""
        way = self

        async def endpoint(request: Request) -> Response:
            return await enter(request, way)

        return Route(
            self.path, endpoint, methods=[self.method], name=self.name, max_body_size=MOST_BODY + self.takes
        )


async def enter(request: Request, way: Way) -> Response:
    """Let one request through to its handler, or refuse it."""
    if way.api:
        return await anyio.to_thread.run_sync(_serve_api, request, way, await _read_json(request, way.takes))
    form, upload = await _read_form(request, way.takes) if way.method == "POST" else ({}, None)
    return await anyio.to_thread.run_sync(_serve, request, way, form, upload)


def _serve(request: Request, way: Way, form: Mapping[str, list[str]], upload: Upload | None) -> Response:
    visit = replace(_visit(request, form), upload=upload)
    try:
        refused = _refuse(visit, way)
        return way.handler(visit) if refused is None else refused
    except StoreUnreachable as error:
        return visit.page("error.html", 503, code=503, detail=str(error))
    except Conflict as error:
        return visit.page("error.html", 409, code=409, detail=str(error))
    except StoreError as error:  # a cursor or a query that the store refuses
        return visit.page("error.html", 400, code=400, detail=str(error))
    except HTTPException as error:
        return visit.page("error.html", error.status_code, code=error.status_code, detail="")


def _serve_api(request: Request, way: Way, body: Mapping[str, Any] | None) -> Response:
    house: HouseView = request.app.state.house
    throttle: Throttle = request.app.state.throttle
    visit = Visit(request, house, throttle, request.scope["citywatch.nonce"], body=body or {})
    try:
        if way.needs is not None:
            visit = replace(visit, user=_token_user(visit, way, way.needs))
        if body is None:
            return JSONResponse(
                {"error": "the body must be one JSON object, and not larger than this route takes"}, 400
            )
        return way.handler(visit)
    except StoreUnreachable as error:
        return JSONResponse({"error": str(error)}, 503)
    except StoreError as error:
        return JSONResponse({"error": str(error)}, 409 if isinstance(error, Conflict) else 400)
    except HTTPException as error:
        return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


def _token_user(visit: Visit, way: Way, needs: Permission) -> User:
    """Whose token is this? Wrong ones are counted like wrong passwords."""
    wait = visit.throttle.wait_s(visit.address, "\0token")
    if wait:
        raise HTTPException(429, "too many wrong tokens", headers={"retry-after": str(wait)})
    scheme, _, token = visit.request.headers.get("authorization", "").partition(" ")
    user = find_token(visit.house.store, visit.house.clock, token, writes=way.method != "GET")
    if scheme.lower() != "bearer" or user is None:
        if token:
            visit.throttle.failed(visit.address, "\0token")
        raise HTTPException(401, "a token is needed", headers={"www-authenticate": "Bearer"})
    if not may(user.role, needs):
        raise visit.missing()
    return user


async def _read_json(request: Request, takes: int) -> dict[str, Any] | None:
    if request.method == "GET":
        return {}
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > max(takes, _MOST_JSON):
            return None
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except msgspec.MsgspecError:
        return None


def _visit(request: Request, form: Mapping[str, list[str]]) -> Visit:
    house: HouseView = request.app.state.house
    throttle: Throttle = request.app.state.throttle
    nonce: str = request.scope["citywatch.nonce"]
    token = request.cookies.get(COOKIE, "")
    try:
        found = find_session(house.store, house.clock, token) if token else None
    except StoreUnreachable:
        found = None
    user, session = found or (None, None)
    return Visit(request, house, throttle, nonce, user, session, form)


def _refuse(visit: Visit, way: Way) -> Response | None:
    if way.method != "GET" and not _same_site(visit.request):
        return visit.page("error.html", 403, code=403, detail="")
    if way.needs is not None:
        if visit.user is None:
            return _to_login(visit)
        if not may(visit.user.role, way.needs):
            # what a role may not have is not there for it
            return visit.page("error.html", 404, code=404, detail="")
    refused = None if way.method == "GET" else _refuse_form(visit)
    if refused is None and way.needs is not None and visit.must_add_factor:
        return None if way.path.startswith("/me/factor") else visit.go("/me/factor", "factor_needed")
    return refused


def _refuse_form(visit: Visit) -> Response | None:
    given = visit.request.headers.get("x-csrf-token") or visit.given("csrf")
    if visit.session is not None:
        good = csrf_fits(visit.session.csrf, given)
    else:
        before = visit.request.cookies.get(BEFORE_COOKIE, "")
        good = bool(before) and hmac.compare_digest(given.encode(), _before_token(before).encode())
    return None if good else visit.page("error.html", 403, code=403, detail="")


def _same_site(request: Request) -> bool:
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


def _to_login(visit: Visit) -> Response:
    if visit.request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"hx-redirect": "/login"})
    wanted = visit.whole_path
    back = wanted if visit.request.method == "GET" and wanted != "/" else ""
    return RedirectResponse(show.link("/login", next=back), 303)


def before_cookie(visit: Visit) -> str:
    """The value that ties a form to a browser that is not logged in."""
    return visit.request.cookies.get(BEFORE_COOKIE) or secrets.token_urlsafe(24)


def before_token(value: str) -> str:
    """What stands in the form for that value."""
    return _before_token(value)


def _before_token(value: str) -> str:
    return sha256(b"before login\0" + value.encode()).hexdigest()


def local_path(wanted: str) -> str:
    r"""The path if it leads to this site, else the front page.

    >>> local_path("/alerts?q=a"), local_path("//evil.example"), local_path("https://evil.example/")
    ('/alerts?q=a', '/', '/')
    >>> local_path("/\\evil.example"), local_path("/a\r\nSet-Cookie: x")
    ('/', '/')
    """
    parts = urlsplit(wanted)
    plain = not any(letter == "\\" or not letter.isprintable() for letter in wanted)
    inside = wanted.startswith("/") and not wanted.startswith("//") and not parts.scheme and not parts.netloc
    return wanted if plain and inside else "/"


async def _read_form(request: Request, takes: int) -> tuple[dict[str, list[str]], Upload | None]:
    kind = request.headers.get("content-type", "")
    if not kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
        return {}, None
    files = 1 if takes else 0
    values: dict[str, list[str]] = {}
    upload: Upload | None = None
    async with request.form(max_files=files, max_fields=_MOST_FIELDS, max_part_size=64 * 1024) as form:
        for name, value in form.multi_items():
            if isinstance(value, str):
                values.setdefault(name, []).append(value)
            elif value.filename:
                upload = Upload(name=value.filename[:200], raw=await value.read(takes + 1))
    return values, upload
