"""How does each agency want its portals to be watched?

A record of kind `care` by portal: sensitivity, blocks that do not count, maintenance windows, the hours in
which it may be scanned deeply and crawled. What is not set is as everywhere.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from citywatch.clock import stamp
from citywatch.errors import SettingsError
from citywatch.model import Portal, from_doc, to_doc
from citywatch.ports import Query, Store
from console.maintenance import read_calendar, window_at, windows
from sensors.portal.care import CARELESS, NORMAL, SENSITIVITIES, Care

if TYPE_CHECKING:
    from console.house import House

KIND = "care"
HOME, NONE = "home", "none"
OUTSIDE = (HOME, NONE)
MOST_INNER = 200
_AGAIN_S = 60.0
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is set for one portal. Its id is the portal's."""

    id: str
    sensitivity: str = NORMAL
    ignored: tuple[str, ...] = ()
    inner_pages: int = 0
    calendar: str = ""
    """iCalendar text."""
    hours: str = ""
    """`22:00-05:00`, local: when it may be scanned deeply and crawled; empty: at any time."""
    outside: str = HOME
    """What is looked at outside these hours: the home page, or nothing."""
    changed_at: str = ""
    changed_by: str = ""

    def care(self, now: datetime, timezone: str) -> Care:
        """What a visit at this time is to mind."""
        return Care(
            sensitivity=self.sensitivity,
            ignored=self.ignored,
            inner_pages=self.inner_pages,
            home_only=not may_scan(self.hours, now, timezone),
            in_maintenance=window_at(self.calendar, now, timezone) is not None,
        )

    def closed_s(self, now: datetime, timezone: str) -> float:
        """Seconds until the portal may be looked at at all; 0: it may be now."""
        if self.outside != NONE or may_scan(self.hours, now, timezone):
            return 0.0
        local = now.astimezone(ZoneInfo(timezone))
        hour, _, minute = self.hours.partition("-")[0].partition(":")
        opens = local.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
        if opens <= local:
            opens += timedelta(days=1)
        return opens.timestamp() - now.timestamp()


def may_scan(hours: str, now: datetime, timezone: str) -> bool:
    """Whether the hours of an agency allow deep scans and the crawl now.

    >>> night = datetime.fromisoformat("2026-11-27T18:00:00+00:00")
    >>> may_scan("22:00-05:00", night, "Asia/Ho_Chi_Minh"), may_scan("12:00-13:00", night, "Asia/Ho_Chi_Minh")
    (True, False)
    """
    if not hours:
        return True
    begins, _, ends = hours.partition("-")
    local = now.astimezone(ZoneInfo(timezone)).strftime("%H:%M")
    return begins <= local < ends if begins <= ends else local >= begins or local < ends


def read_wish(house: House, portal_id: str) -> Wish:
    """What is set for a portal."""
    record = house.store.get(KIND, portal_id)
    return from_doc(record.doc, Wish) if record is not None else Wish(id=portal_id)


def change(house: House, portal: Portal, by: str, **changes: Any) -> Wish:
    """Set some of it; what is None stays.

    Raises:
        SettingsError: a value is wrong.
        InputError: the calendar cannot be read.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    if given.get("sensitivity", NORMAL) not in SENSITIVITIES:
        raise SettingsError(f"sensitivity '{given['sensitivity']}': one of {', '.join(SENSITIVITIES)}")
    if given.get("hours") and _HOURS.fullmatch(given["hours"]) is None:
        raise SettingsError(f"hours '{given['hours']}': write them as 22:00-05:00")
    if given.get("outside", HOME) not in OUTSIDE:
        raise SettingsError(f"outside '{given['outside']}': one of {', '.join(OUTSIDE)}")
    if not 0 <= given.get("inner_pages", 0) <= MOST_INNER:
        raise SettingsError(f"inner_pages {given['inner_pages']}: 0 to {MOST_INNER}")
    if given.get("calendar"):
        read_calendar(given["calendar"], f"the calendar for {portal.id}")
    record = house.store.get(KIND, portal.id)
    before = from_doc(record.doc, Wish) if record is not None else Wish(id=portal.id)
    wish = replace(before, **given, changed_at=stamp(house.clock()), changed_by=by)
    house.store.put_if(KIND, portal.id, to_doc(wish), record.version if record is not None else 0)
    return wish


def read_ics(file: Path) -> str:
    """A calendar file.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file}: is not UTF-8; export the calendar as .ics") from error


def rows(house: House, wish: Wish) -> list[dict[str, Any]]:
    """What is set for a portal, and the windows of the next 30 days."""
    now = house.clock()
    row: dict[str, Any] = to_doc(wish) | {"calendar": bool(wish.calendar), "windows": []}
    if wish.calendar:
        found = windows(wish.calendar, now, now + timedelta(days=30), house.settings.timezone)
        row["windows"] = [
            f"{stamp(item.start)[:16]}Z/{stamp(item.end)[:16]}Z {item.what}" for item in found[:20]
        ]
    return [row]


class Cares:
    """The cares of all portals, read again once a minute."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._wishes: dict[str, Wish] = {}
        self._read = float("-inf")

    def of(self, portal: Portal) -> Care:
        """How this portal is to be watched now."""
        wish = self._wish(portal)
        return wish.care(self._house.clock(), self._house.settings.timezone) if wish is not None else CARELESS

    def closed_s(self, portal: Portal) -> float:
        """Seconds until its agency lets anybody look at it; 0: it may be looked at now."""
        wish = self._wish(portal)
        return wish.closed_s(self._house.clock(), self._house.settings.timezone) if wish is not None else 0.0

    def _wish(self, portal: Portal) -> Wish | None:
        if time.monotonic() - self._read > _AGAIN_S:
            self._wishes = {wish.id: wish for wish in all_wishes(self._house.store)}
            self._read = time.monotonic()
        return self._wishes.get(portal.id)


def all_wishes(store: Store) -> list[Wish]:
    """Everything that is set, for every portal."""
    found: list[Wish] = []
    after: str | None = None
    while True:
        page = store.find(KIND, Query(order="id", newest_first=False, limit=1000, after=after))
        found.extend(from_doc(record.doc, Wish) for record in page.records)
        after = page.next
        if after is None:
            return found
