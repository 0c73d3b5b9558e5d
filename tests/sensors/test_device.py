"""Are antivirus finds and packet filter lines told?"""

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
        AT + "clamd[3]: /var/www/x.php: Php.Webshell.Test-1 FOUND",
        {
            "event.dataset": "antivirus.finding",
            "event.kind": "alert",
            "rule.name": "Php.Webshell.Test-1",
            "file.path": "/var/www/x.php",
            "file.name": "x.php",
        },
    ),
    (
        AT
        + "kernel: [UFW BLOCK] IN=eth0 OUT= MAC=aa SRC=203.0.113.9 DST=10.0.0.5 LEN=40 TOS=0x00 PROTO=TCP SPT=4242 DPT=23 WINDOW=1",
        {
            "event.dataset": "firewall.traffic",
            "event.action": "denied",
            "source.ip": "203.0.113.9",
            "destination.port": 23,
            "network.transport": "tcp",
            "source.bytes": 40,
        },
    ),
    (
        AT + "kernel: IN=eth0 OUT=eth1 SRC=10.0.0.5 DST=203.0.113.9 LEN=60 PROTO=UDP SPT=5 DPT=53",
        {"event.action": "logged", "event.outcome": "success"},
    ),
]


@pytest.mark.parametrize(("line", "wanted"), ROWS)
def test_a_message_of_a_device(line: str, wanted: dict[str, Any]) -> None:
    event = LINES(line.encode())
    assert {name: event.get(name) for name in wanted} == wanted
    assert misfits(event) == []
