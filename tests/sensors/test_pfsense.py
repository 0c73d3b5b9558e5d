"""Are the lines of pfSense's filter read for both versions of IP?"""

from __future__ import annotations

from sensors.pfsense import read_body
from sensors.syslog import Syslog
from tests.sensors.expected import fits, sample


def test_what_was_blocked_and_let_through() -> None:
    blocked, passed = sample(Syslog(), "syslog.pfsense.log")
    fits(
        blocked,
        {
            "event.dataset": "firewall.traffic",
            "event.action": "denied",
            "event.outcome": "failure",
            "source.ip": "203.0.113.66",
            "destination.port": 22,
            "network.transport": "tcp",
            "rule.id": "1000000103",
        },
    )
    fits(passed, {"event.action": "allowed", "source.ip": "2001:db8::1", "network.transport": "udp"})


def test_other_lines_are_left_to_others() -> None:
    assert not read_body({}, "sshd", "x")
    assert not read_body({}, "filterlog", "1,2,3")
    assert not read_body({}, "filterlog", ",".join("x" * 25))
