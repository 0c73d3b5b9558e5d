"""How are lines read from a log, packed or not, when nothing in it can be trusted?

A log may be packed (gzip, zstd, bzip2, xz), written in UTF-16, cut off in the middle, or hold a line of a
gigabyte. `lines` gives each line with the byte it starts at (of the unpacked text): together with the line's
bytes that makes an id that comes out the same on every reading, also after the log has grown.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, cast

import zstandard

from citywatch.model import Event, Problem
from citywatch.ports import Place, Report

CHUNK = 1 << 17
MAX_LINE = 2 << 20
"""Bytes of the longest line that is taken."""
MAX_RATIO = 400
RATIO_FLOOR = 1 << 30
"""A packed file may unpack to this much, or to MAX_RATIO times its size; more is a bomb."""
SHOWN = 20
"""Problems of one source that are told one by one; the rest is told as a sum."""
PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\x00")
_FRESH = sha256()
UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError, UnicodeError)


@dataclass(slots=True)
class Tally:
    """Tells the first problems of a source one by one and the rest as a sum."""

    sensor: str
    source: str
    report: Report
    shown: int = field(default=0, init=False)
    more: int = field(default=0, init=False)

    def add(self, position: str, what: str, hint: str = "") -> None:
        """Tell one problem, or count it when enough were told."""
        if self.shown >= SHOWN:
            self.more += 1
            return
        self.shown += 1
        self._tell(position, what, hint)

    def stop(self, position: str, what: str, hint: str = "") -> None:
        """Tell that the rest of the source could not be read."""
        self._tell(position, what, hint, fatal=True)

    def close(self) -> None:
        """Tell how many were counted only."""
        if self.more:
            self._tell("", f"{self.more} more lines could not be read", "see those told before")
        self.more = 0

    def _tell(self, position: str, what: str, hint: str, *, fatal: bool = False) -> None:
        self.report(
            Problem(
                sensor=self.sensor,
                source=self.source,
                position=position,
                what=what,
                hint=hint,
                fatal=fatal,
            )
        )


def unpacked(raw: IO[bytes]) -> IO[bytes]:
    """The text of a file that may be packed, told by its first bytes."""
    magic = raw.read(6)
    raw.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        reader = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        return reader.stream_reader(raw, read_across_frames=True, closefd=False)
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(raw)
    if magic.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMAFile(raw)
    return raw


def head_of(path: Path, size: int = 65_536) -> bytes:
    """The first bytes of a file, unpacked; what can be read of a broken one.

    Raises:
        OSError: the file cannot be opened.
    """
    found = bytearray()
    with path.open("rb") as raw:
        try:
            stream = unpacked(raw)
            while len(found) < size and (chunk := stream.read(size - len(found))):
                found += chunk
        except UNREADABLE:
            return bytes(found)
    return bytes(found)


def head_or_told(path: Path, tally: Tally, size: int = 65_536) -> bytes | None:
    """The first bytes of a log, as `text_head` gives them; none when it cannot be opened, which is told."""
    try:
        return text_head(head_of(path, size))
    except OSError as error:
        tally.stop("", f"cannot be opened: {error.strerror or error}")
        return None


def piece_of(path: Path, at: int, size: int) -> bytes:
    """Bytes of a log's unpacked text from a place on; what can be read of a broken one.

    Raises:
        OSError: the file cannot be opened.
    """
    with path.open("rb") as raw:
        try:
            stream = unpacked(raw)
            if stream is raw:
                raw.seek(at)
                return raw.read(size)
            while at and (chunk := stream.read(min(at, CHUNK))):
                at -= len(chunk)
            found = bytearray()
            while len(found) < size and (chunk := stream.read(size - len(found))):
                found += chunk
        except UNREADABLE:
            return b""
    return bytes(found)


def text_head(head: bytes) -> bytes:
    """The start of a text as UTF-8, when it is UTF-16 or carries a byte order mark."""
    if head[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return head.decode("utf-16", "replace").encode("utf-8", "replace")
    return head.removeprefix(codecs.BOM_UTF8)


def lines(
    path: Path, tally: Tally, place: Place | None = None, *, whole: bool = True
) -> Iterator[tuple[int, bytes]]:
    """Each line that is not empty, with the byte it starts at.

    Args:
        path: the log, packed or not.
        tally: told of lines that are too long and of a file that breaks off.
        place: where to begin; moved along, past each line before it is given.
        whole: also take a last line without an end (False while the log is still being written).
    """
    place = place or Place()
    for block, end in _blocks(path, tally, place, whole=whole):
        for line in block:
            here = place.offset
            place.offset = here + len(line) + end
            place.line += 1
            if line and line != b"\r":
                yield here, line if here else line.removeprefix(codecs.BOM_UTF8)
    tally.close()


_Block = tuple[list[bytes], int]
"""Lines without their ends, and how many bytes each end has."""


def _blocks(path: Path, tally: Tally, place: Place, *, whole: bool) -> Iterator[_Block]:
    """Lines, many at once; who takes them moves the place past each."""
    try:
        with path.open("rb") as raw:
            yield from _split(_chunks(raw, tally, place.offset), tally, place, whole=whole)
    except OSError as error:
        tally.stop("", f"cannot be opened: {error.strerror or error}")


def _split(chunks: Iterator[bytes], tally: Tally, place: Place, *, whole: bool) -> Iterator[_Block]:
    rest = b""
    too_long = False
    for chunk in chunks:
        block = (rest + chunk).split(b"\n")
        rest = block.pop()
        # A piece is shorter than the longest line, so only what it goes on with can be longer.
        if block and (too_long or len(block[0]) > MAX_LINE):
            too_long = False
            place.offset += len(block.pop(0)) + 1
            place.line += 1
            tally.add(f"line {place.line}", f"longer than {MAX_LINE} bytes", "it was passed over")
        if block:
            yield block, 1
        if len(rest) > MAX_LINE:
            too_long = True
            place.offset += len(rest)
            rest = b""
    if too_long:
        tally.add(f"line {place.line + 1}", f"longer than {MAX_LINE} bytes", "it was passed over")
    elif whole and rest.strip():
        yield [rest], 0


def _chunks(raw: IO[bytes], tally: Tally, start: int) -> Iterator[bytes]:
    """Pieces of the unpacked text from a byte on; a break is told and ends them."""
    size = raw.seek(0, 2)
    raw.seek(0)
    most = max(size * MAX_RATIO, RATIO_FLOOR)
    read = 0
    try:
        stream = unpacked(raw)
        recode = None
        if stream is raw and start and raw.read(2) not in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
            raw.seek(start)
            read = start
        elif stream is raw:
            raw.seek(0)
        while chunk := stream.read(CHUNK):
            if read == 0:
                recode = _recoder(chunk)
            text = recode(chunk) if recode else chunk
            read += len(text)
            if stream is not raw and read > most:
                tally.stop(
                    f"byte {read}", f"unpacks to more than {MAX_RATIO} times its size", "it is not read on"
                )
                return
            if read > start:
                yield text[max(0, start - (read - len(text))) :]
    except UNREADABLE as error:
        tally.stop(
            f"byte {read}", f"the file breaks off: {error}", "copy it again; what stands before was read"
        )


def _recoder(first: bytes) -> Callable[[bytes], bytes] | None:
    """What turns the pieces of this text into UTF-8; None when nothing need be done."""
    if first[:2] not in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return None
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    return lambda piece: decoder.decode(piece).encode("utf-8", "replace")


def line_id(sensor: bytes, offset: int, line: bytes) -> str:
    """The id of what a line says: the same on every reading, whatever the path.

    >>> line_id(b"eve", 0, b"{}") == line_id(b"eve", 0, b"{}") != line_id(b"eve", 3, b"{}")
    True
    """
    # SHA-256 has its own instructions on today's processors: half the cost of BLAKE2 here.
    digest = _FRESH.copy()  # a third of the cost of a new one
    digest.update(offset.to_bytes(8, "little") + sensor + b"\0")
    digest.update(line)  # not put together with the rest: that would copy it
    return digest.hexdigest()[:32]


Translate = Callable[[bytes], "Event | list[Event]"]
"""Turns a line into an event without id, or several, or none; ValueError (with why) when it is bad."""


def read_log(
    path: Path,
    tally: Tally,
    translate: Translate,
    *,
    place: Place | None = None,
    whole: bool = True,
) -> Iterator[Event]:
    """The events of a log of one event a line, each with id, file name and offset."""
    place = place or Place()
    sensor = tally.sensor.encode()[:16]
    name = path.name
    # The loop of `lines` once more: with a generator between, each line costs a twentieth more.
    for block, end in _blocks(path, tally, place, whole=whole):
        for line in block:
            offset = place.offset
            place.offset = after = offset + len(line) + end
            place.line += 1
            if not line or line == b"\r":
                continue
            if not offset:
                line = line.removeprefix(codecs.BOM_UTF8)  # noqa: PLW2901 - the first line may be marked
            try:
                event = translate(line)
            except ValueError as error:
                tally.add(f"line {place.line}", str(error))
                continue
            if isinstance(event, dict):
                event["event.id"] = line_id(sensor, offset, line)
                event["log.file.path"] = name
                event["log.offset"] = offset
                yield event
                continue
            last = len(event) - 1
            for number, one in enumerate(event):
                # A line is behind us only with its last event: who notes the place may be killed in between.
                place.offset = after if number == last else offset
                one["event.id"] = line_id(sensor, offset + number, line)
                one["log.file.path"] = name
                one["log.offset"] = offset
                yield one
    tally.close()
