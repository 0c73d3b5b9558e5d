"""What would accepting a portal's present face change, kept so that people can look at it first?

A look costs seconds and asks a stranger's server, so it is done on request and its outcome is a record of
kind `face_preview`, one a portal: what differs page by page, the pictures by hash, and the blocks of the home
page among which people choose those that do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from citywatch.clock import stamp
from citywatch.model import from_doc, to_doc
from console.registry import portal_of
from console.versions import Difference
from sensors.portal.page import Block
from sensors.portal.view import DESKTOP
from sensors.portal.walk import parse_page

if TYPE_CHECKING:
    from citywatch.ports import Store
    from console.house import House

KIND = "face_preview"
PICTURES = ("picture_before", "picture_after", "picture_difference")
"""What a picture is kept as."""
_BLOCKS = 300
_TEXT = 160
_LARGEST = 2 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place of a page and what stands there."""

    place: str
    """Tags, ids and classes of the last steps to it: `div.news>ul>li`."""
    text: str
    count: int = 1
    """How many blocks of text stand in this place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a look at a portal showed. Its id is the portal's."""

    id: str
    at: str
    by: str
    differences: tuple[Difference, ...] = ()
    spots: tuple[Spot, ...] = ()
    """The places of the home page, in the order in which one reads them."""

    @property
    def pictures(self) -> dict[str, str]:
        """The pictures of before, now and what differs, to their hashes; empty where none was taken."""
        held = {name: sha for item in self.differences for name, sha in item.evidence.items()}
        return {name: held[name] for name in PICTURES if name in held}


def take(house: House, portal_id: str, by: str) -> Preview:
    """Look now, and keep what accepting would change. The face stays as it is.

    Raises:
        CityWatchError: the portal does not answer with a page.
    """
    from console.portals import preview

    found = preview(house, portal_id)
    taken = Preview(
        id=portal_id,
        at=stamp(house.clock()),
        by=by,
        differences=tuple(found),
        spots=_spots(house, portal_id, found),
    )
    house.store.put_many(KIND, {portal_id: to_doc(taken)})
    return taken


def read(store: Store, portal_id: str) -> Preview | None:
    """The last look at a portal."""
    record = store.get(KIND, portal_id)
    return from_doc(record.doc, Preview) if record is not None else None


def forget(store: Store, portal_id: str) -> None:
    """What was to be accepted is accepted."""
    store.delete(KIND, portal_id)


def spots_of(blocks: Sequence[Block]) -> tuple[Spot, ...]:
    """The visible places of a page, each once, with the first text that stands there.

    >>> two = [Block(place="ul>li", text="Tin 1", key="a"), Block(place="ul>li", text="Tin 2", key="b")]
    >>> spots_of(two)
    (Spot(place='ul>li', text='Tin 1', count=2),)
    """
    seen: dict[str, Spot] = {}
    for block in blocks:
        if block.hidden or not block.text.strip():
            continue
        held = seen.get(block.place)
        if held is None and len(seen) >= _BLOCKS:
            continue
        text = held.text if held is not None else block.text[:_TEXT]
        seen[block.place] = Spot(place=block.place, text=text, count=held.count + 1 if held else 1)
    return tuple(seen.values())


def _spots(house: House, portal_id: str, found: Sequence[Difference]) -> tuple[Spot, ...]:
    """The places of the home page: as it is now, else as it was when its face was learned."""
    path = urlsplit(portal_of(house, portal_id).url).path or "/"
    now = [item.evidence["page"] for item in found if item.page == path and "page" in item.evidence]
    body = now[0] if now else _learned(house, portal_id, path)
    raw = house.evidence.get(body) if body else None
    return spots_of(parse_page(raw[:_LARGEST], "https://portal.invalid/").blocks) if raw else ()


def _learned(house: House, portal_id: str, path: str) -> str:
    from console.faces import from_record

    record = house.store.get("baseline", portal_id)
    face = from_record(record.doc).face(path, DESKTOP.name) if record is not None else None
    return face.body if face is not None else ""
