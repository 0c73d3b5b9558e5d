"""Which packets lie on the disk, from which to which, and which were overwritten before anybody read them?

A ring of pcap files, one folder an interface. A file's name tells its place and how many packets were written
before it (`0000000007-000000000123456.pcap`), so that a reader that comes too late knows exactly how many it
missed. One process writes, others read while it does.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sensors.network.pcapfile import CHUNK, LONGEST, Record

HEAD = 24
_RECORD_HEAD = 16
_NAME = re.compile(r"([0-9]{10})-([0-9]{15})\.pcap")
_MAGIC = 0xA1B2C3D4
_HEADER = struct.Struct("<IHHiIII")
_RECORD = struct.Struct("<IIII").unpack_from
FEWEST_FILES = 4


@dataclass(frozen=True, slots=True, order=True)
class Piece:
    """One file of the ring."""

    place: int
    first: int
    """How many packets were written before it."""

    @property
    def name(self) -> str:
        return f"{self.place:010d}-{self.first:015d}.pcap"


def pieces(names: list[str]) -> list[Piece]:
    """The files of a ring among these names, oldest first.

    >>> pieces(["counters.json", "0000000002-000000000000007.pcap"])
    [Piece(place=2, first=7)]
    """
    found = (_NAME.fullmatch(name) for name in names)
    return sorted(Piece(int(one[1]), int(one[2])) for one in found if one)


def whole(buffer: bytes, pos: int = 0) -> tuple[list[Record], int]:
    """The records that are wholly in a buffer, and where the rest begins."""
    records: list[Record] = []
    end = len(buffer)
    while pos + _RECORD_HEAD <= end:
        seconds, micros, captured, wire = _RECORD(buffer, pos)
        after = pos + _RECORD_HEAD + captured
        if captured > LONGEST or after > end:
            break
        records.append((seconds * 1_000_000 + micros, pos + _RECORD_HEAD, captured, wire))
        pos = after
    return records, pos


class Writer:
    """Writes the ring; takes up what a killed one left.

    Args:
        folder: an open folder: after the rights are gone it can be reached in no other way.
        file_bytes: when a file is full.
        files: how many are kept.
    """

    def __init__(self, folder: int, *, file_bytes: int, files: int) -> None:
        self._folder = folder
        self._file_bytes = file_bytes
        self._files = max(files, FEWEST_FILES)
        self._kept = pieces(os.listdir(folder))
        self._file = -1
        self._size = 0
        self._link = -1
        self.written = 0
        """Packets in the ring since it was begun, also those that were overwritten since."""
        if self._kept:
            self.written = self._kept[-1].first + self._mend(self._kept[-1])

    def _mend(self, piece: Piece) -> int:
        """Cut off a record that was never finished; give how many whole ones there are."""
        file = os.open(piece.name, os.O_RDWR | os.O_NOFOLLOW, dir_fd=self._folder)
        try:
            count, at, carry = 0, HEAD, b""
            os.lseek(file, HEAD, os.SEEK_SET)
            while chunk := os.read(file, CHUNK):
                records, end = whole(carry + chunk)
                carry = (carry + chunk)[end:]
                count += len(records)
                at += end
            os.ftruncate(file, at)
            return count
        finally:
            os.close(file)

    def write(self, link: int, parts: list[bytes | memoryview], packets: int) -> None:
        """Write records.

        Raises:
            OSError: the disk is full or broken; these packets are not in the ring.
        """
        if link != self._link or self._size >= self._file_bytes:
            self._turn(link)
        raw = memoryview(b"".join(parts))
        done = 0
        try:
            while done < len(raw):
                done += os.write(self._file, raw[done:])
        except OSError:
            os.ftruncate(self._file, self._size)
            os.lseek(self._file, self._size, os.SEEK_SET)
            raise
        self._size += done
        self.written += packets

    def _turn(self, link: int) -> None:
        """Begin the next file, and drop the oldest."""
        while len(self._kept) >= self._files:
            os.unlink(self._kept[0].name, dir_fd=self._folder)
            del self._kept[0]
        piece = Piece(self._kept[-1].place + 1 if self._kept else 1, self.written)
        file = os.open(piece.name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640, dir_fd=self._folder)
        self._kept.append(piece)
        self.close()
        self._file, self._link, self._size = file, link, HEAD
        os.write(file, _HEADER.pack(_MAGIC, 2, 4, 0, 0, LONGEST, link))

    def close(self) -> None:
        """Close the file that is written."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


@dataclass(frozen=True, slots=True)
class Chunk:
    """Packets that a reader found."""

    link: int
    data: bytes
    records: list[Record]


@dataclass(slots=True)
class Spot:
    """How far a reader is."""

    place: int = 0
    offset: int = HEAD
    number: int = 0
    """Packets of the ring before this spot."""
    overrun: int = 0
    """Packets that were overwritten before they were read."""


class Reader:
    """Reads the ring while it is written, from a spot on."""

    def __init__(self, folder: Path, spot: Spot) -> None:
        self._folder = folder
        self.spot = spot
        self._open: tuple[int, int] | None = None
        """Place and file."""
        self._link = 1

    def read(self) -> Chunk | None:
        """The next packets; None when there are no more for now."""
        while True:
            present = self._present()
            if not present or not self._reach(present):
                return None
            chunk = self._chunk()
            if chunk is not None:
                return chunk
            following = [piece for piece in present if piece.place > self.spot.place]
            if not following:
                return None
            self._step(following[0])

    def _present(self) -> list[Piece]:
        try:
            return pieces([path.name for path in self._folder.iterdir()])
        except FileNotFoundError:
            return []

    def _reach(self, present: list[Piece]) -> bool:
        """Have the file at the spot open; go on with the oldest there is when it is gone."""
        if self._open is not None and self._open[0] == self.spot.place:
            return True
        here = next((piece for piece in present if piece.place == self.spot.place), None)
        if here is None:
            newer = next((piece for piece in present if piece.place > self.spot.place), None)
            if newer is None:  # another ring was begun here
                self.spot = Spot(number=present[0].first, overrun=self.spot.overrun)
                newer = present[0]
            here = self._step(newer)
        self.close()
        try:
            file = os.open(self._folder / here.name, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:  # overwritten meanwhile
            return False
        head = os.pread(file, HEAD, 0)
        if len(head) < HEAD:
            os.close(file)
            return False
        self._open = (here.place, file)
        self._link = int(_HEADER.unpack(head)[6])
        return True

    def _step(self, piece: Piece) -> Piece:
        """Go on to a file; what lies between was overwritten."""
        spot = self.spot
        self.spot = Spot(piece.place, HEAD, piece.first, spot.overrun + max(piece.first - spot.number, 0))
        return piece

    def _chunk(self) -> Chunk | None:
        if self._open is None:
            return None
        spot = self.spot
        data = os.pread(self._open[1], CHUNK, spot.offset)
        records, end = whole(data)
        if not records:
            return None
        self.spot = Spot(spot.place, spot.offset + end, spot.number + len(records), spot.overrun)
        return Chunk(self._link, data, records)

    def close(self) -> None:
        """Close the file that is read."""
        if self._open is not None:
            os.close(self._open[1])
            self._open = None


def read_all(folder: Path, *, start_us: int, end_us: int) -> Iterator[Chunk]:
    """Every packet of the ring in files that may hold packets of this time, oldest first."""
    present = pieces([path.name for path in folder.iterdir()]) if folder.is_dir() else []
    times = [_first_us(folder / piece.name) for piece in present]
    for at, piece in enumerate(present):
        began = times[at]
        ended = next((time for time in times[at + 1 :] if time is not None), end_us)
        if began is not None and began <= end_us and ended >= start_us:
            yield from _packets(folder / piece.name)


def _packets(path: Path) -> Iterator[Chunk]:
    try:
        file = path.open("rb")
    except FileNotFoundError:  # overwritten meanwhile
        return
    with file:
        link = int(_HEADER.unpack(file.read(HEAD))[6])
        carry = b""
        while chunk := file.read(CHUNK):
            data = carry + chunk
            records, end = whole(data)
            carry = data[end:]
            if records:
                yield Chunk(link, data, records)


def _first_us(path: Path) -> int | None:
    """The time of a file's first packet; None when it has none or is gone."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD + _RECORD_HEAD)
    except OSError:
        return None
    if len(head) < HEAD + _RECORD_HEAD:
        return None
    seconds, micros, _, _ = _RECORD(head, HEAD)
    return int(seconds) * 1_000_000 + int(micros)
