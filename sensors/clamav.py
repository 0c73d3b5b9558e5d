"""What did ClamAV find in files?

The logs of clamd and freshclam with `LogTime` (`Sun Nov 22 10:00:00 2026 -> /srv/x: Eicar FOUND`,
clamd.conf(5)) and the list that clamscan writes (`/srv/x: Eicar FOUND`, clamscan(1)), which tells no time:
that of the file's last change stands for it. Finds are `antivirus.finding`, everything else
`antivirus.log`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from citywatch.model import Event
from citywatch.ports import Keep, Place, Report
from sensors.device import finding, is_path
from sensors.lines import Tally, read_log, text_head
from sensors.when import MONTHS, written

_ENDS = (" FOUND", ": OK", ": Empty file", ": Access denied. ERROR", ": Symbolic link", ": Excluded")
LONGEST = 8192


class Lines:
    """Reads lines of one file."""

    def __init__(self, reference: datetime, timezone: str) -> None:
        self._reference = reference
        self._zone = ZoneInfo(timezone)

    def __call__(self, line: bytes) -> Event | list[Event]:
        """The event of a line; none of what was clean.

        Raises:
            ValueError: it is no line of ClamAV.
        """
        text = line.decode("utf-8", "replace").rstrip("\r")[:LONGEST]
        head, mark, message = text.partition(" -> ")
        moment = self._time(head) if mark else None
        if moment is None:
            if not is_path(text) or not text.endswith(_ENDS):
                return _summary(text)
            message = text
        event: Event = {
            "@timestamp": written(moment or self._reference),
            "event.kind": "event",
            "event.category": ["malware"],
            "event.dataset": "antivirus.log",
            "event.module": "clamav",
            "observer.product": "ClamAV",
            "message": message,
        }
        if not finding(event, message) and moment is None:
            return []
        return event

    def is_its(self, text: str) -> bool:
        """The line can only be of ClamAV."""
        head, mark, _ = text.partition(" -> ")
        return (is_path(text) and text.endswith(_ENDS)) or bool(mark and self._time(head))

    def _time(self, head: str) -> datetime | None:
        words = head.split()
        if len(words) != 5 or words[1] not in MONTHS:  # noqa: PLR2004 - weekday, month, day, clock, year
            return None
        try:
            found = datetime.strptime(  # noqa: DTZ007 - the zone comes from outside
                f"{words[4]} {MONTHS[words[1]]} {words[2]} {words[3]}", "%Y %m %d %H:%M:%S"
            )
        except ValueError:
            return None
        return found.replace(tzinfo=self._zone)


def _summary(text: str) -> list[Event]:
    """What clamscan writes around its list."""
    if text.startswith("---") or ": " in text[:40]:
        return []
    raise ValueError("not a line of ClamAV's log")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClamAv:
    """Reads ClamAV's logs."""

    timezone: str = "Asia/Ho_Chi_Minh"

    @property
    def name(self) -> str:
        return "clamav"

    @property
    def follows(self) -> Literal[True]:
        return True

    def recognizes(self, head: bytes, name: str) -> bool:
        """Most of the first lines have ClamAV's time, or are of clamscan's list."""
        del name
        lines = Lines(datetime(2026, 1, 1, tzinfo=UTC), self.timezone)
        rows = [row.decode("utf-8", "replace").rstrip("\r") for row in text_head(head).split(b"\n")[:20]]
        rows = [row for row in rows if row]
        good = sum(lines.is_its(row) for row in rows)
        return good > 0 and (good * 2 >= len(rows) or any("SCAN SUMMARY" in row for row in rows))

    def read(
        self, path: Path, report: Report, keep: Keep, *, place: Place | None = None, whole: bool = True
    ) -> Iterator[Event]:
        """Give the events of one log, in its order."""
        del keep
        tally = Tally("clamav", str(path), report)
        try:
            changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except (OSError, OverflowError, ValueError) as error:
            tally.stop("", f"cannot be opened: {error}")
            return
        yield from read_log(path, tally, Lines(changed, self.timezone), place=place, whole=whole)
