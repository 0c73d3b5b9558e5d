"""What was a datagram before it was cut into fragments?

First fragment wins where two overlap, and it is told. Bounded in datagrams, bytes, pieces and time (30 s
after RFC 791 and RFC 8200).
"""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_DATAGRAMS = 1024
MOST_PIECES = 256
LONGEST = 65_535
PATIENCE_US = 30_000_000

Key = tuple[bytes, bytes, int, int]


@dataclass(slots=True)
class _Pieces:
    first_us: int
    parts: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    total: int = -1
    total_wire: int = 0
    overlap: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagram:
    """Put together again."""

    payload: bytes
    overlap: bool
    pieces: int


class Fragments:
    """Waits for the missing pieces."""

    __slots__ = ("_waiting", "dropped")

    def __init__(self) -> None:
        self._waiting: dict[Key, _Pieces] = {}
        self.dropped = 0

    def add(self, key: Key, place: tuple[int, int, bool], data: bytes, us: int) -> Datagram | None:
        """Take a piece; the datagram once it is whole."""
        _, offset, more = place
        if offset + len(data) > LONGEST or (more and not data):
            self.dropped += 1
            return None
        pieces = self._waiting.get(key)
        if pieces is not None and us - pieces.first_us > PATIENCE_US:
            del self._waiting[key]
            self.dropped += 1
            pieces = None
        if pieces is None:
            pieces = self._begin(key, us)
        pieces.parts.append((offset, data))
        if not more and pieces.total < 0:
            pieces.total = offset + len(data)
        if len(pieces.parts) > MOST_PIECES:
            del self._waiting[key]
            self.dropped += 1
            return None
        if pieces.total < 0:
            return None
        return self._join(key, pieces)

    def _begin(self, key: Key, us: int) -> _Pieces:
        if len(self._waiting) >= MOST_DATAGRAMS:
            del self._waiting[next(iter(self._waiting))]
            self.dropped += 1
        pieces = self._waiting[key] = _Pieces(us)
        return pieces

    def _join(self, key: Key, pieces: _Pieces) -> Datagram | None:
        """Lay the pieces down in the order they came: a place that is taken stays as it is."""
        total = pieces.total
        if sum(len(part) for _, part in pieces.parts) < total:
            return None
        whole = bytearray(total)
        taken = bytearray(total)
        overlap = False
        for offset, part in pieces.parts:
            end = min(offset + len(part), total)
            overlap = overlap or end < offset + len(part)
            if taken.count(1, offset, end) == 0:
                whole[offset:end] = part[: end - offset]
                taken[offset:end] = b"\1" * (end - offset)
                continue
            overlap = True
            for at in range(offset, end):
                if not taken[at]:
                    whole[at] = part[at - offset]
                    taken[at] = 1
        if taken.count(1) < total:
            return None
        del self._waiting[key]
        return Datagram(payload=bytes(whole), overlap=overlap, pieces=len(pieces.parts))
