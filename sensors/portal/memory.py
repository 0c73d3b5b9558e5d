"""What did a portal show last time, so that the same need not be judged again?

A `Memory` is small and is kept apart from the baseline: most visits find nothing new, and then neither the
page is parsed nor the baseline read. A page is told again by its signature: a hash over the status, where it
came from, the headers that say something, and the body. A second, steady signature leaves out what changes
with every request (counters, dates, form tokens), so that such pages are known again too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2b

from citywatch.clock import parse_stamp
from sensors.portal.fetch import Fetched
from sensors.portal.habit import NO_HABIT, Habit

JUDGED_AGAIN = timedelta(hours=20)
"""Whatever a page looks like, it is judged in full once a night."""
FETCHED_AGAIN = timedelta(hours=4)
"""For so long a host is believed when it says that a page is as it was (304)."""
LEARNED = 3
"""So many visits the baseline takes in before anything is skipped."""
_NONCE = re.compile(rb"'nonce-[^']{1,200}'")
_FACES = 4
"""A rotating banner shows a few faces in turn."""
_MOST = 64
"""Pages and views that are remembered of one portal."""
_TELLING = frozenset(
    {
        "access-control-allow-origin",
        "content-disposition",
        "content-language",
        "content-security-policy",
        "content-type",
        "link",
        "location",
        "permissions-policy",
        "referrer-policy",
        "refresh",
        "server",
        "strict-transport-security",
        "x-aspnet-version",
        "x-content-type-options",
        "x-frame-options",
        "x-generator",
        "x-powered-by",
    }
)
_TOKEN = re.compile(
    rb"""["';?&](?:(?<=["'])(?:/wE)?(?=[A-Za-z+/=_-]{0,80}[0-9])[A-Za-z0-9+=_-][A-Za-z0-9+/=_-]{15,}["']"""
    rb"""|(?<=[;?&])(?:amp;)?"""
    rb"""(?:_|csrf\w{0,20}|jsessionid|nonce|p_auth|r|rand|rnd|s|sid|t|time|token|ts|v|ver)=[\w.%-]*"""
    rb"""|(?<=[?&])[0-9a-fA-F]{8,64}(?=["'&\s]))"""
)
"""What changes with every request: form tokens and state in quotes (ASP.NET's too), session ids and cache
busters in URLs. Quotes stand in neither class, so the search stays linear. It begins with one class of bytes,
as the next one does: such a search steps over all other bytes at once, in two fifths of the time."""
_KEPT = re.compile(rb"""[/0-9](?:(?<=/)/[^/"'\s<>?]{1,255}|(?<=[0-9])[0-9]{8,14})""")
"""Digits that count: of hosts (one more is another domain), of phone, identity, account numbers (a leak)."""
_DIGITS = b"0123456789"
_STEADY_MARKS: dict[bytes, bytes] = {}
"""Hashes of bodies that were just made steady: a cache, by hash, so that no body is held."""
_MOST_MARKS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One page in one view, as it was when it was last judged and found quiet."""

    signature: str
    steady: tuple[str, ...] = ()
    """Of the last few faces that were quiet."""
    judged_at: str = ""
    fetched_at: str = ""
    """When its body last came whole."""
    etag: str = ""
    modified: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is remembered of one portal."""

    baseline: int = 0
    """Version of the baseline that the pages were judged against."""
    learned: int = 0
    """How many visits that baseline had taken in."""
    visits: int = 0
    seen: Mapping[str, Seen] = field(default_factory=dict[str, Seen])
    """`view page` to what was seen."""
    links: tuple[str, ...] = ()
    """Inner pages that the home page linked, as they were when it was last judged."""
    certificate: str = ""
    """Hash of the certificate last shown, and what was wrong with it."""
    asked: Mapping[str, str] = field(default_factory=dict[str, str])
    """When each witness beside the pages was asked last."""
    habit: Habit = NO_HABIT
    """How fast the home page answers."""
    missing: tuple[str, ...] = ()
    """What tells the host's own "not found" page again; empty when its status says so."""
    troubles: tuple[str, ...] = ()
    """What was wrong on the last visit; empty when all was well."""
    since: str = ""
    """Since when that is so."""

    def of(self, view: str, path: str) -> Seen | None:
        """What was seen of a page in a view, once the baseline has learned enough to go by it."""
        return self.seen.get(f"{view} {path}") if self.learned >= LEARNED else None

    def with_seen(self, fresh: Mapping[str, Seen | None]) -> Memory:
        """Remember these pages; None forgets one."""
        merged: dict[str, Seen] = {key: item for key, item in self.seen.items() if key not in fresh}
        merged |= {key: item for key, item in fresh.items() if item is not None}
        return replace(self, seen=dict(list(merged.items())[-_MOST:]))


NOTHING = Memory()


def conditional(seen: Seen | None, now: datetime) -> dict[str, str]:
    """Headers that ask for the page only if it is another one; none when it shall come whole again."""
    if seen is None or not seen.fetched_at or now - parse_stamp(seen.fetched_at) > FETCHED_AGAIN:
        return {}
    asked = {"If-None-Match": seen.etag, "If-Modified-Since": "" if seen.etag else seen.modified}
    return {name: value for name, value in asked.items() if value}


def is_same(seen: Seen | None, fetched: Fetched, now: datetime) -> bool:
    """This answer is one that was judged before, not too long ago, and was quiet."""
    if seen is None or now - parse_stamp(seen.judged_at) > JUDGED_AGAIN:
        return False
    if fetched.unchanged:
        return True
    if not fetched.available or fetched.error:
        return False
    return seen.signature == signature(fetched) or steady_signature(fetched) in seen.steady


def refreshed(seen: Seen, fetched: Fetched, at: str) -> Seen:
    """The same, fetched once more."""
    if fetched.unchanged:
        return seen
    return replace(
        seen, fetched_at=at, etag=fetched.header("ETag")[:200], modified=fetched.header("Last-Modified")[:60]
    )


def judged(before: Seen | None, fetched: Fetched, at: str) -> Seen:
    """What is to be remembered of a page that was judged now and found quiet."""
    earlier = before.steady if before is not None else ()
    now = steady_signature(fetched)
    return Seen(
        signature=signature(fetched),
        steady=(now, *(item for item in earlier if item != now))[:_FACES],
        judged_at=at,
        fetched_at=at,
        etag=fetched.header("ETag")[:200],
        modified=fetched.header("Last-Modified")[:60],
    )


def signature(fetched: Fetched) -> str:
    """Hash of what came, to the byte."""
    return _hash(fetched, fetched.body)


def steady_signature(fetched: Fetched) -> str:
    """Hash of what came without what changes with every request.

    >>> one = Fetched(url="http://a/", final_url="http://a/", body=b"<p>Luot xem: 1.204</p>")
    >>> two = Fetched(url="http://a/", final_url="http://a/", body=b"<p>Luot xem: 1.377</p>")
    >>> signature(one) == signature(two), steady_signature(one) == steady_signature(two)
    (False, True)
    """
    return _hash(fetched, _steady_mark(fetched.body), steady=True)


def _steady_mark(body: bytes) -> bytes:
    """Hash of a body without what changes with every request; the views of a portal mostly bring the same."""
    mark = blake2b(body, digest_size=16).digest()
    held = _STEADY_MARKS.get(mark)
    if held is None:
        kept = b"\n".join(_KEPT.findall(bare := _TOKEN.sub(b"", body)))
        held = blake2b(bare.translate(None, _DIGITS) + b"\0" + kept, digest_size=16).digest()
        if len(_STEADY_MARKS) >= _MOST_MARKS:
            _STEADY_MARKS.clear()
        _STEADY_MARKS[mark] = held
    return held


def _hash(fetched: Fetched, body: bytes, *, steady: bool = False) -> str:
    said = [f"{fetched.status} {fetched.final_url} {len(fetched.redirects)}"]
    said += [f"{name}: {value}" for name, value in fetched.headers if name.lower() in _TELLING]
    head = "\0".join(said).encode("utf-8", "replace")
    if steady:
        head = _NONCE.sub(b"", head)
    return blake2b(head + b"\0\0" + body, digest_size=16).hexdigest()
