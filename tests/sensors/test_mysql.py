"""Are MySQL's general log and audit logs read alike?"""

from __future__ import annotations

from pathlib import Path

import pytest

from sensors.mysql import General, MySql, from_json, from_xml
from tests.sensors.expected import fits, sample
from tests.sensors.reading import read


def test_the_general_log_knows_who_opened_a_session() -> None:
    came, asked, refused, dropped, left = sample(MySql(), "mysql.general.log")
    who = {"user.name": "app", "source.ip": "10.20.2.12", "citywatch.database.name": "dancu"}
    fits(came, {**who, "event.action": "login", "event.outcome": "success"})
    fits(asked, {**who, "citywatch.database.statement": "SELECT ten\nFROM cong_dan\nWHERE id = 7"})
    fits(refused, {"user.name": "root", "source.ip": "203.0.113.66", "event.outcome": "failure"})
    fits(dropped, {**who, "event.action": "drop", "citywatch.database.class": "DDL"})
    fits(left, {**who, "event.action": "quit"})


def test_audit_as_json_tells_logins_rows_and_the_end_of_auditing() -> None:
    came, refused, read_, stopped = sample(MySql(), "mysql.audit.json")
    fits(came, {"event.action": "login", "event.outcome": "success", "citywatch.database.name": "dancu"})
    fits(refused, {"event.outcome": "failure", "source.ip": "203.0.113.66"})
    fits(read_, {"citywatch.database.rows": 250_000, "citywatch.database.class": "READ", "user.name": "app"})
    fits(stopped, {"event.action": "audit_shutdown"})


@pytest.mark.parametrize(("name", "action"), [("mysql.percona.json", "grant"), ("mysql.audit.xml", "drop")])
def test_older_forms_tell_the_same(name: str, action: str) -> None:
    first, second = sample(MySql(), name)
    fits(first, {"event.action": action, "user.name": "root", "@timestamp": "2026-11-22T03:00:00.000000Z"})
    fits(second, {"event.action": "login", "event.outcome": "failure", "source.ip": "203.0.113.66"})


def test_records_that_are_none_are_told(tmp_path: Path) -> None:
    for bad in (b"{}", b'{"class":"x"}', b"7", b'{"audit_record":{"name":"x"}}'):
        with pytest.raises(ValueError, match=r"MySQL|JSON"):
            from_json(bad)
    with pytest.raises(ValueError, match="no NAME"):
        from_xml(b"<AUDIT_RECORD><USER>x</USER></AUDIT_RECORD>")
    with pytest.raises(ValueError, match="general log"):
        General()(b"words")
    (tmp_path / "log").write_text(
        "2026-11-22T03:00:00.1Z\t    8 Quit\t\nx\n2026-99-22T03:00:00.1Z\t    8 Quit\t\n"
    )
    events, problems = read(MySql(), tmp_path / "log")
    assert len(events) == 1
    assert [problem.position for problem in problems] == ["line 3"]


def test_sessions_are_bounded() -> None:
    general = General()
    for number in range(10_050):
        general(f"2026-11-22T03:00:00.1Z\t{number:5} Connect\ta{number}@h on d using TCP/IP".encode())
    early, late = (general(f"2026-11-22T03:00:00.1Z\t{n:5} Query\tselect 1".encode()) for n in (1, 10_049))
    assert isinstance(early, dict)
    assert isinstance(late, dict)
    assert ("user.name" in early, late["user.name"]) == (False, "a10049")
