"""Which words does a script, or a picture within the page, put before a reader?

Only of scripts that write to the page, its title or a box: their literals, without tags, also those packed as
base64 or as percent signs.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator
from urllib.parse import unquote

_WRITES = re.compile(
    r"document\s*\.\s*(?:write|title)|innerHTML|outerHTML|innerText|textContent|insertAdjacent|\balert\s*\(|"
    r"\.append\(|createTextNode"
)
_LITERAL = re.compile(r"\"([^\"\n]{5,2000})\"|'([^'\n]{5,2000})'|`([^`]{5,2000})`")
_PACKED = re.compile(r"[A-Za-z0-9+/]{16,4000}={0,2}")
_TAG = re.compile(r"<[^<>]{0,500}>")
_CODE = re.compile(r"[{}=;<>\\|&$#]|\w\.\w+\(|https?:|^[\w./-]+$")
_MOST, _SCRIPT, _LINE = 12, 20_000, 300
_PICTURE = re.compile(r"(?i)data:image/svg\+xml[^,]{0,40},")


def words_written(script: str) -> Iterator[str]:
    """What a script writes for people to read.

    >>> list(words_written("document.title = 'We own this page'"))
    ['We own this page']
    >>> list(words_written("document.write(atob('PGgxPldlIGFyZSBoZXJlPC9oMT4='))"))
    ['We are here']
    >>> list(words_written("var label = 'We own this page'"))
    []
    """
    if not _WRITES.search(script[:_SCRIPT]):
        return
    for number, found in enumerate(_LITERAL.finditer(script[:_SCRIPT])):
        if number >= _MOST:
            return
        yield from _readable(next(filter(None, found.groups())))


def words_drawn(url: str) -> Iterator[str]:
    """The words of a drawing that stands in its own address.

    >>> list(words_drawn("data:image/svg+xml,%3Csvg%3E%3Ctext%3EGone%20fishing%3C/text%3E%3C/svg%3E"))
    ['Gone fishing']
    """
    found = _PICTURE.match(url)
    if found is None:
        return
    packed = url[found.end() : found.end() + 6_000]
    text = unpacked(packed) if "base64" in found.group(0).lower() else unquote(packed, errors="replace")
    yield from _lines(text)


def unpacked(packed: str) -> str:
    """Base64 as text, or nothing when it is none."""
    try:
        text = b64decode(packed[: len(packed) // 4 * 4], validate=False).decode("utf-8", "replace")
    except (Error, ValueError):
        return ""
    return text if text.isprintable() or "<" in text else ""


def _readable(literal: str) -> Iterator[str]:
    if _PACKED.fullmatch(literal):
        literal = unpacked(literal)
    elif "%" in literal:
        literal = unquote(literal, errors="replace")
    yield from _lines(literal)


def _lines(text: str) -> Iterator[str]:
    for part in _TAG.split(text):
        line = " ".join(part.split())[:_LINE]
        if len(line) > 4 and " " in line and not _CODE.search(line):  # noqa: PLR2004 - shorter says nothing
            yield line
