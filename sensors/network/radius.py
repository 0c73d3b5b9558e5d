"""Who logs in to the network itself, and who is refused?

RADIUS (RFC 2865), as Wi-Fi and VPN gateways ask it. One event a login with its answer; passwords are never
read.
"""

from __future__ import annotations

from citywatch.model import Event
from sensors.network.datagram import Datagrams
from sensors.network.flow import Flow
from sensors.network.moment import address
from sensors.network.sink import Sink, filled, text

PORTS = frozenset({1812, 1645})
_REQUEST, _ACCEPT, _REJECT, _CHALLENGE = 1, 2, 3, 11
_CODES = frozenset({1, 2, 3, 4, 5, 11, 12, 13, 40, 41, 42, 43, 44, 45})
_USER, _NAS, _CALLED, _CALLING, _NAS_NAME = 1, 4, 30, 31, 32


def is_radius(data: bytes) -> bool:
    """Does a message begin here (a known code, a length that is there)?

    >>> is_radius(bytes.fromhex("01010014") + bytes(16))
    True
    """
    return len(data) >= 20 and data[0] in _CODES and 20 <= data[2] << 8 | data[3] <= len(data)


class Radius(Datagrams):
    """Pairs requests with answers by their number."""

    __slots__ = ("_asked", "_sink")

    protocol = "radius"

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._asked: dict[int, tuple[int, Event]] = {}
        """At most 256: a number has eight bits."""

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Take a message."""
        if not is_radius(data):
            raise ValueError("not RADIUS")
        flow.protocol = self.protocol
        code, number = data[0], data[1]
        if code == _REQUEST and out:
            before = self._asked.get(number)
            fields = _request(data)
            if before is None or before[1] != fields:  # else it is sent again
                self._tell(flow, number, "")
                self._asked[number] = (us, fields)
        elif code in {_ACCEPT, _REJECT} and not out:
            self._tell(flow, number, "success" if code == _ACCEPT else "failure")
        elif code == _CHALLENGE and not out:
            self._asked.pop(number, None)
        return True

    def _tell(self, flow: Flow, number: int, outcome: str) -> None:
        us, fields = self._asked.pop(number, (0, None))
        if fields is None:
            return
        if outcome:
            fields["event.outcome"] = outcome
        self._sink.say(flow, "network.radius", us, fields)

    def close(self, flow: Flow) -> None:
        """Tell logins without answer."""
        for number in list(self._asked):
            self._tell(flow, number, "")


def _request(data: bytes) -> Event:
    found = attributes(data)
    user = text(found.get(_USER, b""))[:253]
    nas = found.get(_NAS, b"")
    return filled(
        {
            "event.action": "login",
            "user.name": user,
            "citywatch.auth.user": [user] if user else None,
            "citywatch.auth.attempts": 1,
            "citywatch.radius.nas_ip": address(nas) if len(nas) == 4 else "",
            "citywatch.radius.nas_name": text(found.get(_NAS_NAME, b"")),
            "citywatch.radius.calling_station": text(found.get(_CALLING, b"")),
            "citywatch.radius.called_station": text(found.get(_CALLED, b"")),
        }
    )


def attributes(data: bytes) -> dict[int, bytes]:
    """The first of each attribute.

    >>> attributes(bytes.fromhex("01010018") + bytes(16) + bytes.fromhex("0104616e"))
    {1: b'an'}
    """
    found: dict[int, bytes] = {}
    at, end = 20, min(data[2] << 8 | data[3], len(data))
    while at + 2 <= end:
        kind, size = data[at], data[at + 1]
        if size < 2 or at + size > end:
            break
        found.setdefault(kind, data[at + 2 : at + size])
        at += size
    return found
