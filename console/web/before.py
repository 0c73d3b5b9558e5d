"""What did a portal look like before the alert, and what is different now?

The event of an alert names what was kept of the page: its text, a picture. The newest earlier event of the
same page in the same view that was not itself a change names what it was before. Pictures are known by their
first bytes; only then are they shown as pictures.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from citywatch.clock import parse_stamp, stamp
from citywatch.model import Alert, Event
from citywatch.ports import Is, Query
from console.web.accounts import write_audit
from console.web.desk import Desk
from console.web.door import Visit, Way
from console.web.proofs import proofs_of

_LOOKED_BACK = 200
_FIRST_LOOKS = 60
_MOST_BYTES = 400_000
_MOST_LINES = 1_500
_LONGEST_LINE = 400
_CONTEXT = 3
_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
)


def picture_type(raw: bytes) -> str:
    r"""The media type of a picture by its first bytes; empty for anything else.

    >>> picture_type(b"RIFF\x00\x00\x00\x00WEBPVP8 "), picture_type(b"<svg>")
    ('image/webp', '')
    """
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for head, kind in _PICTURES if raw.startswith(head)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """Evidence of before and of now, by hash; empty where nothing was kept."""

    at: str = ""
    event_id: str = ""
    picture: str = ""
    picture_now: str = ""
    page: str = ""
    page_now: str = ""
    difference: str = ""
    """A picture of what differs."""

    @property
    def has_pictures(self) -> bool:
        """Both pictures were kept."""
        return bool(self.picture and self.picture_now)

    @property
    def has_pages(self) -> bool:
        """Both texts were kept."""
        return bool(self.page and self.page_now)

    @property
    def hashes(self) -> frozenset[str]:
        """What belongs to the alert besides the evidence that its own event names."""
        return frozenset({self.picture, self.page} - {""})


def look_before(visit: Visit, alert: Alert) -> Before | None:
    """What the portal of an alert looked like before, or None when it is about no page."""
    event = alert.event
    portal, view = event.get("citywatch.portal.id"), event.get("citywatch.portal.view")
    if not portal or event.get("event.dataset") not in {"portal.page", "portal.picture"}:
        return None
    if not proofs_of(event):
        return None
    told = _told(event)
    if told is not None:
        return told
    now = _kinds(visit, event)
    earlier = _earlier(visit.desk, event, str(portal), str(view or "")) if any(now) else None
    if earlier is None:
        return None
    before = _kinds(visit, earlier)
    return Before(
        at=str(earlier["@timestamp"]),
        event_id=str(earlier["event.id"]),
        picture=before[0],
        picture_now=now[0],
        page=before[1],
        page_now=now[1],
    )


def _told(event: Event) -> Before | None:
    """The pictures of before and now where the event itself names both."""
    pictures = {proof.what: proof.sha256 for proof in proofs_of(event)}
    if not {"picture_before", "picture_after"} <= set(pictures):
        return None
    return Before(
        at=str(event.get("citywatch.portal.picture.before_at") or event["@timestamp"]),
        event_id=str(event["event.id"]),
        picture=pictures["picture_before"],
        picture_now=pictures["picture_after"],
        difference=pictures.get("picture_difference", ""),
    )


def look_last(desk: Desk, portal: str) -> Before | None:
    """The newest picture that was kept of a portal's home page."""
    where = Is("citywatch.portal.id", portal)
    for event in desk.events(Query(where=where, limit=_LOOKED_BACK, count_to=1)).events:
        pictures = {proof.what: proof.sha256 for proof in proofs_of(event)}
        if "picture_after" not in pictures:
            continue
        return Before(
            at=str(event["@timestamp"]), event_id=str(event["event.id"]), picture=pictures["picture_after"]
        )
    return None


def _earlier(desk: Desk, event: Event, portal: str, view: str) -> Event | None:
    """The newest earlier look at the same page that was quiet, else the oldest of those looked back to.

    What is quiet is not kept again and again: besides the newest looks the first ones are looked through.
    """
    where, end = Is("citywatch.portal.id", portal), stamp(parse_stamp(str(event["@timestamp"])))
    newest = Query(where=where, end=end, limit=_LOOKED_BACK, count_to=1)
    first = Query(where=where, end=end, limit=_FIRST_LOOKS, count_to=1, newest_first=False)
    looks = (*desk.events(newest).events, *reversed(desk.events(first).events))
    same = [
        one
        for one in looks
        if str(one.get("citywatch.portal.view", "")) == view
        and one.get("url.path") == event.get("url.path")
        and one.get("event.dataset") == event.get("event.dataset")
        and proofs_of(one)
        and one.get("citywatch.evidence.sha256") != event.get("citywatch.evidence.sha256")
    ]
    quiet = [one for one in same if not one.get("citywatch.portal.changed")]
    return quiet[0] if quiet else same[-1] if same else None


def _kinds(visit: Visit, event: Event) -> tuple[str, str]:
    """The hashes of the kept picture and of the kept page of an event."""
    picture = page = ""
    for name in [proof.sha256 for proof in proofs_of(event)][:8]:
        raw = visit.house.evidence.get(name)
        if raw is None:
            continue
        if picture_type(raw):
            picture = picture or name
        else:
            page = page or name
    return picture, page


# -- what is different -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One line of a difference: `same`, `gone`, `new` or `cut` (some lines that are the same)."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What is different between two texts."""

    pieces: tuple[Piece, ...]
    gone: int
    new: int
    whole: bool
    """Both texts were compared to their ends."""


def differ(before: bytes, now: bytes) -> Difference:
    """Compare two pages line by line; a tag begins a line, so that one long line is not one change.

    Bounded: so many bytes and lines of each, in a comparison that passes over lines that are everywhere.
    """
    old, old_whole = lines_of(before)
    new, new_whole = lines_of(now)
    pieces: list[Piece] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new).get_opcodes():
        if tag == "equal":
            pieces += _unchanged(old[a:b], first=a == 0, last=b == len(old))
        else:
            pieces += [Piece(kind="gone", text=line) for line in old[a:b]]
            pieces += [Piece(kind="new", text=line) for line in new[c:d]]
    return Difference(
        pieces=tuple(pieces),
        gone=sum(piece.kind == "gone" for piece in pieces),
        new=sum(piece.kind == "new" for piece in pieces),
        whole=old_whole and new_whole,
    )


def lines_of(raw: bytes) -> tuple[list[str], bool]:
    """A page as lines, and whether that is all of it.

    >>> lines_of(b"<p>a</p><p>b</p>")
    (['<p>a</p>', '<p>b</p>'], True)
    """
    text = raw[:_MOST_BYTES].decode("utf-8", "replace")
    broken = re.sub(r"(?<=>)\s*(?=<(?!/))", "\n", text)
    lines = [line.strip()[:_LONGEST_LINE] for line in broken.splitlines() if line.strip()]
    return lines[:_MOST_LINES], len(raw) <= _MOST_BYTES and len(lines) <= _MOST_LINES


def _unchanged(lines: Sequence[str], *, first: bool, last: bool) -> list[Piece]:
    """Lines that are the same: a few around each change."""
    head = 0 if first else _CONTEXT
    tail = 0 if last else _CONTEXT
    if len(lines) <= head + tail + 1:
        return [Piece(kind="same", text=line) for line in lines]
    left = len(lines) - head - tail
    kept = [Piece(kind="same", text=line) for line in lines[:head]]
    kept.append(Piece(kind="cut", text=str(left)))
    return kept + [Piece(kind="same", text=line) for line in lines[len(lines) - tail :]]


def show_difference(visit: Visit) -> Response:
    """The kept page of an alert beside what it was before."""
    alert = visit.desk.alert(visit.path("id"))
    before = look_before(visit, alert) if alert is not None else None
    if alert is None or before is None or not before.has_pages:
        raise visit.missing()
    old, new = (visit.house.evidence.get(name) for name in (before.page, before.page_now))
    write_audit(
        visit.house.store, visit.house.clock, visit.who.id, "evidence_read", f"{visit.request.url.path} "
        f"{before.page} {before.page_now}",
    )  # fmt: skip
    title = alert.title_vi or alert.title if visit.language == "vi" else alert.title
    return visit.page(
        "difference.html",
        alert=alert,
        title=title,
        before=before,
        found=differ(old or b"", new or b""),
    )


WAYS = (Way(path="/alerts/{id}/difference", handler=show_difference, name="alert_difference", needs="see"),)
