"""Which inner pages of a portal are worth a look on this visit?

Those that the agency named, then pages that came newly into the home page's links or the site map (spam is
put on new pages), then the others in turn; within a budget.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from urllib.parse import urlsplit

from sensors.portal.page import Page, absolute

_NO_PAGE = frozenset(
    {"pdf", "doc", "docx", "xls", "xlsx", "ppt", "zip", "rar", "jpg", "jpeg", "png", "gif", "svg", "mp4"}
    | {"mp3", "css", "js", "xml", "ico", "webp", "rss", "7z", "exe", "apk"}
)
MOST_LINKS = 150
"""So many inner pages are remembered of a portal."""


def linked_pages(page: Page, front: str) -> tuple[str, ...]:
    """Absolute URLs of pages of the same host that a page links, in its order, without itself."""
    host = urlsplit(front).netloc
    urls = (link.url.partition("#")[0] for link in page.links if not link.domain)
    return _own(urls, front, host)[:MOST_LINKS]


def mapped_pages(urls: Iterable[str], front: str) -> tuple[str, ...]:
    """Those of a site map's URLs that are pages of the same host."""
    return _own(urls, front, urlsplit(front).netloc)


def _own(urls: Iterable[str], front: str, host: str) -> tuple[str, ...]:
    bare = front.rstrip("/")
    return tuple(url for url in dict.fromkeys(urls) if url.rstrip("/") != bare and _is_page(url, host))


def path_of(url: str) -> str:
    """Path and query of a URL: what a page is called in a baseline."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "/"
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def choose(
    named: Iterable[str],
    found: Sequence[str],
    known: Collection[str],
    *,
    turn: int,
    budget: int,
    may: Callable[[str], bool],
) -> list[str]:
    """Absolute URLs of inner pages to look at, most telling first, at most `budget`.

    Args:
        named: the agency's own choice, whatever robots.txt says.
        found: what links and site maps give now.
        known: what they gave before; empty when nothing is known.
        turn: number of the visit: the others take turns.
        budget: at most so many.
        may: whether a page may be crawled.
    """
    fresh = [url for url in found if url not in known] if known else []
    ordered = [*fresh, *_in_turn(found, turn * budget)]
    chosen = dict.fromkeys(named)
    for url in ordered:
        if len(chosen) >= budget:
            break
        if url not in chosen and may(url):
            chosen[url] = None
    return list(chosen)[:budget]


def named_pages(portal_url: str, paths: Iterable[str]) -> list[str]:
    """The inner pages that an agency named."""
    return [absolute(portal_url, path) for path in paths]


def _is_page(url: str, host: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    name = parts.path.rpartition("/")[2]
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    return parts.scheme in {"http", "https"} and parts.netloc == host and ending not in _NO_PAGE


def _in_turn(urls: Sequence[str], start: int) -> list[str]:
    """Start elsewhere on each visit, so that all pages get their turn."""
    at = start % len(urls) if urls else 0
    return [*urls[at:], *urls[:at]]
