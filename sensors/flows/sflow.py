"""Which packets does an sFlow datagram show?

sFlow version 5 (https://sflow.org/sflow_version_5.txt): flow samples, plain and expanded, with the header of
the sampled packet. Each sampled packet becomes a flow event of one packet that says how many it stands for;
whether a connection was answered cannot be told from single packets, so no state is given. Counter samples
are passed over.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from struct import error
from struct import unpack_from as unpack

from sensors.flows.record import ICMP, ICMP6, TCP, WITH_PORTS, Record

MOST_AGENTS = 4096
MOST_SAMPLES = 512
MOST_RECORDS = 64
_RESTART = 1 << 20
_LATE = 1000
_FLOW, _EXPANDED, _RAW = 1, 3, 1
_ETHERNET, _IP4, _IP6 = 1, 11, 12
_TAGS = frozenset({0x8100, 0x88A8, 0x9100})


class Sflow:
    """Reads datagrams; remembers how far each agent has counted."""

    def __init__(self) -> None:
        self._expected: OrderedDict[tuple[str, bytes, int], int] = OrderedDict()
        self.counts: Counter[str] = Counter()

    def __call__(self, data: bytes, sender: str, at: float) -> list[Record]:
        """The sampled packets of a datagram.

        Raises:
            ValueError: it is no sFlow of version 5, or breaks off.
        """
        try:
            return list(self._read(data, sender, int(at * 1e6)))
        except error as broken:
            raise ValueError("an sFlow datagram breaks off") from broken

    def _read(self, data: bytes, sender: str, now: int) -> Iterator[Record]:
        version, kind = unpack(">II", data)
        if version != 5 or kind not in {1, 2}:  # noqa: PLR2004 - the version itself
            raise ValueError(f"no sFlow of version 5: {data[:8].hex()}")
        agent = data[8 : 12 if kind == 1 else 24]
        at = 8 + len(agent)
        sub, number, _, samples = unpack(">IIII", data, at)
        self._sequence((sender, agent, sub), number)
        at += 16
        for _ in range(min(samples, MOST_SAMPLES)):
            form, length = unpack(">II", data, at)
            body = data[at + 8 : at + 8 + length]
            if len(body) < length:
                raise ValueError(f"byte {at}: a sample of {length} bytes where {len(body)} are left")
            if form in {_FLOW, _EXPANDED}:
                yield from self._sample(body, now, expanded=form == _EXPANDED)
            at += 8 + length

    def _sequence(self, key: tuple[str, bytes, int], number: int) -> None:
        expected = self._expected.get(key)
        if expected is not None:
            gap = (number - expected) & 0xFFFFFFFF
            if 0 < gap < _RESTART:
                self.counts["lost_datagrams"] += gap
            elif gap > 0xFFFFFFFF - _LATE:
                self.counts["lost_datagrams"] = max(0, self.counts["lost_datagrams"] - 1)
                return
        self._expected[key] = (number + 1) & 0xFFFFFFFF
        self._expected.move_to_end(key)
        if len(self._expected) > MOST_AGENTS:
            self._expected.popitem(last=False)

    def _sample(self, body: bytes, now: int, *, expanded: bool) -> Iterator[Record]:
        if expanded:
            rate, _, _, _, _, _, _, records = unpack(">IIIIIIII", body, 12)
            at = 44
        else:
            rate, _, _, _, _, records = unpack(">IIIIII", body, 8)
            at = 32
        for _ in range(min(records, MOST_RECORDS)):
            form, length = unpack(">II", body, at)
            at += 8
            if form == _RAW:
                record = _packet(body[at : at + length], now, max(1, rate))
                if record is None:
                    self.counts["no_flows"] += 1
                else:
                    yield record
            at += length


def _packet(body: bytes, now: int, rate: int) -> Record | None:
    """A packet of which the beginning is shown."""
    protocol, size, _, shown = unpack(">IIII", body)
    data = body[16 : 16 + shown]
    vlan = ""
    if protocol == _ETHERNET:
        data, vlan, size = _inside_ethernet(data, size)
    elif protocol not in {_IP4, _IP6}:
        return None
    record = _ip(data, now, min(size, 1 << 30), rate)
    if record is not None and vlan:
        record.more["network.vlan.id"] = [vlan]
    return record


def _inside_ethernet(data: bytes, size: int) -> tuple[bytes, str, int]:
    at, vlan = 12, ""
    while len(data) >= at + 4 and int.from_bytes(data[at : at + 2], "big") in _TAGS:
        vlan = vlan or str(int.from_bytes(data[at + 2 : at + 4], "big") & 0xFFF)
        at += 4
    known = int.from_bytes(data[at : at + 2], "big") in {0x0800, 0x86DD}
    return (data[at + 2 :] if known else b""), vlan, max(0, size - at - 2)


def _ip(data: bytes, now: int, size: int, rate: int) -> Record | None:
    version = data[0] >> 4 if data else 0
    if version == 4 and len(data) >= 20:  # noqa: PLR2004 - the shortest header
        head, proto, source, target = (data[0] & 15) * 4, data[9], data[12:16], data[16:20]
        part = int.from_bytes(data[6:8], "big") & 0x1FFF
        size = min(size, int.from_bytes(data[2:4], "big")) or size
    elif version == 6 and len(data) >= 40:  # noqa: PLR2004 - the header
        head, proto, source, target, part = 40, data[6], data[8:24], data[24:40], 0
        size = min(size, int.from_bytes(data[4:6], "big") + 40) or size
    else:
        return None
    record = Record(
        source=source,
        target=target,
        proto=proto,
        first=now,
        last=now,
        packets=1,
        octets=size,
        both=False,
        sampling=rate,
    )
    rest = data[head:] if not part else b""
    if proto in WITH_PORTS and len(rest) >= 4:  # noqa: PLR2004 - both ports
        record.sport, record.dport = unpack(">HH", rest)
        if proto == TCP and len(rest) > 13:  # noqa: PLR2004 - where the flags stand
            record.flags = rest[13]
    elif proto in {ICMP, ICMP6} and len(rest) > 1:
        record.sport, record.dport = rest[0], rest[1]
    return record
