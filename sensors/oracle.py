"""What was asked of an Oracle database, by its audit files?

XML (`AUDIT_TRAIL=XML`, elements as the columns of V$XML_AUDIT_TRAIL in the Database Reference) and the text
that `AUDIT_TRAIL=OS` and SYS auditing write to `.aud` files and to syslog (`ACTION :[7] 'CONNECT' DATABASE
USER:[1] '/' …`, Database Security Guide). Of unified auditing the key fields that `UNIFIED_AUDIT_SYSTEMLOG`
sends to syslog (`DBUSER:"HR" … ACTION:"3" RETCODE:"0"`, Database Reference; examples in Oracle's workshop
"Unified audit records to syslog"). Numbers of actions are those of AUDIT_ACTIONS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from citywatch.model import Event
from citywatch.ports import Keep, Place, Report
from sensors.address import address
from sensors.flat_xml import elements
from sensors.lines import Tally, head_or_told, text_head
from sensors.records import Held, never, read_records
from sensors.statement import asked, audited, blank
from sensors.when import MONTHS, iso

ACTIONS = {
    "1": ("create table", "DDL"),
    "2": ("insert", "WRITE"),
    "3": ("select", "READ"),
    "6": ("update", "WRITE"),
    "7": ("delete", "WRITE"),
    "12": ("drop table", "DDL"),
    "15": ("alter table", "DDL"),
    "17": ("grant object", "ROLE"),
    "18": ("revoke object", "ROLE"),
    "43": ("alter user", "ROLE"),
    "47": ("pl/sql execute", "FUNCTION"),
    "49": ("alter system", "MISC"),
    "51": ("create user", "ROLE"),
    "53": ("drop user", "ROLE"),
    "85": ("truncate table", "WRITE"),
    "100": ("login", "MISC"),
    "101": ("logoff", "MISC"),
    "102": ("logoff", "MISC"),
    "104": ("audit", "MISC"),
    "105": ("noaudit", "MISC"),
    "108": ("grant", "ROLE"),
    "109": ("revoke", "ROLE"),
    "114": ("grant role", "ROLE"),
    "115": ("revoke role", "ROLE"),
    "116": ("execute procedure", "FUNCTION"),
}
_TEXT_NAMES = {
    "ACTION": "action",
    "DATABASE USER": "user",
    "CLIENT USER": "client",
    "STATUS": "status",
    "USERHOST": "host",
    "CLIENT ADDRESS": "address",
    "ACTION NUMBER": "number",
}
_UNIFIED = re.compile(r'\b([A-Z_]{4,12}):"([^"]{0,1024})"')
_UNIFIED_MARKS = ('SESID:"', 'DBUSER:"', 'RETCODE:"')
MOST_VALUES = 60
LONGEST = 32_768


def from_xml(raw: bytes) -> Event | list[Event]:
    """The event of one `AuditRecord`; none of what stands between.

    Raises:
        ValueError: it has no time.
    """
    whole = raw.decode("utf-8", "replace")
    if "<AuditRecord>" not in whole:
        return []
    found = elements(whole.partition("<AuditRecord>")[2])
    if "Extended_Timestamp" not in found:
        raise ValueError("an AuditRecord without Extended_Timestamp")
    event = blank(iso(found["Extended_Timestamp"]), "oracle")
    owner, thing = found.get("Object_Schema", ""), found.get("Object_Name", "")
    if thing:
        event["citywatch.database.object"] = f"{owner}.{thing}" if owner else thing
    _who(event, found.get("DB_User", ""), found.get("Userhost", ""), found.get("Comment_Text", ""))
    outcome = "success" if found.get("Returncode", "0") == "0" else "failure"
    _done(event, found.get("Action", ""), found.get("Sql_Text", ""), outcome)
    return event


def _who(event: Event, user: str, host: str, comment: str) -> None:
    if user:
        event["user.name"] = user[:255]
    if host:
        event["source.domain"] = host[:255].lower()
    _, mark, rest = comment.partition("(HOST=")
    source = address(rest.partition(")")[0]) if mark else None
    if source:
        event["source.ip"] = source


def _done(event: Event, number: str, statement: str, outcome: str) -> None:
    action, kind = ACTIONS.get(number, ("", ""))
    if statement:
        asked(event, statement, outcome)
    if action:
        event["citywatch.database.class"] = kind
        audited(event, action, outcome)
    elif not statement:
        audited(event, f"action {number}" if number else "unknown", outcome)


# -- text ------------------------------------------------------------------------------------------------


def values(message: str) -> dict[str, str]:
    """`NAME:[n] 'value'` by name: n bytes are the value, whatever stands in it.

    >>> values("LENGTH : '40' ACTION :[7] 'CONNECT' DATABASE USER:[1] '/' STATUS:[1] '0'")
    {'ACTION': 'CONNECT', 'DATABASE USER': '/', 'STATUS': '0'}
    """
    found: dict[str, str] = {}
    at = 0
    while len(found) < MOST_VALUES:
        mark = message.find(":[", at)
        close = message.find("]", mark + 2, mark + 10)
        if mark < 0 or close < 0:
            break
        digits = message[mark + 2 : close]
        begin = message.find("'", close) + 1
        if not digits.isdigit() or not 0 < begin <= close + 4:
            at = mark + 2
            continue
        size = int(digits)
        end = begin + size
        if message[end : end + 1] != "'":  # the length is of bytes, or of a text that was cut
            end = message.find("'", begin)
            if end < 0:
                break
        name = message[at:mark].strip(" '\n\r").rpartition("\n")[2].rpartition("'")[2].strip()
        found.setdefault(name, message[begin:end][:LONGEST])
        at = end + 1
    return found


def read_body(event: Event, app: str, message: str) -> bool:
    """Read an audit message that came by syslog; False when it is none."""
    del app
    if all(mark in message for mark in _UNIFIED_MARKS):
        _unified(event, message)
    elif "ACTION :[" in message and "DATABASE USER:[" in message:
        _text(event, message)
    else:
        return False
    return True


def _unified(event: Event, message: str) -> None:
    """The key fields of a record of unified auditing: without statement, host and address."""
    told: dict[str, str] = {}
    for name, value in _UNIFIED.findall(message):
        told.setdefault(name, value)
    _who(event, told.get("DBUSER") or told.get("CURUSER", ""), "", "")
    owner, thing = told.get("SCHEMA", ""), told.get("OBJNAME", "")
    if thing:
        event["citywatch.database.object"] = f"{owner}.{thing}" if owner else thing
    _done(event, told.get("ACTION", ""), "", "success" if told.get("RETCODE") == "0" else "failure")


def _text(event: Event, message: str) -> None:
    told = {_TEXT_NAMES[name]: value for name, value in values(message).items() if name in _TEXT_NAMES}
    _who(event, told.get("user") or told.get("client", ""), told.get("host", ""), told.get("address", ""))
    outcome = "success" if told.get("status", "0") == "0" else "failure"
    action = told.get("action", "")
    if action.upper() in {"CONNECT", "LOGON"}:
        audited(event, "login", outcome)
    else:
        _done(event, "" if action else told.get("number", ""), action, outcome)


def from_text(raw: bytes) -> Event | list[Event]:
    """The event of a record of an `.aud` file; none of its head.

    Raises:
        ValueError: it has no time.
    """
    whole = raw.decode("utf-8", "replace")
    first, _, rest = whole.partition("\n")
    if "ACTION :[" not in rest:
        return []
    event = blank(_moment(first.strip()), "oracle")
    _text(event, rest)
    return event


def _moment(given: str) -> str:
    """`Fri Jul  1 07:13:56 2016 +02:00`."""
    words = given.split()
    if len(words) < 5 or words[1] not in MONTHS:  # noqa: PLR2004 - weekday, month, day, clock, year
        raise ValueError(f"no such time: {given[:40]}")
    zone = words[5] if len(words) > 5 else "+00:00"  # noqa: PLR2004
    return iso(f"{words[4]}-{MONTHS[words[1]]:02d}-{words[2]:0>2}T{words[3]}{zone}")


def begins_text(line: bytes) -> bool:
    """`Fri Jul  1 07:13:56 2016 +02:00`, and nothing more on the line."""
    words = line.split()
    return len(words) in {5, 6} and words[1].decode("latin-1") in MONTHS and words[3].count(b":") == 2  # noqa: PLR2004


def _begins_xml(line: bytes) -> bool:
    return b"<AuditRecord>" in line


def _ends_xml(held: Held) -> bool:
    return b"</AuditRecord>" in held.lines[-1]


class Oracle:
    """Reads Oracle's audit files."""

    @property
    def name(self) -> str:
        return "oracle"

    @property
    def follows(self) -> Literal[True]:
        return True

    def recognizes(self, head: bytes, name: str) -> bool:
        """An audit record as XML, or as text."""
        del name
        return _form(text_head(head)) != ""

    def read(
        self, path: Path, report: Report, keep: Keep, *, place: Place | None = None, whole: bool = True
    ) -> Iterator[Event]:
        """Give the events of one log, in its order."""
        del keep
        tally = Tally("oracle", str(path), report)
        head = head_or_told(path, tally)
        if head is None:
            return
        form = _form(head)
        if form == "xml":
            yield from read_records(
                path, tally, from_xml, begins=_begins_xml, ends=_ends_xml, place=place, whole=whole
            )
        else:
            yield from read_records(
                path, tally, from_text, begins=begins_text, ends=never, place=place, whole=whole
            )


def _form(head: bytes) -> str:
    if b"<AuditRecord>" in head or b"oracleas/schema/dbserver_audittrail" in head[:2048]:
        return "xml"
    lines = head.split(b"\n")
    return (
        "text"
        if any(map(begins_text, lines)) and any(line.startswith(b"ACTION :[") for line in lines)
        else ""
    )
