"""Which sensor reads this file?

Told by content: the first 64 KiB, unpacked (gzip, zstd, bzip2, xz). A folder means every file in it, at any
depth. What nobody knows is passed over and told.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import sensors
from citywatch.model import Problem
from citywatch.ports import Report, Sensor
from sensors.lines import head_of

ARCHIVES = {
    b"PK\x03\x04": "a zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!\x1a\x07": "a RAR archive",
}
TAR_MARK = slice(257, 262)
KNOWN = (
    "captures (pcap, pcapng), Suricata EVE, Zeek logs, evtx, Windows and Filebeat NDJSON, logs of web "
    "servers, databases, firewalls and Linux (docs/sensors.md), CSV with a mapping"
)


def sensor_for(path: Path, head: bytes, own: Sequence[Sensor] = ()) -> Sensor | None:
    """The first sensor that recognizes the start of a file; None when nobody does.

    Args:
        path: only its name is used, as a tie-break.
        head: the first bytes, unpacked (`lines.head_of`).
        own: sensors of the installation (its mappings), asked before all others.
    """
    return next((sensor for sensor in (*own, *sensors.ALL) if sensor.recognizes(head, path.name)), None)


def sources(
    paths: Iterable[Path], report: Report, own: Sequence[Sensor] = ()
) -> Iterator[tuple[Path, Sensor]]:
    """Each file that a sensor can read, with that sensor; folders are walked, in order of name.

    What is passed over is told: fatal when it was named, a remark when it only lay in a folder.
    """
    for path in paths:
        if path.is_dir():
            for file in _walk(path):
                yield from _source(file, report, own, named=False)
        else:
            yield from _source(path, report, own, named=True)


def _walk(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        folders.sort()
        yield from (Path(where) / name for name in sorted(files))


def _source(
    path: Path, report: Report, own: Sequence[Sensor], *, named: bool
) -> Iterator[tuple[Path, Sensor]]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            _pass_over(path, report, "not a regular file", "give a file or a folder", named=named)
            return
        head = head_of(path)
    except OSError as error:
        _pass_over(
            path, report, f"cannot be opened: {error.strerror or error}", "check path and rights", named=True
        )
        return
    sensor = sensor_for(path, head, own)
    if sensor is not None:
        yield path, sensor
    elif head:
        _pass_over(path, report, _what(head), f"known are {KNOWN}", named=named)
    elif named:
        _pass_over(path, report, "the file is empty, or packed and broken", "copy it again", named=named)


def _what(head: bytes) -> str:
    for magic, what in ARCHIVES.items():
        if head.startswith(magic):
            return f"{what}: unpack it and give the folder"
    if head[TAR_MARK] == b"ustar":
        return "a tar archive: unpack it and give the folder"
    return "no sensor knows what this is"


def _pass_over(path: Path, report: Report, what: str, hint: str, *, named: bool) -> None:
    report(Problem(sensor="tell", source=str(path), position="", what=what, hint=hint, fatal=named))
