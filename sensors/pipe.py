"""What comes in through a pipe?

A capture is read as it comes, without an end in sight (`tcpdump -w - | citywatch decode -`); a log is first
written to a temporary file, since its kind can only be told from a file.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from citywatch.model import Event, Problem
from citywatch.ports import Keep, Report, Sensor
from sensors.network.capture import NetworkSensor
from sensors.network.pcapfile import Torn, is_capture, unpacked

NAME = "stdin"
"""What `log.file.path` says."""
_HEAD = 64


class _AsItComes(io.RawIOBase):
    """Gives what is there instead of waiting for a full buffer."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._stream.read1(size)


@dataclass(frozen=True, slots=True)
class PipedCapture:
    """The network sensor on a stream instead of a file."""

    stream: BinaryIO
    sensor: NetworkSensor

    @property
    def name(self) -> str:
        return self.sensor.name

    def recognizes(self, head: bytes, name: str) -> bool:
        return self.sensor.recognizes(head, name)

    def read(self, path: Path, report: Report, keep: Keep) -> Iterator[Event]:
        """The events of the stream; the path is only a name."""
        return self.sensor.read_stream(self.stream, path.name, report, keep)

    def lines(self, path: Path, report: Report, keep: Keep) -> Iterator[bytes]:
        """The same as lines of JSON."""
        return self.sensor.lines_of_stream(self.stream, path.name, report, keep)


def piped(
    stream: io.BufferedReader, report: Report, own: Sequence[Sensor] = ()
) -> Iterator[tuple[Path, Sensor]]:
    """The source that a pipe is, with the sensor that reads it, as `tell.sources` gives those of files."""
    from sensors.tell import sources  # noqa: PLC0415 - it lists all sensors

    plain = cast("io.BufferedReader", unpacked(stream))
    try:
        start = plain.peek(_HEAD)[:_HEAD]
    except (OSError, EOFError, zlib.error, Torn) as error:
        what = f"the compressed data breaks off ({error})"
        report(Problem(sensor="", source=NAME, position="", what=what, hint="send it again", fatal=True))
        return
    if is_capture(start):
        source = _AsItComes(plain) if plain is stream else plain
        yield Path(NAME), PipedCapture(cast("BinaryIO", source), NetworkSensor())
        return
    with tempfile.TemporaryDirectory(prefix="citywatch-") as folder:
        path = Path(folder) / NAME
        with path.open("wb") as out:
            shutil.copyfileobj(plain, out)
        yield from sources([path], report, own)
