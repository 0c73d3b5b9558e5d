"""Which transport does an IP packet carry, and where does it begin?

The general reader beside `decode.py`'s quick one: IPv4 with options, IPv6 with extension headers, fragments.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

_V4 = Struct(">BxHHHxBxx4s4s").unpack_from
_V6 = Struct(">IHBx16s16s").unpack_from
_CHAIN = {0, 43, 60, 135, 139, 140}
"""IPv6 extension headers that tell their length in units of eight bytes."""
_FRAGMENT, _AUTH, _NONE = 44, 51, 59
_MOST_HEADERS = 16


class Packet(NamedTuple):
    """One IP packet's outside."""

    proto: int
    source: bytes
    target: bytes
    start: int
    """Where the payload begins in the buffer."""
    end: int
    """Where the captured payload ends in the buffer."""
    size: int
    """Bytes of payload on the wire."""
    total: int
    """Bytes of the whole packet on the wire."""
    fragment: tuple[int, int, bool] | None
    """Identification, offset in bytes, whether more follow."""


def version4(data: bytes, start: int, end: int) -> Packet | None:
    """An IPv4 packet; None when it is malformed."""
    if end - start < 20:
        return None
    first, total, number, frag, proto, source, target = _V4(data, start)
    head = (first & 15) << 2
    if first >> 4 != 4 or head < 20 or start + head > end:
        return None
    if not total:  # segmentation offload: the card fills it in later
        total = end - start
    if total < head:
        return None
    fragment = (number, (frag & 0x1FFF) << 3, bool(frag & 0x2000)) if frag & 0x3FFF else None
    return Packet(proto, source, target, start + head, min(end, start + total), total - head, total, fragment)


def version6(data: bytes, start: int, end: int) -> Packet | None:  # noqa: C901 - one loop over hostile lengths reads best in one piece
    """An IPv6 packet, up to the first header that is no extension; None when it is malformed."""
    if end - start < 40:
        return None
    first, size, proto, source, target = _V6(data, start)
    if first >> 28 != 6:
        return None
    at = start + 40
    size = size or end - at
    total = size + 40
    end = min(end, at + size)
    fragment = None
    for _ in range(_MOST_HEADERS):
        if proto in _CHAIN or proto in {_FRAGMENT, _AUTH}:
            if end - at < 8:
                return None
            if proto == _FRAGMENT:
                place = data[at + 2] << 8 | data[at + 3]
                fragment = (int.from_bytes(data[at + 4 : at + 8], "big"), place & 0xFFF8, bool(place & 1))
                length = 8
            elif proto == _AUTH:
                length = data[at + 1] + 2 << 2
            else:
                length = data[at + 1] + 1 << 3
            proto, at, size = data[at], at + length, size - length
            if at > end or size < 0:
                return None
            if fragment and fragment[1]:
                break
        else:
            break
    if proto == _NONE:
        return None
    return Packet(proto, source, target, at, end, size, total, fragment)


def is_spoiled(packet: Packet, data: bytes, place: int) -> bool:
    """Is the checksum of a whole transport packet wrong, over either version of IP (RFC 1071, 8200)?

    A sum of zero is none, or left to the network card; what was cut short is not judged.

    Args:
        packet: its outside.
        data: what it lies in.
        place: of the checksum in the transport's header.
    """
    at, size = packet.start, packet.size
    if size < place + 2 or packet.end - at < size or not data[at + place] | data[at + place + 1]:
        return False
    words = int.from_bytes(packet.source + packet.target + data[at : at + size], "big") << (size & 1) * 8
    return bool((words + packet.proto + size) % 0xFFFF)
