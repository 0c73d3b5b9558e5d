"""Which packets lie in this pcapng file?

Sections, interfaces (link type, time resolution and offset), enhanced, simple and obsolete packet blocks;
other blocks are passed over. After draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from sensors.network.pcapfile import CHUNK, LATEST_US, LONGEST, Batch, Complain, Record, Source

_SECTION, _INTERFACE, _OBSOLETE, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6
_PACKETS = {_OBSOLETE, _SIMPLE, _ENHANCED}
_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
LONGEST_BLOCK = 1 << 24
MOST_INTERFACES = 4096
_DAMAGED = "the file is damaged from here on; repair it with 'editcap' or capture again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """Where packets of a block were captured."""

    link: int
    snap: int
    units: int
    """Time units a second."""
    offset_us: int


class _Lie(Exception):  # noqa: N818 - the name of a state
    """A length that cannot be true."""


def read(source: Source, complain: Complain) -> Iterator[Batch]:  # noqa: C901, PLR0912, PLR0915 - one loop over hostile lengths reads best in one piece
    """All packets; the four bytes of the first block type have been read."""
    section = _Section()
    base, carry = 0, b"\x0a\x0d\x0d\x0a"
    while True:
        chunk = source.read(CHUNK)
        buffer = carry + chunk
        pos = 0
        records: list[Record] = []
        link, lie = -1, ""
        while True:
            try:
                kind, length = section.block(buffer, pos)
            except _Lie as error:
                lie = str(error)
                break
            if not length:
                break
            if kind in _PACKETS:
                number, record = section.packet(kind, buffer, pos, length)
                if number != link:
                    if records:
                        yield link, buffer, records
                    link, records = number, []
                if record is None:
                    complain(base + pos, "a packet block contradicts itself", "it was passed over", False)
                else:
                    records.append(record)
            pos += length
        if records:
            yield link, buffer, records
        if lie:
            complain(base + pos, lie, _DAMAGED, True)
            return
        carry = buffer[pos:]
        base += pos
        if not chunk:
            break
    if carry:
        complain(base, "the file ends inside a block", "the capture was cut off; copy it again", True)


class _Section:
    """Remembers byte order and interfaces of the section it is in."""

    __slots__ = ("_enhanced", "_interfaces", "_last_us", "_order", "_two")

    def __init__(self) -> None:
        self._order = "<"
        self._interfaces: list[Interface] = []
        self._last_us = 0
        self._begin("<")

    def _begin(self, order: str) -> None:
        self._order = order
        self._interfaces = []
        self._two = struct.Struct(order + "II").unpack_from
        self._enhanced = struct.Struct(order + "IIIII").unpack_from

    def block(self, buffer: bytes, pos: int) -> tuple[int, int]:  # noqa: C901 - one loop over hostile lengths reads best in one piece
        """Type and length of the block at `pos`; length 0 when it is not yet whole."""
        left = len(buffer) - pos
        if left < 12:
            return 0, 0
        kind, length = self._two(buffer, pos)
        if kind == _SECTION:
            order = _ORDERS.get(buffer[pos + 8 : pos + 12])
            if order is None:
                raise _Lie("a section header without its byte-order magic")
            if left >= 28:
                self._begin(order)
            _, length = self._two(buffer, pos) if order == self._order else (0, 0)
            if not length:
                return 0, 0
        if length < 12 or length & 3 or length > LONGEST_BLOCK:
            raise _Lie(f"a block claims {length} bytes")
        if length > left:
            return 0, 0
        (again,) = struct.unpack_from(self._order + "I", buffer, pos + length - 4)
        if again != length:
            raise _Lie(f"a block begins with length {length} and ends with {again}")
        if kind == _INTERFACE:
            self._interface(buffer, pos, length)
        return kind, length

    def _interface(self, buffer: bytes, pos: int, length: int) -> None:
        if length < 20:
            raise _Lie("an interface block is too short")
        if len(self._interfaces) >= MOST_INTERFACES:
            raise _Lie(f"a section with more than {MOST_INTERFACES} interfaces")
        link, snap = struct.unpack_from(self._order + "HxxI", buffer, pos + 8)
        units, offset = 1_000_000, 0
        for code, value in self._options(buffer, pos + 16, pos + length - 4):
            if code == 9 and value:
                power = value[0] & 0x7F
                units = 2**power if value[0] & 0x80 else 10 ** min(power, 38)
            elif code == 14 and len(value) == 8:
                (offset,) = struct.unpack(self._order + "q", value)
        self._interfaces.append(Interface(link=link, snap=snap, units=units, offset_us=offset * 1_000_000))

    def _options(self, buffer: bytes, pos: int, end: int) -> Iterator[tuple[int, bytes]]:
        while pos + 4 <= end:
            code, size = struct.unpack_from(self._order + "HH", buffer, pos)
            if code == 0 or pos + 4 + size > end:
                return
            yield code, buffer[pos + 4 : pos + 4 + size]
            pos += 4 + (size + 3 & ~3)

    def packet(self, kind: int, buffer: bytes, pos: int, length: int) -> tuple[int, Record | None]:
        """Link type and record of a packet block; no record when the block contradicts itself."""
        number, high, low = 0, 0, 0
        if kind == _SIMPLE:
            start = pos + 12
            (wire,) = struct.unpack_from(self._order + "I", buffer, pos + 8)
            captured = min(wire, length - 16)
        elif length < 32:
            return -1, None
        else:
            start = pos + 28
            number, high, low, captured, wire = self._enhanced(buffer, pos + 8)
            if kind == _OBSOLETE:
                (number,) = struct.unpack_from(self._order + "H", buffer, pos + 8)
        if number >= len(self._interfaces):
            return -1, None
        face = self._interfaces[number]
        if kind == _SIMPLE:
            captured = min(captured, face.snap) if face.snap else captured
            return face.link, (self._last_us, start, captured, wire)
        if start + captured > pos + length - 4 or captured > LONGEST:
            return face.link, None
        ticks = high << 32 | low
        us = ticks if face.units == 1_000_000 else ticks * 1_000_000 // face.units
        us = min(max(us + face.offset_us, 0), LATEST_US)
        self._last_us = us
        return face.link, (us, start, captured, wire)
