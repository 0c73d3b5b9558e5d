"""How are ordinary packets, which nearly all are, read with the fewest steps?

TCP and UDP over plain IPv4 and Ethernet: one `unpack_from` a packet, its flow found by the twelve raw bytes
of addresses and ports, no call where a comparison will do. Whatever is special (tags, tunnels, options,
fragments, odd lengths) goes to `Decoder.frame`, which knows all of it; both ways lead to the same flows.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from sensors.network import stream
from sensors.network.flow import ACK, FIN, HISTORY_BACK, HISTORY_OUT, LOAD, RST, SYN, TCP, UDP
from sensors.network.pcapfile import Record

if TYPE_CHECKING:
    from sensors.network.decode import Decoder

_READ = Struct(">HBxHxxHxBxx12sIxxxxBB").unpack_from
"""Ethertype, version and header length, total length, fragment, protocol, addresses and ports, then TCP's
sequence, data offset and flags (for UDP: length and checksum stand where the sequence is)."""
_SHORTEST = 48
_TUNNELS = frozenset(port.to_bytes(2, "big") for port in (4789, 8472, 6081))
"""Ports of VXLAN and Geneve: what is inside takes the general way."""
_NUMBERS = 0xFFFFFFFF


WRONG = "wrong checksum"
_WORD = 0xFFFF
_SMALL = {
    20 + size: Struct(f">QIQ{size >> 3}Q{size >> 2 & 1}I{size >> 1 & 1}H").unpack_from
    for size in range(8, 100, 2)
}
"""Reads a short IPv4 packet without options in the widest words, by its length."""


def wrong(data: bytes, at: int, total: int, place: int) -> bool:
    """Are the checksums of an IPv4 packet without options wrong (RFC 1071)?

    A sum of zero is none (UDP), or left to the network card. Words add up to 0xFFFF just when the bytes as
    one number can be divided by it.

    Args:
        data: holds the packet.
        at: where it begins.
        total: its length.
        place: of the checksum in the transport's header.
    """
    small = _SMALL.get(total)
    if small is not None:
        words = small(data, at)
        outside = words[0] + words[1]
        if (
            not (outside + words[2]) % _WORD
            and not (sum(words) - outside + data[at + 9] + total - 20) % _WORD
        ):
            return False
    from_bytes = int.from_bytes
    if (data[at + 10] or data[at + 11]) and from_bytes(data[at : at + 20], "big") % _WORD:
        return True
    if not data[at + 20 + place] and not data[at + 21 + place]:
        return False
    rest = from_bytes(data[at + 12 : at + total], "big") << (total & 1) * 8
    return bool((rest + data[at + 9] + total - 20) % _WORD)


def read(decoder: Decoder, data: bytes, records: list[Record]) -> None:  # noqa: C901, PLR0912, PLR0915 - the hot path: one loop without calls
    """Take the packets of one buffer of Ethernet frames."""
    table = decoder.table
    tcp_flows, udp_flows = table.out[TCP], table.out[UDP]
    tick = table.tick
    tunnels = _TUNNELS
    unpack, take, feed, closing = _READ, stream.take, stream.feed, table.closing
    frame, segment, datagram, begin = decoder.frame, decoder.segment, decoder.datagram, decoder.begin
    knocks, knock, grow = table.knocks, table.knock, table.grow
    history_out, history_back = HISTORY_OUT, HISTORY_BACK
    for us, start, captured, _ in records:
        if us >= tick:
            table.advance(us)
            tick = table.tick
        if captured < _SHORTEST:
            frame(1, us, data, start, start + captured)
            continue
        ethertype, first, total, cut, proto, key, seq, offset, flags = unpack(data, start + 12)
        if first != 0x45 or ethertype != 0x0800 or cut & 0x3FFF or not total:
            frame(1, us, data, start, start + captured)
        elif proto == TCP:
            head = offset >> 4 << 2
            size = total - 20 - head
            if size < 0 or head < 20:
                frame(1, us, data, start, start + captured)
                continue
            seen = flags & 0x3F
            if size:
                seen |= LOAD
                at = start + 34 + head
                end = at + size
                if end > start + captured:
                    end = start + captured
            else:
                at = end = 0
            if seen & SYN:
                if (
                    seen == SYN
                    and key not in knocks
                    and key not in tcp_flows
                    and key[4:8] + key[:4] + key[10:] + key[8:10] not in knocks
                ):
                    if captured >= total + 14 and wrong(data, start + 14, total, 16):
                        begin(key, us, total, seq)
                        decoder.mark(TCP, key, WRONG)
                    else:
                        knock(key, us, total, seq)
                    continue
                flow = tcp_flows.get(key)
                if seen != SYN | ACK or flow is None or flow.back_seen or flow.key == key:
                    segment(key, us, total, seq, flags & 0x3F, size, data[at:end])
                    continue
                if flow.back_next < 0:
                    flow.back_next = seq + 1 & _NUMBERS
            else:
                flow = tcp_flows.get(key)
                if flow is None:
                    answers = grow(key)
                    segment(key, us, total, seq, flags & 0x3F, size, data[at:end])
                    if answers is None and captured >= total + 14 and wrong(data, start + 14, total, 16):
                        decoder.mark(TCP, key, WRONG)
                    continue
                if flow.key == key:
                    new = seen & ~flow.out_seen
                    if new:
                        flow.out_seen |= new
                        flow.history += history_out[new & 0x117]
                        if new & RST or (new & FIN and flow.back_seen & FIN):
                            closing(flow, us)
                    flow.out_packets += 1
                    flow.out_bytes += total
                    if us > flow.last:
                        flow.last = us
                    if size:
                        flow.out_load += size
                        if flow.app is not None:
                            take(flow, True, seq, data[at:end], size, us)
                    continue
            new = seen & ~flow.back_seen
            if new:
                flow.back_seen |= new
                flow.history += history_back[new & 0x117]
                if new & RST or (new & FIN and flow.out_seen & FIN):
                    closing(flow, us)
            flow.back_packets += 1
            flow.back_bytes += total
            if us > flow.last:
                flow.last = us
            if size:
                flow.back_load += size
                if flow.app is not None:
                    take(flow, False, seq, data[at:end], size, us)
        elif proto == UDP:
            size = (seq >> 16) - 8
            if size < 0 or size > total - 28 or key[10:] in tunnels:
                frame(1, us, data, start, start + captured)
                continue
            at = start + 42
            end = at + size
            if end > start + captured:
                end = start + captured
            flow = udp_flows.get(key)
            if flow is None:
                datagram(key, us, total, size, data[at:end])
                if captured >= total + 14 and wrong(data, start + 14, total, 6):
                    decoder.mark(UDP, key, WRONG)
                continue
            if flow.key == key:
                flow.out_packets += 1
                flow.out_bytes += total
                flow.out_load += size
                if us > flow.last:
                    flow.last = us
                if flow.app is not None:
                    feed(flow, True, data[at:end], us)
                continue
            flow.back_packets += 1
            flow.back_bytes += total
            flow.back_load += size
            if us > flow.last:
                flow.last = us
            if flow.app is not None:
                feed(flow, False, data[at:end], us)
        else:
            frame(1, us, data, start, start + captured)
