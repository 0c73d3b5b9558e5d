"""How is a stranger's URL fetched without it hurting us?

The connected address is checked in the socket factory, on every hop (`handshake`); redirects are followed
here, not by the library; bytes, time, redirects, decompression and headers are capped (`answer`);
certificates are kept even when they are invalid, with the reason. A `Conversation` keeps connections to one
portal open over its views and probes, and is polite to the server (`polite`).
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from citywatch.settings import Fetch
from sensors.portal.address import may_connect
from sensors.portal.answer import CHUNK, Fetched, Progress, headers_of, read_body
from sensors.portal.certificate import Certificate, read_certificate, reason_of
from sensors.portal.handshake import BOX, Box, lax, open_socket, strict
from sensors.portal.polite import Pace, pause_before_retry
from sensors.portal.resolve import PortalResolver

__all__ = ["Conversation", "Fetched", "Fetcher"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_URL = 4_096
_AGAIN = frozenset({"connect", "cut_off", "dns"})
_AGAIN_STATUS = frozenset({429, 502, 503, 504})


class Fetcher:
    """Opens conversations under one set of limits. Make it inside a running event loop.

    Args:
        settings: what a visit may cost and where it may go.
        resolver: names to addresses; the system's own, in threads of ours, when None.
        ca_file: trust this CA instead of the system's (tests).
    """

    def __init__(
        self, settings: Fetch, *, resolver: AbstractResolver | None = None, ca_file: str = ""
    ) -> None:
        self.settings = settings
        self.strict = strict(ca_file)
        self.lax = lax()
        self.pace = Pace(settings.per_server)
        self._own = PortalResolver(settings.concurrency) if resolver is None else None
        self.resolver: AbstractResolver = resolver or self._own or PortalResolver(1)

    def open(self, proxy: str = "") -> Conversation:
        """Begin a conversation with one portal, over a proxy other than the set one where it is named."""
        return Conversation(self, proxy or self.settings.proxy)

    async def close(self) -> None:
        """Let the resolver's threads go."""
        if self._own is not None:
            await self._own.shut_down()


class Conversation:
    """Fetches of one portal, over connections that stay open between them. An async context manager."""

    def __init__(self, fetcher: Fetcher, proxy: str = "") -> None:
        self._fetcher = fetcher
        self._settings = fetcher.settings
        self._proxy = proxy
        self._box = Box(allow_loopback=fetcher.settings.allow_loopback, proxied=bool(proxy))
        self._bad: dict[str, str] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            socket_factory=open_socket,
            resolver=self._fetcher.resolver,
            limit=8,
            ttl_dns_cache=10,
            ssl=self._fetcher.strict,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None),
            read_bufsize=CHUNK,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def fetch(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        max_bytes: int = 0,
        timeout_s: float = 0,
        retries: int | None = None,
    ) -> Fetched:
        """Get a URL, following redirects; never raises for what the other side does.

        Args:
            url: http or https.
            headers: the view's own request headers.
            max_bytes: smaller than the settings' own cap, for probes.
            timeout_s: smaller than the settings' own limit, for probes.
            retries: how often to ask again when the line broke; as set when None.
        """
        most = self._settings.retries if retries is None else retries
        limit = min(max_bytes or self._settings.max_bytes, self._settings.max_bytes)
        patience = min(timeout_s or self._settings.timeout_s, self._settings.timeout_s)
        began = time.monotonic()
        attempt = 1
        while True:
            fetched = await self._once(url, headers, limit, patience)
            broken = fetched.error in _AGAIN or fetched.status in _AGAIN_STATUS
            if not broken or attempt > most or time.monotonic() - began > patience:
                return fetched if attempt == 1 else replace(fetched, attempts=attempt)
            await asyncio.sleep(pause_before_retry(attempt, fetched.header("Retry-After")))
            attempt += 1

    async def _once(self, url: str, headers: Mapping[str, str], limit: int, patience: float) -> Fetched:
        BOX.set(self._box)
        self._box.refused = ""
        progress = Progress(url=url)
        began = time.monotonic()
        try:
            async with asyncio.timeout(patience):
                await self._follow(progress, headers, limit)
        except (OSError, aiohttp.ClientError, zlib.error, ValueError) as error:
            progress.error, progress.detail = self._explain(error)
        return self._finish(url, progress, int((time.monotonic() - began - progress.waited_s) * 1000))

    def _finish(self, url: str, progress: Progress, took: int) -> Fetched:
        certificate, chain = self._shown(progress.url)
        return Fetched(
            url=url,
            final_url=progress.url,
            status=progress.status,
            headers=progress.headers,
            body=bytes(progress.body),
            redirects=tuple(progress.redirects),
            error=progress.error,
            detail=progress.detail[:300],
            address="" if self._proxy else self._box.address,
            certificate=certificate,
            chain=chain,
            took_ms=took,
        )

    def _shown(self, url: str) -> tuple[Certificate | None, tuple[bytes, ...]]:
        if not url.startswith("https:"):
            return None, ()
        host = _host(url)
        seen = self._box.handshakes.get(host)
        if seen is None or not seen.certificate:
            return None, ()
        shown = _read(
            seen.certificate, seen.version.removeprefix("TLSv"), seen.cipher, self._bad.get(host, "")
        )
        return shown, seen.chain

    async def _follow(self, progress: Progress, headers: Mapping[str, str], limit: int) -> None:
        for _ in range(self._settings.max_redirects + 1):
            target = _checked(progress.url)
            arrived = time.monotonic()
            await self._turn(target)
            progress.waited_s += time.monotonic() - arrived
            response = await self._answer(target, headers, progress.cookies)
            try:
                progress.status = response.status
                progress.headers = headers_of(response)
                location = response.headers.get("Location", "")
                if response.status not in _REDIRECTS or not location:
                    await read_body(response, progress, limit)
                    return
                progress.cookies.update({key: morsel.value for key, morsel in response.cookies.items()})
                progress.redirects.append(progress.url)
                _step(progress, target, location)
            finally:
                response.close() if not response.content.at_eof() else response.release()
            if progress.error:
                return
        progress.error, progress.detail = "too_many_redirects", progress.url

    async def _turn(self, target: URL) -> None:
        """Wait for our turn at this server; through a proxy, see that the name leads nowhere inside."""
        address = self._box.address
        if not (self._box.allow_loopback and address.startswith(("127.", "::1"))):
            await self._fetcher.pace.turn(address or target.host or "")
        if not self._proxy:
            return
        for found in await self._fetcher.resolver.resolve(target.host or "", target.port or 0):
            if not may_connect(found["host"], allow_loopback=self._box.allow_loopback):
                self._box.refused = found["host"]
                raise OSError(f"{found['host']} is not an address that a portal may have")

    async def _answer(
        self, url: URL, headers: Mapping[str, str], cookies: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            raise ValueError("the conversation is not open: use 'async with'")
        sent = {**headers, "Accept-Encoding": "gzip, deflate"}
        if cookies:
            sent["Cookie"] = "; ".join(f"{key}={value}" for key, value in cookies.items())
        proxy, get, host = self._proxy or None, self._session.get, url.host or ""
        if host not in self._bad:
            try:
                return await get(url, headers=sent, allow_redirects=False, proxy=proxy)
            except aiohttp.ClientConnectorCertificateError as error:
                code = getattr(error.certificate_error, "verify_code", 0)
                self._bad[host] = reason_of(code)
            except aiohttp.ClientConnectorSSLError:
                self._bad[host] = "weak_protocol"
        return await get(url, headers=sent, allow_redirects=False, proxy=proxy, ssl=self._fetcher.lax)

    def _explain(self, error: BaseException) -> tuple[str, str]:
        if self._box.refused:
            return "refused_address", self._box.refused
        if isinstance(error, aiohttp.ClientResponseError) and _SETTINGS_FRAME.search(error.message):
            return "http2_only", "the server speaks HTTP/2 only; visits speak HTTP/1.1"
        for kinds, name in _WORDS:
            if isinstance(error, kinds):
                return name, str(error)
        return "protocol", str(error)


_WORDS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((TimeoutError,), "timeout"),
    ((aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError), "bad_url"),
    ((aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError), "proxy"),
    ((aiohttp.ClientConnectorDNSError, socket.gaierror), "dns"),
    ((aiohttp.ClientSSLError, ssl.SSLError), "tls"),
    ((aiohttp.ClientConnectorError, ConnectionError), "connect"),
    ((aiohttp.ClientPayloadError,), "cut_off"),
    ((aiohttp.ServerDisconnectedError,), "cut_off"),
    ((zlib.error,), "decompression"),
    ((ValueError,), "bad_url"),
)


_SETTINGS_FRAME = re.compile(
    r"b['\"]\\x00\\x00(?:\\x[0-9a-f]{2}|\\[tnr\\]|[^\\])\\x04\\x00\\x00\\x00\\x00\\x00"
)
"""An answer that begins with a SETTINGS frame of stream 0 (RFC 9113, 6.5), as the parser quotes it."""


@lru_cache(maxsize=4096)
def _read(der: bytes, version: str, cipher: str, problem: str) -> Certificate:
    return read_certificate(der, version=version, cipher=cipher, problem=problem)


def _host(url: str) -> str:
    try:
        return URL(url).host or ""
    except ValueError:
        return ""


def _checked(url: str) -> URL:
    if len(url) > _MAX_URL:
        raise ValueError(f"the URL is longer than {_MAX_URL} characters")
    parsed = URL(url)
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise aiohttp.InvalidURL(url[:200], "only http and https with a host name")
    return parsed.with_user(None).with_fragment(None)


def _step(progress: Progress, here: URL, location: str) -> None:
    try:
        joined = here.join(URL(location[:_MAX_URL]))
    except ValueError as error:
        progress.error, progress.detail = "bad_redirect", f"{location[:200]}: {error}"
        return
    if joined.scheme not in {"http", "https"}:
        progress.error, progress.detail = "bad_redirect", location[:200]
        return
    if joined.host != here.host:
        progress.cookies.clear()
    progress.url = str(joined)
