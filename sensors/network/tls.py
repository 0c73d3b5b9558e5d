"""Who do TLS connections speak to, and with which program?

SNI, versions, cipher, ALPN, certificates where they are visible (up to TLS 1.2), JA3, JA3S, JA4; and
heartbeats that ask for more than they bring (CVE-2014-0160). One event a handshake; another for a heartbeat
oddity.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Any

from citywatch.model import Event
from sensors.names import parts
from sensors.network import ja4
from sensors.network.certificate import describe
from sensors.network.flow import Flow
from sensors.network.hello import client_hello, server_hello
from sensors.network.sink import Sink, filled
from sensors.network.suites import suite

_CHANGE, _ALERT, _HANDSHAKE, _DATA, _HEARTBEAT = 20, 21, 22, 23, 24
_CLIENT_HELLO, _SERVER_HELLO, _CERTIFICATE, _HELLO_DONE = 1, 2, 11, 14
_LONGEST_RECORD = 16_384 + 2048
_MOST_HELD = 1 << 17
_NAMES = {0x0300: "SSLv3", 0x0301: "1.0", 0x0302: "1.1", 0x0303: "1.2", 0x0304: "1.3"}
_PADDING = 16
"""RFC 6520: least padding of a heartbeat."""


def is_tls(data: bytes) -> bool:
    """Does a handshake record begin here?

    >>> is_tls(bytes.fromhex("16030100a5010000a1"))
    True
    """
    return len(data) >= 3 and data[0] == _HANDSHAKE and data[1] == 3 and data[2] <= 4


class _Side:
    """What one side sent."""

    __slots__ = ("asked", "closed", "data", "encrypted", "held", "messages", "skip")

    def __init__(self) -> None:
        self.held = b""
        self.messages = b""
        self.skip = 0
        self.encrypted = False
        self.data = False
        self.asked = 0
        self.closed = False


class Tls:
    """Walks the records of both sides until both send data."""

    __slots__ = ("_fields", "_hellos", "_in", "_out", "_sink", "_told", "_us")

    protocol = "tls"

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._out = _Side()
        self._in = _Side()
        self._fields: Event = {}
        self._hellos: dict[bool, ja4.Hello] = {}
        self._told = False
        self._us = 0

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Take bytes; done when both sides send application data."""
        if not self._us:
            self._us = us
        side = self._out if out else self._in
        if side.skip >= len(data):
            side.skip -= len(data)
            return True
        held = side.held + data[side.skip :] if side.held else data[side.skip :]
        side.skip = 0
        at = 0
        while len(held) - at >= 5:
            kind, size = held[at], held[at + 3] << 8 | held[at + 4]
            if not _CHANGE <= kind <= _HEARTBEAT or held[at + 1] != 3 or size > _LONGEST_RECORD:
                self.close(flow)
                return False
            end = at + 5 + size
            if kind == _DATA or (kind == _HANDSHAKE and side.encrypted):
                self._secret(flow, out, side, kind)
            elif end > len(held):
                break
            else:
                self._record(flow, out, side, kind, held[at + 5 : end], us)
            if end > len(held):
                side.skip = end - len(held)
                at = len(held)
                break
            at = end
        side.held = held[at:]
        return not (self._out.data and self._in.data and self._told)

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """Go on where the hole lies inside a record that is skipped anyway."""
        side = self._out if out else self._in
        if side.skip >= size:
            side.skip -= size
            return True
        self.close(flow)
        return False

    def close(self, flow: Flow) -> None:
        """Tell what was seen of a handshake that did not end."""
        if not self._told and self._hellos:
            self._tell(flow, established=False)

    def _secret(self, flow: Flow, out: bool, side: _Side, kind: int) -> None:
        """An encrypted record."""
        if kind == _DATA:
            side.data = True
        if out and not self._told and (self._in.encrypted or self._in.data):
            self._tell(flow, established=True)

    def _record(self, flow: Flow, out: bool, side: _Side, kind: int, body: bytes, us: int) -> None:
        if kind == _HANDSHAKE:
            if len(side.messages) + len(body) > _MOST_HELD:
                raise ValueError("a handshake without end")
            side.messages += body
            self._messages(out, side)
        elif kind == _CHANGE:
            side.encrypted = True
        elif kind == _HEARTBEAT:
            self._heartbeat(flow, out, side, body, us)

    def _messages(self, out: bool, side: _Side) -> None:
        held = side.messages
        at = 0
        while len(held) - at >= 4:
            size = int.from_bytes(held[at + 1 : at + 4], "big")
            if size > _MOST_HELD:
                raise ValueError("a handshake message without end")
            if len(held) - at - 4 < size:
                break
            self._message(out, held[at], held[at + 4 : at + 4 + size])
            at += 4 + size
        side.messages = held[at:]

    def _message(self, out: bool, kind: int, body: bytes) -> None:
        if kind == _CLIENT_HELLO and out and True not in self._hellos:
            hello = self._hellos[True] = client_hello(body)
            self._fields.update(client_fields(hello, "t"))
        elif kind == _SERVER_HELLO and not out:
            hello = self._hellos[False] = server_hello(body)
            self._fields.update(_server_fields(hello))
        elif kind == _CERTIFICATE and not out and len(body) > 6:
            size = int.from_bytes(body[3:6], "big")
            self._fields.update(_certificate(body[6 : 6 + size]))

    def _heartbeat(self, flow: Flow, out: bool, side: _Side, body: bytes, us: int) -> None:
        """Judge a heartbeat by its lengths: in clear by what it claims, encrypted by its size alone."""
        oddities: list[str] = []
        other = self._in if out else self._out
        if side.encrypted or len(body) < 3:
            if other.asked and len(body) > other.asked:
                oddities.append("response_larger_than_request")
            side.asked = len(body)
        else:
            kind, claimed = body[0], body[1] << 8 | body[2]
            if kind == 1 and claimed + 3 + _PADDING > len(body):
                oddities.append("request_longer_than_record")
            if kind == 1:
                side.asked = len(body)
            elif other.asked and len(body) > other.asked:
                oddities.append("response_larger_than_request")
        if oddities:
            name = {"tls.client.server_name": self._fields.get("tls.client.server_name", "")}
            self._sink.say(
                flow,
                "network.tls",
                us,
                {**filled(name), "citywatch.tls.heartbeat": oddities, "event.action": "heartbeat"},
            )

    def _tell(self, flow: Flow, *, established: bool) -> None:
        self._told = True
        fields = self._fields
        fields["tls.established"] = established
        named_fields(fields)
        self._sink.say(flow, "network.tls", self._us, fields)


@lru_cache(maxsize=1024)
def _suites(ciphers: tuple[int, ...]) -> list[str]:
    return [suite(value) for value in ciphers if not ja4.grease(value)]


def _named(name: str, names: list[str]) -> bool:
    """Does a certificate's name stand for this host (RFC 6125: a star for one label)?

    >>> _named("a.gov.vn", ["*.gov.vn"]), _named("a.b.gov.vn", ["*.gov.vn"])
    (True, False)
    """
    above = name.partition(".")[2]
    return any(each.lower() in {name, f"*.{above}"} for each in names)


def named_fields(fields: Event) -> None:
    """What follows from the name that was asked for."""
    name = fields.get("tls.client.server_name")
    if not name:
        return
    names = fields.get("tls.server.x509.alternative_names")
    if names and not name.replace(".", "").isdigit():
        fields["citywatch.tls.mismatch"] = not _named(name, names)
    fields["destination.domain"] = name
    fields["url.domain"] = name
    registered = parts(name)[1]
    if registered:
        fields["url.registered_domain"] = registered


def client_fields(hello: ja4.Hello, transport: str) -> Event:
    """What a client hello says; transport t, q or d as in JA4."""
    return filled(
        {
            "tls.version": _NAMES.get(hello.version, ""),
            "tls.client.server_name": hello.name,
            "tls.client.ja3": ja4.ja3(hello),
            "citywatch.tls.client.ja4": ja4.ja4(hello, transport),
            "tls.client.supported_ciphers": _suites(hello.ciphers[:128]),
            "tls.client.alpn": [name.decode("ascii", "backslashreplace") for name in hello.alpn[:16]],
        }
    )


def _server_fields(hello: ja4.Hello) -> Event:
    chosen = hello.versions[0] if hello.versions else hello.version
    fields: dict[str, Any] = {
        "tls.version": _NAMES.get(chosen, f"0x{chosen:04x}"),
        "tls.cipher": suite(hello.ciphers[0]) if hello.ciphers else "",
        "tls.server.ja3s": ja4.ja3s(hello),
        "tls.next_protocol": hello.alpn[0].decode("ascii", "backslashreplace") if hello.alpn else "",
    }
    return filled(fields)


@lru_cache(maxsize=512)
def _certificate(raw: bytes) -> Event:
    return {**describe(raw), "tls.server.hash.sha256": sha256(raw).hexdigest()}
