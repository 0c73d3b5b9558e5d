"""What goes through a SOCKS proxy?

The handshake of SOCKS 4 and 5 (RFC 1928) is stepped over; what the client then says is read as what it is.
"""

from __future__ import annotations

from sensors.network.flow import Flow
from sensors.network.sink import Sink

_MOST_TURNS = 6


def is_socks(data: bytes) -> bool:
    """Does a SOCKS greeting begin here?

    >>> is_socks(bytes.fromhex("050100")), is_socks(b"hello")
    (True, False)
    """
    if data[:2] == b"\4\1":
        return len(data) >= 9 and data[-1] == 0
    return data[:1] == b"\5" and len(data) >= 3 and len(data) == 2 + data[1]


class Socks:
    """Waits for the first bytes that are no handshake."""

    __slots__ = ("_sink", "_turns")

    protocol = "socks"

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._turns = 0

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Hand over to the protocol inside."""
        from sensors.network.protocols import choose  # noqa: PLC0415 - it knows this module

        self._turns += 1
        if not out or self._turns == 1 or not data:
            return True
        inner = choose(self._sink, flow, out, data)
        if inner is None or inner.protocol == self.protocol:
            return self._turns < _MOST_TURNS
        flow.app = inner
        return inner.feed(flow, out, data, us)

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """Where the handshake ends is not known."""
        del flow, out, size
        return False

    def close(self, flow: Flow) -> None:
        """Nothing is held back."""
