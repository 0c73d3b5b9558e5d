"""When do the owners of a portal work on it, and how does it look to them?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event
from starlette.responses import Response

from citywatch.errors import Conflict, InputError, SettingsError
from console import cares
from console.maintenance import Window, windows
from console.web.accounts import write_audit
from console.web.before import look_last, picture_type
from console.web.bring import portal_of
from console.web.door import Visit, Way

if TYPE_CHECKING:
    from console.house import House

AHEAD = timedelta(days=30)
LONGEST = timedelta(days=14)
_DIGITS = 6


def _house(visit: Visit) -> House:
    """The installation; of it only the store, the clock and the settings are used."""
    return cast("House", visit.house)


def wish_of(visit: Visit, portal_id: str) -> cares.Wish:
    """How its owners want a portal to be watched."""
    return cares.read_wish(_house(visit), portal_id)


def windows_of(visit: Visit, portal_id: str) -> list[Window]:
    """The maintenance windows that are open or come in the next days."""
    wish, now = wish_of(visit, portal_id), visit.house.clock()
    if not wish.calendar:
        return []
    return list(windows(wish.calendar, now, now + AHEAD, visit.house.settings.timezone))[:20]


def change(visit: Visit) -> Response:
    """Say how a portal is watched: how small a change is told, how many inner pages, in which hours."""
    portal = portal_of(visit)
    back = f"/portals/{portal.id}"
    pages = visit.given("inner_pages").strip()
    try:
        wish = cares.change(
            _house(visit),
            portal,
            visit.who.id,
            sensitivity=visit.given("sensitivity") or None,
            hours=visit.given("hours").strip().replace(" ", "") if "hours" in visit.form else None,
            outside=visit.given("outside") or None,
            inner_pages=int(pages)
            if pages.isascii() and pages.isdecimal() and len(pages) < _DIGITS
            else None,
        )
    except SettingsError:
        return visit.go(back, "care_wrong")
    except Conflict:
        return visit.go(back, "conflict")
    about = f"{portal.id} {wish.sensitivity} {wish.inner_pages} {wish.hours or '-'} {wish.outside}"
    write_audit(visit.house.store, visit.house.clock, visit.who.id, "care_changed", about)
    return visit.go(back, "saved")


def add_window(visit: Visit) -> Response:
    """Add a maintenance window: changes of the page in it alarm nobody."""
    portal = portal_of(visit)
    back = f"/portals/{portal.id}"
    zone = ZoneInfo(visit.house.settings.timezone)
    try:
        start, end = (datetime.fromisoformat(visit.given(name)) for name in ("start", "end"))
    except ValueError:
        return visit.go(back, "window_wrong")
    start, end = (moment.replace(tzinfo=zone) for moment in (start, end))
    if not (start < end <= start + LONGEST) or end < visit.house.clock():
        return visit.go(back, "window_wrong")
    text = _with_window(wish_of(visit, portal.id).calendar, start, end, visit)
    try:
        cares.change(_house(visit), portal, visit.who.id, calendar=text)
    except (InputError, SettingsError):
        return visit.go(back, "window_wrong")
    about = f"{portal.id} {start.isoformat()} {end.isoformat()}"
    write_audit(visit.house.store, visit.house.clock, visit.who.id, "window_added", about)
    return visit.go(back, "window_added")


def _with_window(calendar: str, start: datetime, end: datetime, visit: Visit) -> str:
    held: Any = Calendar.from_ical(calendar) if calendar else Calendar()
    if not calendar:
        held.add("prodid", "-//CityWatch//console//")
        held.add("version", "2.0")
    event: Any = Event()
    event.add("uid", str(uuid4()))
    event.add("dtstamp", visit.house.clock())
    event.add("dtstart", start)
    event.add("dtend", end)
    event.add("summary", visit.given("what").strip()[:200] or visit.who.id)
    held.add_component(event)
    return str(held.to_ical().decode("utf-8"))


def clear_windows(visit: Visit) -> Response:
    """Take all maintenance windows of a portal away."""
    portal = portal_of(visit)
    cares.change(_house(visit), portal, visit.who.id, calendar="")
    write_audit(visit.house.store, visit.house.clock, visit.who.id, "windows_cleared", portal.id)
    return visit.go(f"/portals/{portal.id}", "saved")


def show_picture(visit: Visit) -> Response:
    """The newest picture of a portal, for whoever may see the portal."""
    portal = portal_of(visit)
    last = look_last(visit.desk, portal.id)
    raw = visit.house.evidence.get(last.picture) if last is not None else None
    kind = picture_type(raw) if raw is not None else ""
    if raw is None or not kind:
        raise visit.missing()
    write_audit(visit.house.store, visit.house.clock, visit.who.id, "evidence_read", visit.request.url.path)
    headers = {"content-security-policy": "sandbox; default-src 'none'", "x-content-type-options": "nosniff"}
    return Response(raw, media_type=kind, headers=headers)


WAYS = (
    Way(path="/portals/{id}/picture", handler=show_picture, name="portal_picture", needs="see"),
    Way(path="/portals/{id}/care", handler=change, name="portal_care", method="POST", needs="register"),
    Way(path="/portals/{id}/window", handler=add_window, name="window_add", method="POST", needs="register"),
    Way(
        path="/portals/{id}/windows/clear",
        handler=clear_windows,
        name="windows_clear",
        method="POST",
        needs="register",
    ),
)
