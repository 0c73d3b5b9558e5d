"""Which flow does each packet belong to, and what does it add?

The general way, through `link.py` and `ip.py`, for whatever `quick.py` does not read itself: other link
types, tags, tunnels, fragments, options, the first packet of most flows.
"""

from __future__ import annotations

from struct import Struct

from sensors.network import link as links
from sensors.network import quick, stream
from sensors.network.flow import (
    ACK,
    FIN,
    FIRST_LOAD,
    ICMP,
    ICMP6,
    LOAD,
    RST,
    SYN,
    TCP,
    UDP,
    Flow,
    turned,
)  # fmt: skip
from sensors.network.fragments import Fragments
from sensors.network.icmp import Icmp
from sensors.network.ip import Packet, is_spoiled, version4, version6
from sensors.network.local import Local
from sensors.network.pcapfile import Record
from sensors.network.protocols import Protocols
from sensors.network.sink import Sink
from sensors.network.table import Table

_TCP = Struct(">I4xBB").unpack_from
_TUNNEL_PORTS = {4789: "vxlan", 8472: "vxlan", 6081: "geneve"}
_DEEPEST = 4
_ARP = links.ARP.to_bytes(2, "big")
_HEADER = 14
"""Bytes of an Ethernet header."""
_SERVERS = frozenset({53, 67, 123, 161, 443, 500, 1812, 5060})
_WELL_KNOWN = 1024


class Decoder:
    """Reads batches of packets into flows and hands payload to the protocols."""

    def __init__(self, sink: Sink, table: Table, protocols: Protocols, local: Local) -> None:
        self.table = table
        table.reader = protocols.tcp
        self.unknown_links: dict[int, int] = {}
        self.malformed = 0
        self.packets = 0
        self._sink = sink
        self._protocols = protocols
        self._local = local
        self._fragments = Fragments()
        self._icmp = Icmp(sink, table)
        self._vlans: list[str] | None = None
        self._tunnel = ""
        self._overlap = False

    def batch(self, link: int, data: bytes, records: list[Record]) -> None:
        """Take the packets of one buffer."""
        self.packets += len(records)
        if link == links.ETHERNET:
            quick.read(self, data, records)
            return
        for us, start, captured, _ in records:
            if us >= self.table.tick:
                self.table.advance(us)
            self.frame(link, us, data, start, start + captured)

    def _news(self, flow: Flow, seen: int, us: int, back: bool) -> None:
        """One side did something for the first time."""
        if back:
            new = seen & ~flow.back_seen
            flow.back_seen |= new
        else:
            new = seen & ~flow.out_seen
            flow.out_seen |= new
        flow.letters(new, back)
        if new & RST or (new & FIN and flow.out_seen & flow.back_seen & FIN):
            self.table.closing(flow, us)

    def begin(self, key: bytes, us: int, total: int, seq: int) -> None:
        """A SYN that opens a flow about which there is something to note, from the quick loop."""
        flow = self.table.open(key, TCP, us)
        flow.app = self._protocols.tcp
        flow.out_seen = SYN
        flow.history = "S"
        flow.out_next = seq + 1 & 0xFFFFFFFF
        flow.out_packets = 1
        flow.out_bytes = total

    def segment(self, key: bytes, us: int, total: int, seq: int, flags: int, size: int, load: bytes) -> None:
        """A TCP segment, the general way: also the first of a flow and every SYN."""
        table = self.table
        flow = table.find(TCP, key)
        back = flow is not None and flow.key != key
        if flow is not None and flags & SYN and _is_over(flow) and not flags & ACK:
            table.end(flow, "rst" if (flow.out_seen | flow.back_seen) & RST else "fin")
            flow, back = None, False
        if flow is None:
            back = flags & (SYN | ACK) == SYN | ACK or (flags & (SYN | ACK) == ACK and _from_server(key))
            flow = table.open(turned(key) if back else key, TCP, us)
            self._dress(flow)
            flow.app = self._protocols.tcp
        self._count(flow, back, us, total, seq, flags, size, load)

    def _count(
        self, flow: Flow, back: bool, us: int, total: int, seq: int, flags: int, size: int, load: bytes
    ) -> None:
        seen = flags | LOAD if size else flags
        if seen & ~(flow.back_seen if back else flow.out_seen) or not flow.history:
            self._news(flow, seen, us, back)
        if us > flow.last:
            flow.last = us
        if flags & SYN:
            seq = seq + 1 & 0xFFFFFFFF
            if back and flow.back_next < 0:
                flow.back_next = seq
            elif not back and flow.out_next < 0:
                flow.out_next = seq
        if back:
            flow.back_packets += 1
            flow.back_bytes += total
            flow.back_load += size
        else:
            flow.out_packets += 1
            flow.out_bytes += total
            flow.out_load += size
        if size and flow.app is not None:
            stream.take(flow, not back, seq, load, size, us)

    def datagram(self, key: bytes, us: int, total: int, size: int, load: bytes) -> None:
        """A UDP datagram, the general way: also the first of a flow."""
        table = self.table
        flow = table.out[UDP].get(key)
        back = flow is not None and flow.key != key
        if flow is None:
            back = _udp_server(key)
            flow = table.open(turned(key) if back else key, UDP, us)
            self._dress(flow)
            flow.load = load[:FIRST_LOAD]
            flow.app = self._protocols.udp(flow, load)
        if us > flow.last:
            flow.last = us
        if back:
            flow.back_packets += 1
            flow.back_bytes += total
            flow.back_load += size
        else:
            flow.out_packets += 1
            flow.out_bytes += total
            flow.out_load += size
        if flow.app is not None:
            stream.feed(flow, not back, load, us)

    def _dress(self, flow: Flow) -> None:
        """What the packet's outside says of the whole flow."""
        if self._vlans:
            flow.vlans = self._vlans
        if self._tunnel:
            flow.tunnel = self._tunnel

    def frame(self, link: int, us: int, data: bytes, start: int, end: int) -> None:
        """A frame, the general way."""
        if link == links.ETHERNET and data[start + 12 : start + 14] == _ARP and end - start >= _HEADER:
            self._local.arp(us, data[start + _HEADER : end], data[start + 6 : start + 12])
            return
        found = links.frame(link, data, start, end)
        if found is None:
            self.unknown_links[link] = self.unknown_links.get(link, 0) + 1
            return
        self._vlans = found.vlans
        self._above(found, us, data, end, 0)
        self._vlans = None
        self._tunnel = ""

    def _above(self, found: links.Frame, us: int, data: bytes, end: int, depth: int) -> None:
        kind = found.ethertype
        if kind == links.ARP:
            self._local.arp(us, data[found.start : end], found.source)
        elif kind == links.IPV4:
            self._ip(version4(data, found.start, end), us, data, depth, found.source)
        elif kind == links.IPV6:
            self._ip(version6(data, found.start, end), us, data, depth, found.source)

    def _ip(self, packet: Packet | None, us: int, data: bytes, depth: int, mac: bytes) -> None:
        if packet is None:
            self.malformed += 1
            return
        if packet.fragment is not None and (packet.fragment[1] or packet.fragment[2]):
            key = (packet.source, packet.target, packet.fragment[0], packet.proto)
            whole = self._fragments.add(key, packet.fragment, data[packet.start : packet.end], us)
            if whole is None:
                return
            size = len(whole.payload)
            self._overlap = whole.overlap
            data = whole.payload
            packet = packet._replace(start=0, end=size, size=size, total=size + 20, fragment=None)
        self._transport(packet, us, data, depth, mac)
        self._overlap = False

    def _transport(self, packet: Packet, us: int, data: bytes, depth: int, mac: bytes) -> None:
        proto, at, end = packet.proto, packet.start, packet.end
        if proto == TCP:
            self._slow_tcp(packet, us, data)
        elif proto == UDP:
            self._slow_udp(packet, us, data, depth)
        elif proto in {ICMP, ICMP6}:
            if end - at < 4:
                self.malformed += 1
                return
            flow = self._icmp.packet(packet, us, data)
            if flow is not None and proto == ICMP6:
                self._local.icmp6(flow, us, data[at:end], mac)
        else:
            self._other(packet, us)
            if depth < _DEEPEST:
                self._inside(packet, us, data, depth)

    def _slow_tcp(self, packet: Packet, us: int, data: bytes) -> None:
        at = packet.start
        if packet.end - at < 14:
            self.malformed += 1
            return
        seq, offset, flags = _TCP(data, at + 4)
        head = offset >> 4 << 2
        size = packet.size - head
        if head < 20 or size < 0:
            self.malformed += 1
            return
        key = packet.source + packet.target + data[at : at + 4]
        load = data[at + head : min(at + packet.size, packet.end)]
        spoiled = self.table.find(TCP, key) is None and is_spoiled(packet, data, 16)
        self.segment(key, us, packet.total, seq, flags & 0x3F, size, load)
        if self._overlap:
            self.mark(TCP, key, "overlapping fragments")
        if spoiled:
            self.mark(TCP, key, quick.WRONG)

    def _slow_udp(self, packet: Packet, us: int, data: bytes, depth: int) -> None:
        at = packet.start
        if packet.end - at < 8:
            self.malformed += 1
            return
        size = (data[at + 4] << 8 | data[at + 5]) - 8
        if size < 0 or size > packet.size - 8:
            size = packet.size - 8
        key = packet.source + packet.target + data[at : at + 4]
        spoiled = self.table.find(UDP, key) is None and is_spoiled(packet, data, 6)
        self.datagram(key, us, packet.total, size, data[at + 8 : min(at + 8 + size, packet.end)])
        if self._overlap:
            self.mark(UDP, key, "overlapping fragments")
        if spoiled:
            self.mark(UDP, key, quick.WRONG)
        tunnel = _TUNNEL_PORTS.get(data[at + 2] << 8 | data[at + 3])
        if tunnel and depth < _DEEPEST:
            self._overlay(tunnel, us, data, at + 8, packet.end, depth)

    def mark(self, proto: int, key: bytes, what: str) -> None:
        """Note an oddity on a packet's flow."""
        flow = self.table.find(proto, key)
        if flow is not None:
            flow.note(what)

    def _overlay(self, tunnel: str, us: int, data: bytes, at: int, end: int, depth: int) -> None:
        """VXLAN (RFC 7348) and Geneve (RFC 8926)."""
        if end - at < 8:
            return
        if tunnel == "geneve":
            kind = data[at + 2] << 8 | data[at + 3]
            at += 8 + ((data[at] & 0x3F) << 2)
        else:
            kind, at = 0x6558, at + 8
        self._tunnel = tunnel
        self._typed(kind, us, data, at, end, depth)

    def _typed(self, kind: int, us: int, data: bytes, at: int, end: int, depth: int) -> None:
        bridged = kind == 0x6558
        inner = links.ethernet(data, at, end) if bridged else links.Frame(kind, at, None, b"", b"")
        self._above(inner, us, data, end, depth + 1)

    def _inside(self, packet: Packet, us: int, data: bytes, depth: int) -> None:
        """IP in IP, 6in4, GRE with its options (RFC 2784, 2890), ERSPAN."""
        at, end = packet.start, packet.end
        if packet.proto in {4, 41}:
            self._tunnel = "ipip"
            self._typed(links.IPV4 if packet.proto == 4 else links.IPV6, us, data, at, end, depth)
        elif packet.proto == 47 and end - at >= 4:
            flags, kind = data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3]
            at += 4 + 4 * ((flags >> 15 & 1) + (flags >> 13 & 1) + (flags >> 12 & 1))
            if flags & 7 == 1:  # the enhanced kind of PPTP (RFC 2637)
                at += 4 if flags & 0x80 else 0
                kind = {0x880B: 0x880B}.get(kind, kind)
            self._tunnel = "gre"
            if kind == 0x88BE:
                self._tunnel, kind = "erspan", 0x6558
                at += 8 if flags & 0x1000 else 0
            elif kind == 0x22EB:
                self._tunnel, kind = "erspan", 0x6558
                at += 20 if end - at > 12 and data[at + 11] & 1 else 12
            self._typed(kind, us, data, at, end, depth)

    def _other(self, packet: Packet, us: int) -> None:
        """A protocol without ports: a flow by its addresses."""
        table, proto = self.table, packet.proto
        key = packet.source + packet.target + b"\0\0\0\0"
        flow = table.out[proto].get(key)
        if flow is None and (flow := table.back[proto].get(key)) is not None:
            flow.back_packets += 1
            flow.back_bytes += packet.total
            flow.back_load += packet.size
        else:
            if flow is None:
                flow = table.open(key, proto, us)
                self._dress(flow)
            flow.out_packets += 1
            flow.out_bytes += packet.total
            flow.out_load += packet.size
        if us > flow.last:
            flow.last = us


def _is_over(flow: Flow) -> bool:
    return bool((flow.out_seen | flow.back_seen) & RST or flow.out_seen & flow.back_seen & FIN)


def _ports(key: bytes) -> tuple[int, int]:
    at = len(key) - 4
    return key[at] << 8 | key[at + 1], key[at + 2] << 8 | key[at + 3]


def _from_server(key: bytes) -> bool:
    """The capture began in the middle: a well-known port is the server's."""
    source, target = _ports(key)
    return source < _WELL_KNOWN <= target


def _udp_server(key: bytes) -> bool:
    source, target = _ports(key)
    return source in _SERVERS and target not in _SERVERS and target >= _WELL_KNOWN
