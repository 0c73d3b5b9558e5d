"""May the browser reach this address?

The browser has no other way out than this proxy on loopback: every name is resolved here, every address is
checked as the fetcher checks it, and the connection goes to the address that was checked (rebind-proof).
Bytes and connections of one page are counted and capped.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sensors.portal.address import may_connect

_HEAD = 65_536
_CHUNK = 65_536
_CONNECT_S = 8.0
_HOP = frozenset({"proxy-connection", "connection", "keep-alive", "proxy-authorization", "te", "upgrade"})
_MOST_REFUSED = 20


@dataclass(slots=True)
class Allowance:
    """What one page may still use, and what it used."""

    bytes_left: int = 30_000_000
    connections_left: int = 400
    pins: Mapping[str, str] = field(default_factory=dict[str, str])
    """Host names to the address that the fetcher reached them at."""
    refused: list[str] = field(default_factory=list[str])
    connections: int = 0
    bytes: int = 0


class _NotAllowedError(OSError):
    pass


class GuardedProxy:
    """An HTTP proxy for one tab. `begin` before each page gives it a new allowance."""

    def __init__(self, *, allow_loopback: bool) -> None:
        self._allow_loopback = allow_loopback
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.allowance = Allowance()

    async def start(self) -> str:
        """Listen on a free port of loopback; gives the proxy's address."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_HEAD)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def begin(self, pins: Mapping[str, str]) -> Allowance:
        """A new page: connections of the one before are cut."""
        self.cut()
        self.allowance = Allowance(pins=dict(pins))
        return self.allowance

    def cut(self) -> None:
        """Cut every connection."""
        for task in list(self._open):
            task.cancel()

    async def stop(self) -> None:
        """Stop listening."""
        self.cut()
        if self._server is not None:
            self._server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        try:
            await self._serve(reader, writer)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        allowance = self.allowance
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, _, rest = head.partition("\r\n")
        method, target, _ = line.split(" ", 2)
        try:
            host, port, path = _place(method, target)
            upstream, downstream = await self._connect(host, port, allowance)
        except _NotAllowedError as error:
            if len(allowance.refused) < _MOST_REFUSED:
                allowance.refused.append(str(error)[:200])
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        except (OSError, ValueError, TimeoutError):
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        try:
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                downstream.write(_forwarded(method, path, rest))
            await _both(reader, downstream, upstream, writer, allowance)
        finally:
            downstream.close()

    async def _connect(
        self, host: str, port: int, allowance: Allowance
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if allowance.connections_left <= 0 or allowance.bytes_left <= 0:
            raise OSError("this page has used up what it may")
        allowance.connections_left -= 1
        allowance.connections += 1
        pinned = allowance.pins.get(host)
        async with asyncio.timeout(_CONNECT_S):
            if pinned:
                addresses = [pinned]
            else:
                loop = asyncio.get_running_loop()
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
            open_ones = [one for one in addresses if may_connect(one, allow_loopback=self._allow_loopback)]
            if not open_ones:
                raise _NotAllowedError(f"{host}: {', '.join(addresses)[:150]}")
            return await asyncio.open_connection(open_ones[0], port)


def _place(method: str, target: str) -> tuple[str, int, str]:
    """Host, port and path that a request of the browser asks for.

    >>> _place("CONNECT", "hanoi.gov.vn:443"), _place("GET", "http://[::1]/a?b")
    (('hanoi.gov.vn', 443, ''), ('::1', 80, '/a?b'))
    """
    if method == "CONNECT":
        host, _, port = target.rpartition(":")
        return host.strip("[]").lower(), int(port), ""
    parts = urlsplit(target)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("only http is asked for in the clear")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.hostname.lower(), parts.port or 80, path


def _forwarded(method: str, path: str, rest: str) -> bytes:
    kept = [line for line in rest.split("\r\n") if line and line.partition(":")[0].lower() not in _HOP]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""]).encode("latin-1")


async def _both(
    reader: asyncio.StreamReader,
    downstream: asyncio.StreamWriter,
    upstream: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    allowance: Allowance,
) -> None:
    up = asyncio.create_task(_pump(reader, downstream, allowance))
    try:
        await _pump(upstream, writer, allowance)
    finally:
        up.cancel()
        with suppress(asyncio.CancelledError, OSError):
            await up


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, allowance: Allowance) -> None:
    while allowance.bytes_left > 0:
        chunk = await reader.read(_CHUNK)
        if not chunk:
            return
        allowance.bytes_left -= len(chunk)
        allowance.bytes += len(chunk)
        writer.write(chunk)
        await writer.drain()
