"""Do channel and number of a Windows event give its kind, and the fields that alerts are folded on?"""

from __future__ import annotations

import pytest

from sensors.windows import kind_of, short_name
from sensors.winlog import translate

AT = {"TimeCreated": "2026-11-22T01:00:00Z", "Computer": "pc7"}


@pytest.mark.parametrize(
    ("channel", "wanted"),
    [
        ("Security", "security"),
        ("Microsoft-Windows-Sysmon/Operational", "sysmon"),
        ("Windows PowerShell", "powershell-classic"),
        ("Contoso Agent/Admin", "contoso-agent-admin"),
        ("///", "unknown"),
    ],
)
def test_a_channel_has_the_name_that_rules_know(channel: str, wanted: str) -> None:
    assert short_name(channel) == wanted


def test_a_kind_has_a_category() -> None:
    assert kind_of("Security", "4625")[0]["event.category"] == ["authentication"]
    assert kind_of("Security", 1)[0]["event.category"] == ["host"]


def test_a_connection_names_both_ends() -> None:
    data = {"SourceIp": "10.0.0.1", "DestinationIp": "203.0.113.9", "DestinationPort": 443, "Protocol": "tcp"}
    event = translate({"EventID": 3, "Channel": "Microsoft-Windows-Sysmon/Operational", **AT, **data})
    assert (event["source.ip"], event["destination.ip"], event["destination.port"]) == (
        "10.0.0.1",
        "203.0.113.9",
        443,
    )
    assert event["winlog.event_data.DestinationIp"] == "203.0.113.9"


def test_a_ticket_that_was_refused_is_a_failure() -> None:
    event = translate(
        {"EventID": 4768, "Channel": "Security", **AT, "Status": "0x6", "IpAddress": "::ffff:10.0.0.9"}
    )
    assert (event["event.outcome"], event["source.ip"]) == ("failure", "10.0.0.9")
