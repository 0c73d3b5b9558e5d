"""Which program said hello? JA3, JA3S and JA4 of a TLS hello.

JA3 after github.com/salesforce/ja3, JA4 after FoxIO's technical note (TLS client part, BSD 3-Clause).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import md5, sha256

_VERSIONS = {
    0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2", 0xFEFF: "d1",
    0xFEFD: "d2", 0xFEFC: "d3",
}  # fmt: skip
_SNI, _ALPN = 0, 16


@dataclass(slots=True, kw_only=True)
class Hello:
    """What a client or server hello holds. Numbers as sent, GREASE included."""

    version: int
    ciphers: list[int] = field(default_factory=list[int])
    extensions: list[int] = field(default_factory=list[int])
    groups: list[int] = field(default_factory=list[int])
    points: list[int] = field(default_factory=list[int])
    signatures: list[int] = field(default_factory=list[int])
    versions: list[int] = field(default_factory=list[int])
    alpn: list[bytes] = field(default_factory=list[bytes])
    name: str = ""
    session: bytes = b""


def grease(value: int) -> bool:
    """Is it one of the values reserved to keep servers tolerant (RFC 8701)?

    >>> grease(0x1A1A), grease(0x1A2A)
    (True, False)
    """
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def _plain(values: list[int]) -> list[int]:
    return _without_grease(tuple(values))


@lru_cache(maxsize=4096)
def _without_grease(values: tuple[int, ...]) -> list[int]:
    """Programs say the same hello again and again. The list is shared: it is never changed."""
    return [value for value in values if not grease(value)]


def _dashed(values: list[int]) -> str:
    return "-".join(map(str, values))


def ja3(hello: Hello) -> str:
    """MD5 of version, ciphers, extensions, groups and point formats of a client hello."""
    words = (
        str(hello.version),
        _dashed(_plain(hello.ciphers)),
        _dashed(_plain(hello.extensions)),
        _dashed(_plain(hello.groups)),
        _dashed(hello.points),
    )
    return md5(",".join(words).encode("ascii"), usedforsecurity=False).hexdigest()


def ja3s(hello: Hello) -> str:
    """MD5 of version, cipher and extensions of a server hello."""
    words = (str(hello.version), _dashed(hello.ciphers), _dashed(_plain(hello.extensions)))
    return md5(",".join(words).encode("ascii"), usedforsecurity=False).hexdigest()


def ja4(hello: Hello, transport: str = "t") -> str:
    """The JA4 fingerprint of a client hello; transport t (TCP), q (QUIC) or d (DTLS)."""
    ciphers, extensions = _plain(hello.ciphers), _plain(hello.extensions)
    offered = _plain(hello.versions)
    version = _VERSIONS.get(max(offered) if offered else hello.version, "00")
    head = (
        transport
        + version
        + ("d" if _SNI in extensions else "i")
        + f"{min(len(ciphers), 99):02d}{min(len(extensions), 99):02d}"
        + _alpn(hello.alpn)
    )
    listed = ",".join(sorted(f"{value:04x}" for value in extensions if value not in {_SNI, _ALPN}))
    signed = ",".join(f"{value:04x}" for value in _plain(hello.signatures))
    if signed:
        listed += "_" + signed
    return f"{head}_{_suites(tuple(ciphers))}_{_cut(listed)}"


@lru_cache(maxsize=1024)
def _suites(ciphers: tuple[int, ...]) -> str:
    return _cut(",".join(sorted(f"{value:04x}" for value in ciphers)))


def _cut(words: str) -> str:
    return sha256(words.encode("ascii")).hexdigest()[:12] if words else "0" * 12


def _alpn(offered: list[bytes]) -> str:
    """First and last character of the first protocol; of its hex where they are not letters or digits."""
    if not offered or not offered[0]:
        return "00"
    first = offered[0]
    ends = bytes((first[0], first[-1]))
    if ends.isalnum():
        return ends.decode("ascii")
    digits = first.hex()
    return digits[0] + digits[-1]
