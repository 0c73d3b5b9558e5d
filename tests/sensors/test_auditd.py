"""Are audit records read with their own names?"""

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
        'type=EXECVE msg=audit(1763780400.243:24287): argc=3 a0="cat" a1=2F6574632F736861646F77 a2="x"',
        {
            "@timestamp": "2025-11-22T03:00:00.243000Z",
            "event.dataset": "linux.auditd",
            "auditd.type": "EXECVE",
            "auditd.a1": "/etc/shadow",
            "process.command_line": "cat /etc/shadow x",
        },
    ),
    (
        AT
        + 'audispd: type=USER_LOGIN msg=audit(1763780400.243:24288): pid=1 uid=0 msg=\'op=login acct="root" exe="/usr/sbin/sshd" addr=203.0.113.5 res=failed\'',
        {
            "host.name": "h1",
            "user.target.name": "root",
            "source.ip": "203.0.113.5",
            "event.outcome": "failure",
            "process.pid": 1,
        },
    ),
    (
        'node=db1 type=SYSCALL msg=audit(1763780400.243:9): arch=c000003e syscall=59 success=yes exit=0 ppid=5 pid=6 uid=33 comm="sh" exe="/usr/bin/dash" key="web"',
        {
            "host.name": "db1",
            "process.executable": "/usr/bin/dash",
            "auditd.uid": "33",
            "auditd.key": "web",
            "process.parent.pid": 5,
            "event.outcome": "success",
        },
    ),
]


@pytest.mark.parametrize(("line", "wanted"), ROWS)
def test_an_audit_record(line: str, wanted: dict[str, Any]) -> None:
    event = LINES(line.encode())
    assert {name: event.get(name) for name in wanted} == wanted
    assert misfits(event) == []
