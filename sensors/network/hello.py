"""What does a TLS hello offer or choose?

RFC 5246, RFC 8446; only what fingerprints and events need. Lengths inside are never trusted.
"""

from __future__ import annotations

from struct import unpack_from

from sensors.network.ja4 import Hello, Numbers

_SNI, _GROUPS, _POINTS, _SIGNATURES, _ALPN, _VERSIONS = 0, 10, 11, 13, 16, 43
_KNOWN = frozenset({_SNI, _GROUPS, _POINTS, _SIGNATURES, _ALPN, _VERSIONS})


def client_hello(body: bytes) -> Hello:
    """Read the body of a client hello.

    Raises:
        IndexError, struct.error: it is cut off or lies.
    """
    hello = Hello(body[0] << 8 | body[1])
    at = 34
    at += 1 + body[at]
    size = body[at] << 8 | body[at + 1]
    hello.ciphers = _words(body[at + 2 : at + 2 + size])
    at += 2 + size
    at += 1 + body[at]
    _extensions(body, at, hello)
    return hello


def server_hello(body: bytes) -> Hello:
    """Read the body of a server hello.

    Raises:
        IndexError, struct.error: it is cut off or lies.
    """
    hello = Hello(body[0] << 8 | body[1])
    hello.session = body[35 : 35 + body[34]]
    at = 35 + body[34]
    hello.ciphers = (body[at] << 8 | body[at + 1],)
    _extensions(body, at + 3, hello)
    return hello


def _words(raw: bytes) -> Numbers:
    count = len(raw) // 2
    return unpack_from(f">{count}H", raw)


def _extensions(body: bytes, at: int, hello: Hello) -> None:
    end = len(body)
    if at + 2 > end:
        return
    end = min(end, at + 2 + (body[at] << 8 | body[at + 1]))
    at += 2
    kinds: list[int] = []
    while at + 4 <= end:
        kind, size = body[at] << 8 | body[at + 1], body[at + 2] << 8 | body[at + 3]
        at += 4
        kinds.append(kind)
        if kind in _KNOWN:
            _extension(kind, body[at : min(at + size, end)], hello)
        at += size
    hello.extensions = tuple(kinds)


def _extension(kind: int, value: bytes, hello: Hello) -> None:
    if kind == _SNI and len(value) > 5:
        size = value[3] << 8 | value[4]
        hello.name = value[5 : 5 + size].decode("ascii", "backslashreplace").lower()
    elif kind == _GROUPS:
        hello.groups = _words(value[2:])
    elif kind == _POINTS:
        hello.points = tuple(value[1:])
    elif kind == _SIGNATURES:
        hello.signatures = _words(value[2:])
    elif kind == _ALPN:
        hello.alpn = _alpn(value[2:])
    elif kind == _VERSIONS and value:
        hello.versions = _words(value) if len(value) == 2 else _words(value[1 : 1 + value[0]])


def _alpn(raw: bytes) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    while at < len(raw):
        size = raw[at]
        found.append(raw[at + 1 : at + 1 + size])
        at += 1 + size
    return found
