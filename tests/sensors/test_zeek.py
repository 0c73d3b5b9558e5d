"""Are Zeek's logs, in both ways of writing, told as the events that rules know?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.lines import Place
from sensors.zeek import Table, Zeek, translate
from tests.sensors.reading import misfits, no_evidence, read

ENDS: dict[str, Any] = {
    "ts": 1763780400.5,
    "uid": "C1",
    "id.orig_h": "192.0.2.10",
    "id.orig_p": 40000,
    "id.resp_h": "198.51.100.5",
    "id.resp_p": 80,
}
CONN: dict[str, Any] = {
    **ENDS,
    "proto": "tcp",
    "service": "http",
    "duration": 1.5,
    "orig_bytes": 10,
    "resp_bytes": 20,
    "conn_state": "SF",
    "history": "ShADadFf",
    "orig_pkts": 5,
    "orig_ip_bytes": 300,
    "resp_pkts": 4,
    "resp_ip_bytes": 200,
}
DNS: dict[str, Any] = {
    **ENDS,
    "query": "Ab.Evil.Test",
    "qtype_name": "TXT",
    "rcode_name": "NOERROR",
    "AA": False,
    "RD": True,
    "answers": ["192.0.2.1", "x"],
    "TTLs": [60.0, 60.0],
    "rejected": False,
}
ROWS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "conn",
        CONN,
        {
            "event.dataset": "network.flow",
            "citywatch.flow.state": "SF",
            "source.bytes": 300,
            "network.bytes": 500,
            "event.duration": 1_500_000_000,
            "citywatch.flow.payload.in_bytes": 20,
            "network.protocol": "http",
            "destination.port": 80,
        },
    ),
    (
        "http",
        {
            **ENDS,
            "method": "GET",
            "host": "a.test",
            "uri": "/x.php?a=%27",
            "status_code": 404,
            "user_agent": "curl",
        },
        {"url.full": "http://a.test/x.php?a=%27", "event.outcome": "failure", "user_agent.original": "curl"},
    ),
    (
        "ssl",
        {**ENDS, "version": "TLSv13", "server_name": "a.test", "established": True, "cipher": "X"},
        {"event.dataset": "network.tls", "tls.version": "1.3", "tls.established": True, "tls.cipher": "X"},
    ),
    (
        "ssh",
        {**ENDS, "client": "SSH-2.0-Go", "auth_success": False, "auth_attempts": 3},
        {"citywatch.auth.attempts": 3, "event.outcome": "failure"},
    ),
    (
        "smb_files",
        {**ENDS, "action": "SMB::FILE_OPEN", "path": "\\\\h\\IPC$", "name": "svcctl"},
        {
            "event.dataset": "network.smb",
            "zeek.smb_files.name": "svcctl",
            "zeek.smb_files.path": "\\\\h\\IPC$",
        },
    ),
    (
        "notice",
        {**ENDS, "note": "Scan::Port_Scan", "msg": "scanned"},
        {
            "event.dataset": "network.alert",
            "event.kind": "alert",
            "rule.name": "Scan::Port_Scan",
            "message": "scanned",
        },
    ),
    (
        "smtp",
        {**ENDS, "mailfrom": "a@b.test", "rcptto": ["c@d.test"], "subject": "s"},
        {"email.from.address": ["a@b.test"], "email.to.address": ["c@d.test"]},
    ),
]
TABLE = """#separator \\x09
#set_separator\t,
#empty_field\t(empty)
#unset_field\t-
#path\tdns
#open\t2026-11-22-10-00-00
#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tquery\tqtype_name\trcode_name\tRD\tanswers\tTTLs
#types\ttime\tstring\taddr\tport\taddr\tport\tstring\tstring\tstring\tbool\tvector[string]\tvector[interval]
1763780400.5\tC1\t192.0.2.10\t40000\t198.51.100.5\t53\tab.evil.test\tTXT\tNOERROR\tT\t192.0.2.1,x\\x2cy\t60.0,60.0
1763780401.5\tC2\t192.0.2.10\t40001\t198.51.100.5\t53\tcd.evil.test\tTXT\t-\tT\t-\t-
"""


@pytest.mark.parametrize(("log", "record", "wanted"), ROWS, ids=[row[0] for row in ROWS])
def test_each_log_is_translated(log: str, record: dict[str, Any], wanted: dict[str, Any]) -> None:
    (event,) = translate(record, log)
    assert {name: event.get(name) for name in wanted} == wanted
    assert event["source.ip"] == "192.0.2.10"
    assert misfits(event) == []


def test_a_dns_line_becomes_a_question_and_an_answer() -> None:
    asked, answered = translate(DNS, "dns")
    assert (asked["dns.type"], answered["dns.type"]) == ("query", "answer")
    assert asked["dns.question.name"] == "ab.evil.test"
    assert "dns.answers.data" not in asked
    assert answered["dns.resolved_ip"] == ["192.0.2.1"]
    assert answered["zeek.dns.rejected"] is False


def test_a_table_is_read_by_its_header_also_from_the_middle(tmp_path: Path) -> None:
    log = tmp_path / "dns.log"
    log.write_text(TABLE)
    events, problems = read(Zeek(), log)
    assert problems == []
    assert [event["dns.type"] for event in events] == ["query", "answer", "query"]
    assert events[1]["dns.answers.data"] == ["192.0.2.1", "x,y"]
    assert len({event["event.id"] for event in events}) == 3
    place = Place(offset=TABLE.index("1763780401"), line=9)
    rest = list(Zeek().read(log, problems.append, no_evidence, place=place))
    assert [event["event.id"] for event in rest] == [events[2]["event.id"]]


def test_json_lines_are_told_apart_by_their_fields_or_the_file_name(tmp_path: Path) -> None:
    (tmp_path / "conn.2026-11-22-10.log").write_bytes(orjson.dumps(CONN) + b"\n{bad\n" + orjson.dumps(ENDS))
    events, problems = read(Zeek(), tmp_path / "conn.2026-11-22-10.log")
    assert [event["event.dataset"] for event in events] == ["network.flow", "network.flow"]
    assert problems[0].position == "line 2"


def test_a_line_with_another_number_of_fields_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text(TABLE + "1763780401.5\tC2\n")
    events, problems = read(Zeek(), tmp_path / "x.log")
    assert len(events) == 3
    assert "2 fields where the header names 12" in problems[0].what


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1 << 63) | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([*ROWS, ("dns", DNS, {})]), st.data())
def test_values_of_any_kind_give_a_fitting_event_or_a_told_error(
    row: tuple[str, dict[str, Any], dict[str, Any]], data: st.DataObject
) -> None:
    record = {**row[1], data.draw(st.sampled_from(sorted(row[1])) | st.text(max_size=5)): data.draw(anything)}
    try:
        events = translate(record, row[0])
    except ValueError:
        return
    assert [misfits(event) for event in events] == [[] for _ in events]


@given(st.lists(st.sampled_from(TABLE.splitlines()) | st.text(max_size=20), max_size=12))
def test_no_table_raises_anything_but_a_value_error(rows: list[str]) -> None:
    table = Table()
    for row in rows:
        try:
            if row.startswith("#"):
                table.header(row)
            else:
                for event in translate(table.record(row), table.log):
                    assert misfits(event) == []
        except ValueError:
            continue
