"""What do other machines send, and what of it is not taken?

Sockets in a thread of their own: UDP, TCP, and TLS (RFC 5425). Whoever may not send is turned away before a
byte is read. What arrives is held in memory, up to a bound, until it is taken and `done`: past the bound
streams are not read on, so that TCP holds their senders back, and datagrams stay in the kernel, which counts
those that it drops. Every loss and every refusal is a number in `Counts`.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import struct
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from itertools import islice
from threading import Event as Flag
from threading import Lock, Thread
from typing import Any, NamedTuple, cast

from citywatch.errors import SettingsError
from sensors.arrive.frames import Frames
from sensors.arrive.place import Counts, Endpoint, Limits, check, networks

_AT_ONCE = 256
"""Datagrams that are read before anybody else gets a turn."""
_MEMINFO, _DROPS = 55, 8
"""SO_MEMINFO of Linux (include/uapi/asm-generic/socket.h) and the place of SK_MEMINFO_DROPS in it."""
_HANDSHAKE_S = 15.0


class Message(NamedTuple):
    """One message as it arrived."""

    data: bytes
    sender: str
    at: float
    """Seconds since 1970."""
    where: str
    """The endpoint."""


class _Held:
    """What has arrived and is not done with."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._lock = Lock()

    def add(self, messages: Sequence[Message]) -> None:
        with self._lock:
            self._messages.extend(messages)
            self._bytes += sum(len(message.data) for message in messages)

    def take(self, most: int) -> list[Message]:
        with self._lock:
            return list(islice(self._messages, most))

    def drop(self, number: int) -> None:
        with self._lock:
            for _ in range(number):
                self._bytes -= len(self._messages.popleft().data)

    def __len__(self) -> int:
        return len(self._messages)

    def share(self) -> float:
        return max(len(self._messages) / self._limits.most_held, self._bytes / self._limits.most_held_bytes)


@dataclass(slots=True, eq=False)
class _Datagrams:
    """One UDP socket."""

    where: str
    socket: socket.socket
    counts: Counts
    paused: bool = False
    dropped_before: int = field(default=0, init=False)

    def read_drops(self) -> None:
        with suppress(OSError, struct.error):
            found = self.socket.getsockopt(socket.SOL_SOCKET, _MEMINFO, 36)
            now = struct.unpack("9I", found)[_DROPS]
            self.counts.kernel_dropped += (now - self.dropped_before) & 0xFFFFFFFF
            self.dropped_before = now


class _Stream(asyncio.Protocol):
    """One connection."""

    def __init__(self, owner: Receiver, where: str, sender: str, counts: Counts) -> None:
        self._owner = owner
        self._where = where
        self.counts = counts
        self.frames = Frames(owner.limits.longest)
        self.sender = sender
        self.transport: asyncio.Transport | None = None
        self.heard = self.began = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self._owner.full:
            self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        was_open = self.frames.open
        before = self.frames.too_long
        self._put(self.frames.feed(data))
        self.counts.too_long += self.frames.too_long - before
        self.heard = time.monotonic()
        if not was_open or not self.frames.open:
            self.began = self.heard

    def _put(self, found: list[bytes]) -> None:
        if found:
            self.began = time.monotonic()
            now = time.time()
            self._owner.put([Message(data, self.sender, now, self._where) for data in found], self.counts)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.transport = None
        rest, cut = self.frames.close()
        self._put(rest)
        self.counts.cut_off += cut
        self._owner.left(self)


@lru_cache(maxsize=4096)
def _plain(sender: str) -> str:
    """A sender's address, without zone; an IPv4 one as such."""
    found = ip_address(sender.partition("%")[0])
    return str(getattr(found, "ipv4_mapped", None) or found)


class Receiver:
    """Listens at some endpoints.

    Raises:
        SettingsError: an endpoint cannot be had, or a network of `allowed` is none.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        limits: Limits,
        *,
        tls: ssl.SSLContext | None = None,
        text: bool = True,
    ) -> None:
        check(limits)
        self.limits = limits
        self._tls = tls
        self._text = text
        self._allowed = networks(limits.allowed)
        self._may_send = lru_cache(maxsize=4096)(self._is_allowed)
        self._held = _Held(limits)
        self._streams: set[_Stream] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._by_sender: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._ready = Flag()
        self.counts: dict[str, Counts] = {}
        self._datagrams: list[_Datagrams] = []
        self._listening: list[tuple[Endpoint, str, socket.socket]] = []
        self.full = False
        try:
            for place in endpoints:
                self._open(place)
        except SettingsError:
            self._close_sockets()
            self._loop.close()
            raise
        self._thread = Thread(target=self._run, name="receiver", daemon=True)

    # -- for who takes -----------------------------------------------------------------------------------

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where it listens, with the ports that the kernel gave for 0."""
        return tuple(self.counts)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()
        self._ready.wait(10)

    def take(self, most: int) -> list[Message]:
        """The oldest messages; they stay until `done`."""
        return self._held.take(most)

    def done(self, number: int) -> None:
        """The oldest messages are kept elsewhere now."""
        self._held.drop(number)
        if self.full and self._held.share() < 0.5:  # noqa: PLR2004 - half empty again
            self._call(self._resume)

    @property
    def waiting(self) -> int:
        return len(self._held)

    def stop_reading(self) -> None:
        """Close the sockets; what was read is still to be taken."""
        if self._thread.is_alive():
            self._call(self._stopping.set)
            self._thread.join(10)

    def _call(self, what: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(what)

    # -- sockets -----------------------------------------------------------------------------------------

    def _open(self, place: Endpoint) -> None:
        family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
        kind = socket.SOCK_DGRAM if place.kind == "udp" else socket.SOCK_STREAM
        made = socket.socket(family, kind)
        try:
            made.settimeout(0)
            if kind == socket.SOCK_STREAM:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            else:
                _widen(made, self.limits.receive_mib << 20)
            made.bind((place.host, place.port))
            if kind == socket.SOCK_STREAM:
                made.listen(128)
        except OSError as error:
            made.close()
            raise SettingsError(f"cannot listen on {place}: {_why(error)}") from error
        where = str(Endpoint(kind=place.kind, host=place.host, port=made.getsockname()[1]))
        counts = self.counts[where] = Counts()
        if place.kind == "udp":
            self._datagrams.append(_Datagrams(where, made, counts))
        else:
            self._listening.append((place, where, made))

    def _close_sockets(self) -> None:
        for each in self._datagrams:
            each.read_drops()
            each.socket.close()
        for _, _, made in self._listening:
            made.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._close_sockets()
            self._loop.close()

    async def _serve(self) -> None:
        for each in self._datagrams:
            self._loop.add_reader(each.socket, self._read, each)
        for place, where, made in self._listening:
            self._spawn(self._accept(place, where, made))
        self._spawn(self._sweep())
        self._ready.set()
        await self._stopping.wait()
        for task in list(self._tasks):
            task.cancel()
        for each in self._datagrams:
            if not each.paused:
                self._read(each)  # what the kernel still holds
            self._loop.remove_reader(each.socket)
        for stream in list(self._streams):
            if stream.transport is not None:
                stream.transport.abort()
        await asyncio.sleep(0.05)  # connection_lost is told in the next turns

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, place: Endpoint, where: str, made: socket.socket) -> None:
        counts = self.counts[where]
        while True:
            try:
                connection, peer = await self._loop.sock_accept(made)
            except OSError:  # out of descriptors, say: the kernel keeps who waits
                await asyncio.sleep(0.2)
                continue
            sender = _plain(peer[0])
            if self._welcomes(sender, counts):
                self._spawn(
                    self._greet(connection, _Stream(self, where, sender, counts), tls=place.kind == "tls")
                )
            else:
                connection.close()

    async def _greet(self, connection: socket.socket, stream: _Stream, *, tls: bool) -> None:
        self._streams.add(stream)
        try:
            await self._loop.connect_accepted_socket(
                lambda: stream,
                connection,
                ssl=self._tls if tls else None,
                ssl_handshake_timeout=_HANDSHAKE_S if tls else None,
            )
        except OSError:  # ssl.SSLError and TimeoutError are
            stream.counts.no_handshake += 1
            self.left(stream)
        except asyncio.CancelledError:
            connection.close()
            raise

    def _read(self, each: _Datagrams) -> None:
        receive, size = each.socket.recvfrom, self.limits.longest + 1
        found: list[Message] = []
        now = time.time()
        for _ in range(_AT_ONCE):
            try:
                data, peer = receive(size)
            except OSError:
                break
            sender = _plain(peer[0])
            if not self._may_send(sender):
                each.counts.refused += 1
                continue
            if len(data) == size:
                each.counts.too_long += 1
                data = data[:-1]
            data = data.rstrip(b"\r\n\0") if self._text else data
            if data:
                found.append(Message(data, sender, now, each.where))
        if found:
            self.put(found, each.counts)

    def put(self, messages: list[Message], counts: Counts) -> None:
        """Hold messages; stop reading when there are too many."""
        counts.messages += len(messages)
        self._held.add(messages)
        if not self.full and self._held.share() >= 1:
            self._pause()

    def _pause(self) -> None:
        self.full = True
        for each in self._datagrams:
            self._loop.remove_reader(each.socket)
            each.paused = True
        for stream in self._streams:
            if stream.transport is not None and not stream.transport.is_closing():
                stream.transport.pause_reading()

    def _resume(self) -> None:
        if not self.full:
            return
        self.full = False
        for each in self._datagrams:
            each.paused = False
            self._loop.add_reader(each.socket, self._read, each)
        now = time.monotonic()
        for stream in self._streams:
            stream.began = stream.heard = now
            if stream.transport is not None and not stream.transport.is_closing():
                stream.transport.resume_reading()

    # -- who may send ------------------------------------------------------------------------------------

    def _is_allowed(self, sender: str) -> bool:
        if not self._allowed:
            return True
        found = ip_address(sender)
        return any(found.version == network.version and found in network for network in self._allowed)

    def _welcomes(self, sender: str, counts: Counts) -> bool:
        """This connection may stay; it is counted."""
        if not self._may_send(sender):
            counts.refused += 1
            return False
        if (
            sum(self._by_sender.values()) >= self.limits.most_connections
            or self._by_sender[sender] >= self.limits.most_per_sender
        ):
            counts.too_many += 1
            return False
        self._by_sender[sender] += 1
        counts.connections += 1
        return True

    def left(self, stream: _Stream) -> None:
        """This connection has ended."""
        if stream not in self._streams:
            return
        self._streams.discard(stream)
        stream.counts.connections -= 1
        self._by_sender[stream.sender] -= 1
        if not self._by_sender[stream.sender]:
            del self._by_sender[stream.sender]

    async def _sweep(self) -> None:
        """Close who is too slow, and read what the kernel dropped."""
        while True:
            await asyncio.sleep(min(1.0, self.limits.open_s / 2))
            for each in self._datagrams:
                each.read_drops()
            if self.full:
                continue  # it is we who do not read
            now = time.monotonic()
            for stream in list(self._streams):
                stuck = stream.frames.open and now - stream.began > self.limits.open_s
                if (stuck or now - stream.heard > self.limits.idle_s) and stream.transport is not None:
                    stream.counts.too_slow += 1
                    stream.transport.abort()


def _widen(made: socket.socket, size: int) -> None:
    """As much memory as was asked for; without rights as much as the kernel allows."""
    forced = getattr(socket, "SO_RCVBUFFORCE", 33)
    try:
        made.setsockopt(socket.SOL_SOCKET, forced, size // 2)  # the kernel doubles it
    except OSError:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size // 2)


def _why(error: OSError) -> str:
    if error.errno == errno.EACCES:
        return "ports below 1024 need the right CAP_NET_BIND_SERVICE; give it, or take a higher port"
    if error.errno == errno.EADDRINUSE:
        return "another program listens there already"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address"
    return str(error.strerror or error)
