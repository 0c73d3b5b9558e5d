"""How are a packet's time, addresses and ids written, fast enough for every event?"""

from __future__ import annotations

from binascii import b2a_base64, hexlify
from functools import lru_cache
from hashlib import blake2b, sha1
from socket import AF_INET6, inet_ntop
from struct import Struct

from citywatch.clock import stamp_us

_seconds: dict[int, str] = {}
_MOST_SECONDS = 4096
_THREE = tuple(f"{number:03d}" for number in range(1000))


def stamp(us: int) -> str:
    """As `clock.stamp_us` writes it, with the seconds remembered.

    >>> stamp(1_700_000_000_000_001) == stamp_us(1_700_000_000_000_001)
    True
    """
    second = us // 1_000_000
    head = _seconds.get(second)
    if head is None:
        if len(_seconds) >= _MOST_SECONDS:
            _seconds.clear()
        head = _seconds[second] = stamp_us(second * 1_000_000)[:20]
    part = us - second * 1_000_000
    return f"{head}{_THREE[part // 1000]}{_THREE[part % 1000]}Z"


_heads: dict[int, bytes] = {}


def raw_stamp(us: int) -> bytes:
    """The same as `stamp`, as bytes.

    >>> raw_stamp(1_700_000_000_000_001) == stamp(1_700_000_000_000_001).encode()
    True
    """
    second = us // 1_000_000
    head = _heads.get(second)
    if head is None:
        if len(_heads) >= _MOST_SECONDS:
            _heads.clear()
        head = _heads[second] = stamp_us(second * 1_000_000)[:20].encode()
    return b"%b%06dZ" % (head, us - second * 1_000_000)


OCTETS = tuple(str(number) for number in range(256))


def address(raw: bytes) -> str:
    """An IPv4 or IPv6 address as text.

    >>> address(bytes([10, 0, 0, 1])), address(bytes(15) + bytes([1]))
    ('10.0.0.1', '::1')
    """
    if len(raw) == 4:
        octet = OCTETS
        return f"{octet[raw[0]]}.{octet[raw[1]]}.{octet[raw[2]]}.{octet[raw[3]]}"
    return _address6(raw)


@lru_cache(maxsize=16384)
def _address6(raw: bytes) -> str:
    return inet_ntop(AF_INET6, raw)


@lru_cache(maxsize=16384)
def hardware(raw: bytes) -> str:
    """A hardware address as text.

    >>> hardware(bytes.fromhex("0025b3bf91ee"))
    '00:25:b3:bf:91:ee'
    """
    return raw.hex(":")


_PART = Struct(">Q").pack
_LONGEST_POSITION = 128


def event_id(kind: bytes, position: bytes) -> str:
    """The same as `model.repeatable_id("network", kind, position)`, without its loop.

    >>> from citywatch.model import repeatable_id
    >>> event_id(b"flow", b"1234") == repeatable_id("network", b"flow", b"1234")
    True
    """
    return _digest_of(kind, position).hexdigest()


def raw_id(kind: bytes, position: bytes) -> bytes:
    """The same as bytes.

    >>> raw_id(b"flow", b"1234") == event_id(b"flow", b"1234").encode()
    True
    """
    return hexlify(_digest_of(kind, position).digest())


def _digest_of(kind: bytes, position: bytes) -> blake2b:
    size = len(position)
    head = before_position(kind)[size] if size < _LONGEST_POSITION else _head(kind) + _PART(size)
    return blake2b(head + position, digest_size=16)


def _head(kind: bytes) -> bytes:
    return b"".join(_PART(len(word)) + word for word in (b"network", kind))


@lru_cache(maxsize=64)
def before_position(kind: bytes) -> tuple[bytes, ...]:
    """What an id's hash reads before a position, by the position's length (below 128)."""
    head = _head(kind)
    return tuple(head + _PART(size) for size in range(_LONGEST_POSITION))


_ANSWERS = {
    1: {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17, 10: 9, 9: 10},
    58: {128: 129, 129: 128, 133: 134, 134: 133, 135: 136, 136: 135, 130: 131, 131: 130, 144: 145, 145: 144},
}
_PORTS = Struct(">HH").pack
_PADDED = tuple(bytes((proto, 0)) for proto in range(256))


def community_id(source: bytes, target: bytes, proto: int, sport: int, dport: int) -> str:
    """Community ID v1 with seed 0 (github.com/corelight/community-id-spec).

    For ICMP, `sport` and `dport` are type and code. Other protocols without ports: both 0.

    >>> community_id(bytes([128, 232, 110, 120]), bytes([66, 35, 250, 204]), 6, 34855, 80)
    '1:LQU9qZlK+B5F3KDmev6m5PMibrg='
    """
    ports = proto in {6, 17, 132, 1, 58}
    if proto in _ANSWERS:
        answer = _ANSWERS[proto].get(sport)
        if answer is None:  # one way: the order stays as it was seen
            return _digest(source + target + bytes((proto, 0)) + _PORTS(sport, dport))
        dport = answer
    near, far = (source, sport), (target, dport)
    if near > far:
        near, far = far, near
    tail = _PORTS(near[1], far[1]) if ports else b""
    return _digest(near[0] + far[0] + bytes((proto, 0)) + tail)


def community_of(key: bytes, back_key: bytes, proto: int) -> str:
    """The same for a TCP, UDP or SCTP flow, from its raw keys (addresses, then ports, of both ways).

    >>> way = bytes([128, 232, 110, 120, 66, 35, 250, 204, 136, 39, 0, 80])
    >>> back = way[4:8] + way[:4] + way[10:] + way[8:10]
    >>> community_of(way, back, 6) == community_of(back, way, 6) == "1:LQU9qZlK+B5F3KDmev6m5PMibrg="
    True
    """
    ports = len(key) - 4
    half = ports >> 1
    if key[:half] + key[ports : ports + 2] > key[half:ports] + key[ports + 2 :]:
        key = back_key
    raw = sha1(b"\0\0" + key[:ports] + _PADDED[proto] + key[ports:], usedforsecurity=False).digest()
    return "1:" + b2a_base64(raw, newline=False).decode()


def _digest(rest: bytes) -> str:
    raw = sha1(b"\0\0" + rest, usedforsecurity=False).digest()
    return "1:" + b2a_base64(raw, newline=False).decode("ascii")
