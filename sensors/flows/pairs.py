"""Which two flow records are the two ways of one conversation?

NetFlow tells each direction on its own. A record waits a while for the one of the way back; whichever began
first is the one who asked. Bounded in records and in time (of arrival, not of what records say).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from sensors.flows.record import ICMP, ICMP6, WITH_PORTS, Record

MOST = 65_536
WAIT_S = 30.0
_TOGETHER_US = 120_000_000
"""Two ways of one conversation do not begin further apart."""
_ANSWERS = {8: 0, 13: 14, 17: 18, 128: 129}
_BACK = {answer: asked for asked, answer in _ANSWERS.items()}
Key = tuple[str, bytes, bytes, int, int, int]


@dataclass(slots=True)
class _Waiting:
    record: Record
    sender: str
    until: float
    gone: bool = False


class Pairs:
    """Records that wait for the way back."""

    def __init__(self, most: int = MOST, wait_s: float = WAIT_S) -> None:
        self._most = most
        self._wait_s = wait_s
        self._waiting: dict[Key, _Waiting] = {}
        self._order: deque[_Waiting] = deque()
        self._paired: set[str] = set()
        self.early = 0
        """Records that were told before their time because too many waited."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, record: Record, sender: str, at: float) -> list[tuple[Record, str]]:
        """Take a record; gives what is whole now, and what had to make room."""
        if record.both or record.sampling > 1:
            return [(record, sender)]
        key, back = _keys(record, sender)
        other = self._waiting.get(back)
        if other is not None and abs(other.record.first - record.first) < _TOGETHER_US:
            self._take(back, other)
            if len(self._paired) < self._most:
                self._paired.add(sender)
            return [(joined(other.record, record), sender)]
        found: list[tuple[Record, str]] = []
        before = self._waiting.get(key)
        if before is not None:  # the next part of a long flow
            found.append(self._alone(key, before))
        waiting = self._waiting[key] = _Waiting(record, sender, at + self._wait_s)
        self._order.append(waiting)
        while len(self._waiting) > self._most:
            found += self._oldest()
        return found

    def due(self, at: float) -> list[tuple[Record, str]]:
        """Records that have waited long enough: nobody tells of a way back."""
        found: list[tuple[Record, str]] = []
        while self._order and (self._order[0].gone or self._order[0].until <= at):
            waiting = self._order.popleft()
            if not waiting.gone:
                found.append(self._alone(_keys(waiting.record, waiting.sender)[0], waiting))
        return found

    def _oldest(self) -> list[tuple[Record, str]]:
        while self._order:
            waiting = self._order.popleft()
            if not waiting.gone:
                self.early += 1
                return [self._alone(_keys(waiting.record, waiting.sender)[0], waiting)]
        return []

    def _take(self, key: Key, waiting: _Waiting) -> None:
        waiting.gone = True
        del self._waiting[key]

    def _alone(self, key: Key, waiting: _Waiting) -> tuple[Record, str]:
        """Without a way back. Where a sender tells of ways back at all, there was none."""
        self._take(key, waiting)
        record = waiting.record
        if waiting.sender in self._paired:
            record.both = True
            record.back_packets = record.back_octets = record.back_flags = 0
        return record, waiting.sender


def _keys(record: Record, sender: str) -> tuple[Key, Key]:
    source, target, proto = record.source, record.target, record.proto
    sport, dport = record.sport, record.dport
    there = (sender, source, target, proto, sport, dport)
    if proto in {ICMP, ICMP6}:
        other = _ANSWERS.get(sport, _BACK.get(sport, sport))
        return there, (sender, target, source, proto, other, dport)
    return there, (sender, target, source, proto, dport, sport)


def joined(one: Record, other: Record) -> Record:
    """Two ways as one record, from the side of who asked."""
    asked, answered = (one, other) if _asks(one, other) else (other, one)
    asked.back_packets, asked.back_octets = answered.packets, answered.octets
    asked.back_flags = answered.flags
    asked.last = max(asked.last, answered.last)
    asked.both = True
    return asked


def _asks(one: Record, other: Record) -> bool:
    if one.proto in {ICMP, ICMP6}:
        return one.sport in _ANSWERS or other.sport not in _ANSWERS
    if one.first != other.first:
        return one.first < other.first
    return one.sport >= one.dport or one.proto not in WITH_PORTS
