"""Does an export of SQL Server's audit files tell who asked for what, however it was written?"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.sqlaudit import SqlAudit, columns_of, reader
from tests.sensors.expected import fits, sample
from tests.sensors.reading import misfits, read

NAMES = ("event_time", "action_id", "succeeded", "server_principal_name", "statement")


def test_logins_statements_and_roles_are_told() -> None:
    refused, asked, role, changed = sample(SqlAudit(), "sqlaudit.export.csv")
    fits(
        refused,
        {
            "@timestamp": "2026-11-22T03:00:00.123456Z",
            "event.dataset": "database.audit",
            "event.action": "login",
            "event.outcome": "failure",
            "user.name": "admin",
            "source.ip": "203.0.113.66",
        },
    )
    fits(
        asked,
        {
            "event.action": "select",
            "event.outcome": "success",
            "user.name": "CITY\\lan",
            "citywatch.database.name": "HoTich",
            "citywatch.database.object": "dbo.khai_sinh",
            "citywatch.database.class": "READ",
            "citywatch.database.statement": "select *\nfrom dbo.khai_sinh where ten = N'Lan, \"Anh\"'",
            "citywatch.database.rows": 250_000,
        },
    )
    fits(role, {"event.action": "add role member", "citywatch.database.class": "ROLE"})
    fits(changed, {"event.action": "audit session changed"})


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_what_sqlcmd_writes_is_read_without_its_frame(separator: str, tmp_path: Path) -> None:
    rows = [
        NAMES,
        tuple("-" * len(name) for name in NAMES),
        ("2026-11-22 03:00:00.0000000", "LGIS", "1", "lan   ", "-- network protocol: TCP/IP"),
    ]
    text = "\r\n".join(separator.join(row) for row in rows) + "\r\n\r\n(1 rows affected)\r\n"
    (tmp_path / "export.txt").write_bytes(text.encode("utf-16"))
    (event,), problems = read(SqlAudit(), tmp_path / "export.txt")
    assert problems == []
    fits(event, {"event.action": "login", "event.outcome": "success", "user.name": "lan"})


def test_what_cannot_be_read_is_told_with_its_line(tmp_path: Path) -> None:
    good = "2026-11-22T03:00:00,SL,1,lan,select 1"
    lines = [",".join(NAMES), good, "11/22/2026 3:00:00 AM,SL,1,lan,select 1", "a,b", good]
    (tmp_path / "export.csv").write_text("\n".join(lines))
    events, problems = read(SqlAudit(), tmp_path / "export.csv")
    assert len({event["event.id"] for event in events}) == 2
    assert [problem.position for problem in problems] == ["line 3", "line 4"]
    assert "CONVERT" in problems[0].what


def test_a_file_that_names_other_columns_is_none(tmp_path: Path) -> None:
    assert columns_of(b"event_time,action,user\n1,2,3\n") is None
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    events, problems = read(SqlAudit(), tmp_path / "other.csv")
    assert (events, [problem.fatal for problem in problems]) == ([], [True])


@given(st.binary(max_size=200), st.sampled_from(",;\t|"))
def test_any_row_gives_fitting_events_or_a_told_error(raw: bytes, separator: str) -> None:
    try:
        found = reader(separator, NAMES)(b"2026-11-22T03:00:00" + separator.encode() + raw)
    except ValueError:
        return
    assert found == [] or (isinstance(found, dict) and misfits(found) == [])
