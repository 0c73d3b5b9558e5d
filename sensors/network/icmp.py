"""Who sends ICMP to whom, and does the echo come back as it was sent?

An echo request and its answer are one flow; an error is noted on the flow it speaks of. An answer that
differs from its request carries something of its own, which is how ICMP tunnels look. In which even round
somebody asks the same host (`citywatch.icmp.rounds`) tells monitoring from a sweep.
"""

from __future__ import annotations

from sensors.network.flow import FIRST_LOAD, ICMP, TCP, UDP, Flow
from sensors.network.ip import Packet, version4, version6
from sensors.network.pace import Pace
from sensors.network.sink import Sink
from sensors.network.table import Table

_ASKED = {ICMP: {0: 8, 14: 13, 16: 15, 18: 17}, 58: {129: 128}}
"""The request's type by the answer's."""
_ERRORS = {ICMP: {3: "unreachable", 11: "time exceeded"}, 58: {1: "unreachable", 3: "time exceeded"}}
_REQUESTS = {proto: frozenset(asked.values()) for proto, asked in _ASKED.items()}
_REDIRECT = 5
_ECHO = {ICMP: 8, 58: 128}


class Icmp:
    """Finds the flow of an ICMP packet."""

    __slots__ = ("_pace", "_sink", "_table")

    def __init__(self, sink: Sink, table: Table) -> None:
        self._sink = sink
        self._table = table
        self._pace = Pace()

    def packet(self, packet: Packet, us: int, data: bytes) -> Flow | None:
        """Take one packet whose type, code and checksum are there."""
        at, proto = packet.start, packet.proto
        kind, code = data[at], data[at + 1]
        load = data[at + 8 : packet.end]
        size = max(packet.size - 8, 0)
        flow = self._answer(packet, kind, code, us, load, size)
        if flow is not None:
            return flow
        key = packet.source + packet.target + bytes((0, kind, 0, code))
        table = self._table
        flow = table.out[proto].get(key)
        if flow is None:
            flow = table.open(key, proto, us)
            flow.load = load[:FIRST_LOAD]
            if kind == _REDIRECT and proto == ICMP:
                self._sink.say(flow, "network.icmp", us, {"event.action": "redirect"})
        if kind in _ERRORS[proto]:
            self._about(packet, data, _ERRORS[proto][kind])
        if kind in _REQUESTS[proto]:
            self._asks(flow, us)
        flow.out_packets += 1
        flow.out_bytes += packet.total
        flow.out_load += size
        if us > flow.last:
            flow.last = us
        if kind == _ECHO[proto]:
            flow.out_tail = data[at + 4 : packet.end]
        return flow

    def _asks(self, flow: Flow, us: int) -> None:
        rounds = self._pace.asked(flow.key, us)
        if rounds > 1:
            flow.add("citywatch.icmp.rounds", rounds)

    def _answer(self, packet: Packet, kind: int, code: int, us: int, load: bytes, size: int) -> Flow | None:
        asked = _ASKED[packet.proto].get(kind)
        if asked is None:
            return None
        key = packet.target + packet.source + bytes((0, asked, 0, code))
        flow = self._table.out[packet.proto].get(key)
        if flow is None:
            return None
        flow.back_packets += 1
        flow.back_bytes += packet.total
        flow.back_load += size
        if us > flow.last:
            flow.last = us
        sent = flow.out_tail
        if sent and load and sent[4:] != load:
            flow.note("echo differs")
        return flow

    def _about(self, packet: Packet, data: bytes, what: str) -> None:
        """Note an error on the flow whose packet it quotes."""
        at = packet.start + 8
        quoted = (version4 if packet.proto == ICMP else version6)(data, at, packet.end)
        if quoted is None or quoted.proto not in {TCP, UDP} or quoted.end - quoted.start < 4:
            return
        key = quoted.source + quoted.target + data[quoted.start : quoted.start + 4]
        flow = self._table.find(quoted.proto, key)
        if flow is not None:
            flow.note(what)
