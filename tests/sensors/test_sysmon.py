"""Is Sysmon for Linux read by the names that rules know?"""

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
        AT
        + 'sysmon: <Event><System><EventID>1</EventID><TimeCreated SystemTime="2026-11-22T03:00:00.1Z"/><Computer>w2</Computer></System><EventData><Data Name="Image">/bin/sh</Data><Data Name="CommandLine">sh -c id &amp;&amp; x</Data><Data Name="ParentImage">/usr/sbin/nginx</Data><Data Name="ProcessId">7</Data></EventData></Event>',
        {
            "event.dataset": "linux.process",
            "@timestamp": "2026-11-22T03:00:00.100000Z",
            "host.name": "w2",
            "process.executable": "/bin/sh",
            "process.name": "sh",
            "process.command_line": "sh -c id && x",
            "process.parent.executable": "/usr/sbin/nginx",
            "process.pid": 7,
        },
    ),
    (
        AT
        + 'sysmon: <Event><EventID>3</EventID><Data Name="DestinationIp">203.0.113.9</Data><Data Name="DestinationPort">443</Data></Event>',
        {"event.dataset": "linux.network", "destination.ip": "203.0.113.9", "destination.port": 443},
    ),
    (
        AT + 'sysmon: <Event><EventID>11</EventID><Data Name="TargetFilename">/tmp/x</Data></Event>',
        {"event.dataset": "linux.file", "file.path": "/tmp/x"},
    ),
]


@pytest.mark.parametrize(("line", "wanted"), ROWS)
def test_an_event_of_sysmon(line: str, wanted: dict[str, Any]) -> None:
    event = LINES(line.encode())
    assert {name: event.get(name) for name in wanted} == wanted
    assert misfits(event) == []
