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
from sensors.network.pcapfile import batches, is_capture, open_capture
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
        sink = Sink(name, keep)
        beacons = Beacons()

        def over(flow: Flow) -> None:
            if flow.app is not None and (flow.out_load or flow.back_load) and flow.reason != "active":
                stream.close(flow)
            beacons.add(flow)
            sink.events.append(event_of(flow, name))

        local = Local(sink, self._dissector)
        table = Table(over, self.most_flows)
        decoder = Decoder(sink, table, Protocols(sink, local), local)
        for link, data, records in batches(source, name, report):
            with _without_cycles():
                decoder.batch(link, data, records)
            local.flush()
            events, sink.events = sink.events, []
            yield from events
        table.finish()
        local.flush()
        yield from sink.events
        yield from beacons.events(name)
        for problem in _passed_over(decoder, local, table, name):
            report(problem)


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
