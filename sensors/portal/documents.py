"""Do files that a portal links to publish personal data?

A witness that reads PDF, DOCX, XLSX, CSV and text files linked from the pages that were seen: each once,
those that leaked again each time. They are read in a process with limits of memory and time. Only their hash
is kept, never what they hold.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from citywatch.detect.document_text import document_text
from citywatch.errors import InputError
from sensors.portal.encoding import decode_page
from sensors.portal.fetch import Fetched
from sensors.portal.leak import Leak, find_leak, is_cccd
from sensors.portal.page import domain_of
from sensors.portal.witness import Scene, Testimony, tidy, witness_event

_FILE: Final = re.compile(r"\.(?:pdf|docx|xlsx|csv|txt)(?:$|[?#])", re.IGNORECASE)
_LARGEST: Final = 12_000_000
_FETCH_S: Final = 20.0
_REMEMBERED: Final = 2_000
_SHORT: Final = re.compile(r"(?<![\d./,-])\d{10,11}(?![\d./,-])")
_TELLS: Final = 1
_LEAKS: Final = 5


@dataclass(slots=True)
class Documents:
    """The witness *document*.

    Args:
        most: files that one look at a portal reads.
        every_s: how long it rests between two looks at a portal.
    """

    most: int = 8
    every_s: float = 21_600
    name: str = "document"
    limit_s: float = 150.0

    async def ask(self, scene: Scene) -> Testimony:
        """Read the files that were not read yet, and again those that leaked."""
        seen = dict.fromkeys(str(one) for one in scene.known.get("seen") or ())
        leaking = [str(one) for one in scene.known.get("leaking") or ()]
        fresh = [url for url in dict.fromkeys(_links(scene)) if url not in seen and url not in leaking]
        events: list[dict[str, Any]] = []
        still: list[str] = []
        counts = {"read": 0, "unread": 0, "leaking": 0}
        for url in (*leaking, *fresh)[: self.most]:
            event, outcome = await _read(scene, url)
            counts["read" if outcome != "unread" else "unread"] += 1
            seen[url] = None
            if event is not None:
                events.append(event)
            if outcome == "leaks":
                still.append(url)
        counts["leaking"] = len(still)
        left = [url for url in leaking[self.most :] if url not in still]
        learned = {"seen": list(seen)[-_REMEMBERED:], "leaking": [*still, *left][:_REMEMBERED]}
        return Testimony(events=tuple(events), learned=learned, counts=counts)


def _links(scene: Scene) -> Iterator[str]:
    """Files of the portal's own domain that its pages link to."""
    own = {domain_of(scene.portal.url), domain_of(scene.home.fetched.final_url)}
    for look in scene.looks:
        for link in look.page.links if look.page is not None else ():
            if _FILE.search(link.url) and domain_of(link.url) in own:
                yield link.url.partition("#")[0]


async def _read(scene: Scene, url: str) -> tuple[dict[str, Any] | None, str]:
    fetched = await scene.talk.fetch(url, scene.headers, max_bytes=_LARGEST, timeout_s=_FETCH_S)
    if not fetched.available or fetched.error:
        return None, "unread"
    try:
        text = await asyncio.to_thread(text_of, fetched)
    except InputError as error:
        return _event(scene, fetched, Leak(), str(error.what)), "unread"
    leak = find_leak([text, *_padded(text)])
    if leak.count < _TELLS:
        return None, "clean"
    return _event(scene, fetched, leak, ""), "leaks" if leak.count >= _LEAKS else "clean"


def text_of(fetched: Fetched) -> str:
    """The text of a file, by its first bytes.

    Raises:
        InputError: it cannot be read within its limits.
    """
    body = fetched.body
    if body.lstrip()[:5] == b"%PDF-" or body[:4] == b"PK\x03\x04":
        return document_text(body, _name(fetched.final_url))
    if body.lstrip()[:1] == b"<" or b"\0" in body[:4000]:
        return ""  # a page in its place, or a kind that is not read
    return decode_page(body, fetched.header("Content-Type"))[0]


def _padded(text: str) -> Iterator[str]:
    """Citizens' numbers that a spreadsheet stored as numbers have lost their leading zeros."""
    for number in set(_SHORT.findall(text)):
        whole = number.zfill(12)
        if is_cccd(whole):
            yield whole


def _event(scene: Scene, fetched: Fetched, leak: Leak, problem: str) -> dict[str, Any]:
    event = witness_event(scene.portal, "portal.document", fetched.url, at=scene.now)
    held: Mapping[str, Any] = {
        "event.outcome": "failure" if problem else "success",
        "event.reason": problem[:300],
        "url.full": fetched.final_url[:2000],
        "url.domain": urlsplit(fetched.final_url).hostname or "",
        "file.name": _name(fetched.final_url),
        "file.size": len(fetched.body),
        "file.hash.sha256": sha256(fetched.body).hexdigest(),
        "citywatch.portal.page": "document",
        "citywatch.portal.leak.kinds": list(leak.kinds),
        "citywatch.portal.leak.count": leak.count or None,
        "citywatch.portal.leak.samples": list(leak.samples),
    }
    return tidy(event | dict(held))


def _name(url: str) -> str:
    return unquote(urlsplit(url).path).rpartition("/")[2][-200:] or "document"
