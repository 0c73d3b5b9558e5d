"""Where did the last reading of a log end, also when it has another name now, is packed, or began anew?

A log is known by its path and its first bytes; when it was renamed, copied or packed (rotation) by its first
kilobyte and by what stands before the place where the reading ended.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import msgspec

from citywatch.ports import Journal, Place

HEAD = 1024
"""So many bytes at its start tell whether a log is still the same file."""
_TAIL = 256
Peek = Callable[[Path, int, int], bytes]
"""Gives bytes of a log (unpacked) from a place on."""


def plain_bytes(path: Path, at: int, size: int) -> bytes:
    """Bytes of a file as they are."""
    with path.open("rb") as file:
        file.seek(at)
        return file.read(size)


def key(kind: str, path: Path) -> str:
    """The name under which something is noted of a path."""
    name = str(path.resolve()).encode("utf-8", "surrogateescape")
    return f"{kind}:{_digest(name).hex()}"


def _digest(raw: bytes) -> bytes:
    return blake2b(raw, digest_size=16).digest()


def taken_up(path: Path, journal: Journal, peek: Peek = plain_bytes) -> Place:
    """Where the last reading of this log ended; its start when nothing is known of it."""
    raw = journal.progress(key("place", path))
    if raw is not None:
        offset, line, size, head = msgspec.msgpack.decode(raw, type=tuple[int, int, int, bytes])
        if _matches(plain_bytes(path, 0, size), size, head):
            return Place(offset=offset, line=line)
    return _under_another_name(path, journal, peek)


def _matches(found: bytes, size: int, digest: bytes) -> bool:
    return len(found) == size and _digest(found) == digest


def is_known(path: Path, journal: Journal, peek: Peek = plain_bytes) -> bool:
    """A log that was read before, under whatever name."""
    return taken_up(path, journal, peek).offset > 0


def _under_another_name(path: Path, journal: Journal, peek: Peek) -> Place:
    head = peek(path, 0, HEAD)
    raw = journal.progress(f"head:{_digest(head).hex()}") if len(head) == HEAD else None
    if raw is None:
        return Place()
    offset, line, tail = msgspec.msgpack.decode(raw, type=tuple[int, int, bytes])
    before = peek(path, max(0, offset - _TAIL), min(_TAIL, offset))
    return Place(offset=offset, line=line) if _digest(before) == tail else Place()


def noted(path: Path, place: Place | None) -> dict[str, bytes]:
    """What to write down of a reading that came as far as this place.

    A log that grows is plain, so plain bytes do; unpacking a packed one for each note would take forever.
    """
    if place is None:
        return {}
    head = plain_bytes(path, 0, HEAD)
    found = {key("place", path): msgspec.msgpack.encode((place.offset, place.line, len(head), _digest(head)))}
    if len(head) == HEAD and place.offset:
        before = plain_bytes(path, max(0, place.offset - _TAIL), min(_TAIL, place.offset))
        told = (place.offset, place.line, _digest(before))
        found[f"head:{_digest(head).hex()}"] = msgspec.msgpack.encode(told)
    return found
