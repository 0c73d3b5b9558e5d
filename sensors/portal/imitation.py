"""Does this page imitate one of the city's portals?

The page under a name that looks like a portal's is fetched under the same guard as any stranger's, and held
against the portal's own: title, text, favicon, pictures, a form that asks for a password.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from citywatch.model import Portal
from sensors.portal.fetch import Conversation, Fetched, Fetcher
from sensors.portal.lookalike import Likeness, shown_as
from sensors.portal.page import Page, absolute, registered_domain, steady
from sensors.portal.spelling import fold
from sensors.portal.walk import parse_page
from sensors.portal.witness import host_of, tidy, witness_event

_WEIGHTS: Final = {"title": 0.4, "text": 0.6, "favicon": 0.4, "pictures": 0.3, "scripts": 0.2, "picture": 0.6}
_TITLE_LIKE: Final = 0.7
_TEXT_LIKE: Final = 0.3
_PICTURE_LIKE: Final = 0.75
_SHORT: Final = 20
_FETCH_S: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """What of a page may be imitated."""

    title: frozenset[str]
    blocks: frozenset[str]
    images: frozenset[str]
    favicon: str = ""
    asks_secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Imitation:
    """What came of a look at one name."""

    domain: str
    resolves: bool
    likeness: float = 0.0
    signs: tuple[str, ...] = ()
    picture: float = 0.0
    """How much its first screen looks like the portal's, where a picture was taken."""
    url: str = ""
    """Where the page stands; empty when there is none, or the portal's own."""
    address: str = ""
    title: str = ""
    status: int = 0
    body: bytes = b""


async def face_at(talk: Conversation, url: str, headers: dict[str, str]) -> tuple[Fetched, Face | None]:
    """Fetch a page with its favicon."""
    fetched = await talk.fetch(url, headers, timeout_s=_FETCH_S)
    if not fetched.available:
        return fetched, None
    page = parse_page(fetched.body, fetched.final_url, fetched.header("Content-Type"))
    icon = await talk.fetch(
        absolute(fetched.final_url, "/favicon.ico"), headers, max_bytes=200_000, timeout_s=5
    )
    whole = icon.available and not icon.error and icon.body.lstrip()[:1] != b"<"
    return fetched, face_of(page, icon.body if whole else b"")


def face_of(page: Page, icon: bytes = b"") -> Face:
    """What of a page may be imitated."""
    shown = [block for block in page.blocks if not block.hidden and len(block.text) >= _SHORT]
    return Face(
        title=frozenset(fold(page.title).split()),
        blocks=frozenset(block.key for block in shown),
        images=frozenset(steady(image.url.rpartition("/")[2]) for image in page.images if image.url),
        favicon=sha256(icon).hexdigest() if icon else "",
        asks_secret=any(form.secret for form in page.forms),
    )


def compare(genuine: Face, other: Face) -> tuple[float, tuple[str, ...]]:
    """How much a page looks like the genuine one, 0 to 1, and by which signs."""
    signs: list[str] = []
    if genuine.title and _share(genuine.title & other.title, genuine.title | other.title) >= _TITLE_LIKE:
        signs.append("title")
    if other.blocks and _share(genuine.blocks & other.blocks, other.blocks) >= _TEXT_LIKE:
        signs.append("text")
    if genuine.favicon and genuine.favicon == other.favicon:
        signs.append("favicon")
    if len(genuine.images & other.images) >= 3:  # noqa: PLR2004 - one logo has the same name everywhere
        signs.append("pictures")
    left = 1.0
    for sign in signs:
        left *= 1.0 - _WEIGHTS[sign]
    if signs and other.asks_secret:
        signs.append("password_form")
        left *= 0.6
    return round(1.0 - left, 3), tuple(signs)


def seen_alike(seen: Imitation, share: float) -> Imitation:
    """The same, with what a picture of it says.

    >>> seen_alike(Imitation(domain="a.top", resolves=True), 0.9).likeness
    0.6
    """
    if share < _PICTURE_LIKE:
        return replace(seen, picture=share)
    likeness = round(1.0 - (1.0 - seen.likeness) * (1.0 - _WEIGHTS["picture"]), 3)
    return replace(seen, picture=share, likeness=likeness, signs=(*seen.signs, "picture"))


def _share(part: frozenset[str], whole: frozenset[str]) -> float:
    return len(part) / len(whole) if whole else 0.0


async def look(
    fetcher: Fetcher, domain: str, portal: Portal, genuine: Face, headers: dict[str, str]
) -> Imitation:
    """Look at one name. One that leads to the portal itself imitates nothing."""
    async with fetcher.open() as talk:
        for scheme in ("https", "http"):
            fetched, face = await face_at(talk, f"{scheme}://{domain}/", headers)
            if fetched.error == "dns":
                return Imitation(domain=domain, resolves=False)
            if face is not None:
                break
    own = registered_domain(host_of(portal.url))
    if registered_domain(host_of(fetched.final_url)) == own:
        return Imitation(
            domain=domain, resolves=True, signs=("leads_to_the_portal",), address=fetched.address
        )
    if face is None:
        return Imitation(domain=domain, resolves=True, address=fetched.address, status=fetched.status)
    likeness, signs = compare(genuine, face)
    title = parse_page(fetched.body, fetched.final_url, fetched.header("Content-Type")).title
    return Imitation(
        domain=domain,
        resolves=True,
        likeness=likeness,
        signs=signs,
        url=fetched.final_url,
        address=fetched.address,
        title=title,
        status=fetched.status,
        body=fetched.body,
    )


def imitation_event(
    portal: Portal, seen: Imitation, like: Likeness, *, at: datetime, kept: Mapping[str, str]
) -> dict[str, Any]:
    """A look at a name that resembles a portal's; `kept` is what it is of the evidence, to its hash."""
    event = witness_event(portal, "portal.lookalike", seen.domain, at=at)
    return tidy(
        event
        | {
            "event.outcome": "success" if seen.resolves else "failure",
            "url.domain": seen.domain,
            "url.full": f"https://{seen.domain}/",
            "destination.ip": seen.address,
            "citywatch.portal.page": "lookalike",
            "citywatch.portal.title": seen.title[:500],
            "citywatch.portal.lookalike.how": like.how,
            "citywatch.portal.lookalike.shown": shown_as(seen.domain),
            "citywatch.portal.lookalike.likeness": seen.likeness,
            "citywatch.portal.lookalike.signs": list(seen.signs),
            "citywatch.portal.lookalike.picture": seen.picture or "",
            "citywatch.evidence.sha256": list(kept.values()),
            "citywatch.evidence.what": list(kept),
        }
    )
