"""Which inner pages of a portal are worth a look on this visit?

Those that the agency named, then pages that the home page links now and did not before (spam is put on new
pages), then those that were known; within a budget.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from citywatch.model import Portal
from sensors.portal.baseline import Baseline
from sensors.portal.look import Look
from sensors.portal.page import absolute

_NO_PAGE = frozenset(
    {"pdf", "doc", "docx", "xls", "xlsx", "ppt", "zip", "rar", "jpg", "jpeg", "png", "gif", "svg", "mp4"}
    | {"mp3", "css", "js", "xml", "ico", "webp", "rss", "7z", "exe", "apk"}
)


def pages_of(home: Look, portal: Portal, baseline: Baseline, budget: int) -> list[str]:
    """Absolute URLs of inner pages, most telling first, at most `budget`."""
    host = urlsplit(home.fetched.final_url).netloc
    named = [absolute(portal.url, path) for path in portal.inner_pages]
    linked = [
        link.url.partition("#")[0] for link in (home.page.links if home.page else ()) if not link.domain
    ]
    known = {face.page for face in baseline.faces.values()}
    own = [url for url in linked if _is_page(url, host)]
    fresh = [url for url in own if _path(url) not in known]
    old = [url for url in own if _path(url) in known]
    ordered = [*named, *_spread(fresh, baseline.visits), *old]
    front = home.fetched.final_url.rstrip("/")
    return [url for url in dict.fromkeys(ordered) if url.rstrip("/") != front][:budget]


def _path(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _is_page(url: str, host: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    name = parts.path.rpartition("/")[2]
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    return parts.scheme in {"http", "https"} and parts.netloc == host and ending not in _NO_PAGE


def _spread(urls: list[str], visits: int) -> list[str]:
    """Start elsewhere on each visit, so that all pages get their turn."""
    unique = list(dict.fromkeys(urls))
    start = (visits * 3) % len(unique) if unique else 0
    return unique[start:] + unique[:start]
