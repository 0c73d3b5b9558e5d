"""Are logins and changes of identity told from what Linux programs write?"""

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
        AT + "sshd[1]: Failed password for invalid user ad min from 203.0.113.5 port 5022 ssh2",
        {
            "event.dataset": "linux.auth",
            "event.action": "ssh_login",
            "event.outcome": "failure",
            "user.name": "ad min",
            "source.ip": "203.0.113.5",
            "source.port": 5022,
        },
    ),
    (
        AT + "sshd[1]: Accepted publickey for backup from 2001:db8::1 port 22 ssh2: ED25519 SHA256:x",
        {
            "event.action": "ssh_login",
            "event.outcome": "success",
            "user.name": "backup",
            "source.ip": "2001:db8::1",
            "event.reason": "publickey",
        },
    ),
    (
        AT + "sshd[1]: message repeated 5 times: [ Failed password for root from 203.0.113.5 port 22 ssh2]",
        {"citywatch.auth.attempts": 5, "user.name": "root"},
    ),
    (
        AT + "sshd[1]: Invalid user test from 203.0.113.5 port 22",
        {"event.action": "ssh_invalid_user", "source.ip": "203.0.113.5"},
    ),
    (
        AT + "sshd[1]: Connection closed by authenticating user root 203.0.113.5 port 22 [preauth]",
        {"event.action": "ssh_left_before_login", "user.name": "root"},
    ),
    (
        AT + "sshd[1]: Did not receive identification string from 203.0.113.5 port 22",
        {"event.action": "ssh_probe", "source.ip": "203.0.113.5"},
    ),
    (
        AT + "sudo: joe : TTY=pts/0 ; PWD=/tmp ; USER=root ; COMMAND=/bin/bash -c id",
        {
            "event.action": "sudo",
            "event.outcome": "success",
            "user.name": "joe",
            "user.target.name": "root",
            "process.command_line": "/bin/bash -c id",
            "process.working_directory": "/tmp",
        },
    ),
    (
        AT + "sudo: joe : user NOT in sudoers ; TTY=pts/0 ; PWD=/tmp ; USER=root ; COMMAND=/bin/ls",
        {"event.outcome": "failure", "event.reason": "user NOT in sudoers"},
    ),
    (
        AT + "su[3]: FAILED SU (to root) joe on pts/8",
        {"event.action": "su", "event.outcome": "failure", "user.target.name": "root", "user.name": "joe"},
    ),
    (
        AT + "useradd[3]: new user: name=hax, UID=0, GID=0, home=/root, shell=/bin/bash",
        {"event.action": "user_created", "user.target.name": "hax", "user.id": "0"},
    ),
    (
        AT + "usermod[3]: add 'hax' to group 'sudo'",
        {"event.action": "group_joined", "user.target.name": "hax", "event.reason": "sudo"},
    ),
    (
        AT + "passwd[3]: pam_unix(passwd:chauthtok): password changed for joe",
        {"event.action": "password_changed", "user.target.name": "joe"},
    ),
    (
        AT + "CRON[3]: (root) CMD (/usr/bin/backup)",
        {"event.dataset": "linux.cron", "process.command_line": "/usr/bin/backup", "user.name": "root"},
    ),
    (
        AT
        + "vsftpd[3]: pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=a rhost=203.0.113.5  user=joe",
        {"event.action": "pam_failure", "source.ip": "203.0.113.5", "user.name": "joe"},
    ),
]


@pytest.mark.parametrize(("line", "wanted"), ROWS)
def test_a_message_of_a_program_that_lets_people_in(line: str, wanted: dict[str, Any]) -> None:
    event = LINES(line.encode())
    assert {name: event.get(name) for name in wanted} == wanted
    assert misfits(event) == []
