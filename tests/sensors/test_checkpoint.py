"""Are the messages of Check Point's exporter read in each form?"""

from __future__ import annotations

from sensors.checkpoint import pairs_of
from sensors.syslog import Syslog
from tests.sensors.expected import fits, sample


def test_syslog_and_splunk_forms() -> None:
    dropped, prevented = sample(Syslog(), "syslog.checkpoint.log")
    fits(
        dropped,
        {
            "event.dataset": "firewall.traffic",
            "source.ip": "203.0.113.66",
            "destination.port": 22,
            "event.action": "Drop",
            "event.outcome": "failure",
            "rule.name": "Cleanup [last]",
            "network.transport": "tcp",
        },
    )
    fits(prevented, {"event.dataset": "network.alert", "rule.name": "Struts", "event.outcome": "failure"})


def test_values_end_at_their_own_quote_or_bar() -> None:
    assert pairs_of('[action:"Drop"; rule:"a \\"b\\"; src:\\"1.1.1.1\\""; dst:"x"]', "") == {
        "action": "Drop",
        "rule": 'a "b"; src:"1.1.1.1"',
        "dst": "x",
    }
    found = pairs_of("time=1|hostname=h|product=p|action=Drop|name=a\\|src\\=1.1.1.1|dst=x|", "")
    assert found is not None
    assert (found["name"], found["dst"], "src" in found) == ("a|src=1.1.1.1", "x", False)
    named = pairs_of('[Fields@1.3.6.1.4.1.2620 action="Drop" src="x"', "")
    assert named is not None
    assert named["src"] == "x"
    assert pairs_of("hello", "sshd") is None
