"""What do the packets of a capture say?

The sensor: opens a capture, hands its packets to the decoder batch by batch, and gives the events on.
"""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from citywatch.model import Event, Problem
from citywatch.ports import Keep, Report
from sensors.network import stream
from sensors.network.beacon import Beacons
from sensors.network.decode import Decoder
from sensors.network.dissector import Dissector
from sensors.network.flow import MOST_FLOWS, Flow, Table, event_of
from sensors.network.local import Local
from sensors.network.pcapfile import Record, batches, is_capture, open_capture
from sensors.network.protocols import Protocols
from sensors.network.sink import Sink


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSensor:
    """Reads pcap and pcapng files, plain, gzip or zstd."""

    most_flows: int = MOST_FLOWS
    _dissector: Dissector = field(default_factory=Dissector, repr=False)

    @property
    def name(self) -> str:
        return "network"

    def recognizes(self, head: bytes, name: str) -> bool:
        """By magic alone; a capture may have any name."""
        del name
        return is_capture(head)

    def read(self, path: Path, report: Report, keep: Keep) -> Iterator[Event]:
        """All events of a capture, in the order in which they became known."""
        try:
            source = open_capture(path)
        except OSError as error:
            report(
                Problem(
                    sensor=self.name,
                    source=path.name,
                    position="",
                    what=str(error),
                    hint="check the path",
                    fatal=True,
                )
            )
            return
        with source:
            yield from self.read_stream(source, path.name, report, keep)

    def read_stream(self, source: BinaryIO, name: str, report: Report, keep: Keep) -> Iterator[Event]:
        """The same from an open stream (decompressed), e.g. a pipe."""
        reading = Reading(name, keep, self._dissector, self.most_flows, beacons=Beacons())
        for link, data, records in batches(source, name, report):
            yield from reading.take(link, data, records)
        yield from reading.finish()
        for problem in reading.problems():
            report(problem)


class Reading:
    """Packets of one capture or interface on their way to events: batches in, events out."""

    def __init__(
        self, name: str, keep: Keep, dissector: Dissector, most_flows: int, *, beacons: Beacons | None = None
    ) -> None:
        sink = Sink(name, keep)

        def over(flow: Flow) -> None:  # holds no reference to this reading: its process ends with it, at once
            if flow.app is not None and (flow.out_load or flow.back_load) and flow.reason != "active":
                stream.close(flow)
            if beacons is not None:
                beacons.add(flow)
            sink.events.append(event_of(flow, name))

        self._name = name
        self._sink = sink
        self._beacons = beacons
        self._local = Local(sink, dissector)
        self._table = Table(over, most_flows)
        self._decoder = Decoder(sink, self._table, Protocols(sink, self._local), self._local)

    def take(self, link: int, data: bytes, records: list[Record]) -> list[Event]:
        """Decode the packets of one buffer; give the events that became known."""
        with _without_cycles():
            self._decoder.batch(link, data, records)
        return self._told()

    def advance(self, us: int) -> list[Event]:
        """Time went on though no packet came: flows that were idle for long enough end."""
        if us >= self._table.tick:
            self._table.advance(us)
        return self._told()

    def finish(self) -> list[Event]:
        """The capture ended, and every flow with it."""
        self._table.finish()
        events = self._told()
        if self._beacons is not None:
            events.extend(self._beacons.events(self._name))
        return events

    def _told(self) -> list[Event]:
        self._local.flush()
        events, self._sink.events = self._sink.events, []
        return events

    @property
    def evicted(self) -> int:
        """Flows that were written early because the table was full."""
        return self._table.evicted

    def living(self) -> tuple[int, int]:
        """Flows that have not ended, and how many packets they hold that no event tells of yet."""
        flows = [flow for by_key in self._table.out for flow in by_key.values()]
        return len(flows), sum(flow.out_packets + flow.back_packets for flow in flows)

    def problems(self) -> Iterator[Problem]:
        """What could not be read, counted."""
        return _passed_over(self._decoder, self._local, self._table, self._name)


@contextmanager
def _without_cycles() -> Generator[None]:
    """No search for reference cycles inside one batch: decoding makes none, and the search costs a tenth."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _passed_over(decoder: Decoder, local: Local, table: Table, name: str) -> Iterator[Problem]:
    """What could not be read, counted."""
    for link, count in sorted(decoder.unknown_links.items()):
        yield Problem(
            sensor="network",
            source=name,
            position="",
            what=f"{count} packets of link type {link} were passed over",
            hint="capture on an Ethernet interface",
        )
    for reason, count in sorted(local.failed.items()):
        yield Problem(
            sensor="network", source=name, position="", what=f"{count} packets not dissected: {reason}"
        )
    if decoder.malformed:
        yield Problem(
            sensor="network",
            source=name,
            position="",
            what=f"{decoder.malformed} malformed packets were passed over",
        )
    if table.evicted:
        yield Problem(
            sensor="network",
            source=name,
            position="",
            what=f"{table.evicted} flows were written early because the flow table was full",
            hint="raise most_flows, or split the capture",
        )
