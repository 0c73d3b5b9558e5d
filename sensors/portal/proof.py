"""Does whoever registered this portal control it?

Three ways, as search engines and certificate authorities ask for them: a TXT record, a file, or a tag on the
front page. A redirect to another host proves nothing: an open redirect on somebody's site would otherwise be
enough to claim it.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import dns.asyncresolver
import dns.exception
from selectolax.lexbor import LexborHTMLParser

from citywatch.settings import Fetch
from sensors.portal.fetch import Conversation, Fetched, Fetcher

RECORD: Final = "_citywatch"
FILE: Final = "/.well-known/citywatch-verification.txt"
TAG: Final = "citywatch-verification"
_MOST: Final = 512 * 1024
_MOST_RECORDS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was found. `way` is dns, file, tag, or empty when nothing proves it; `detail` is what was seen."""

    way: str = ""
    detail: str = ""


async def prove(
    url: str, token: str, settings: Fetch, *, resolver: dns.asyncresolver.Resolver | None = None
) -> Proof:
    """Look for a token at a portal, in each of the three ways.

    Args:
        url: the portal's address.
        token: what was handed to whoever registered it.
        settings: what a fetch may cost and where it may go.
        resolver: who is asked for the TXT record; the system's when None.
    """
    host = (urlsplit(url).hostname or "").lower()
    found, said = await _ask_dns(host, token, resolver or dns.asyncresolver.Resolver())
    if found:
        return Proof(way="dns", detail=said)
    told = [said]
    fetcher = Fetcher(settings)
    try:
        async with fetcher.open() as conversation:
            for way, look in (("file", _ask_file), ("tag", _ask_page)):
                found, said = await look(conversation, url, host, token, settings)
                if found:
                    return Proof(way=way, detail=said)
                told.append(said)
    finally:
        await fetcher.close()
    return Proof(detail="; ".join(told))


async def _ask_dns(host: str, token: str, resolver: dns.asyncresolver.Resolver) -> tuple[bool, str]:
    name = f"{RECORD}.{host}"
    try:
        answer = await resolver.resolve(name, "TXT", lifetime=5)
    except (dns.exception.DNSException, ValueError) as error:
        return False, f"TXT {name}: {type(error).__name__}"
    texts = [b"".join(record.strings).decode("utf-8", "replace") for record in list(answer)[:_MOST_RECORDS]]
    if any(_same(text.strip().removeprefix(f"{TAG}="), token) for text in texts):
        return True, f"TXT {name}"
    return False, f"TXT {name}: {len(texts)} records, none with the token"


async def _ask_file(
    conversation: Conversation, url: str, host: str, token: str, settings: Fetch
) -> tuple[bool, str]:
    parts = urlsplit(url)
    place = f"{parts.scheme}://{parts.netloc}{FILE}"
    seen = await conversation.fetch(place, {"user-agent": settings.user_agent}, max_bytes=4096)
    wrong = _wrong(seen, host)
    if wrong:
        return False, f"{place}: {wrong}"
    fits = _same(seen.body.decode("utf-8", "replace").strip(), token)
    return fits, place if fits else f"{place}: holds something else"


async def _ask_page(
    conversation: Conversation, url: str, host: str, token: str, settings: Fetch
) -> tuple[bool, str]:
    seen = await conversation.fetch(url, {"user-agent": settings.user_agent}, max_bytes=_MOST)
    wrong = _wrong(seen, host)
    if wrong:
        return False, f"{url}: {wrong}"
    head = LexborHTMLParser(seen.body).head
    tags = head.css(f'meta[name="{TAG}"]') if head is not None else []
    fits = any(_same((tag.attributes.get("content") or "").strip(), token) for tag in tags)
    return fits, f"{url}: <meta>" if fits else f"{url}: no tag with the token in its head"


def _wrong(seen: Fetched, host: str) -> str:
    if seen.error and seen.error != "too_large":
        return seen.error
    if seen.status != 200:  # noqa: PLR2004 - HTTP's OK
        return f"status {seen.status}"
    if (urlsplit(seen.final_url).hostname or "").lower() != host:
        return "leads to another host, which proves nothing"
    return ""


def _same(text: str, token: str) -> bool:
    return hmac.compare_digest(text.encode(), token.encode())
