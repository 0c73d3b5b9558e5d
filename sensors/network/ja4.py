"""Which program said hello? JA3, JA3S and JA4 of a TLS hello.

JA3 after github.com/salesforce/ja3, JA4 after FoxIO's technical note (TLS client part, BSD 3-Clause).
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import md5, sha256

_VERSIONS = {
    0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2", 0xFEFF: "d1",
    0xFEFD: "d2", 0xFEFC: "d3",
}  # fmt: skip
_SNI, _ALPN = 0, 16

Numbers = tuple[int, ...]


class Hello:
    """What a client or server hello holds. Numbers as sent, GREASE included. (Hot path: a mutable record.)"""

    __slots__ = (
        "alpn", "ciphers", "extensions", "groups", "name", "points", "session", "signatures", "version",
        "versions",
    )  # fmt: skip

    def __init__(self, version: int) -> None:
        self.version = version
        self.ciphers: Numbers = ()
        self.extensions: Numbers = ()
        self.groups: Numbers = ()
        self.points: Numbers = ()
        self.signatures: Numbers = ()
        self.versions: Numbers = ()
        self.alpn: list[bytes] = []
        self.name = ""
        self.session = b""


def grease(value: int) -> bool:
    """Is it one of the values reserved to keep servers tolerant (RFC 8701)?

    >>> grease(0x1A1A), grease(0x1A2A)
    (True, False)
    """
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


@lru_cache(maxsize=4096)
def plain(values: Numbers) -> Numbers:
    """Without what is reserved. Programs say the same hello again and again."""
    return tuple(value for value in values if not grease(value))


def _dashed(values: Numbers) -> str:
    return "-".join(map(str, values))


@lru_cache(maxsize=4096)
def _ja3(version: int, ciphers: Numbers, extensions: Numbers, groups: Numbers, points: Numbers) -> str:
    words = (
        str(version),
        _dashed(plain(ciphers)),
        _dashed(plain(extensions)),
        _dashed(plain(groups)),
        _dashed(points),
    )
    return md5(",".join(words).encode("ascii"), usedforsecurity=False).hexdigest()


def ja3(hello: Hello) -> str:
    """MD5 of version, ciphers, extensions, groups and point formats of a client hello."""
    return _ja3(hello.version, hello.ciphers, hello.extensions, hello.groups, hello.points)


@lru_cache(maxsize=4096)
def _ja3s(version: int, ciphers: Numbers, extensions: Numbers) -> str:
    words = (str(version), _dashed(ciphers), _dashed(plain(extensions)))
    return md5(",".join(words).encode("ascii"), usedforsecurity=False).hexdigest()


def ja3s(hello: Hello) -> str:
    """MD5 of version, cipher and extensions of a server hello."""
    return _ja3s(hello.version, hello.ciphers, hello.extensions)


def ja4(hello: Hello, transport: str = "t") -> str:
    """The JA4 fingerprint of a client hello; transport t (TCP), q (QUIC) or d (DTLS)."""
    ciphers, extensions = plain(hello.ciphers), plain(hello.extensions)
    offered = plain(hello.versions)
    version = _VERSIONS.get(max(offered) if offered else hello.version, "00")
    return (
        f"{transport}{version}{'d' if _SNI in extensions else 'i'}"
        f"{min(len(ciphers), 99):02d}{min(len(extensions), 99):02d}{_alpn(hello.alpn)}"
        f"_{_suites(ciphers)}_{_listed(extensions, plain(hello.signatures))}"
    )


@lru_cache(maxsize=4096)
def _listed(extensions: Numbers, signatures: Numbers) -> str:
    listed = ",".join(sorted(f"{value:04x}" for value in extensions if value not in {_SNI, _ALPN}))
    signed = ",".join(f"{value:04x}" for value in signatures)
    if signed:
        listed += "_" + signed
    return _cut(listed)


@lru_cache(maxsize=1024)
def _suites(ciphers: Numbers) -> str:
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
