"""Who asks for a remote desktop?

The cookie of the connection request (MS-RDPBCGR 2.2.1.1) names an account; afterwards the connection is TLS,
which is read as such.
"""

from __future__ import annotations

import re

from citywatch.model import Event
from sensors.network.flow import Flow
from sensors.network.sink import Sink, text
from sensors.network.tls import Tls, is_tls

_COOKIE = re.compile(rb"Cookie: mstshash=([^\r\n]{0,255})")
_CONFIRM = 0xD0


def is_rdp(data: bytes) -> bool:
    """Does a connection request over TPKT begin here?

    >>> is_rdp(bytes.fromhex("0300002b26e00000000000") + b"Cookie: mstshash=an")
    True
    """
    return len(data) >= 7 and data[:2] == b"\x03\x00" and data[5] == 0xE0


class Rdp:
    """Tells a connection once it is answered or over."""

    __slots__ = ("_fields", "_sink", "_told", "_us")

    protocol = "rdp"

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._fields: Event = {"event.action": "connect", "citywatch.auth.attempts": 1}
        self._told = False
        self._us = 0

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Read the request, then hand over to TLS."""
        if out and not self._us:
            self._us = us
            cookie = _COOKIE.search(data)
            if cookie:
                name = text(cookie[1])
                self._fields["citywatch.auth.user"] = [name]
                self._fields["user.name"] = name
                self._fields["zeek.rdp.cookie"] = name
            return True
        if not out and len(data) > 5 and data[5] == _CONFIRM:
            self._fields["event.outcome"] = "unknown"
            self._tell(flow)
            return True
        if out and is_tls(data):
            self._tell(flow)
            tls = Tls(self._sink)
            flow.app = tls
            return tls.feed(flow, out, data, us)
        return False

    def _tell(self, flow: Flow) -> None:
        if not self._told:
            self._told = True
            self._sink.say(flow, "network.rdp", self._us, self._fields)

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """The rest tells nothing more."""
        del out, size
        self._tell(flow)
        return False

    def close(self, flow: Flow) -> None:
        """The request was never answered."""
        if self._us:
            self._tell(flow)
