"""What did a message bring along?

Bodies by length, by chunks or until the connection ends; the start is kept (and unpacked) as evidence, up to
a cap. Pictures, sounds and fonts are only counted.
"""

from __future__ import annotations

import zlib
from urllib.parse import unquote_plus

from citywatch.model import Event
from sensors.network import secrets
from sensors.network.httphead import Head
from sensors.network.sink import Sink, text

CAP = 1 << 20
UNPACKED_CAP = 1 << 21
SHOWN = 2048
_LONGEST_SIZE_LINE = 256
_DULL = ("image/", "video/", "audio/", "font/")
_MAGIC = (
    (b"MZ", "application/x-dosexec"),
    (b"\x7fELF", "application/x-elf"),
    (b"\xca\xfe\xba\xbe", "application/java-vm"),
    (b"PK\x03\x04", "application/zip"),
    (b"Rar!\x1a\x07", "application/x-rar"),
    (b"%PDF-", "application/pdf"),
    (b"\xd0\xcf\x11\xe0", "application/x-ole-storage"),
    (b"<?php", "application/x-php"),
    (b"#!", "text/x-script"),
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)
_FIRST = {magic[:1] for magic, _ in _MAGIC}
_TEXT = ("text/", "application/json", "application/xml", "application/javascript", "application/x-www-form")


def kind_of(data: bytes) -> str:
    """What the first bytes say it is; empty when they say nothing.

    >>> kind_of(b"MZ" + bytes(62)), kind_of(b"hello")
    ('application/x-dosexec', '')
    """
    if data[:1] not in _FIRST:
        return ""
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind if magic != b"MZ" or len(data) > 60 else ""
    return ""


class Body:
    """Collects one body."""

    __slots__ = (
        "_chunk",
        "_dull",
        "_encoding",
        "_left",
        "_line",
        "_mime",
        "_parts",
        "_stored",
        "done",
        "size",
    )

    def __init__(self, head: Head) -> None:
        self.done = False
        self.size = 0
        """Bytes on the wire, without chunk lines."""
        self._mime = head.mime
        self._dull = head.mime.startswith(_DULL)
        self._encoding = head.headers.get("content-encoding", "").lower().strip()
        self._parts: list[bytes] = []
        self._stored = 0
        self._chunk = head.chunked
        self._left = 0 if head.chunked else head.length if head.length is not None else -1
        """Bytes still to come of the body or chunk; -1 is until the end."""
        self._line = b""

    def take(self, data: bytes) -> bytes:
        """Take what belongs to the body; give back what comes after it."""
        if self._chunk:
            return self._chunked(data)
        if self._left < 0:
            self._store(data)
            return b""
        mine, rest = data[: self._left], data[self._left :]
        self._left -= len(mine)
        self._store(mine)
        self.done = not self._left
        return rest

    def _store(self, data: bytes) -> None:
        self.size += len(data)
        if self._dull and self._stored:
            return
        room = CAP - self._stored
        if room > 0:
            part = data[:room]
            self._parts.append(part)
            self._stored += len(part)

    def _chunked(self, data: bytes) -> bytes:
        while data and not self.done:
            if self._left:
                mine, data = data[: self._left], data[self._left :]
                self._left -= len(mine)
                self._store(mine)
                continue
            line, newline, rest = data.partition(b"\n")
            self._line += line
            if len(self._line) > _LONGEST_SIZE_LINE:
                raise ValueError("a chunk size without end")
            data = rest
            if not newline:
                break
            line, self._line = self._line.strip(), b""
            if not line:
                continue  # the end of the chunk before
            self._left = int(line.partition(b";")[0], 16)
            if self._left < 0:
                raise ValueError("a chunk of negative size")
            self.done = not self._left
        if self.done and data.startswith(b"\r\n"):
            data = data[2:]
        return data

    def hole(self, size: int) -> bool:
        """Bytes were lost; False when nobody knows where the body goes on."""
        if self._chunk:
            if size > self._left:
                return False
        elif 0 <= self._left < size:
            return False
        self.size += size
        if self._left >= 0:
            self._left -= size
            self.done = not self._left and not self._chunk
        return True

    def _unpacked(self) -> bytes:
        raw = b"".join(self._parts)
        if self._encoding not in {"gzip", "x-gzip", "deflate"}:
            return raw
        plan = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        try:
            return plan.decompress(raw, UNPACKED_CAP)
        except zlib.error:
            return raw

    def describe(self, sink: Sink, fields: Event, side: str) -> None:
        """Add the body's fields, and keep it as evidence."""
        fields[f"http.{side}.body.bytes"] = self.size
        data = self._unpacked()
        if not data:
            return
        kind = kind_of(data)
        if kind and side == "response":
            fields["file.mime_type"] = kind
            name = fields.get("url.path", "").rpartition("/")[2]
            if name:
                fields["file.name"] = name
        if self._dull and not kind.startswith("application/"):
            return
        if self._mime.startswith(_TEXT) or _readable(data):
            fields[f"http.{side}.body.content"] = self._shown(data, side)
        sink.keep(data, self._mime or kind or "application/octet-stream", f"{side}_body", fields)

    def _shown(self, data: bytes, side: str) -> str:
        words = text(data[: SHOWN * 2])
        if side == "response":
            return words[:SHOWN]
        words = secrets.body(words)
        if "x-www-form-urlencoded" in self._mime:
            words = unquote_plus(words)
        return words[:SHOWN]


def _readable(data: bytes) -> bool:
    head = data[:256]
    return not head.translate(None, bytes(range(0x20, 0x7F)) + b"\t\r\n")
