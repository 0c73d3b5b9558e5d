"""Which devices speak with a message broker, and who lets anybody in?

MQTT 3.1, 3.1.1 and 5.0 (OASIS, mqtt-v3.1.1-os and mqtt-v5.0-os): sensors of environment and traffic report
this way. One event a login with the broker's answer, one for each topic that is first asked for or written
to; no payload is told.
"""

from __future__ import annotations

from citywatch.model import Event
from sensors.network.defaults import TAG, is_default
from sensors.network.flow import Flow
from sensors.network.sink import Sink, filled, text

_CONNECT, _ACCEPTED, _PUBLISH, _SUBSCRIBE = 1, 2, 3, 8
_NAMES = (b"\0\4MQTT", b"\0\6MQIsdp")
_VERSIONS = {3: "3.1", 4: "3.1.1", 5: "5.0"}
_LONGEST_HELD = 1 << 16
_LONGEST_TOPIC = 2048
_MOST_TOPICS = 64
_USER, _PASSWORD, _WILL = 0x80, 0x40, 0x04


def is_mqtt(data: bytes) -> bool:
    r"""Does a CONNECT begin here?

    >>> is_mqtt(bytes.fromhex("100c00044d5154540402003c0000"))
    True
    """
    return data[:1] == b"\x10" and any(name in data[2:14] for name in _NAMES)


def remaining(data: bytes, at: int) -> tuple[int, int]:
    """A length of one to four bytes (section 2.2.3) and where it ends; -1 when it is not yet whole.

    >>> remaining(bytes([0x80, 0x01]), 0), remaining(bytes([0x80]), 0)
    ((128, 2), (-1, 0))

    Raises:
        ValueError: it is longer than four bytes.
    """
    value = 0
    for turn in range(4):
        if at + turn >= len(data):
            return -1, at
        byte = data[at + turn]
        value |= (byte & 0x7F) << 7 * turn
        if not byte & 0x80:
            return value, at + turn + 1
    raise ValueError("a length without end")


def _words(body: bytes, at: int) -> tuple[bytes, int]:
    """Bytes with their length before them.

    Raises:
        IndexError: they are cut off.
    """
    size = body[at] << 8 | body[at + 1]
    if at + 2 + size > len(body):
        raise IndexError("a string is cut off")
    return body[at + 2 : at + 2 + size], at + 2 + size


class Mqtt:
    """Walks the packets of both sides; what is too long to hold is stepped over."""

    __slots__ = ("_client", "_held", "_login", "_sink", "_skip", "_topics", "_us", "_version")

    protocol = "mqtt"

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._held = {True: b"", False: b""}
        self._skip = {True: 0, False: 0}
        self._login: Event = {}
        self._client = ""
        self._version = 4
        self._topics: set[tuple[int, bytes]] = set()
        self._us = 0

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Take bytes of one side."""
        skip = min(self._skip[out], len(data))
        self._skip[out] -= skip
        held = self._held[out] + data[skip:]
        at = 0
        while len(held) - at >= 2:
            size, start = remaining(held, at + 1)
            if size < 0:
                break
            kind = held[at] >> 4
            if start + size > len(held):
                if size <= _LONGEST_HELD or len(held) - start < _LONGEST_TOPIC:
                    break
                self._packet(flow, out, kind, held[at], held[start:], us)
                self._skip[out] = start + size - len(held)
                at = len(held)
                break
            self._packet(flow, out, kind, held[at], held[start : start + size], us)
            at = start + size
        self._held[out] = held[at:]
        return len(self._topics) < _MOST_TOPICS

    def _packet(self, flow: Flow, out: bool, kind: int, first: int, body: bytes, us: int) -> None:
        if kind == _CONNECT and out and not self._client:
            self._us = us
            self._connect(body)
        elif kind == _ACCEPTED and not out and self._login and len(body) >= 2:
            code = body[1]
            self._tell(flow, "success" if code == 0 else "failure", str(code))
        elif kind == _PUBLISH:
            self._topic(flow, kind, _words(body, 0)[0], us)
        elif kind == _SUBSCRIBE and first & 15 == 2:
            at = 2
            if self._version == 5:
                size, at = remaining(body, at)
                at += max(size, 0)
            while at + 2 < len(body) and len(self._topics) < _MOST_TOPICS:
                words, at = _words(body, at)
                at += 1
                self._topic(flow, kind, words, us)

    def _connect(self, body: bytes) -> None:
        name, at = _words(body, 0)
        self._version, flags = body[at], body[at + 1]
        at += 4
        if self._version == 5:
            size, at = remaining(body, at)
            at += max(size, 0)
        client, at = _words(body, at)
        if flags & _WILL:
            if self._version == 5:
                size, at = remaining(body, at)
                at += max(size, 0)
            _, at = _words(body, at)
            _, at = _words(body, at)
        user = password = b""
        if flags & _USER:
            user, at = _words(body, at)
        if flags & _PASSWORD:
            password, at = _words(body, at)
        self._client = text(client)[:256] or "-"
        self._login = filled(
            {
                "event.action": "login",
                "network.application": text(name)[:16],
                "citywatch.mqtt.version": _VERSIONS.get(self._version, str(self._version)),
                "citywatch.mqtt.client_id": self._client,
                "citywatch.mqtt.anonymous": not flags & _USER,
                "citywatch.auth.attempts": 1 if user else None,
                "citywatch.auth.user": [text(user)[:128]] if user else None,
                "user.name": text(user)[:128],
                "tags": [TAG] if user and is_default(text(user), text(password)) else None,
            }
        )

    def _tell(self, flow: Flow, outcome: str, code: str) -> None:
        fields, self._login = self._login, {}
        if outcome:
            fields["event.outcome"], fields["event.code"] = outcome, code
        self._sink.say(flow, "network.mqtt", self._us, fields)

    def _topic(self, flow: Flow, kind: int, words: bytes, us: int) -> None:
        if (kind, words) in self._topics:
            return
        self._topics.add((kind, words))
        fields: Event = {
            "event.action": "publish" if kind == _PUBLISH else "subscribe",
            "citywatch.mqtt.topic": text(words)[:1024],
            "citywatch.mqtt.client_id": self._client,
        }
        self._sink.say(flow, "network.mqtt", us, filled(fields))

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """Go on where the hole lies inside a packet that is stepped over anyway."""
        if self._skip[out] >= size:
            self._skip[out] -= size
            return True
        self.close(flow)
        return False

    def close(self, flow: Flow) -> None:
        """A login without answer."""
        if self._login:
            self._tell(flow, "", "")
