"""Which packets lie in this capture file, and where does it lie about them?

Classic pcap (micro- and nanoseconds, both byte orders, also the modified Kuznetzov layout) and, through
`pcapng.py`, pcapng; either plain, gzip or zstd. Packets come as batches: one buffer and, for each packet, a
tuple of time, start, captured length, length on the wire. Times are microseconds since 1970.
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from citywatch.model import Problem

Record = tuple[int, int, int, int]
"""Microseconds since 1970, start in the buffer, bytes captured, bytes on the wire."""
Batch = tuple[int, bytes, list[Record]]
"""Link type, buffer, packets in it."""
Complain = Callable[[int, str, str, bool], None]
"""Tell about a byte offset: what, what to do, whether the rest is unreadable."""

CHUNK = 1 << 17
"""Small enough that a chunk, and the lines that come of it, stay in the processor's cache."""
LONGEST = 1 << 18
"""No capture tool writes a longer packet (libpcap's MAXIMUM_SNAPLEN); a longer one is a lie."""
LATEST_US = 253_402_300_799_999_999
"""The last microsecond of the year 9999: the latest that a stamp can hold."""

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
NG = b"\x0a\x0d\x0d\x0a"
_CLASSIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 1, 16),
    b"\xa1\xb2\xc3\xd4": (">", 1, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1000, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1000, 16),
    b"\x34\xcd\xb2\xa1": ("<", 1, 24),
    b"\xa1\xb2\xcd\x34": (">", 1, 24),
}


def is_capture(head: bytes) -> bool:
    """Tell by its first bytes.

    >>> is_capture(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
    True
    >>> is_capture(b"GET / HTTP/1.1")
    False
    """
    if head[:4] in _CLASSIC:
        return len(head) >= 24
    return head[:4] == NG and head[8:12] in {b"\x4d\x3c\x2b\x1a", b"\x1a\x2b\x3c\x4d"}


class Torn(Exception):  # noqa: N818 - the name of a state
    """The compressed stream ends early or is damaged."""


class Source:
    """Reads on through compression and knows how far it came (in decompressed bytes)."""

    __slots__ = ("_stream", "offset", "torn")

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.offset = 0
        self.torn = ""

    def read(self, size: int) -> bytes:
        """At most `size` bytes; nothing at the end or where the compression breaks (`torn` tells)."""
        if self.torn:
            return b""
        try:
            data = self._stream.read(size)
        except (OSError, EOFError, zlib.error, Torn) as error:
            self.torn = str(error) or type(error).__name__
            return b""
        self.offset += len(data)
        return data


def open_capture(path: Path) -> BinaryIO:
    """Open a capture, decompressed as needed by its first bytes.

    Raises:
        OSError: the file cannot be opened.
    """
    return unpacked(path.open("rb"))


def unpacked(raw: io.BufferedReader) -> BinaryIO:
    """A stream, decompressed as needed by its first bytes; from one that is plain nothing is taken."""
    head = raw.peek(4)[:4]
    if head[:2] == GZIP:
        return cast("BinaryIO", _Gzip(raw))
    if head == ZSTD:
        return cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", _zstd(raw)), CHUNK))
    return raw


class _Gzip(gzip.GzipFile):
    """Closes the file below with itself."""

    def __init__(self, raw: BinaryIO) -> None:
        super().__init__(fileobj=raw, mode="rb")
        self._raw = raw

    def close(self) -> None:
        super().close()
        self._raw.close()


def _zstd(raw: BinaryIO) -> object:
    import zstandard  # noqa: PLC0415 - loaded where it is first needed

    class Plain(io.RawIOBase):
        """Turns the library's error into ours, so that no caller needs the library."""

        def __init__(self) -> None:
            # A frame may ask for a window of gigabytes; 128 MiB is what the zstd tool itself allows.
            plan = zstandard.ZstdDecompressor(max_window_size=1 << 27)
            self._inner = plan.stream_reader(raw, read_across_frames=True, closefd=True)

        def readable(self) -> bool:
            return True

        def close(self) -> None:
            raw.close()
            super().close()

        def readinto(self, buffer: object) -> int:
            try:
                return cast("int", cast("Any", self._inner).readinto(buffer))
            except zstandard.ZstdError as error:
                raise Torn(str(error)) from error

    return Plain()


def batches(stream: BinaryIO, name: str, report: Callable[[Problem], None]) -> Iterator[Batch]:
    """All packets of a capture, in batches; what cannot be read is reported with its byte offset."""
    from sensors.network import pcapng  # noqa: PLC0415 - loaded where it is first needed

    source = Source(stream)

    def complain(offset: int, what: str, hint: str, fatal: bool) -> None:
        report(
            Problem(
                sensor="network", source=name, position=f"byte {offset}", what=what, hint=hint, fatal=fatal
            )
        )

    magic = _exactly(source, 4)
    if magic == NG:
        yield from pcapng.read(source, complain)
    elif magic in _CLASSIC:
        yield from _classic(source, magic, complain)
    elif not magic and not source.torn:
        complain(0, "the file is empty", "capture again", True)
    else:
        complain(0, f"not a capture: it begins with {magic.hex()}", "give a pcap or pcapng file", True)
    if source.torn:
        complain(
            source.offset, f"the compressed data breaks off ({source.torn})", "copy the file again", True
        )


def _exactly(source: Source, size: int) -> bytes:
    parts: list[bytes] = []
    while size > 0 and (part := source.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _classic(source: Source, magic: bytes, complain: Complain) -> Iterator[Batch]:  # noqa: C901, PLR0915 - one loop over hostile lengths reads best in one piece
    order, per_us, head = _CLASSIC[magic]
    rest = _exactly(source, 20)
    if len(rest) < 20:
        complain(4, "the file header is cut off", "copy the file again", True)
        return
    link = struct.unpack_from(order + "I", rest, 16)[0] & 0x0FFFFFFF
    unpack = struct.Struct(order + "IIII").unpack_from
    base, carry = 24, b""
    while True:
        chunk = source.read(CHUNK)
        buffer = carry + chunk if carry else chunk
        records: list[Record] = []
        add = records.append
        pos, end = 0, len(buffer)
        lie = 0
        while (at := pos + head) <= end:
            seconds, part, captured, wire = unpack(buffer, pos)
            if captured > LONGEST:
                lie = captured
                break
            if at + captured > end:
                break
            add((seconds * 1_000_000 + (part if per_us == 1 else part // per_us), at, captured, wire))
            pos = at + captured
        if records:
            yield link, buffer, records
        if lie:
            complain(
                base + pos,
                f"a packet claims {lie} bytes",
                "the file is damaged from here on; repair it with 'editcap' or capture again",
                True,
            )
            return
        carry = buffer[pos:]
        base += pos
        if not chunk:
            break
    if carry:
        what = "a packet header" if len(carry) < head else "a packet"
        complain(base, f"the file ends inside {what}", "the capture was cut off; copy it again", True)
