"""Which protocol does this payload speak?

By the first bytes; the port only breaks ties. One object for all flows that are still undecided.
"""

from __future__ import annotations

from collections.abc import Callable

from sensors.network import (
    dcerpc,
    discovery,
    http,
    kerberos,
    modbus,
    mqtt,
    ntp,
    quic,
    radius,
    rdp,
    rtsp,
    sip,
    smb,
    snmp,
    socks,
    tls,
)
from sensors.network.datagram import Datagrams
from sensors.network.dns import DnsOverTcp, DnsOverUdp
from sensors.network.flow import FIRST_LOAD, Flow, Talk
from sensors.network.ftp import Ftp
from sensors.network.local import Local
from sensors.network.shell import Watch
from sensors.network.sink import Sink
from sensors.network.smtp import Smtp
from sensors.network.ssh import Ssh
from sensors.network.telnet import Telnet

_DNS_PORTS = frozenset({53, 5353, 5355})
_DHCP_PORTS = frozenset({67, 68})
_SMTP_PORTS = frozenset({25, 465, 587, 2525})
_TELNET_PORTS = frozenset({23, 2323})
_ENOUGH = 24
"""Bytes by which every protocol here can be told."""


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
        key = flow.key
        sport, dport = key[-4] << 8 | key[-3], key[-2] << 8 | key[-1]
        if dport in _DNS_PORTS or sport in _DNS_PORTS:
            return self._dns
        if dport in _DHCP_PORTS and sport in _DHCP_PORTS:
            return self._dhcp
        make = _BY_PORT.get(dport)
        if make is None and sport == discovery.PORT and load[:1] == b"<":  # the question went to a group
            make = discovery.Discovery
        if make is not None:
            return make(self._sink)
        if quic.is_quic(load):
            return quic.Quic(self._sink)
        if dport == 88 and load[:1] in {b"\x6a", b"\x6c"}:
            return kerberos.Kerberos(self._sink, framed=False)
        return sip.Sip(self._sink, whole=True) if load[:1].isupper() and sip.is_sip(load) else None


def _sip(sink: Sink) -> Talk:
    return sip.Sip(sink, whole=True)


_BY_PORT: dict[int, Callable[[Sink], Talk]] = {
    ntp.PORT: ntp.Ntp,
    **dict.fromkeys(snmp.PORTS, snmp.Snmp),
    **dict.fromkeys(radius.PORTS, radius.Radius),
    **dict.fromkeys(sip.PORTS, _sip),
    discovery.PORT: discovery.Discovery,
}
"""Datagrams whose port tells the protocol; what is none of it is noted and read no further."""


class Undecided:
    """Looks at the first payload of a TCP flow and hands over to the reader that knows it."""

    __slots__ = ("_sink",)

    protocol = ""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Decide by the bytes of whoever speaks first; where none of them were captured, nobody can."""
        if not data:
            return False
        if out and not flow.load:
            flow.load = data[:FIRST_LOAD]
        app = choose(self._sink, flow, out, data)
        if app is None:
            wait = len(data) < _ENOUGH or (not out and data.startswith(b"220"))
            app = Hesitant(self._sink) if wait else Watch()
        flow.app = app
        flow.protocol = app.protocol
        return app.feed(flow, out, data, us)

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """The beginning is missing: nobody can tell."""
        del flow, out, size
        return False

    def close(self, flow: Flow) -> None:
        """Nothing was held back."""


class Hesitant:
    """Holds the first bytes of both sides until they are enough to tell."""

    __slots__ = ("_held", "_sink")

    protocol = ""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._held = {True: b"", False: b""}

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Decide again with what is known now, and hand everything over."""
        held = self._held[out] = self._held[out] + data
        if out and len(flow.load) < len(held) <= FIRST_LOAD:
            flow.load = held
        app = choose(self._sink, flow, out, held)
        if app is None and len(held) < _ENOUGH:
            return True
        if app is None and not out and held.startswith(b"220") and not self._held[True]:
            return len(held) < FIRST_LOAD * 16
        app = flow.app = app or Watch()
        flow.protocol = app.protocol
        other = self._held[not out]
        if other:
            app.feed(flow, not out, other, us)
        return app.feed(flow, out, held, us)

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """The beginning is missing: nobody can tell."""
        del flow, out, size
        return False

    def close(self, flow: Flow) -> None:
        """Nothing was understood."""


def choose(sink: Sink, flow: Flow, out: bool, data: bytes) -> Talk | None:
    """The reader for a TCP flow whose first payload this is."""
    first = data[0]
    if first == 0x16 and tls.is_tls(data):
        return tls.Tls(sink)
    for known, make in _BY_FIRST[first]:
        if known(data):
            return make(sink)
    dport = flow.ends()[3]
    if dport in _DNS_PORTS:
        return DnsOverTcp(sink)
    if dport == modbus.PORT and modbus.is_modbus(data):
        return modbus.Modbus(sink)
    if dport in _TELNET_PORTS or (first == 0xFF and data[1:2] in _NEGOTIATES):
        return Telnet(sink)
    return _greeting(sink, data, dport) if not out else _command(sink, data)


_NEGOTIATES = frozenset({b"\xfb", b"\xfc", b"\xfd", b"\xfe"})


def _is_ssh(data: bytes) -> bool:
    return data.startswith(b"SSH-")


def _kerberos(sink: Sink) -> Talk:
    return kerberos.Kerberos(sink, framed=True)


_Known = tuple[Callable[[bytes], bool], Callable[[Sink], Talk]]
_LETTERS: tuple[_Known, ...] = (
    (http.is_http, http.Http),
    (_is_ssh, Ssh),
    (rtsp.is_rtsp, rtsp.Rtsp),
    (sip.is_sip, sip.Sip),
)
_BINARY: dict[int, tuple[_Known, ...]] = {
    0: ((smb.is_smb, smb.Smb), (kerberos.is_kerberos, _kerberos)),
    3: ((rdp.is_rdp, rdp.Rdp),),
    4: ((socks.is_socks, socks.Socks),),
    16: ((mqtt.is_mqtt, mqtt.Mqtt),),
    5: ((dcerpc.is_rpc, dcerpc.Rpc), (socks.is_socks, socks.Socks)),
}
_BY_FIRST = tuple(_LETTERS if 0x41 <= first <= 0x5A else _BINARY.get(first, ()) for first in range(256))
"""Who may know a payload, by its first byte."""


def _greeting(sink: Sink, data: bytes, dport: int) -> Talk | None:
    """A server that greets first: FTP and SMTP both with 220."""
    if not data.startswith((b"220 ", b"220-")):
        return None
    words = data.lower()
    if dport in _SMTP_PORTS or b"smtp" in words:
        return Smtp(sink)
    if dport == 21 or b"ftp" in words:
        return Ftp(sink)
    return None


def _command(sink: Sink, data: bytes) -> Talk | None:
    """A client whose server's greeting said nothing."""
    word = data[:5].upper()
    if word in {b"EHLO ", b"HELO "}:
        return Smtp(sink)
    return Ftp(sink) if word == b"USER " else None


class Dhcp(Datagrams):
    """Hands DHCP messages to the dissecting process."""

    __slots__ = ("_local",)

    protocol = "dhcp"

    def __init__(self, local: Local) -> None:
        self._local = local

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Take a message."""
        del out
        flow.protocol = self.protocol
        if len(data) >= 236:  # the fixed part of a BOOTP message
            self._local.dhcp(flow, us, data)
        return True
