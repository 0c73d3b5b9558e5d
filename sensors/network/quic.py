"""Which server does a QUIC client ask for, and with which program?

Opens the Initial packets of QUIC 1, 2 and draft 29, whose keys follow from the packet itself (RFC 9001,
section 5.2; RFC 9369), gathers the CRYPTO frames and reads the client hello: SNI, ALPN, JA3, JA4.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from typing import NamedTuple

from citywatch.model import Event
from sensors.network.datagram import Datagrams
from sensors.network.flow import Flow
from sensors.network.hello import client_hello
from sensors.network.sink import Sink
from sensors.network.tls import client_fields, named_fields

_SALTS = {
    0x00000001: bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"),
    0x6B3343CF: bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"),
    0xFF00001D: bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899"),
}
_V2 = 0x6B3343CF
_MOST_PACKETS = 16
_MOST_HELLO = 1 << 15


class Header(NamedTuple):
    """What stands before the protected part of an Initial packet."""

    version: int
    target: bytes
    """Destination connection id."""
    number_at: int
    end: int


def is_quic(data: bytes) -> bool:
    """Does a long header of a version that can be opened begin here?"""
    return len(data) >= 20 and data[0] & 0xC0 == 0xC0 and int.from_bytes(data[1:5], "big") in _SALTS


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length (RFC 9000, section 16) and where it ends.

    >>> varint(bytes.fromhex("7bbd"), 0)
    (15293, 2)
    """
    size = 1 << (data[at] >> 6)
    return int.from_bytes(data[at : at + size], "big") & (1 << (8 * size - 2)) - 1, at + size


def header(data: bytes, start: int) -> Header | None:
    """The header at `start`; None when it is no Initial packet.

    Raises:
        IndexError: it is cut off.
    """
    version = int.from_bytes(data[start + 1 : start + 5], "big")
    kind = data[start] >> 4 & 3
    if version not in _SALTS or kind != (1 if version == _V2 else 0):
        return None
    at = start + 5
    target = data[at + 1 : at + 1 + data[at]]
    at += 1 + data[at]
    at += 1 + data[at]
    token, at = varint(data, at)
    size, at = varint(data, at + token)
    return Header(version, target, at, min(at + size, len(data)))


def _expand(secret: bytes, label: str, size: int) -> bytes:
    """HKDF-Expand-Label of TLS 1.3 for up to one hash length (RFC 8446, section 7.1)."""
    name = b"tls13 " + label.encode("ascii")
    info = size.to_bytes(2, "big") + bytes((len(name),)) + name + b"\0\1"
    return hmac.digest(secret, info, hashlib.sha256)[:size]


@lru_cache(maxsize=256)
def keys(version: int, target: bytes) -> tuple[bytes, bytes, bytes]:
    """Key, nonce base and header key of the client's Initial packets."""
    initial = hmac.digest(_SALTS[version], target, hashlib.sha256)
    secret = _expand(initial, "client in", 32)
    word = "quicv2" if version == _V2 else "quic"
    return (
        _expand(secret, f"{word} key", 16),
        _expand(secret, f"{word} iv", 12),
        _expand(secret, f"{word} hp", 16),
    )


def opened(data: bytes, start: int, head: Header, secrets: tuple[bytes, bytes, bytes]) -> bytes:
    """The frames of an Initial packet; nothing when it does not open with these keys."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - only where QUIC appears
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - as above

    key, base, mask_key = secrets
    at = head.number_at
    sample = data[at + 4 : at + 20]
    if len(sample) < 16 or head.end - at < 21:
        return b""
    # The header's mask is one block of plain AES by design (RFC 9001, section 5.4.3).
    mask = Cipher(algorithms.AES(mask_key), modes.ECB()).encryptor().update(sample)  # noqa: S305 - as the RFC says
    first = data[start] ^ (mask[0] & 0x0F)
    size = (first & 3) + 1
    number = bytes(byte ^ other for byte, other in zip(data[at : at + size], mask[1:], strict=False))
    nonce = (int.from_bytes(base, "big") ^ int.from_bytes(number, "big")).to_bytes(12, "big")
    clear = bytes((first,)) + data[start + 1 : at] + number
    try:
        return AESGCM(key).decrypt(nonce, data[at + size : head.end], clear)
    except InvalidTag:
        return b""


def crypto(frames: bytes) -> list[tuple[int, bytes]]:
    """Offset and bytes of the CRYPTO frames (RFC 9000, section 19)."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(frames):
        kind, at = varint(frames, at)
        if kind in {0, 1}:
            continue
        if kind in {2, 3}:
            at = _after_ack(frames, at, kind)
        elif kind == 6:
            offset, at = varint(frames, at)
            size, at = varint(frames, at)
            found.append((offset, frames[at : at + size]))
            at += size
        else:
            break
    return found


def _after_ack(frames: bytes, at: int, kind: int) -> int:
    _, at = varint(frames, at)
    _, at = varint(frames, at)
    count, at = varint(frames, at)
    for _ in range(min(1 + 2 * count, 512)):
        _, at = varint(frames, at)
    for _ in range(3 if kind == 3 else 0):
        _, at = varint(frames, at)
    return at


class Quic(Datagrams):
    """Gathers the client hello of one connection."""

    __slots__ = ("_keys", "_packets", "_pieces", "_sink", "_us")

    protocol = "quic"

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._keys: tuple[bytes, bytes, bytes] | None = None
        self._pieces: dict[int, bytes] = {}
        self._packets = 0
        self._us = 0

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Take a datagram; done with the hello, or when it does not come."""
        flow.protocol = self.protocol
        if not out:
            return True
        self._us = self._us or us
        self._packets += 1
        start = 0
        while start + 20 <= len(data) and data[start] & 0x80:
            head = header(data, start)
            if head is None:
                break
            if self._keys is None:
                self._keys = keys(head.version, head.target)
            for offset, piece in crypto(opened(data, start, head, self._keys)):
                if offset + len(piece) <= _MOST_HELLO:
                    self._pieces.setdefault(offset, piece)
            start = head.end
        return not self._tell(flow) and self._packets < _MOST_PACKETS

    def _tell(self, flow: Flow) -> bool:
        whole = b""
        for offset in sorted(self._pieces):
            if offset > len(whole):
                return False
            whole += self._pieces[offset][len(whole) - offset :]
        if len(whole) < 4 or len(whole) < 4 + int.from_bytes(whole[1:4], "big"):
            return False
        if whole[0] == 1:
            fields: Event = client_fields(client_hello(whole[4:]), "q")
            named_fields(fields)
            self._sink.say(flow, "network.tls", self._us, fields)
        return True

    def close(self, flow: Flow) -> None:
        """A hello that never became whole is not told."""
