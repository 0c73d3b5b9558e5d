"""Which protocol does this payload speak?

By the first bytes; the port only breaks ties. One object for all flows that are still undecided.
"""

from __future__ import annotations

from collections.abc import Callable

from sensors.network import http, tls
from sensors.network.dns import DnsOverTcp, DnsOverUdp
from sensors.network.flow import FIRST_LOAD, Flow, Talk
from sensors.network.local import Local
from sensors.network.sink import Sink

Maker = Callable[[Sink, Flow], Talk]
_DNS_PORTS = frozenset({53, 5353, 5355})
_DHCP_PORTS = frozenset({67, 68})


class Protocols:
    """Hands out readers: `tcp` for each new TCP flow, `udp()` for a first datagram."""

    __slots__ = ("_dhcp", "_dns", "_sink", "tcp")

    def __init__(self, sink: Sink, local: Local) -> None:
        self._sink = sink
        self.tcp: Talk = Undecided(sink)
        self._dns = DnsOverUdp(sink)
        self._dhcp = Dhcp(local)

    def udp(self, flow: Flow, load: bytes) -> Talk | None:
        """The reader for a UDP flow by ports and first payload; None when nobody reads it."""
        del load
        _, _, sport, dport = flow.ends()
        if dport in _DNS_PORTS or sport in _DNS_PORTS:
            return self._dns
        if dport in _DHCP_PORTS and sport in _DHCP_PORTS:
            return self._dhcp
        return None


class Undecided:
    """Looks at the first payload of a TCP flow and hands over to the reader that knows it."""

    __slots__ = ("_sink",)

    protocol = ""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Decide by the bytes of whoever speaks first."""
        if out and not flow.load:
            flow.load = data[:FIRST_LOAD]
        app = choose(self._sink, flow, out, data)
        if app is None:
            return out is False and not flow.load  # the responder spoke first: hear the originator too
        flow.app = app
        flow.protocol = app.protocol
        return app.feed(flow, out, data, us)

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """The beginning is missing: nobody can tell."""
        del flow, out, size
        return False

    def close(self, flow: Flow) -> None:
        """Nothing was held back."""


def choose(sink: Sink, flow: Flow, out: bool, data: bytes) -> Talk | None:  # noqa: ARG001 - who speaks first tells protocols apart
    """The reader for a TCP flow whose first payload this is."""
    if data[0] == 0x16 and tls.is_tls(data):
        return tls.Tls(sink)
    if http.is_http(data):
        return http.Http(sink)
    _, _, _, dport = flow.ends()
    if dport in _DNS_PORTS:
        return DnsOverTcp(sink)
    return None


class Dhcp:
    """Hands DHCP messages to the dissecting process."""

    __slots__ = ("_local",)

    protocol = "dhcp"

    def __init__(self, local: Local) -> None:
        self._local = local

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        del out
        flow.protocol = self.protocol
        if len(data) >= 236:
            self._local.dhcp(flow, us, data)
        return True

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        del flow, out, size
        return True

    def close(self, flow: Flow) -> None:
        """Nothing is held back."""
