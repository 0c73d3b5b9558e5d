"""Is what was asked of a database told?"""

# ruff: noqa: E501 - log lines stand here as programs write them

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sensors.syslog import Lines
from tests.sensors.reading import misfits

LINES = Lines(datetime(2026, 12, 1, tzinfo=UTC), "Asia/Ho_Chi_Minh")
AT = "Nov 22 10:00:00 h1 "
ROWS: list[tuple[str, dict[str, Any]]] = [
    (
        '2026-11-22 10:00:00.123 +07 [55] user=app,db=core,client=10.0.0.9 LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.citizen,"select * from citizen, x",<not logged>,250000',
        {
            "@timestamp": "2026-11-22T03:00:00.123000Z",
            "event.dataset": "database.audit",
            "user.name": "app",
            "citywatch.database.name": "core",
            "source.ip": "10.0.0.9",
            "citywatch.database.object": "public.citizen",
            "citywatch.database.statement": "select * from citizen, x",
            "citywatch.database.rows": 250000,
            "event.action": "select",
        },
    ),
    (
        "2026-11-22 10:00:00.123 UTC [55] app@core LOG:  AUDIT: SESSION,1,1,WRITE,DELETE,TABLE,public.a,delete from a,<none>",
        {
            "user.name": "app",
            "citywatch.database.name": "core",
            "citywatch.database.class": "WRITE",
            "@timestamp": "2026-11-22T10:00:00.123000Z",
        },
    ),
    (
        AT + 'postgres[5]: [3-1] FATAL:  password authentication failed for user "postgres"',
        {"event.action": "login", "event.outcome": "failure", "user.name": "postgres"},
    ),
    (
        AT
        + "mysql-server_auditing: db2,app,10.0.0.9,55,66,QUERY,core,'SELECT * FROM hoso WHERE a=\\'1\\'',0",
        {
            "event.action": "query",
            "citywatch.database.statement": "SELECT * FROM hoso WHERE a='1'",
            "source.ip": "10.0.0.9",
        },
    ),
    (
        "20261122 10:00:00,db2,root,203.0.113.9,55,66,FAILED_CONNECT,,,1045",
        {"event.action": "login", "event.outcome": "failure", "host.name": "db2", "source.ip": "203.0.113.9"},
    ),
]


@pytest.mark.parametrize(("line", "wanted"), ROWS)
def test_an_audit_line_of_a_database(line: str, wanted: dict[str, Any]) -> None:
    event = LINES(line.encode())
    assert {name: event.get(name) for name in wanted} == wanted
    assert misfits(event) == []
