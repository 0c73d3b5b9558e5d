"""What came of one URL, and how is it read without running out of memory?

`read_body` unpacks as it reads and stops at the limit: a small answer that unpacks to much stops there too.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from sensors.portal.certificate import Certificate

CHUNK = 65_536
_MOST_HEADERS = 128
NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came of one URL. `error` is empty when a whole answer came, whatever its status."""

    url: str
    final_url: str
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    redirects: tuple[str, ...] = ()
    error: str = ""
    """refused_address, timeout, too_large, too_many_redirects, bad_redirect, dns, connect, tls, protocol,
    http2_only, bad_url, decompression, cut_off."""
    detail: str = ""
    address: str = ""
    certificate: Certificate | None = None
    chain: tuple[bytes, ...] = ()
    """The certificates that were shown, in DER form, the portal's own first; also when they are invalid."""
    took_ms: int = 0
    """Without what we waited out of politeness."""
    attempts: int = 1

    def header(self, name: str) -> str:
        """The first header of this name, or nothing."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")

    @property
    def available(self) -> bool:
        """A page came: an answer below 400, whole or cut at our own limit."""
        return 0 < self.status < 400 and self.error in {"", "too_large"}  # noqa: PLR2004 - HTTP status class

    @property
    def unchanged(self) -> bool:
        """The host says that the page is as it was when it was asked for last (304)."""
        return self.status == NOT_MODIFIED and not self.error


@dataclass(slots=True)
class Progress:
    """How far one fetch has come, so that what is there is kept when it breaks off."""

    url: str
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytearray = field(default_factory=bytearray)
    redirects: list[str] = field(default_factory=list[str])
    cookies: dict[str, str] = field(default_factory=dict[str, str])
    error: str = ""
    detail: str = ""
    waited_s: float = 0.0


def headers_of(response: aiohttp.ClientResponse) -> tuple[tuple[str, str], ...]:
    """The answer's headers, bounded in number and length."""
    return tuple((key[:100], value[:4096]) for key, value in list(response.headers.items())[:_MOST_HEADERS])


async def read_body(response: aiohttp.ClientResponse, progress: Progress, limit: int) -> None:
    """Read and unpack up to `limit` bytes."""
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    unpack = _unpacker(coding)
    raw = 0
    async for chunk in response.content.iter_any():
        raw += len(chunk)
        try:
            _take(progress.body, chunk, unpack, limit)
        except zlib.error:
            if coding != "deflate" or progress.body:
                raise
            unpack = zlib.decompressobj(-15)  # some servers send raw deflate, which RFC 9110 notes
            _take(progress.body, chunk, unpack, limit)
        if max(raw, len(progress.body)) > limit:
            del progress.body[limit:]
            progress.error, progress.detail = "too_large", f"more than {limit} bytes"
            return


def _unpacker(coding: str) -> Any:
    if coding in {"gzip", "x-gzip"}:
        return zlib.decompressobj(31)
    return zlib.decompressobj() if coding == "deflate" else None


def _take(body: bytearray, chunk: bytes, unpack: Any, limit: int) -> None:
    if unpack is None:
        body.extend(chunk[: limit + 1 - len(body)])
        return
    with suppress(EOFError):
        body.extend(unpack.decompress(chunk, limit + 1 - len(body)))
