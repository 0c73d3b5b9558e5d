"""Which flow events come of the datagrams that routers and switches send?"""

from __future__ import annotations

from collections.abc import Mapping

from citywatch.model import Event, Problem
from citywatch.ports import Report
from sensors.arrive.receiver import Message
from sensors.flows.netflow import Netflow
from sensors.flows.pairs import Pairs
from sensors.flows.record import ICMP, ICMP6, Record, event_of
from sensors.flows.sflow import Sflow
from sensors.network.pace import Pace

SHOWN = 50
"""Datagrams that cannot be read and are told one by one; the rest is counted."""


class Flows:
    """Reads datagrams of one protocol; joins both ways of a conversation."""

    def __init__(self, protocol: str, report: Report, pairs: Pairs | None = None) -> None:
        self._module = protocol
        self._decode: Netflow | Sflow = Sflow() if protocol == "sflow" else Netflow()
        self._report = report
        self._pairs = pairs or Pairs()
        self._pace = Pace()
        self._shown = 0
        self._undecoded = 0
        self._flows = 0

    def __call__(self, message: Message) -> list[Event]:
        """The events of flows that are whole now, without ids."""
        try:
            records = self._decode(message.data, message.sender, message.at)
        except ValueError as error:
            self._undecoded += 1
            self._tell(message.sender, str(error))
            return []
        self._flows += len(records)
        join = self._whole if self._module == "sflow" else self._pairs.add
        found: list[Event] = []
        for record in records:
            for whole, sender in join(record, message.sender, message.at):
                found.append(self._event(whole, sender))
        return found

    @staticmethod
    def _whole(record: Record, sender: str, _: float) -> list[tuple[Record, str]]:
        return [(record, sender)]

    def due(self, at: float) -> list[Event]:
        """The events of flows that have waited long enough for a way back."""
        return [self._event(record, sender) for record, sender in self._pairs.due(at)]

    def _event(self, record: Record, sender: str) -> Event:
        """With the round in which a host is pinged: a monitoring system asks again and again."""
        event = event_of(record, self._module, sender)
        if record.proto in {ICMP, ICMP6}:
            pair = sender.encode() + record.source + record.target + bytes([record.sport & 0xFF])
            rounds = self._pace.asked(pair, record.first)
            if rounds > 1:
                event["citywatch.icmp.rounds"] = rounds
        return event

    @property
    def open(self) -> int:
        """Flows in memory of which no event tells yet."""
        return len(self._pairs)

    def counts(self) -> Mapping[str, int]:
        """What became of datagrams, all endpoints together."""
        found = {"flows": self._flows, "undecoded": self._undecoded, **self._decode.counts}
        found["undecoded"] = self._undecoded + self._decode.counts["undecoded"]
        if self._pairs.early:
            found["told_early"] = self._pairs.early
        return found

    def _tell(self, sender: str, what: str) -> None:
        self._shown += 1
        if self._shown <= SHOWN:
            self._report(Problem(sensor=self._module, source=sender, position="", what=what))
