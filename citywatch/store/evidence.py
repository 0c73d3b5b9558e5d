"""Where are the bytes that prove an alert?

Each in a file named by its SHA-256, in two levels of folders, written once and checked on every read: what
was changed on disk is told, never handed out as evidence.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256 as hash_of
from pathlib import Path
from tempfile import NamedTemporaryFile

from citywatch.errors import StoreError

LARGEST = 64 * 2**20
LONGEST_TYPE = 200
UNKNOWN_TYPE = "application/octet-stream"
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What is known of kept bytes without reading them."""

    sha256: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """How much evidence there is."""

    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class EvidenceFolder:
    """Evidence in a folder; several processes may keep and read at once.

    Args:
        path: the folder; made with the first evidence.
        largest: bytes that one piece may have.
    """

    path: Path
    largest: int = LARGEST

    def keep(self, raw: bytes, media_type: str) -> str:
        """Keep bytes durably; give their SHA-256 in hex.

        Raises:
            StoreError: they are too large, or the folder cannot be written.
        """
        if len(raw) > self.largest:
            raise StoreError(f"evidence of {len(raw)} bytes is larger than the {self.largest} that are kept")
        name = hash_of(raw).hexdigest()
        place = self._place(name)
        with self._told():
            if place.is_file() and place.read_bytes() == raw:
                os.utime(place)  # seen again: retention counts from now
                return name
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(_type_of(place), media_type[:LONGEST_TYPE].encode("utf-8", "replace"))
            _write(place, raw)
        return name

    def get(self, sha256: str) -> bytes | None:
        """The bytes of this hash, or None.

        Raises:
            StoreError: what is on disk has another hash.
        """
        place = self._place(sha256)
        with self._told():
            if not place.is_file():
                return None
            raw = place.read_bytes()
        if hash_of(raw).hexdigest() != sha256:
            raise StoreError(f"{place}: its bytes are no longer those of that hash; restore it from a backup")
        return raw

    def file_of(self, sha256: str) -> Path | None:
        """The file that holds the bytes of this hash, or None."""
        place = self._place(sha256)
        with self._told():
            return place if place.is_file() else None

    def describe(self, sha256: str) -> Described | None:
        """Type and size, without reading the bytes."""
        place = self._place(sha256)
        with self._told():
            if not place.is_file():
                return None
            noted = _type_of(place)
            media_type = noted.read_text("utf-8") if noted.is_file() else UNKNOWN_TYPE
            return Described(sha256=sha256, media_type=media_type, size=place.stat().st_size)

    def total(self) -> Total:
        """Count and bytes of everything kept; walks the folder."""
        with self._told():
            sizes = [place.stat().st_size for place in self._all()]
        return Total(count=len(sizes), bytes=sum(sizes))

    def drop_before(self, moment: datetime, *, except_for: Collection[str] = ()) -> int:
        """Drop what was last kept before a moment, but for hashes that tickets still name; give how many."""
        gone = 0
        with self._told():
            for place in self._all():
                if place.name not in except_for and place.stat().st_mtime < moment.timestamp():
                    place.unlink(missing_ok=True)
                    _type_of(place).unlink(missing_ok=True)
                    gone += 1
        return gone

    def _all(self) -> Iterator[Path]:
        for place in self.path.glob("??/??/*"):
            if len(place.name) == 64:  # noqa: PLR2004 - SHA-256 in hex; not a type or an unfinished file
                yield place

    def _place(self, sha256: str) -> Path:
        if len(sha256) != 64 or not _HEX.issuperset(sha256):  # noqa: PLR2004 - SHA-256 in hex
            raise StoreError(f"'{sha256[:80]}' is not a SHA-256 in small hex letters")
        return self.path / sha256[:2] / sha256[2:4] / sha256

    @contextmanager
    def _told(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"{error.filename or self.path}: {error.strerror or error}; see that there is room and that "
                "this user may write there"
            ) from error


def _type_of(place: Path) -> Path:
    return place.with_name(place.name + ".type")


def _write(place: Path, raw: bytes) -> None:
    """All or nothing, also when the power fails."""
    with NamedTemporaryFile(dir=place.parent, prefix="unfinished-", delete=False) as file:
        try:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(place)
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
