"""How are records of several lines read from a log that still grows?

A statement with line breaks, a request with its headers: such a record is behind us only when it is whole,
so that a reading that ends in its middle takes it up from its beginning. Bounded in lines and bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from citywatch.model import Event
from citywatch.ports import Place
from sensors.lines import Tally, line_id, lines

MOST_LINES = 10_000
MOST_BYTES = 4 << 20

Begins = Callable[[bytes], bool]
"""Is this line the first of a record?"""
Translate = Callable[[bytes], "Event | list[Event]"]


class Held:
    """The lines of the record at hand."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.size = 0
        self.quotes = 0
        """How many double quotes stand in it."""
        self.offset = 0
        self.line = 0

    def add(self, offset: int, number: int, line: bytes) -> None:
        if not self.lines:
            self.offset, self.line = offset, number
        self.lines.append(line)
        self.size += len(line) + 1
        self.quotes += line.count(b'"')

    @property
    def is_too_large(self) -> bool:
        return len(self.lines) > MOST_LINES or self.size > MOST_BYTES

    def take(self) -> bytes:
        whole, self.lines, self.size = b"\n".join(self.lines), [], 0
        self.quotes = 0
        return whole


Ends = Callable[[Held], bool]
"""Is this record whole with the line that was added last?"""


def never(held: Held) -> bool:
    """A record is whole only when the next one begins."""
    del held
    return False


def nothing_begins(line: bytes) -> bool:
    """No line is the first of a CSV record by itself: a line of a statement may look like anything."""
    del line
    return False


def quotes_closed(held: Held) -> bool:
    """A CSV record is whole when all its quotes are closed."""
    return held.quotes % 2 == 0


def read_records(  # noqa: PLR0913 - what tells records apart, each named
    path: Path,
    tally: Tally,
    translate: Translate,
    *,
    begins: Begins,
    ends: Ends = never,
    place: Place | None = None,
    whole: bool = True,
) -> Iterator[Event]:
    """The events of a log whose records may have several lines, each with id, file name and offset.

    Args:
        path: the log.
        tally: told of records that cannot be read, by the line they begin at.
        translate: as in `lines.read_log`, for a whole record.
        begins: this line is the first of a record.
        ends: this line is the last of the record.
        place: where to begin; moved past each record before its last event is given.
        whole: also take a last record that nothing ends.
    """
    place = place or Place()
    inner = Place(place.offset, place.line)
    held = Held()
    for offset, line in lines(path, tally, inner, whole=whole):
        if held.lines and begins(line):
            yield from _told(path, tally, translate, held, place, (offset, inner.line - 1))
        held.add(offset, inner.line, line)
        if held.is_too_large:
            tally.add(f"line {held.line}", "a record that does not end", "it was passed over")
            held.take()
            place.offset, place.line = inner.offset, inner.line
        elif ends(held):
            yield from _told(path, tally, translate, held, place, (inner.offset, inner.line))
    if held.lines and whole:
        yield from _told(path, tally, translate, held, place, (inner.offset, inner.line))
    elif not held.lines:
        place.offset, place.line = inner.offset, inner.line
    tally.close()


def _told(
    path: Path, tally: Tally, translate: Translate, held: Held, place: Place, after: tuple[int, int]
) -> Iterator[Event]:
    offset, line, record = held.offset, held.line, held.take()
    try:
        found = translate(record)
    except ValueError as error:
        tally.add(f"line {line}", str(error))
        found = []
    several = found if isinstance(found, list) else [found]
    sensor = tally.sensor.encode()[:16]
    for number, event in enumerate(several):
        if number == len(several) - 1:
            place.offset, place.line = after
        event["event.id"] = line_id(sensor, offset + number, record)
        event["log.file.path"] = path.name
        event["log.offset"] = offset
        yield event
    if not several:
        place.offset, place.line = after
