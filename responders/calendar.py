"""How does a duty come into people's calendars?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from citywatch.clock import Clock, parse_stamp
from citywatch.errors import ActionFailed
from citywatch.model import repeatable_id
from citywatch.ports import Effect, Order


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEntry:
    r"""`calendar.entry`: `title`, `at` (a time, as tickets have them) or `in_hours`, `minutes` (30), `text`.

    Written as an iCalendar file in `exports/`, whose UID follows from the order's key.
    """

    clock: Clock
    folder: Path

    name: str = "calendar.entry"
    effect: Effect = "notify"
    repeats_safely: bool = True
    remote: bool = False

    def act(self, order: Order) -> Mapping[str, Any]:
        given = order.inputs
        try:
            start = parse_stamp(str(given["at"])) if given.get("at") else self.clock()
            start += timedelta(hours=float(given.get("in_hours") or 0))
            end = start + timedelta(minutes=float(given.get("minutes") or 30))
        except (ValueError, OverflowError) as error:
            raise ActionFailed(self.name, f"at, in_hours or minutes: {error}", again=False) from error
        uid = repeatable_id("calendar", order.key)
        lines = (
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//CityWatch//EN",
            "BEGIN:VEVENT",
            f"UID:{uid}@citywatch",
            f"DTSTAMP:{self.clock():%Y%m%dT%H%M%SZ}",
            f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
            f"DTEND:{end:%Y%m%dT%H%M%SZ}",
            f"SUMMARY:{_text(str(given.get('title') or 'CityWatch'))}",
            f"DESCRIPTION:{_text(str(given.get('text') or ''))}",
            "END:VEVENT",
            "END:VCALENDAR",
        )
        file = self.folder / f"calendar-{uid}.ics"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"".join(folded(line) for line in lines))
        except OSError as error:
            raise ActionFailed(self.name, f"{file}: {error.strerror}") from error
        return {"file": str(file), "uid": uid, "note": f"written to {file.name}"}


def _text(text: str) -> str:
    r"""A text as iCalendar has it (RFC 5545, 3.3.11): it can begin no line of its own.

    >>> _text("a,b\r\nBEGIN:VALARM")
    'a\\,b\\nBEGIN:VALARM'
    """
    kept = text[:4000].replace("\r\n", "\n").replace("\r", "\n").replace("\\", "\\\\")
    kept = kept.replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")
    return "".join(char if char.isprintable() else " " for char in kept)


def folded(line: str) -> bytes:
    """A line of at most 75 bytes, the rest on lines that begin with a blank (RFC 5545, 3.1)."""
    parts: list[bytes] = []
    part = b""
    for char in line:
        raw = char.encode()
        if len(part) + len(raw) > 74:  # noqa: PLR2004 - 75 with the blank
            parts.append(part)
            part = b""
        part += raw
    return b"\r\n ".join((*parts, part)) + b"\r\n"
