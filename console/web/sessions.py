"""Which browser belongs to whom?

The cookie holds a random token; the store holds only its hash. A session ends by logging out, after eight
idle hours, after seven days, or when its account's epoch moves on.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256

from citywatch.clock import Clock, parse_stamp, stamp
from citywatch.errors import Conflict
from citywatch.model import from_doc, to_doc
from citywatch.ports import All, Is, Query, Store
from console.web.accounts import User

IDLE = timedelta(hours=8)
LIFE = timedelta(days=7)
_TOUCH = timedelta(minutes=5)
_MASK = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One browser that is logged in."""

    id: str
    user: str
    csrf: str
    epoch: int
    created_at: str
    seen_at: str
    agent: str = ""


def session_id(token: str) -> str:
    """The id under which a cookie's session is stored."""
    return sha256(token.encode("utf-8", "replace")).hexdigest()


def open_session(store: Store, clock: Clock, user: User, agent: str) -> tuple[str, Session]:
    """Begin a session; gives the token for the cookie. Nothing of an older session is taken over."""
    token = secrets.token_urlsafe(32)
    now = stamp(clock())
    session = Session(
        id=session_id(token),
        user=user.id,
        csrf=secrets.token_hex(_MASK),
        epoch=user.epoch,
        created_at=now,
        seen_at=now,
        agent=agent[:200],
    )
    store.put_if("session", session.id, to_doc(session), 0)
    return token, session


def find_session(store: Store, clock: Clock, token: str) -> tuple[User, Session] | None:
    """Whose cookie is this? None when it is nobody's, has ended, or the account was switched off."""
    record = store.get("session", session_id(token))
    if record is None:
        return None
    session = from_doc(record.doc, Session)
    now = clock()
    idle = now - parse_stamp(session.seen_at)
    if idle > IDLE or now - parse_stamp(session.created_at) > LIFE:
        store.delete("session", session.id)
        return None
    owner = store.get("user", session.user)
    user = from_doc(owner.doc, User) if owner else None
    if user is None or not user.active or user.epoch != session.epoch:
        return None
    if idle > _TOUCH:
        session = replace(session, seen_at=stamp(now))
        try:
            store.put_if("session", session.id, to_doc(session), record.version)
        except Conflict:
            return user, session  # another request of the same browser touched it
    return user, session


def sessions_of(store: Store, user: str) -> list[Session]:
    """The open sessions of an account, newest first."""
    page = store.find("session", Query(where=Is("user", user), order="seen_at", limit=50))
    return [from_doc(record.doc, Session) for record in page.records]


# -- tokens of programs ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a program shows in place of a password. Only its hash is kept."""

    id: str
    purpose: str = "api"
    user: str
    name: str
    scope: str = "read"
    """read or write."""
    epoch: int = 0
    created_at: str
    expires_at: str


def new_token(store: Store, clock: Clock, user: User, name: str, *, scope: str, days: int) -> str:
    """Make a token; it is shown once."""
    secret = "cw_" + secrets.token_urlsafe(32)
    token = Token(
        id="api-" + session_id(secret),
        user=user.id,
        name=name[:100],
        scope=scope,
        epoch=user.epoch,
        created_at=stamp(clock()),
        expires_at=stamp(clock() + timedelta(days=days)),
    )
    store.put_if("token", token.id, to_doc(token), 0)
    return secret


def find_token(store: Store, clock: Clock, secret: str, *, writes: bool) -> User | None:
    """Whose token is this, if it still holds and may do that?"""
    record = store.get("token", "api-" + session_id(secret)) if secret else None
    if record is None or record.doc.get("purpose") != "api":
        return None
    token = from_doc(record.doc, Token)
    if token.expires_at <= stamp(clock()) or (writes and token.scope != "write"):
        return None
    owner = store.get("user", token.user)
    user = from_doc(owner.doc, User) if owner else None
    return user if user is not None and user.active and user.epoch == token.epoch else None


def tokens_of(store: Store, user: str) -> list[Token]:
    """The tokens of an account, newest first."""
    where = All((Is("user", user), Is("purpose", "api")))
    page = store.find("token", Query(where=where, order="created_at", limit=50))
    return [from_doc(record.doc, Token) for record in page.records]


def mask_csrf(secret: str) -> str:
    """Write the session's secret so that no two pages hold the same text (compression would leak it)."""
    mask = secrets.token_bytes(_MASK)
    raw = bytes.fromhex(secret)
    return (mask + bytes(a ^ b for a, b in zip(mask, raw, strict=True))).hex()


def csrf_fits(secret: str, given: str) -> bool:
    """Tell whether a form came from a page of this session.

    >>> csrf_fits("ab" * 32, mask_csrf("ab" * 32)), csrf_fits("ab" * 32, "ab" * 64), csrf_fits("ab" * 32, "x")
    (True, False, False)
    """
    try:
        raw = bytes.fromhex(given)
    except ValueError:
        return False
    if len(raw) != 2 * _MASK:
        return False
    plain = bytes(a ^ b for a, b in zip(raw[:_MASK], raw[_MASK:], strict=True))
    return hmac.compare_digest(plain, bytes.fromhex(secret))
