"""Are Oracle's audit files read, and its messages in syslog?"""

from __future__ import annotations

from pathlib import Path

from sensors.oracle import Oracle, values
from sensors.syslog import Syslog
from tests.sensors.expected import fits, sample
from tests.sensors.reading import read


def test_xml_tells_statement_object_and_logins() -> None:
    asked, refused = sample(Oracle(), "oracle.audit.xml")
    fits(
        asked,
        {
            "@timestamp": "2026-11-22T03:00:00.782747Z",
            "user.name": "CANBO",
            "citywatch.database.object": "DATDAI.THUA_DAT",
            "citywatch.database.statement": "select * from datdai.thua_dat\n where so_to < 7",
            "citywatch.database.class": "READ",
            "event.action": "select",
        },
    )
    fits(refused, {"event.action": "login", "event.outcome": "failure", "source.ip": "203.0.113.66"})


def test_text_is_read_from_files_and_from_syslog() -> None:
    came, switched_off = sample(Oracle(), "oracle.sys.aud")
    fits(came, {"event.action": "login", "event.outcome": "success", "user.name": "SYS"})
    fits(switched_off, {"citywatch.database.statement": "noaudit select table by access -- it's off"})
    refused, *_ = sample(Syslog(), "syslog.oracle.log")
    fits(refused, {"event.dataset": "database.audit", "event.outcome": "failure", "user.name": "SYSTEM"})


def test_key_fields_of_unified_auditing_are_read_from_syslog() -> None:
    _, refused, asked, unknown = sample(Syslog(), "syslog.oracle.log")
    fits(
        refused,
        {
            "event.dataset": "database.audit",
            "event.action": "login",
            "event.outcome": "failure",
            "user.name": "CANBO",
            "host.name": "db2",
        },
    )
    fits(
        asked,
        {
            "event.action": "select",
            "event.outcome": "success",
            "citywatch.database.class": "READ",
            "citywatch.database.object": "DATDAI.THUA_DAT",
            "user.name": "BAOCAO",
        },
    )
    fits(unknown, {"event.action": "action 999", "event.outcome": "success", "user.name": "SYS"})


def test_lengths_that_lie_do_not_swallow_what_follows() -> None:
    assert values("ACTION :[99999] 'x' STATUS:[1] '0'") == {"ACTION": "x", "STATUS": "0"}
    assert values("ACTION :[x] 'x' STATUS:[1] '0'")["STATUS"] == "0"
    assert values("ACTION :[2] 'x") == {}


def test_a_record_without_a_time_is_told(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("<AuditRecord><DB_User>X</DB_User></AuditRecord>\n")
    events, problems = read(Oracle(), tmp_path / "log")
    assert events == []
    assert [problem.position for problem in problems] == ["line 1"]
