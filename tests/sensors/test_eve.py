"""Does each type of EVE line become the event that the network sensor would have written?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.eve import Eve, translate
from tests.sensors.reading import misfits, read

HEAD: dict[str, Any] = {
    "timestamp": "2026-11-22T10:00:00.123456+0700",
    "flow_id": 1234567890123456,
    "in_iface": "eth0",
    "src_ip": "192.0.2.10",
    "src_port": 40000,
    "dest_ip": "198.51.100.5",
    "dest_port": 80,
    "proto": "TCP",
    "community_id": "1:abc=",
}
ROWS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {
            "event_type": "alert",
            "alert": {
                "signature_id": 9000001,
                "signature": "TEST x",
                "category": "Trojan",
                "severity": 1,
                "rev": 2,
            },
            "http": {"hostname": "a.test", "url": "/x", "http_method": "GET"},
        },
        {
            "event.dataset": "network.alert",
            "event.kind": "alert",
            "rule.id": "9000001",
            "rule.name": "TEST x",
            "event.severity": 1,
            "suricata.eve.alert.rev": 2,
            "url.full": "http://a.test/x",
        },
    ),
    (
        {
            "event_type": "flow",
            "flow": {
                "pkts_toserver": 5,
                "pkts_toclient": 4,
                "bytes_toserver": 500,
                "bytes_toclient": 400,
                "start": "2026-11-22T09:59:58.000000+0700",
                "end": "2026-11-22T10:00:00.000000+0700",
                "reason": "timeout",
            },
            "tcp": {"tcp_flags": "1b", "tcp_flags_ts": "1b", "tcp_flags_tc": "1b"},
        },
        {
            "event.dataset": "network.flow",
            "@timestamp": "2026-11-22T02:59:58.000000Z",
            "event.duration": 2_000_000_000,
            "source.bytes": 500,
            "network.packets": 9,
            "citywatch.flow.state": "SF",
            "citywatch.flow.flags": "FSPA",
            "citywatch.flow.reason": "idle",
        },
    ),
    (
        {"event_type": "dns", "dns": {"type": "query", "id": 7, "rrname": "X1.Evil.Test", "rrtype": "TXT"}},
        {
            "dns.type": "query",
            "dns.question.name": "x1.evil.test",
            "dns.question.registered_domain": "evil.test",
        },
    ),
    (
        {
            "event_type": "dns",
            "dns": {
                "version": 3,
                "type": "response",
                "rcode": "NXDOMAIN",
                "queries": [{"rrname": "a.test", "rrtype": "A"}],
                "answers": [{"rrname": "a.test", "rrtype": "A", "ttl": 60, "rdata": "192.0.2.1"}],
            },
        },
        {
            "dns.type": "answer",
            "dns.response_code": "NXDOMAIN",
            "event.outcome": "failure",
            "dns.resolved_ip": ["192.0.2.1"],
            "dns.answers.ttl": [60],
        },
    ),
    (
        {
            "event_type": "http",
            "http": {
                "hostname": "A.Test",
                "url": "/p.php?q=%27",
                "http_user_agent": "sqlmap",
                "http_method": "POST",
                "protocol": "HTTP/1.1",
                "status": 500,
                "length": 12,
            },
        },
        {
            "event.dataset": "network.http",
            "url.domain": "a.test",
            "citywatch.url.decoded": "/p.php?q='",
            "http.response.status_code": 500,
            "http.version": "1.1",
            "event.outcome": "failure",
        },
    ),
    (
        {
            "event_type": "tls",
            "tls": {
                "sni": "a.test",
                "version": "TLS 1.2",
                "ja3": {"hash": "aa", "string": "x"},
                "notbefore": "2026-01-01T00:00:00",
                "subjectaltname": ["a.test"],
            },
        },
        {
            "tls.client.server_name": "a.test",
            "tls.version": "1.2",
            "tls.client.ja3": "aa",
            "tls.server.not_before": "2026-01-01T00:00:00.000000Z",
            "tls.server.x509.alternative_names": ["a.test"],
        },
    ),
    (
        {
            "event_type": "ssh",
            "ssh": {"client": {"proto_version": "2.0", "software_version": "Go", "hassh": {"hash": "h"}}},
        },
        {"ssh.client": "SSH-2.0-Go", "ssh.hassh.client": "h"},
    ),
    (
        {
            "event_type": "fileinfo",
            "fileinfo": {"filename": "/a/b.exe", "size": 10, "sha256": "ff", "stored": False},
        },
        {"event.dataset": "network.file", "file.name": "b.exe", "file.size": 10, "file.hash.sha256": "ff"},
    ),
    (
        {
            "event_type": "smtp",
            "smtp": {"mail_from": "<a@b.test>", "rcpt_to": ["<c@d.test>"]},
            "email": {"subject": "s"},
        },
        {"email.from.address": ["a@b.test"], "email.to.address": ["c@d.test"], "email.subject": "s"},
    ),
    (
        {
            "event_type": "dhcp",
            "dhcp": {"dhcp_type": "ack", "assigned_ip": "10.0.0.9", "routers": ["10.0.0.1"]},
        },
        {
            "citywatch.dhcp.type": "ack",
            "citywatch.dhcp.assigned_ip": "10.0.0.9",
            "citywatch.dhcp.router_ip": ["10.0.0.1"],
        },
    ),
    (
        {
            "event_type": "arp",
            "arp": {"opcode": "reply", "src_ip": "10.0.0.1", "dest_ip": "10.0.0.1", "src_mac": "02:00"},
        },
        {"citywatch.arp.gratuitous": True, "citywatch.arp.sender_mac": "02:00"},
    ),
    (
        {"event_type": "mqtt", "mqtt": {"connect": {"client_id": "cam", "flags": {"username": True}}}},
        {"event.dataset": "network.mqtt", "suricata.eve.mqtt.connect.client_id": "cam"},
    ),
    (
        {"event_type": "netflow", "netflow": {"pkts": 3, "bytes": 180}},
        {"event.dataset": "network.flow", "source.bytes": 180},
    ),
    (
        {"event_type": "stats", "stats": {"uptime": 5, "capture": {"kernel_drops": 2}}},
        {"event.kind": "metric"},
    ),
]


@pytest.mark.parametrize(("part", "wanted"), ROWS, ids=[str(row[0]["event_type"]) for row in ROWS])
def test_each_type_of_line_is_translated(part: dict[str, Any], wanted: dict[str, Any]) -> None:
    event = translate(orjson.dumps({**HEAD, **part}))
    assert {name: event.get(name) for name in wanted} == wanted
    assert event["source.ip"] == "192.0.2.10"
    assert event["network.community_id"] == "1:abc="
    assert misfits(event) == []


def test_broken_lines_are_told_and_the_rest_is_read(tmp_path: Path) -> None:
    good = orjson.dumps({**HEAD, **ROWS[2][0]})
    (tmp_path / "eve.json").write_bytes(b"\n".join([good, good[:50], b"[]", b'{"event_type":"dns"}', good]))
    events, problems = read(Eve(), tmp_path / "eve.json")
    assert len({event["event.id"] for event in events}) == 2
    assert [problem.position for problem in problems] == ["line 2", "line 3", "line 4"]


def test_eve_is_recognized_by_what_stands_in_it() -> None:
    assert Eve().recognizes(orjson.dumps({**HEAD, **ROWS[0][0]}), "x")
    assert not Eve().recognizes(b'{"ts":1.0,"uid":"C1","id.orig_h":"10.0.0.1"}', "eve.json")


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1 << 63) | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(ROWS), st.data())
def test_values_of_any_kind_give_a_fitting_event_or_a_told_error(
    row: tuple[dict[str, Any], dict[str, Any]], data: st.DataObject
) -> None:
    record: dict[str, Any] = {**HEAD, **row[0]}
    kind = record["event_type"]
    place = data.draw(st.sampled_from(["header", "part"]))
    target: dict[str, Any] = record if place == "header" else dict(record[kind])
    target[data.draw(st.sampled_from(sorted(target)))] = data.draw(anything)
    if place == "part":
        record[kind] = target
    try:
        event = translate(orjson.dumps(record))
    except ValueError:
        return
    assert misfits(event) == []


@given(st.binary(max_size=60))
def test_garbage_is_a_told_error(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|EVE"):
        translate(line)
