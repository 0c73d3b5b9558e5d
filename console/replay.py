"""What do captures and logs say when they are judged now?"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import orjson

from citywatch.clock import stamp, system_clock
from citywatch.errors import CityWatchError, ContentError
from citywatch.model import Event
from citywatch.ports import Report, Scribe, Sensor
from console.mappings import own_tables

if TYPE_CHECKING:
    from io import BufferedReader

    from console.house import House

_BATCH = 1000

Tell = Callable[[str], object]


@dataclass(slots=True)
class Outcome:
    """What a replay came to."""

    events: int = 0
    sources: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """One alert each, as `fold.row` writes it, most severe first."""
    rule_errors: list[ContentError] = field(default_factory=list[ContentError])


class Pocket:
    """Keeps the bytes of one batch for YARA, and forgets them with the batch; bounded by the batch."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def keep(self, data: bytes, _: str) -> str:
        digest = sha256(data).hexdigest()
        self._kept[digest] = data
        return digest

    def get(self, digest: str) -> bytes | None:
        return self._kept.get(digest)

    def empty(self) -> None:
        self._kept.clear()


def replay(  # noqa: PLR0913 - what the verb says, each named
    paths: Sequence[Path],
    *,
    data: Path | None,
    store: str | None,
    keep: bool,
    report: Report,
    tell: Tell,
    mappings: Sequence[Path] = (),
) -> Outcome:
    """Judge sources. With `keep` their events, alerts and tickets also go into the installation.

    Raises:
        CityWatchError: a path does not exist, or (with `keep`) the installation cannot be used.
    """
    from console.house import default_data, open_house

    _refuse_missing(paths)
    folder = data or default_data()
    tables = own_tables(folder if folder.is_dir() else None, report, mappings)
    if not keep:
        return judge_sources(folder if folder.is_dir() else None, paths, report, tell, tables)
    if PIPE in paths:
        raise CityWatchError("-: what is kept is read twice, and a pipe can be read once; give a file")
    with open_house(data, store=store) as house:
        outcome = judge_sources(house.settings.data, paths, report, tell, tables)
        _keep(house, paths, tell, tables)
        return outcome


PIPE = Path("-")
"""Stands for standard input."""


def _sources(
    paths: Sequence[Path], report: Report, own: Sequence[Sensor] = ()
) -> Iterator[tuple[Path, Sensor]]:
    from sensors.pipe import piped
    from sensors.tell import sources

    for path in paths:
        yield from (
            piped(cast("BufferedReader", sys.stdin.buffer), report, own)
            if path == PIPE
            else sources([path], report, own)
        )


def _refuse_missing(paths: Sequence[Path]) -> None:
    for path in paths:
        if path != PIPE and not path.exists():
            raise CityWatchError(f"{path}: there is no such file or folder")


def judge_sources(
    data: Path | None, paths: Sequence[Path], report: Report, tell: Tell, own: Sequence[Sensor] = ()
) -> Outcome:
    """Judge sources in memory, from a clean slate; nothing is kept.

    Args:
        data: an installation whose imported rules and settings hold too; None for the project's own.
        paths: files and folders.
        report: is told what was passed over.
        tell: is told how far it is.
        own: readers of the installation's mappings.
    """
    from citywatch.detect.fold import Fold, row
    from citywatch.detect.indicators import Indicators
    from citywatch.detect.rulebook import Rulebook
    from citywatch.model import Severity
    from citywatch.settings import load_settings

    outcome = Outcome()
    pocket = Pocket()
    settings = load_settings(data or Path.cwd() / ".no-installation")
    imported = [data / "rules"] if data and (data / "rules").is_dir() else []
    warned = data / "indicators.db" if data else None
    rulebook = Rulebook.load(
        settings.content_dir,
        extra=imported,
        evidence=pocket.get,
        indicators=Indicators(warned) if warned and warned.is_file() else None,
        cache=data / "cache" if data else None,
    )
    outcome.rule_errors = [each.error for each in rulebook.refusals if each.kind == "refused"]
    fold = Fold(rulebook.windows)
    alerts: dict[str, dict[str, Any]] = {}
    ingested = stamp(system_clock())
    for events in _batches(_read(_sources(paths, report, own), report, pocket, outcome, tell)):
        for event in events:
            outcome.events += 1
            event["event.sequence"] = outcome.events
            event["event.ingested"] = ingested
        for alert in fold.add(rulebook.judge(events)):
            alerts[alert.id] = row(alert)
        pocket.empty()
        tell(f"{outcome.events} events, {len(alerts)} alerts")
    outcome.rows = sorted(
        alerts.values(),
        key=lambda doc: (-Severity[str(doc["severity"])], str(doc["first_seen"]), str(doc["title"])),
    )
    return outcome


def _read(
    found: Iterator[tuple[Path, Sensor]], report: Report, pocket: Pocket, outcome: Outcome, tell: Tell
) -> Iterator[Event]:
    for path, sensor in found:
        outcome.sources += 1
        tell(f"{sensor.name}: {path.name}")
        yield from sensor.read(path, report, pocket.keep)


def _batches(events: Iterator[Event]) -> Iterator[list[Event]]:
    while chunk := list(islice(events, _BATCH)):
        yield chunk


def _keep(house: House, paths: Sequence[Path], tell: Tell, own: Sequence[Sensor]) -> None:
    from citywatch.watch import gather
    from console.settle import settle
    from sensors.tell import sources

    for path, sensor in sources(paths, lambda _: None, own):
        gather(sensor, path, house.journal, report=house.pulse.problem, keep=house.evidence.keep)
    settle(house, tell)


def decode(paths: Sequence[Path], report: Report, mappings: Sequence[Path] = ()) -> None:
    """Write the events of sources as NDJSON to standard output.

    Raises:
        CityWatchError: a path does not exist, or a mapping cannot be used.
    """
    from console.house import default_data

    _refuse_missing(paths)
    tables = own_tables(default_data(), report, mappings)
    write = sys.stdout.buffer.write
    flush = sys.stdout.buffer.flush
    dumps = orjson.dumps
    for path, sensor in _sources(paths, report, tables):
        if isinstance(sensor, Scribe):
            for lines in sensor.lines(path, report, _name_only):
                write(lines)
                flush()
            continue
        for event in sensor.read(path, report, _name_only):
            write(dumps(event, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def _name_only(data: bytes, _: str) -> str:
    return sha256(data).hexdigest()
