"""What was a datagram before it was cut into fragments?

First fragment wins where two overlap, and it is told. What is held of a datagram never overlaps itself, so it
is no longer than a datagram, and each piece is laid down once. Bounded in datagrams, bytes, pieces and time
(30 s after RFC 791 and RFC 8200).
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field

MOST_DATAGRAMS = 1024
MOST_BYTES = 1 << 24
MOST_PIECES = 256
LONGEST = 65_535
PATIENCE_US = 30_000_000

Key = tuple[bytes, bytes, int, int]


@dataclass(slots=True)
class _Pieces:
    first_us: int
    parts: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    """In order of their places, none over another."""
    seen: int = 0
    size: int = 0
    total: int = -1
    overlap: bool = False

    def lay(self, start: int, data: bytes) -> None:
        """Keep what lies where nothing lay before."""
        at, end = start, start + len(data)
        fresh: list[tuple[int, bytes]] = []
        for place, part in self.parts:
            if place >= end:
                break
            after = place + len(part)
            if after <= at:
                continue
            self.overlap = True
            if place > at:
                fresh.append((at, data[at - start : place - start]))
            at = after
        if at < end:
            fresh.append((at, data[at - start :]))
        for each in fresh:
            insort(self.parts, each)
            self.size += len(each[1])

    def whole(self) -> bytes | None:
        """The payload once nothing is missing; what lies behind its end is left out and told."""
        if self.total < 0 or self.size < self.total:
            return None
        inside = [(place, part[: self.total - place]) for place, part in self.parts if place < self.total]
        if sum(len(part) for _, part in inside) < self.total:
            return None
        self.overlap = self.overlap or self.size > self.total
        return b"".join(part for _, part in inside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagram:
    """Put together again."""

    payload: bytes
    overlap: bool
    pieces: int


class Fragments:
    """Waits for the missing pieces."""

    __slots__ = ("_waiting", "dropped", "held")

    def __init__(self) -> None:
        self._waiting: dict[Key, _Pieces] = {}
        self.dropped = 0
        """Datagrams and pieces that were given up."""
        self.held = 0
        """Bytes that wait."""

    def add(self, key: Key, place: tuple[int, int, bool], data: bytes, us: int) -> Datagram | None:
        """Take a piece; the datagram once it is whole."""
        _, offset, more = place
        if offset + len(data) > LONGEST or (more and not data):
            self.dropped += 1
            return None
        pieces = self._waiting.get(key)
        if pieces is not None and us - pieces.first_us > PATIENCE_US:
            self._drop(key)
            pieces = None
        if pieces is None:
            pieces = self._begin(key, us)
        before = pieces.size
        pieces.lay(offset, data)
        pieces.seen += 1
        self.held += pieces.size - before
        if not more and pieces.total < 0:
            pieces.total = offset + len(data)
        payload = pieces.whole() if pieces.seen <= MOST_PIECES else None
        if payload is not None:
            self._forget(key)
            return Datagram(payload=payload, overlap=pieces.overlap, pieces=pieces.seen)
        if pieces.seen > MOST_PIECES:
            self._drop(key)
        while self.held > MOST_BYTES:
            self._drop(next(iter(self._waiting)))
        return None

    def _begin(self, key: Key, us: int) -> _Pieces:
        if len(self._waiting) >= MOST_DATAGRAMS:
            self._drop(next(iter(self._waiting)))
        pieces = self._waiting[key] = _Pieces(us)
        return pieces

    def _forget(self, key: Key) -> None:
        self.held -= self._waiting.pop(key).size

    def _drop(self, key: Key) -> None:
        self._forget(key)
        self.dropped += 1
