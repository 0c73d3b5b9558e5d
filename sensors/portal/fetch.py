"""How is a stranger's URL fetched without it hurting us?

The connected address is checked in the socket factory, on every hop; redirects are followed here, not by the
library; bytes, time, redirects, decompression and headers are capped; a certificate is kept even when it is
invalid, with the reason. A `Conversation` keeps connections to one portal open over its views and probes.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from citywatch.errors import RefusedAddress
from citywatch.settings import Fetch
from sensors.portal.address import may_connect
from sensors.portal.certificate import Certificate, read_certificate, reason_of
from sensors.portal.resolve import PortalResolver

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK = 65_536
_MAX_URL = 4_096


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
    bad_url, decompression, cut_off."""
    detail: str = ""
    address: str = ""
    certificate: Certificate | None = None
    took_ms: int = 0

    def header(self, name: str) -> str:
        """The first header of this name, or nothing."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def available(self) -> bool:
        """A page came: an answer below 400, whole or cut at our own limit."""
        return 0 < self.status < 400 and self.error in {"", "too_large"}  # noqa: PLR2004 - HTTP status class


@dataclass(slots=True)
class _Box:
    """What the sockets and handshakes of one conversation saw."""

    allow_loopback: bool
    addresses: list[str] = field(default_factory=list[str])
    refused: str = ""
    handshakes: dict[str, tuple[bytes, str, str]] = field(default_factory=dict[str, tuple[bytes, str, str]])


_BOX: ContextVar[_Box] = ContextVar("_BOX")
"""Sockets are opened and handshakes made in callbacks that inherit the context of the fetch."""


class _Handshake(ssl.SSLObject):
    """Keeps the peer's certificate: aiohttp gives a connection back before anyone could ask for it."""

    def do_handshake(self) -> None:
        super().do_handshake()
        cipher = self.cipher()
        seen = (self.getpeercert(binary_form=True) or b"", self.version() or "", cipher[0] if cipher else "")
        _BOX.get().handshakes[self.server_hostname or ""] = seen


def _open_socket(addr_info: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, _, place = addr_info
    box = _BOX.get()
    if not may_connect(str(place[0]), allow_loopback=box.allow_loopback):
        box.refused = str(place[0])
        raise RefusedAddress(f"{place[0]} is not an address that a portal may have")
    box.addresses.append(str(place[0]))
    return socket.socket(family=family, type=kind, proto=protocol)


@cache
def _strict(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file or None)
    context.sslobject_class = _Handshake
    return context


@cache
def _lax() -> ssl.SSLContext:
    """Looks at a portal whose certificate or protocol is bad; nothing secret is ever sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.sslobject_class = _Handshake
    return context


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
        self.strict = _strict(ca_file)
        self.lax = _lax()
        self._own = PortalResolver(settings.concurrency) if resolver is None else None
        self.resolver: AbstractResolver = resolver or self._own or PortalResolver(1)

    def open(self) -> Conversation:
        """Begin a conversation with one portal."""
        return Conversation(self)

    async def close(self) -> None:
        """Let the resolver's threads go."""
        if self._own is not None:
            await self._own.shut_down()


@dataclass(slots=True)
class _Progress:
    """How far one fetch has come, so that what is there is kept when it breaks off."""

    url: str
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytearray = field(default_factory=bytearray)
    redirects: list[str] = field(default_factory=list[str])
    cookies: dict[str, str] = field(default_factory=dict[str, str])
    error: str = ""
    detail: str = ""


class Conversation:
    """Fetches of one portal, over connections that stay open between them. An async context manager."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._settings = fetcher.settings
        self._box = _Box(allow_loopback=fetcher.settings.allow_loopback)
        self._bad: dict[str, str] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            socket_factory=_open_socket,
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
            read_bufsize=_CHUNK,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def fetch(
        self, url: str, headers: Mapping[str, str], *, max_bytes: int = 0, timeout_s: float = 0
    ) -> Fetched:
        """Get a URL, following redirects; never raises for what the other side does.

        Args:
            url: http or https.
            headers: the view's own request headers.
            max_bytes: smaller than the settings' own cap, for probes.
            timeout_s: smaller than the settings' own limit, for probes.
        """
        _BOX.set(self._box)
        self._box.refused = ""
        progress = _Progress(url=url)
        began = time.monotonic()
        limit = min(max_bytes or self._settings.max_bytes, self._settings.max_bytes)
        try:
            async with asyncio.timeout(min(timeout_s or self._settings.timeout_s, self._settings.timeout_s)):
                await self._follow(progress, headers, limit)
        except (OSError, aiohttp.ClientError, zlib.error, ValueError) as error:
            progress.error, progress.detail = self._explain(error)
        took = int((time.monotonic() - began) * 1000)
        return self._finish(url, progress, took)

    def _finish(self, url: str, progress: _Progress, took: int) -> Fetched:
        host = _host(progress.url)
        return Fetched(
            url=url,
            final_url=progress.url,
            status=progress.status,
            headers=progress.headers,
            body=bytes(progress.body),
            redirects=tuple(progress.redirects),
            error=progress.error,
            detail=progress.detail[:300],
            address=self._box.addresses[-1] if self._box.addresses else "",
            certificate=self._certificate(host) if progress.url.startswith("https:") else None,
            took_ms=took,
        )

    def _certificate(self, host: str) -> Certificate | None:
        seen = self._box.handshakes.get(host)
        if seen is None or not seen[0]:
            return None
        return read_certificate(
            seen[0], version=seen[1].removeprefix("TLSv"), cipher=seen[2], problem=self._bad.get(host, "")
        )

    async def _follow(self, progress: _Progress, headers: Mapping[str, str], limit: int) -> None:
        for _ in range(self._settings.max_redirects + 1):
            target = _checked(progress.url)
            response = await self._answer(target, headers, progress.cookies)
            try:
                progress.status = response.status
                progress.headers = _headers(response)
                location = response.headers.get("Location", "")
                if response.status not in _REDIRECTS or not location:
                    await _read(response, progress, limit)
                    return
                progress.cookies.update({key: morsel.value for key, morsel in response.cookies.items()})
                progress.redirects.append(progress.url)
                _step(progress, target, location)
            finally:
                response.close() if not response.content.at_eof() else response.release()
            if progress.error:
                return
        progress.error, progress.detail = "too_many_redirects", progress.url

    async def _answer(
        self, url: URL, headers: Mapping[str, str], cookies: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            raise ValueError("the conversation is not open: use 'async with'")
        sent = {**headers, "Accept-Encoding": "gzip, deflate"}
        if cookies:
            sent["Cookie"] = "; ".join(f"{key}={value}" for key, value in cookies.items())
        host = url.host or ""
        if host not in self._bad:
            try:
                return await self._session.get(url, headers=sent, allow_redirects=False)
            except aiohttp.ClientConnectorCertificateError as error:
                code = getattr(error.certificate_error, "verify_code", 0)
                self._bad[host] = reason_of(code)
            except aiohttp.ClientConnectorSSLError:
                self._bad[host] = "weak_protocol"
        return await self._session.get(url, headers=sent, allow_redirects=False, ssl=self._fetcher.lax)

    def _explain(self, error: BaseException) -> tuple[str, str]:
        if self._box.refused:
            return "refused_address", self._box.refused
        for kinds, name in _WORDS:
            if isinstance(error, kinds):
                return name, str(error)
        return "protocol", str(error)


_WORDS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((TimeoutError,), "timeout"),
    ((aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError), "bad_url"),
    ((aiohttp.ClientConnectorDNSError,), "dns"),
    ((aiohttp.ClientSSLError, ssl.SSLError), "tls"),
    ((aiohttp.ClientConnectorError, ConnectionError), "connect"),
    ((aiohttp.ClientPayloadError,), "cut_off"),
    ((aiohttp.ServerDisconnectedError,), "cut_off"),
    ((zlib.error,), "decompression"),
    ((ValueError,), "bad_url"),
)


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


def _step(progress: _Progress, here: URL, location: str) -> None:
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


def _headers(response: aiohttp.ClientResponse) -> tuple[tuple[str, str], ...]:
    return tuple((key[:100], value[:4096]) for key, value in list(response.headers.items())[:128])


async def _read(response: aiohttp.ClientResponse, progress: _Progress, limit: int) -> None:
    """Read and unpack up to `limit` bytes; a small answer that unpacks to much stops there too."""
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    unpack = _unpacker(coding)
    raw = 0
    async for chunk in response.content.iter_chunked(_CHUNK):
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
