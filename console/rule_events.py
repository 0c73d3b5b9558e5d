"""Which events does a file hold, and what is the number of each in it?

For questions to rules only: events are taken as they are written, also those without a time or with nulls,
and those that are events of ours already. The number is that of the line where the file has lines (a line
that cannot be read keeps its number), else of the record in its order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from citywatch.model import Event
from citywatch.ports import Follower, Place, Report, Sensor

if TYPE_CHECKING:
    from sensors.lines import Tally

NO_TIME = "1970-01-01T00:00:00.000000Z"


def numbered(path: Path, report: Report) -> Iterator[tuple[int, Event]]:
    """Each event that can be read, with its number from 1; what cannot be read is told."""
    from sensors.lines import Tally, head_of
    from sensors.tell import sources
    from sensors.winlog import Winlog

    if path.is_file() and _is_ours(head_of(path)):
        yield from _ours(path, Tally("events", str(path), report))
        return
    for file, sensor in sources([path], report):
        yield from _read(file, Winlog(as_written=True) if sensor.name == "winlog" else sensor, report)


def _read(path: Path, sensor: Sensor, report: Report) -> Iterator[tuple[int, Event]]:
    place = Place()
    if isinstance(sensor, Follower):
        events = sensor.read(path, report, _keep_nothing, place=place)
    else:
        events = sensor.read(path, report, _keep_nothing)
    for number, event in enumerate(events, 1):
        yield place.line or number, event


def _keep_nothing(data: bytes, kind: str) -> str:
    del data, kind
    return ""


def _is_ours(head: bytes) -> bool:
    """Lines of events in our own field names: as a store gives them back, or as samples write them."""
    import orjson

    try:
        first = orjson.loads(head.lstrip().partition(b"\n")[0])
    except orjson.JSONDecodeError:
        return False
    return isinstance(first, dict) and _has_kind(cast("Event", first))


def _has_kind(event: Event) -> bool:
    beat = "winlog.channel" in event and event.get("event.module") != "winlog"
    return isinstance(event.get("event.dataset"), str) and not beat


def _ours(path: Path, tally: Tally) -> Iterator[tuple[int, Event]]:
    import orjson

    from sensors.lines import lines

    place = Place()
    for _, line in lines(path, tally, place):
        try:
            event: Any = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            tally.add(f"line {place.line}", f"not JSON: {error}")
            continue
        if not isinstance(event, dict):
            tally.add(f"line {place.line}", "not a JSON object")
            continue
        yield place.line, {"@timestamp": NO_TIME, **cast("Event", event)}
