"""Who asks for which ticket, and how is it sealed?

AS and TGS answers and errors over TCP and UDP (RFC 4120), with the fields of Zeek's kerberos log: a TGS
ticket sealed with RC4 is what Kerberoasting asks for.
"""

from __future__ import annotations

from citywatch.model import Event
from sensors.network.der import find, items
from sensors.network.flow import Flow
from sensors.network.sink import Sink, filled, text

_AS_REQ, _AS_REP, _TGS_REQ, _TGS_REP, _ERROR = 0x6A, 0x6B, 0x6C, 0x6D, 0x7E
_CIPHERS = {
    1: "des-cbc-crc", 3: "des-cbc-md5", 16: "des3-cbc-sha1", 17: "aes128-cts-hmac-sha1-96",
    18: "aes256-cts-hmac-sha1-96", 19: "aes128-cts-hmac-sha256-128", 20: "aes256-cts-hmac-sha384-192",
    23: "rc4-hmac", 24: "rc4-hmac-exp",
}  # fmt: skip
_ERRORS = {
    6: "KDC_ERR_C_PRINCIPAL_UNKNOWN", 7: "KDC_ERR_S_PRINCIPAL_UNKNOWN", 14: "KDC_ERR_ETYPE_NOSUPP",
    18: "KDC_ERR_CLIENT_REVOKED", 23: "KDC_ERR_KEY_EXPIRED", 24: "KDC_ERR_PREAUTH_FAILED",
    25: "KDC_ERR_PREAUTH_REQUIRED", 32: "KRB_AP_ERR_TKT_EXPIRED", 37: "KRB_AP_ERR_SKEW",
    52: "KRB_ERR_RESPONSE_TOO_BIG",
}  # fmt: skip
_LONGEST = 1 << 17
_TAGS = frozenset((_AS_REQ, _AS_REP, _TGS_REQ, _TGS_REP, _ERROR))


def is_kerberos(data: bytes) -> bool:
    """Does a message with its length begin here?"""
    return len(data) >= 5 and data[:2] == b"\0\0" and data[4] in _TAGS


class Kerberos:
    """Reads messages; over TCP each has its length before it."""

    __slots__ = ("_asked", "_framed", "_held", "_sink")

    protocol = "kerberos"

    def __init__(self, sink: Sink, *, framed: bool) -> None:
        self._sink = sink
        self._framed = framed
        self._held = {True: b"", False: b""}
        self._asked: Event = {}

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Take bytes or a datagram."""
        flow.protocol = self.protocol
        if not self._framed:
            self._message(flow, data, us)
            return True
        held = self._held[out] + data
        while len(held) >= 4:
            size = int.from_bytes(held[:4], "big")
            if size > _LONGEST:
                raise ValueError("a message without end")
            if len(held) < 4 + size:
                break
            self._message(flow, held[4 : 4 + size], us)
            held = held[4 + size :]
        self._held[out] = held
        return True

    def _message(self, flow: Flow, data: bytes, us: int) -> None:
        if not data or data[0] not in _TAGS:
            return
        kind = data[0]
        body = find(data, 0, len(data), kind, 0x30)
        if body is None:
            return
        if kind in {_AS_REQ, _TGS_REQ}:
            self._asked = _request(data, body, "AS" if kind == _AS_REQ else "TGS")
            return
        fields = dict(self._asked)
        if kind == _ERROR:
            fields.update(_error(data, body))
        else:
            fields.update(_answer(data, body, "AS" if kind == _AS_REP else "TGS"))
        self._asked = {}
        self._sink.say(flow, "network.kerberos", us, filled(fields))

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """Where the next message begins is not known."""
        del flow, out, size
        return False

    def close(self, flow: Flow) -> None:
        """A request without an answer tells little: it is not told."""


def _number(data: bytes, place: tuple[int, int] | None) -> int:
    return int.from_bytes(data[place[0] : place[1]][:8], "big") if place else -1


def _name(data: bytes, place: tuple[int, int] | None) -> str:
    """A principal's name: its parts joined by a slash."""
    if place is None:
        return ""
    parts = find(data, *place, 0x30, 0xA1, 0x30)
    if parts is None:
        return ""
    return "/".join(text(data[start:end]) for _, start, end in items(data, *parts))[:512]


def _text(data: bytes, place: tuple[int, int] | None) -> str:
    found = find(data, *place, 0x1B) if place else None
    return text(data[found[0] : found[1]])[:256] if found else ""


def _request(data: bytes, body: tuple[int, int], kind: str) -> Event:
    inner = find(data, *body, 0xA4, 0x30)
    fields: Event = {"event.action": f"{kind.lower()}_req", "zeek.kerberos.request_type": kind}
    if inner:
        client = _name(data, find(data, *inner, 0xA1))
        fields["zeek.kerberos.service"] = _name(data, find(data, *inner, 0xA3))
        fields["user.domain"] = _text(data, find(data, *inner, 0xA2))
        fields["zeek.kerberos.client"] = client
        fields["user.name"] = client
    return fields


def _answer(data: bytes, body: tuple[int, int], kind: str) -> Event:
    ticket = find(data, *body, 0xA5, 0x61, 0x30)
    client = _name(data, find(data, *body, 0xA4))
    fields: Event = {
        "event.action": f"{kind.lower()}_rep",
        "event.outcome": "success",
        "zeek.kerberos.request_type": kind,
        "zeek.kerberos.success": "true",
        "zeek.kerberos.client": client,
        "user.name": client,
        "user.domain": _text(data, find(data, *body, 0xA3)),
    }
    if ticket:
        cipher = _number(data, find(data, *ticket, 0xA3, 0x30, 0xA0, 0x02))
        fields["zeek.kerberos.cipher"] = _CIPHERS.get(cipher, str(cipher))
        fields["zeek.kerberos.service"] = _name(data, find(data, *ticket, 0xA2))
    return fields


def _error(data: bytes, body: tuple[int, int]) -> Event:
    code = _number(data, find(data, *body, 0xA6, 0x02))
    return {
        "event.outcome": "failure",
        "event.code": str(code),
        "zeek.kerberos.success": "false",
        "zeek.kerberos.error_msg": _ERRORS.get(code, str(code)),
    }
