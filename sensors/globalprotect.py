"""Who came in over Palo Alto's GlobalProtect, and who was refused?

The comma-separated GLOBALPROTECT lines of PAN-OS 10.0 and newer, fields in the order of "GlobalProtect Log
Fields" in the PAN-OS Administrator's Guide (syslog field descriptions). A login is what the events
`portal-auth` and `gateway-auth` tell ("Event Descriptions for the GlobalProtect Logs in PAN-OS"); what else a
client does is told under the event's own name.
"""

from __future__ import annotations

from collections.abc import Sequence

from citywatch.model import Event
from sensors.address import address

KIND = "GLOBALPROTECT"
SHORTEST = 29
"""Fields up to the status."""
_LOGINS = frozenset({"portal-auth", "gateway-auth"})
_SERIAL, _SUBTYPE, _EVENT, _STAGE, _METHOD = 2, 4, 8, 9, 10
_USER, _REGION, _MACHINE, _PUBLIC, _PUBLIC6 = 12, 13, 14, 15, 16
_REASON, _ERROR, _DESCRIPTION, _STATUS = 25, 26, 27, 28
_UNSET = frozenset({"0.0.0.0", "::", "0:0:0:0:0:0:0:0"})  # noqa: S104 - what the log writes for none


def fields(row: Sequence[str]) -> Event:
    r"""The fields of one line; `event.action` is empty for a login, which all firewalls tell alike.

    >>> row = [""] * 29
    >>> row[8], row[12], row[15], row[28] = "gateway-auth", "city\\an.nv", "203.0.113.9", "failure"
    >>> found = fields(row)
    >>> found["user.name"], found["source.ip"], found["event.outcome"]
    ('an.nv', '203.0.113.9', 'failure')
    """
    domain, slash, user = row[_USER].rpartition("\\")
    public = next((text for text in (row[_PUBLIC], row[_PUBLIC6]) if text and text not in _UNSET), "")
    told = {
        "event.code": f"{KIND}/{row[_SUBTYPE]}",
        "event.action": "" if row[_EVENT] in _LOGINS else row[_EVENT],
        "event.outcome": row[_STATUS].lower() if row[_STATUS].lower() in {"success", "failure"} else "",
        "event.reason": row[_ERROR] or row[_REASON] or row[_DESCRIPTION],
        "user.name": user if slash else row[_USER],
        "user.domain": domain,
        "source.ip": address(public),
        "source.geo.country_iso_code": row[_REGION] if len(row[_REGION]) == 2 else "",  # noqa: PLR2004 - a country
        "source.domain": row[_MACHINE].lower(),
        "observer.name": row[_SERIAL],
        "message": " ".join(filter(None, (row[_EVENT], row[_STAGE], row[_METHOD], row[_DESCRIPTION]))),
    }
    return {name: value for name, value in told.items() if value}


def is_login(row: Sequence[str]) -> bool:
    """Did somebody show who they are?"""
    return row[_EVENT] in _LOGINS
