"""Who of an agency is called, for what, and at what hour?

A contact has a role and the hours at which it may be called. In a table one cell holds them all, separated by
`;`, each `role|name|e-mail|telephone|hours`; hours are `24/7` (or nothing), or spans such as
`mon-fri 08:00-17:00, sat 08:00-12:00`; a span over midnight (`17:00-08:00`) belongs to the day it begins on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from citywatch.model import Contact

ROLES: Final = ("lead", "technical", "on_call", "spokesperson", "data_protection")
CALLED: Final = ("technical", "on_call")
"""Who is told of every incident, when on duty; where nobody is, the lead is."""
ALSO: Final = {"leak": "data_protection", "insider": "data_protection", "defacement": "spokesperson"}
"""By category, who is told as well, whatever the hour."""
MOST: Final = 20
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = "|".join(DAYS)
_SPAN = re.compile(rf"(?:({_DAY})(?:-({_DAY}))?\s+)?([0-9]{{2}}:[0-9]{{2}})-([0-9]{{2}}:[0-9]{{2}})")
_MAIL = re.compile(r"[^@\s<>\",;|]{1,64}@[A-Za-z0-9.-]{1,253}")
_PHONE = re.compile(r"\+?[0-9][0-9 .()-]{2,30}")
_DAY_MINUTES: Final = 24 * 60


def read_contacts(cell: str) -> tuple[Contact, ...]:
    """The contacts of one cell.

    Raises:
        ValueError: one is wrong; says which and why.

    >>> [contact.role for contact in read_contacts("on_call|Trực|t@a.vn||17:00-08:00; lead|An|an@a.vn")]
    ['on_call', 'lead']
    """
    parts = [part.strip() for part in cell.split(";") if part.strip()]
    if len(parts) > MOST:
        raise ValueError(f"{len(parts)} contacts are more than {MOST}")
    return tuple(_contact(part) for part in parts)


def _contact(text: str) -> Contact:
    cells = [cell.strip() for cell in text.split("|")]
    if len(cells) > len(("role", "name", "email", "phone", "hours")):
        raise ValueError(f"'{text[:60]}' has {len(cells)} parts; write role|name|e-mail|telephone|hours")
    role, name, email, phone, hours = (*cells, *[""] * (5 - len(cells)))
    if role not in ROLES:
        raise ValueError(f"'{role[:40]}' is not a role; roles are: {', '.join(ROLES)}")
    if not email and not phone:
        raise ValueError(f"{role} '{name[:40]}' has neither e-mail nor telephone")
    if email and not _MAIL.fullmatch(email):
        raise ValueError(f"'{email[:60]}' is not a mail address")
    if phone and not _PHONE.fullmatch(phone):
        raise ValueError(f"'{phone[:40]}' is not a telephone number")
    list(spans_of(hours))
    return Contact(role=role, name=name[:100], email=email, phone=phone, hours=hours)


def told_contacts(contacts: Iterable[Contact]) -> str:
    """Contacts as one cell, as `read_contacts` takes it."""
    cells = ((one.role, one.name, one.email, one.phone, one.hours) for one in contacts)
    return ";".join("|".join(cell).rstrip("|") for cell in cells)


def spans_of(hours: str) -> Iterator[tuple[int, int, int]]:
    """Day of the week (0: Monday), first minute and length of each span; none for round the clock.

    Raises:
        ValueError: it is not written so.

    >>> list(spans_of("sat 08:00-12:00, sun 22:00-06:00"))
    [(5, 480, 240), (6, 1320, 480)]
    """
    if hours in {"", "24/7"}:
        return
    for part in hours.lower().split(","):
        found = _SPAN.fullmatch(part.strip())
        begin, end = (_minute(found[3]), _minute(found[4])) if found else (None, None)
        if found is None or begin is None or end is None or begin == end:
            raise ValueError(f"'{part.strip()[:40]}' is no time of duty; write 24/7 or mon-fri 08:00-17:00")
        first = DAYS.index(found[1]) if found[1] else 0
        last = DAYS.index(found[2]) if found[2] else first if found[1] else len(DAYS) - 1
        for day in range((last - first) % len(DAYS) + 1):
            yield (first + day) % len(DAYS), begin, (end - begin) % _DAY_MINUTES


def _minute(text: str) -> int | None:
    hour, minute = int(text[:2]), int(text[3:])
    inside = hour * 60 + minute <= _DAY_MINUTES and minute < 60  # noqa: PLR2004 - minutes of an hour
    return hour * 60 + minute if inside else None


def is_on_duty(contact: Contact, local: datetime) -> bool:
    """It may be called at this time of the city's own clock."""
    try:
        spans = list(spans_of(contact.hours))
    except ValueError:
        return True  # an hour that cannot be read must not hide whom to call
    now = local.hour * 60 + local.minute
    for day, begin, length in spans:
        for back in (0, 1):
            weekday = (local - timedelta(days=back)).weekday()
            if weekday == day and begin <= now + back * _DAY_MINUTES < begin + length:
                return True
    return not spans


def called(contacts: Sequence[Contact], local: datetime, category: str = "") -> list[Contact]:
    """Who is called about an incident of a category at this time, in the order of the catalogue."""
    here = [one for one in contacts if one.role in CALLED and is_on_duty(one, local)]
    if not here:
        here = [one for one in contacts if one.role == "lead"] or [
            one for one in contacts if one.role in CALLED
        ]
    also = ALSO.get(category, "")
    return [one for one in contacts if one in here or one.role == also]
