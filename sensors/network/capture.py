"""What do the packets of a capture say?

The sensor: opens a capture, hands its packets to the decoder batch by batch, and gives the events on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from citywatch.cycles import without_cycles
from citywatch.model import Event, Problem
from citywatch.ports import Keep, Report
from sensors.network import stream
from sensors.network.beacon import Beacons
from sensors.network.decode import Decoder
from sensors.network.dissector import Dissector
from sensors.network.flow import Flow
from sensors.network.local import Local
from sensors.network.pcapfile import Record, batches, is_capture, open_capture
from sensors.network.protocols import Protocols
from sensors.network.sink import Events, Lines, Sink
from sensors.network.table import MOST_FLOWS, Table


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
        source = self._open(path, report)
        if source is not None:
            with source:
                yield from self.read_stream(source, path.name, report, keep)

    def read_stream(self, source: BinaryIO, name: str, report: Report, keep: Keep) -> Iterator[Event]:
        """The same from an open stream (decompressed), e.g. a pipe."""
        for events in self._read(source, Events(name, keep), report):
            yield from events

    def lines(self, path: Path, report: Report, keep: Keep) -> Iterator[bytes]:
        """The same events as lines of JSON, some thousand at a time; twice as fast."""
        source = self._open(path, report)
        if source is not None:
            with source:
                yield from self.lines_of_stream(source, path.name, report, keep)

    def lines_of_stream(self, source: BinaryIO, name: str, report: Report, keep: Keep) -> Iterator[bytes]:
        """The same from an open stream (decompressed)."""
        with without_cycles():
            for lines in self._read(source, Lines(name, keep), report):
                yield b"".join(lines)

    def _open(self, path: Path, report: Report) -> BinaryIO | None:
        try:
            return open_capture(path)
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
            return None

    def _read(self, source: BinaryIO, sink: Sink, report: Report) -> Iterator[list[Any]]:
        reading = Reading(sink, self._dissector, self.most_flows, beacons=Beacons())
        for link, data, records in batches(source, sink.name, report):
            yield reading.take(link, data, records)
        yield from reading.finish()
        for problem in reading.problems():
            report(problem)


class Reading:
    """Packets of one capture or interface on their way to events or lines: batches in, what they tell out."""

    def __init__(
        self, sink: Sink, dissector: Dissector, most_flows: int, *, beacons: Beacons | None = None
    ) -> None:
        def over(flow: Flow) -> None:  # holds no reference to this reading: its process ends with it, at once
            if flow.out_load or flow.back_load:
                if flow.app is not None and flow.reason != "active":
                    stream.close(flow)
                if beacons is not None and flow.out_load and flow.back_load:
                    beacons.add(flow)
            told(flow)

        told = sink.over
        self._sink = sink
        self._beacons = beacons
        self._local = Local(sink, dissector)
        self._table = Table(over, most_flows, sink.silence)
        self._decoder = Decoder(sink, self._table, Protocols(sink, self._local), self._local)

    def take(self, link: int, data: bytes, records: list[Record]) -> list[Any]:
        """Decode the packets of one buffer; give the events (or lines) that became known."""
        with without_cycles():
            self._decoder.batch(link, data, records)
        return self._told()

    def advance(self, us: int) -> list[Any]:
        """Time went on though no packet came: flows that were idle for long enough end."""
        if us >= self._table.tick:
            self._table.advance(us)
        return self._told()

    def finish(self) -> Iterator[list[Any]]:
        """The capture ended, and every flow with it."""
        for _ in self._table.finish():
            yield self._told()
        if self._beacons is not None:
            for event in self._beacons.events(self._sink.name):
                self._sink.put(event)
        yield self._told()

    def _told(self) -> list[Any]:
        self._local.flush()
        told, self._sink.told = self._sink.told, []
        return told

    @property
    def evicted(self) -> int:
        """Flows that were written early because the table was full."""
        return self._table.evicted

    def living(self) -> tuple[int, int]:
        """Flows that have not ended, and how many packets they hold that no event tells of yet."""
        flows = list(self._table.flows())
        knocks = len(self._table.knocks)
        return len(flows) + knocks, sum(flow.out_packets + flow.back_packets for flow in flows) + knocks

    def problems(self) -> Iterator[Problem]:
        """What could not be read, counted."""
        return _passed_over(self._decoder, self._local, self._table, self._sink.name)


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
