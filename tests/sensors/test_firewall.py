"""Are the messages of firewalls told alike?"""

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
        'date=2026-11-22 time=10:00:00 devname="FG1" devid="FGT1" logid="0000000013" type="traffic" subtype="forward" tz="+0700" srcip=10.0.0.5 srcport=5000 dstip=203.0.113.9 dstport=443 proto=6 action="deny" sentbyte=10 rcvdbyte=20 service="HTTPS"',
        {
            "@timestamp": "2026-11-22T03:00:00.000000Z",
            "event.dataset": "firewall.traffic",
            "source.ip": "10.0.0.5",
            "destination.port": 443,
            "event.action": "deny",
            "event.outcome": "failure",
            "network.transport": "tcp",
            "network.bytes": 30,
            "observer.name": "FG1",
        },
    ),
    (
        AT
        + 'date=2026-11-22 time=10:00:00 devid="F" type="utm" subtype="ips" srcip=203.0.113.9 attack="Struts" attackid=44 action="dropped"',
        {"event.dataset": "network.alert", "event.kind": "alert", "rule.name": "Struts", "rule.id": "44"},
    ),
    (
        AT
        + 'date=2026-11-22 time=10:00:00 devid="F" type="utm" subtype="webfilter" srcip=10.0.0.5 hostname="a.test" url="/x" service="HTTPS" action="passthrough"',
        {"event.dataset": "web.proxy", "url.full": "https://a.test/x"},
    ),
    (
        '<166>Nov 22 2026 10:00:00 fw1 : %ASA-4-106023: Deny tcp src outside:203.0.113.9/4242 dst inside:10.0.0.5/22 by access-group "x"',
        {
            "event.code": "106023",
            "event.action": "denied",
            "source.ip": "203.0.113.9",
            "source.port": 4242,
            "destination.port": 22,
            "observer.vendor": "Cisco",
        },
    ),
    (
        AT
        + "%ASA-6-302014: Teardown TCP connection 1 for outside:203.0.113.9/443 to inside:10.0.0.5/5000 duration 0:00:10 bytes 1234 TCP FINs",
        {"event.action": "closed", "network.bytes": 1234, "network.transport": "tcp"},
    ),
    (
        AT
        + "1,2026/11/22 10:00:00,001,TRAFFIC,end,2049,2026/11/22 10:00:00,10.0.0.5,203.0.113.9,0.0.0.0,0.0.0.0,rule1,joe,,web,vsys1,trust,untrust,e1,e2,log,0,1,1,5000,443,0,0,0x0,tcp,allow,3000,1000,2000,20",
        {
            "source.ip": "10.0.0.5",
            "destination.port": 443,
            "user.name": "joe",
            "network.bytes": 3000,
            "event.action": "allow",
        },
    ),
    (
        AT
        + '1,2026/11/22 10:00:00,001,THREAT,vulnerability,2049,2026/11/22 10:00:00,203.0.113.9,10.0.0.5,0.0.0.0,0.0.0.0,rule1,,,web,vsys1,untrust,trust,e1,e2,log,0,1,1,5000,80,0,0,0x0,tcp,reset-both,"x.php",Injection(1),code-execution,critical,client-to-server',
        {"event.dataset": "network.alert", "rule.name": "Injection(1)", "event.outcome": "failure"},
    ),
    (
        AT
        + "CEF:0|Trend|DS|1|600|Ma lware \\| x|8|src=10.0.0.5 dst=203.0.113.9 spt=1 act=Reset msg=hello world cs1=r\\=1 cs1Label=Rule Name cat=ips",
        {
            "rule.name": "Ma lware | x",
            "event.dataset": "network.alert",
            "source.port": 1,
            "message": "hello world",
            "labels.rule_name": "r=1",
        },
    ),
    (
        "LEEF:1.0|Lancope|SW|1.0|41|src=10.0.0.5\tdst=203.0.113.9\tsrcPort=81\tdevTime=Nov 22 2026 10:00:00",
        {"source.port": 81, "observer.vendor": "Lancope", "event.code": "41"},
    ),
    (AT + "LEEF:2.0|Acme|X|1|9|^|src=10.0.0.5^usrName=joe", {"source.ip": "10.0.0.5", "user.name": "joe"}),
]


@pytest.mark.parametrize(("line", "wanted"), ROWS)
def test_a_message_of_a_firewall(line: str, wanted: dict[str, Any]) -> None:
    event = LINES(line.encode())
    assert {name: event.get(name) for name in wanted} == wanted
    assert misfits(event) == []
