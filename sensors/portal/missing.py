"""Does a page say that it is not there, though its status says that it is (a soft 404)?

A host's own "not found" page is learned by asking for a path that nobody has; it is told again by its title
and blocks. Where none was learned, the words in the title or the first heading tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from sensors.portal.baseline import Face
from sensors.portal.look import Look
from sensors.portal.page import Page, key_of, steady
from sensors.portal.spelling import fold

_MOST = 300
_REPLACED = frozenset({"page.replaced", "title.replaced"})
_ALIKE = 0.9
_TITLE = "t:"
_SHORT = 120
_FIRST = 60
"""Blocks that are looked through for the words: menus stand before the heading."""
_WORDS = re.compile(
    r"^(?:(?:error|loi|http)? ?404\b|(?:page|file|url|resource|document|article)? ?(?:was |is )?not found\b"
    r"|(?:trang|duong dan|bai viet|noi dung|tai nguyen)(?: \w+){0,6} khong (?:ton tai|(?:duoc )?tim thay)"
    r"|khong tim thay (?:trang|duong dan|bai viet|noi dung|tai nguyen)\b"
    r"|(?:trang|bai viet|noi dung) (?:khong co|da bi xoa|da bi go)\b)"
    r"|(?:\b404\b.{0,20}\bnot found|\bpage not found|\bkhong tim thay trang)\b"
)


def mark_of(page: Page) -> tuple[str, ...]:
    """What tells a host's "not found" page again: its title and its blocks, each with its length."""
    shown = [f"{block.key} {len(block.text)}" for block in page.blocks if not block.hidden]
    return (f"{_TITLE}{key_of(page.title)}", *dict.fromkeys(shown))[:_MOST]


def is_like(mark: tuple[str, ...], page: Page) -> bool:
    """The page is the host's "not found" page; a path or number that it names does not count.

    Both ways: nine tenths of the text of each stand in the other, and the title is the same.
    """
    own = mark_of(page)
    if not mark or not own or mark[0] != own[0]:
        return False
    one, other = _sizes(mark), _sizes(own)
    shared = sum(size for key, size in one.items() if key in other)
    return bool(shared) and shared >= _ALIKE * max(sum(one.values()), sum(other.values()))


def _sizes(mark: Iterable[str]) -> dict[str, int]:
    pairs = (line.split(" ") for line in mark if not line.startswith(_TITLE))
    return {pair[0]: int(pair[1]) for pair in pairs}


def says_missing(page: Page) -> bool:
    """The title, or a short block of its own among the first, says that nothing is here."""
    first = (block for block in page.blocks[:_FIRST] if not block.hidden)
    heads = (block.text for block in first if _is_heading(block.place))
    texts = [page.title, *heads]
    return any(len(text) <= _SHORT and _WORDS.search(fold(text)) is not None for text in texts)


def told_missing(look: Look, face: Face | None, mark: tuple[str, ...]) -> Look:
    """The look, marked when its page says that it is not there; where there was a page before it is gone.

    A page that went is neither an attack nor learned: what was there is still known when it comes back. Who
    answers everything with one page (so an inner page always looked like that) has lost nothing.
    """
    page, inner = look.page, look.path != "/"
    if page is None:
        return look
    own = inner and is_like(mark, page)
    if not own and not says_missing(page):
        return look
    before = _mark_of_face(face) if face is not None else ()
    if face is None or not inner or is_like(before, page):
        return replace(look, soft_404=True)
    if not own and _shows_something_new(page, face):
        return replace(look, soft_404=True, gone=True, face=None)
    dangerous = tuple(name for name in look.dangerous if name not in _REPLACED)
    return replace(look, soft_404=True, gone=True, face=None, dangerous=dangerous)


def _shows_something_new(page: Page, face: Face) -> bool:
    """A picture or frame that was not there before: a defacer may write "404" over his own."""
    images = {key_of(image.url.partition("?")[0]) for image in page.images}
    frames = {steady(frame.url) for frame in page.frames}
    return not (images <= set(face.images) and frames <= set(face.frames))


def _mark_of_face(face: Face) -> tuple[str, ...]:
    title = face.titles[0] if face.titles else ""
    return (f"{_TITLE}{key_of(title)}", *(f"{key} {size}" for key, size in face.blocks.items()))[:_MOST]


def _is_heading(place: str) -> bool:
    return re.match(r"h[1-3](?:\.|$)", place.rpartition(">")[2]) is not None
