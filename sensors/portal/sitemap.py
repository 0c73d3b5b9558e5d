"""Which pages does a portal's own site map name? (sitemaps.org, protocol 0.9)

Read with a pattern instead of an XML parser: nothing is expanded, a map that is broken in the middle still
gives what stands before, and the size is bounded by the fetch.
"""

from __future__ import annotations

import gzip
import re
import zlib
from html import unescape

_LOCATION = re.compile(
    rb"<(url|sitemap)\b[^>]{0,200}>[^<]{0,200}<loc>\s*(?:<!\[CDATA\[)?\s*([^\s<>\]]{8,2000})", re.IGNORECASE
)
_CHANGED = re.compile(rb"<lastmod>\s*([0-9T:+Z.-]{4,40})", re.IGNORECASE)
_MOST = 5_000
_MOST_BYTES = 10_000_000
_GZIP = b"\x1f\x8b"


def read_sitemap(body: bytes) -> tuple[list[str], list[str]]:
    """Pages, newest first where the map says when they changed, and further maps. Never raises.

    >>> read_sitemap(b"<urlset><url><loc>https://a.example/x</loc></url></urlset>")
    (['https://a.example/x'], [])
    """
    text = _opened(body)
    pages: list[tuple[str, str]] = []
    maps: list[str] = []
    for found in _LOCATION.finditer(text):
        place = unescape(found.group(2).decode("utf-8", "replace"))
        if found.group(1).lower() == b"sitemap":
            maps.append(place)
        else:
            changed = _CHANGED.search(text, found.end(), found.end() + 300)
            pages.append((changed.group(1).decode("ascii") if changed else "", place))
        if len(pages) + len(maps) >= _MOST:
            break
    pages.sort(key=lambda item: item[0], reverse=True)
    return [place for _, place in pages], maps


def _opened(body: bytes) -> bytes:
    if not body.startswith(_GZIP):
        return body
    try:
        return zlib.decompressobj(31).decompress(body, _MOST_BYTES)
    except (zlib.error, gzip.BadGzipFile):
        return b""
