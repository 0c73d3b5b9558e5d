"""Which flows does a datagram of NetFlow v5, v9 or IPFIX tell of?

NetFlow v5 (Cisco, NetFlow Export Datagram Format), v9 (RFC 3954), IPFIX (RFC 7011; both ways: RFC 5103).
Templates are kept for each exporter and observation domain; data whose template has not come waits for it,
up to a bound. Sequence numbers tell what was lost on the way: flows (v5, IPFIX) or datagrams (v9).
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import Struct, error
from struct import unpack_from as unpack
from typing import Any

from sensors.flows.record import ICMP, ICMP6, Record
from sensors.flows.templates import Spec, Template

MOST_EXPORTERS = 1024
MOST_TEMPLATES = 512
MOST_WAITING = 128
"""Data sets of one exporter that wait for their template."""
_V5 = Struct(">4s4s8xIIIIHHxBB9x")
_V5_HEAD, _V9_HEAD, _IPFIX_HEAD = 24, 20, 16
_RESTART = 1 << 20
"""Numbers that jump further are those of an exporter that began anew."""
_LATE = 1000
_NTP = 2_208_988_800
"""Seconds from 1900 to 1970."""
_DAY_US = 86_400_000_000
_SERVICES = 1024
"""Ports below are those of services, not of who asks."""


@dataclass(slots=True)
class Exporter:
    """What is remembered of one exporter and domain."""

    expected: int | None = None
    sampling: int = 1
    boot_ms: int | None = None
    number: int = 0
    read: int = 0
    """Records of the message at hand."""
    flows: int = 0
    """Those of them that are no options."""
    before: tuple[int, int] = (0, 0)
    """`read` and `flows` of the message before."""
    unread: bool = False
    """Of the message at hand something waits for its template."""
    templates: OrderedDict[int, Template] = field(default_factory=OrderedDict[int, Template])
    waiting: deque[tuple[int, bytes, _Clock]] = field(
        default_factory=lambda: deque[tuple[int, bytes, _Clock]](maxlen=MOST_WAITING)
    )


@dataclass(frozen=True, slots=True)
class _Clock:
    """When a datagram was made."""

    made: int
    """Microseconds since 1970."""
    boot: int | None
    """When the exporter started, for times that count from there."""


class Netflow:
    """Reads datagrams; remembers templates."""

    def __init__(self) -> None:
        self._exporters: OrderedDict[tuple[str, int, int], Exporter] = OrderedDict()
        self.counts: Counter[str] = Counter()

    def __call__(self, data: bytes, sender: str, at: float) -> list[Record]:
        """The flows of a datagram.

        Args:
            data: its payload.
            sender: the exporter's address.
            at: when it arrived, in seconds since 1970.

        Raises:
            ValueError: it is none of these, or breaks off; what stands before is lost with it.
        """
        version = int.from_bytes(data[:2], "big")
        now = int(at * 1e6)
        try:
            if version == 5:  # noqa: PLR2004 - the versions themselves
                return list(self._five(data, sender, now))
            if version == 9:  # noqa: PLR2004
                return list(self._nine(data, sender, now))
            if version == 10:  # noqa: PLR2004
                return list(self._ipfix(data, sender, now))
        except error as broken:
            raise ValueError(f"a datagram of version {version} breaks off") from broken
        raise ValueError(f"no NetFlow or IPFIX: version {version}")

    def remembered(self) -> tuple[int, int]:
        """How many exporters are known, and the most templates of one."""
        known = self._exporters.values()
        return len(known), max((len(each.templates) for each in known), default=0)

    def _exporter(self, sender: str, version: int, domain: int) -> Exporter:
        key = (sender, version, domain)
        known = self._exporters.get(key)
        if known is None:
            known = self._exporters[key] = Exporter()
            if len(self._exporters) > MOST_EXPORTERS:
                self._exporters.popitem(last=False)
        else:
            self._exporters.move_to_end(key)
        return known

    def _sequence(self, exporter: Exporter, number: int, step: int, what: str) -> None:
        expected = exporter.expected
        if expected is not None:
            gap = (number - expected) & 0xFFFFFFFF
            if 0 < gap < _RESTART:
                self.counts[what] += gap
            elif gap > 0xFFFFFFFF - _LATE:
                self.counts[what] = max(0, self.counts[what] - step)  # counted as lost, and only late
                return
        exporter.expected = (number + step) & 0xFFFFFFFF

    def _five(self, data: bytes, sender: str, now: int) -> Iterator[Record]:
        count, up, seconds, nanos, number, engine, sampling = unpack(">2xHIIIIHH", data)
        exporter = self._exporter(sender, 5, engine)
        if len(data) < _V5_HEAD + count * _V5.size:
            raise ValueError(f"a datagram of version 5 breaks off: {count} flows in {len(data)} bytes")
        self._sequence(exporter, number, count, "lost_flows")
        made = seconds * 1_000_000 + nanos // 1000
        clock = _Clock(made, made - up * 1000)
        names = (
            "source4",
            "target4",
            "packets",
            "octets",
            "first_up",
            "last_up",
            "sport",
            "dport",
            "flags",
            "proto",
        )
        every = max(1, sampling & 0x3FFF)
        for values in _V5.iter_unpack(data[_V5_HEAD : _V5_HEAD + count * _V5.size]):
            found: dict[str, Any] = dict(zip(names, values, strict=True))
            record = _record(found, clock, now, every)
            if record is not None:
                yield record

    def _nine(self, data: bytes, sender: str, now: int) -> Iterator[Record]:
        _, up, seconds, number, domain = unpack(">2xHIIII", data)
        exporter = self._exporter(sender, 9, domain)
        self._sequence(exporter, number, 1, "lost_datagrams")
        made = seconds * 1_000_000
        clock = _Clock(made, made - up * 1000)
        for kind, body in _sets(data, _V9_HEAD):
            if kind == 0:
                yield from self._learn(exporter, _templates(body, ipfix=False), now)
            elif kind == 1:
                yield from self._learn(exporter, _options_nine(body), now)
            elif kind > 255:  # noqa: PLR2004 - what is below is reserved
                yield from self._data(exporter, kind, body, clock, now)

    def _ipfix(self, data: bytes, sender: str, now: int) -> Iterator[Record]:
        length, seconds, number, domain = unpack(">2xHIII", data)
        exporter = self._exporter(sender, 10, domain)
        if length > len(data):
            raise ValueError(f"an IPFIX message breaks off: {len(data)} of {length} bytes")
        made = seconds * 1_000_000
        clock = _Clock(made, None)
        exporter.read = exporter.flows = 0
        exporter.unread = False
        for kind, body in _sets(data[:length], _IPFIX_HEAD):
            if kind == 2:  # noqa: PLR2004 - templates
                yield from self._learn(exporter, _templates(body, ipfix=True), now)
            elif kind == 3:  # noqa: PLR2004 - options templates
                yield from self._learn(exporter, _options_ipfix(body), now)
            elif kind > 255:  # noqa: PLR2004 - what is below is reserved
                yield from self._data(exporter, kind, body, clock, now)
        self._sequence_ipfix(exporter, number)

    def _sequence_ipfix(self, exporter: Exporter, number: int) -> None:
        """The number counts the data records before this message; some count this one too, or no options."""
        told = (exporter.read, exporter.flows)
        if exporter.expected is not None:
            gap = (number - exporter.number) & 0xFFFFFFFF
            if exporter.before[0] < gap < _RESTART and gap not in told:
                self.counts["lost_flows"] += gap - exporter.before[0]
        exporter.number, exporter.before = number, told
        # Where something waits for its template nobody knows how many records the message had.
        exporter.expected = None if exporter.unread else number

    def _learn(
        self, exporter: Exporter, found: Iterator[tuple[int, Template | None]], now: int
    ) -> Iterator[Record]:
        """Take templates, and read what has waited for them."""
        for number, template in found:
            if template is None:
                exporter.templates.pop(number, None)
                continue
            exporter.templates[number] = template
            exporter.templates.move_to_end(number)
            if len(exporter.templates) > MOST_TEMPLATES:
                exporter.templates.popitem(last=False)
            before = exporter.read, exporter.flows
            for each in [each for each in exporter.waiting if each[0] == number]:
                exporter.waiting.remove(each)
                yield from self._data(exporter, number, each[1], each[2], now)
            exporter.read, exporter.flows = before  # those were of earlier messages

    def _data(self, exporter: Exporter, kind: int, body: bytes, clock: _Clock, now: int) -> Iterator[Record]:
        template = exporter.templates.get(kind)
        if template is None:
            self.counts["undecoded"] += len(exporter.waiting) == MOST_WAITING
            exporter.waiting.append((kind, body, clock))
            exporter.unread = True
            return
        for values in template.records(body):
            exporter.read += 1
            exporter.flows += not template.scopes
            yield from self._tell(exporter, template, values, clock, now)

    def _tell(
        self, exporter: Exporter, template: Template, values: dict[str, Any], clock: _Clock, now: int
    ) -> Iterator[Record]:
        if template.scopes:
            exporter.sampling = max(1, values.get("sampling", exporter.sampling))
            exporter.boot_ms = values.get("boot_ms", exporter.boot_ms)
            return
        if clock.boot is None and exporter.boot_ms is not None:
            clock = _Clock(clock.made, exporter.boot_ms * 1000)
        record = _record(values, clock, now, max(1, values.get("sampling", exporter.sampling)))
        if record is None:
            self.counts["no_flows"] += 1
        else:
            yield record


def _sets(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """The sets of a message, with their numbers."""
    while at + 4 <= len(data):
        kind, length = unpack(">HH", data, at)
        if length < 4 or at + length > len(data):  # noqa: PLR2004 - its own head
            raise ValueError(f"byte {at}: a set of {length} bytes where {len(data) - at} are left")
        yield kind, data[at + 4 : at + length]
        at += length


def _specs(body: bytes, at: int, count: int, *, ipfix: bool) -> tuple[list[Spec], int]:
    specs: list[Spec] = []
    for _ in range(count):
        element, length = unpack(">HH", body, at)
        at += 4
        enterprise = 0
        if ipfix and element & 0x8000:
            (enterprise,) = unpack(">I", body, at)
            element &= 0x7FFF
            at += 4
        specs.append((enterprise, element, length))
    return specs, at


def _templates(body: bytes, *, ipfix: bool) -> Iterator[tuple[int, Template | None]]:
    at = 0
    while at + 4 <= len(body):
        number, count = unpack(">HH", body, at)
        if number < 256:  # noqa: PLR2004 - padding
            return
        if not count:  # withdrawn (RFC 7011 §8.1)
            yield number, None
            at += 4
            continue
        specs, at = _specs(body, at + 4, count, ipfix=ipfix)
        yield number, Template(specs)


def _options_nine(body: bytes) -> Iterator[tuple[int, Template | None]]:
    at = 0
    while at + 6 <= len(body):
        number, scope, options = unpack(">HHH", body, at)
        if number < 256:  # noqa: PLR2004 - padding
            return
        scopes, after = _specs(body, at + 6, scope // 4, ipfix=False)
        specs, at = _specs(body, after, options // 4, ipfix=False)
        # A scope's numbers are of another list (RFC 3954 §6.1): only their lengths matter here.
        yield number, Template([(-1, 0, length) for _, _, length in scopes] + specs, max(1, len(scopes)))


def _options_ipfix(body: bytes) -> Iterator[tuple[int, Template | None]]:
    at = 0
    while at + 4 <= len(body):
        number, count = unpack(">HH", body, at)
        if number < 256:  # noqa: PLR2004 - padding
            return
        if not count:
            yield number, None
            at += 4
            continue
        (scopes,) = unpack(">H", body, at + 4)
        specs, at = _specs(body, at + 6, count, ipfix=True)
        yield number, Template(specs, max(1, scopes))


# -- from values to a record -----------------------------------------------------------------------------


def _record(values: dict[str, Any], clock: _Clock, now: int, sampling: int) -> Record | None:
    """A flow; None when there are no addresses in it."""
    source, target = values.get("source4"), values.get("target4")
    if not source or not target or ("source6" in values and source == b"\0\0\0\0" == target):
        source, target = values.get("source6"), values.get("target6")
    if not source or not target or len(source) != len(target):
        return None
    proto = values.get("proto", 0) & 0xFF
    sport, dport = values.get("sport", 0) & 0xFFFF, values.get("dport", 0) & 0xFFFF
    if proto in {ICMP, ICMP6}:
        sport, dport = _icmp(values, dport)
    first, last = _times(values, clock, now)
    back = "back_octets" in values or "back_packets" in values
    if back and "asked_octets" not in values and sport < _SERVICES <= dport and proto not in {ICMP, ICMP6}:
        return _record(_turned(values), clock, now, sampling)
    return Record(
        source=source,
        target=target,
        proto=proto,
        sport=sport,
        dport=dport,
        first=first,
        last=last,
        packets=_bounded(values.get("packets", values.get("asked_packets"))),
        octets=_bounded(values.get("octets", values.get("asked_octets"))),
        flags=values.get("flags"),
        back_packets=_bounded(values.get("back_packets")),
        back_octets=_bounded(values.get("back_octets")),
        back_flags=values.get("back_flags"),
        both=back,
        sampling=sampling,
        reason=values.get("reason", 0),
        more=_more(values) if len(values) > 10 else {},  # noqa: PLR2004 - those of every record
    )


_ASKED = {
    "source4": "target4",
    "source6": "target6",
    "sport": "dport",
    "source_mac": "target_mac",
    "octets": "back_octets",
    "packets": "back_packets",
    "flags": "back_flags",
}
_TURNED = _ASKED | {to: here for here, to in _ASKED.items()}


def _turned(values: dict[str, Any]) -> dict[str, Any]:
    """Both ways of a flow seen from the other side: some exporters write whichever address is lower first."""
    return {_TURNED.get(name, name): value for name, value in values.items()}


def _bounded(number: int | None) -> int | None:
    return None if number is None else min(number, (1 << 62) - 1)


def _icmp(values: dict[str, Any], dport: int) -> tuple[int, int]:
    if "icmp_type" in values:
        return values["icmp_type"] & 0xFF, values.get("icmp_code", 0) & 0xFF
    both = values.get("icmp", dport)
    return both >> 8 & 0xFF, both & 0xFF


def _times(values: dict[str, Any], clock: _Clock, now: int) -> tuple[int, int]:
    """First and last, in microseconds since 1970; a clock that is a day off is not believed."""
    first, last = _time(values, "first", clock), _time(values, "last", clock)
    last = last if last is not None else first if first is not None else clock.made
    first = first if first is not None else last
    if abs(last - now) > _DAY_US or not 0 <= last - first < _DAY_US:
        span = last - first if 0 <= last - first < _DAY_US else 0
        return now - span, now
    return first, last


def _time(values: dict[str, Any], which: str, clock: _Clock) -> int | None:
    for name, factor in (("_ms", 1000), ("_s", 1_000_000)):
        if which + name in values:
            return values[which + name] * factor
    if f"{which}_up" in values and clock.boot is not None:
        return clock.boot + values[f"{which}_up"] * 1000
    if f"{which}_ntp" in values:  # RFC 7011 §6.1.9: seconds since 1900, and their 2^32nd parts
        raw = values[f"{which}_ntp"]
        return ((raw >> 32) - _NTP) * 1_000_000 + ((raw & 0xFFFFFFFF) * 1_000_000 >> 32)
    if f"{which}_ago" in values:
        return clock.made - values[f"{which}_ago"]
    return None


def _more(values: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, end in (("source_mac", "source.mac"), ("target_mac", "destination.mac")):
        mac = values.get(name)
        if mac and any(mac):
            found[end] = mac.hex(":")
    if values.get("vlan"):
        found["network.vlan.id"] = [str(values["vlan"])]
    if values.get("application"):
        found["network.application"] = values["application"]
    if values.get("user"):
        found["user.name"] = values["user"]
    if values.get("firewall") == 3:  # noqa: PLR2004 - denied (IANA firewallEvent)
        found["event.action"], found["event.outcome"] = "denied", "failure"
    return found
