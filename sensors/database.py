"""What was asked of a database?

Bodies of lines behind a time: PostgreSQL's pgAudit
(https://github.com/pgaudit/pgaudit: `AUDIT: SESSION,…`) with its failed logins, and the server audit
plug-in of MariaDB and MySQL (`…,host,user,address,connection,query,QUERY,database,'text',code`).
"""

from __future__ import annotations

import csv
import re

from citywatch.model import Event
from sensors.address import address, count

_PGAUDIT = re.compile(r"AUDIT: {1,2}(SESSION|OBJECT),(.*)$", re.DOTALL)
_PG_FAILED = re.compile(r'FATAL: {1,2}password authentication failed for user "([^"]{1,64})"')
_MYSQL = re.compile(
    r"^(?:\d{8} \d\d:\d\d:\d\d,)?[^,]{1,255},(?P<user>[^,]{0,80}),(?P<client>[^,]{0,255}),\d+,\d+,"
    r"(?P<what>CONNECT|DISCONNECT|FAILED_CONNECT|QUERY|READ|WRITE|CREATE|ALTER|RENAME|DROP),"
    r"(?P<db>[^,]{0,64}),(?P<rest>.*)$",
    re.DOTALL,
)
_PAIR = re.compile(r"\b([\w.-]{1,64})@([\w.-]{1,64})\b")
_PLACES = 7
"""pgAudit writes statement and sub-statement number, class, command, object type, object, statement …"""


def read_body(event: Event, app: str, message: str) -> bool:
    """Read a database's audit message; False when it is none."""
    program = app.rpartition("/")[2].lower()
    found = _PGAUDIT.search(message)
    if found:
        before = message[: found.start()]
        for name, field in (
            ("user=", "user.name"),
            ("db=", "citywatch.database.name"),
            ("client=", "source.ip"),
        ):
            _named(event, before, name, field)
        pair = _PAIR.search(before)
        if pair:
            event["user.name"], event["citywatch.database.name"] = pair[1], pair[2]
        return pgaudit(event, found[2])
    if program.startswith("postgres") or "FATAL:" in message:
        failed = _PG_FAILED.search(message)
        if failed:
            event["user.name"] = failed[1]
            return _database(event, "login", "failure")
    if program.startswith(("mysql", "mariadb")):
        return _mysql(event, _MYSQL.match(message))
    return False


def _database(event: Event, action: str, outcome: str) -> bool:
    event["event.dataset"] = "database.audit"
    event["event.category"] = ["database"]
    event["event.action"] = action.lower()
    event["event.outcome"] = outcome
    return True


def pgaudit(event: Event, rest: str) -> bool:
    """What stands behind `AUDIT: SESSION,`; False when it is not pgAudit's."""
    try:
        row = next(csv.reader([rest]))
    except (csv.Error, StopIteration):
        return False
    if len(row) < _PLACES:
        return False
    event["citywatch.database.class"] = row[2]
    event["citywatch.database.statement"] = row[6]
    if row[5]:
        event["citywatch.database.object"] = row[5]
    rows = count(row[8]) if len(row) > 8 else None  # noqa: PLR2004 - pgaudit.log_rows adds it last
    if rows is not None:
        event["citywatch.database.rows"] = rows
    return _database(event, row[3], "success")


def _named(event: Event, before: str, name: str, field: str) -> None:
    _, mark, rest = before.partition(name)
    value = re.split(r"[,\s(]", rest, maxsplit=1)[0] if mark else ""
    if value:
        found = address(value) if field == "source.ip" else value
        if found:
            event[field] = found


def _who(event: Event, user: str, name: str, client: str) -> None:
    if user:
        event["user.name"] = user
    if name:
        event["citywatch.database.name"] = name
    source = address(client)
    if source:
        event["source.ip"] = source


def _mysql(event: Event, found: re.Match[str] | None) -> bool:
    if found is None:
        return False
    _who(event, found["user"], found["db"], found["client"])
    before, comma, code = found["rest"].rpartition(",")
    told = comma and code.isascii() and code.isdigit()
    text = (before if told else found["rest"]).strip().removeprefix("'").removesuffix("'")
    if found["what"] == "QUERY":
        event["citywatch.database.statement"] = text.replace("\\'", "'")
    elif text:
        event["citywatch.database.object"] = text
    good = (not told or int(code[:9]) == 0) and found["what"] != "FAILED_CONNECT"
    action = "login" if found["what"] in {"CONNECT", "FAILED_CONNECT"} else found["what"]
    return _database(event, action, "success" if good else "failure")
