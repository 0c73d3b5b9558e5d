"""Does a host call the same server as regularly as only a program does?

After RITA's idea (Active Countermeasures, github.com/activecm/rita): how alike the pauses between connections
are (quartile skew and median deviation), how alike their sizes, how much of the time they span, and how
evenly they lie in it. Each part is 0 to 1; the score is their mean, and the parts are told. Bounded in pairs
and in connections remembered of each.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from itertools import pairwise

from citywatch.clock import micros
from citywatch.model import Event
from sensors.network.flow import TCP, Flow
from sensors.network.moment import address, event_id, stamp

MOST_PAIRS = 8192
MOST_CALLS = 256
FEWEST = 12
SHORTEST_US = 540_000_000
"""Nine minutes: less tells nothing about a habit."""
TOLD_FROM = 0.5
_BINS = 24
_PEOPLE = frozenset({"ssh", "rdp", "ftp", "telnet", "smb", "smtp", "shell", "dns"})
"""Protocols whose regular tries have rules of their own."""

_ENDS = ("source.ip", "destination.ip", "destination.port")
_Pair = tuple[bytes, bytes, int]


class Beacons:
    """Remembers when each pair spoke and how much was sent."""

    __slots__ = ("_calls", "_first", "_last")

    def __init__(self) -> None:
        self._calls: dict[_Pair, tuple[array[int], array[int]]] = {}
        self._first = 0
        self._last = 0

    def add(self, flow: Flow) -> None:
        """Take a flow that ended; only conversations with payload both ways count."""
        if flow.proto != TCP or not flow.out_load or not flow.back_load or flow.protocol in _PEOPLE:
            return
        source, target, _, port = flow.ends()
        self._note((source, target, port), flow.first, flow.out_load)

    def add_event(self, event: Event) -> None:
        """Take a flow as it was stored, whatever sensor saw it."""
        if event.get("event.dataset") != "network.flow" or event.get("network.transport") != "tcp":
            return
        sent = event.get("citywatch.flow.payload.out_bytes") or event.get("source.bytes") or 0
        answered = event.get("citywatch.flow.payload.in_bytes") or event.get("destination.bytes") or 0
        source, target, port = (event.get(name) for name in _ENDS)
        if not (sent and answered and source and target and port) or event.get("network.protocol") in _PEOPLE:
            return
        pair = (ip_address(str(source)).packed, ip_address(str(target)).packed, int(port))
        self._note(pair, micros(str(event["@timestamp"])), int(sent))

    def _note(self, pair: _Pair, first: int, sent: int) -> None:
        calls = self._calls.get(pair)
        if calls is None:
            if len(self._calls) >= MOST_PAIRS:
                del self._calls[next(iter(self._calls))]
            calls = self._calls[pair] = (array("q"), array("q"))
        if len(calls[0]) < MOST_CALLS:
            calls[0].append(first)
            calls[1].append(sent)
        self._first = min(self._first or first, first)
        self._last = max(self._last, first)

    def events(self, name: str) -> Iterator[Event]:
        """An event for each pair that is regular at least by half.

        Args:
            name: of the capture; empty for flows that come from the store.
        """
        span = self._last - self._first
        for (source, target, port), (times, sizes) in self._calls.items():
            if len(times) < FEWEST or max(times) - min(times) < SHORTEST_US:
                continue
            parts = score(times, sizes, span)
            total = round(sum(parts) / len(parts), 3)
            if total < TOLD_FROM:
                continue
            first, last = min(times), max(times)
            place = b"%b%b %d %d %d" % (source, target, port, first, len(times))
            told = {"log.file.path": name} if name else {}
            yield told | {
                "@timestamp": stamp(last),
                "event.id": event_id(b"network.beacon", place),
                "event.kind": "metric",
                "event.category": ["network"],
                "event.module": "network",
                "event.dataset": "network.beacon",
                "event.start": stamp(first),
                "event.end": stamp(last),
                "source.ip": address(source),
                "destination.ip": address(target),
                "destination.port": port,
                "network.transport": "tcp",
                "citywatch.beacon.score": total,
                "citywatch.beacon.parts": [
                    f"{word} {part:.2f}"
                    for word, part in zip(("pauses", "sizes", "span", "evenness"), parts, strict=True)
                ],
                "message": f"{len(times)} connections in {(last - first) // 1_000_000} s",
            }


def score(times: Sequence[int], sizes: Sequence[int], span: int) -> tuple[float, float, float, float]:
    """The four parts: pauses, sizes, span, evenness.

    >>> score([turn * 60_000_000 for turn in range(20)], [300] * 20, 19 * 60_000_000)
    (1.0, 1.0, 1.0, 1.0)
    """
    ordered = sorted(times)
    pauses = [after - before for before, after in pairwise(ordered)]
    lasted = ordered[-1] - ordered[0]
    covered = min(lasted / span, 1.0) if span > 0 else 0.0
    return _alike(pauses), _alike(sizes), round(covered, 3), _even(ordered)


def _quartiles(values: Sequence[int]) -> tuple[float, float, float]:
    ordered = sorted(values)
    last = len(ordered) - 1

    def at(part: float) -> float:
        place = part * last
        low = int(place)
        high = min(low + 1, last)
        return ordered[low] + (ordered[high] - ordered[low]) * (place - low)

    return at(0.25), at(0.5), at(0.75)


def _alike(values: Sequence[int]) -> float:
    """One less the quartile skew (Bowley), and one less the median deviation over the median; their mean."""
    low, middle, high = _quartiles(values)
    skew = abs(low + high - 2 * middle) / (high - low) if high > low and middle not in (low, high) else 0.0
    spread = _quartiles([round(abs(value - middle)) for value in values])[1]
    steady = max(0.0, 1.0 - spread / middle) if middle > 0 else 0.0
    return round((1.0 - min(skew, 1.0)) * 0.3 + steady * 0.7, 3)


def _even(ordered: Sequence[int]) -> float:
    """How evenly the calls fill the time: one less the variation of the counts in equal bins."""
    lasted = ordered[-1] - ordered[0]
    bins = min(_BINS, max(len(ordered) // 4, 1))
    counts = [0] * bins
    for moment in ordered:
        counts[min((moment - ordered[0]) * bins // (lasted or 1), bins - 1)] += 1
    mean = len(ordered) / bins
    deviation = (sum((count - mean) ** 2 for count in counts) / bins) ** 0.5
    return round(max(0.0, 1.0 - deviation / mean), 2) if deviation > mean * 0.25 else 1.0
