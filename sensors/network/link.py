"""What does a frame carry, below IP?

Ethernet with VLAN and QinQ tags, MPLS, PPPoE and LLC/SNAP; Linux cooked v1 and v2; raw IP; BSD loopback; PPP;
802.11 with and without radiotap is left to others and counted.
"""

from __future__ import annotations

from typing import NamedTuple

IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806
_TAGS = {0x8100, 0x88A8, 0x9100, 0x9200}
_MOST_TAGS = 8
ETHERNET = 1


class Frame(NamedTuple):
    """What lies above the link layer, and where."""

    ethertype: int
    start: int
    vlans: list[str] | None
    source: bytes
    target: bytes


_NOTHING = Frame(0, 0, None, b"", b"")


def frame(link: int, data: bytes, start: int, end: int) -> Frame | None:
    """Find the network layer; None when the link type is not known, ethertype 0 when there is none."""
    reader = _READERS.get(link)
    if reader is None:
        return None
    return reader(data, start, end)


def ethernet(data: bytes, start: int, end: int) -> Frame:
    """An Ethernet frame, also inside a tunnel."""
    if end - start < 14:
        return _NOTHING
    return _typed(
        data,
        data[start + 12] << 8 | data[start + 13],
        start + 14,
        end,
        (data[start + 6 : start + 12], data[start : start + 6]),
    )


def _typed(data: bytes, kind: int, at: int, end: int, macs: tuple[bytes, bytes]) -> Frame:
    """Go up through tags to what an ethertype names."""
    vlans: list[str] | None = None
    for _ in range(_MOST_TAGS):
        if kind in _TAGS and end - at >= 4:
            vlans = [*(vlans or ()), str((data[at] << 8 | data[at + 1]) & 0xFFF)]
            kind, at = data[at + 2] << 8 | data[at + 3], at + 4
        elif kind in {0x8847, 0x8848} and end - at >= 4:
            bottom, at = data[at + 2] & 1, at + 4
            if bottom:
                kind = _by_version(data, at, end)
        elif kind == 0x8864 and end - at >= 8:
            kind, at = _ppp(data[at + 6] << 8 | data[at + 7]), at + 8
        elif kind <= 1500 and end - at >= 8 and data[at : at + 3] == b"\xaa\xaa\x03":
            kind, at = data[at + 6] << 8 | data[at + 7], at + 8
        else:
            break
    return Frame(kind, at, vlans, macs[0], macs[1])


def _ppp(protocol: int) -> int:
    return {0x21: IPV4, 0x57: IPV6, 0x281: 0x8847}.get(protocol, 0)


def _by_version(data: bytes, at: int, end: int) -> int:
    if at >= end:
        return 0
    return {4: IPV4, 6: IPV6}.get(data[at] >> 4, 0)


def _cooked(data: bytes, start: int, end: int) -> Frame:
    if end - start < 16:
        return _NOTHING
    size = min(data[start + 4] << 8 | data[start + 5], 8)
    macs = (data[start + 6 : start + 6 + size], b"")
    return _typed(data, data[start + 14] << 8 | data[start + 15], start + 16, end, macs)


def _cooked2(data: bytes, start: int, end: int) -> Frame:
    if end - start < 20:
        return _NOTHING
    macs = (data[start + 12 : start + 12 + min(data[start + 11], 8)], b"")
    return _typed(data, data[start] << 8 | data[start + 1], start + 20, end, macs)


def _raw(data: bytes, start: int, end: int) -> Frame:
    return Frame(_by_version(data, start, end), start, None, b"", b"")


def _loopback(data: bytes, start: int, end: int) -> Frame:
    """The family is in the byte order of the machine that captured; the version tells as well."""
    return Frame(_by_version(data, start + 4, end), start + 4, None, b"", b"")


def _ppp_frame(data: bytes, start: int, end: int) -> Frame:
    if end - start >= 4 and data[start : start + 2] == b"\xff\x03":
        start += 2
    if end - start < 2:
        return _NOTHING
    kind = _ppp(data[start] << 8 | data[start + 1])
    return _typed(data, kind, start + 2, end, (b"", b""))


_READERS = {
    0: _loopback,
    ETHERNET: ethernet,
    9: _ppp_frame,
    12: _raw,
    14: _raw,
    50: _ppp_frame,
    101: _raw,
    108: _loopback,
    113: _cooked,
    228: _raw,
    229: _raw,
    276: _cooked2,
}
