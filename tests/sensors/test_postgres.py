"""Does PostgreSQL's csvlog tell who asked for what, also over several lines?"""

from __future__ import annotations

from pathlib import Path

import pytest

from sensors.postgres import Postgres, translate
from tests.sensors.expected import SAMPLES, fits, sample
from tests.sensors.reading import read


def test_audit_logins_statements_and_the_rest_are_told_apart() -> None:
    audited, failed, granted, other = sample(Postgres(), "postgres.csv")
    fits(
        audited,
        {
            "@timestamp": "2026-11-22T03:00:00.123000Z",
            "event.dataset": "database.audit",
            "user.name": "canbo",
            "citywatch.database.name": "dancu",
            "citywatch.database.class": "READ",
            "citywatch.database.object": "public.cong_dan",
            "citywatch.database.rows": 250_000,
            "citywatch.database.statement": "select *\nfrom cong_dan where ten = 'Lan, \"Anh\"'",
            "source.ip": "10.20.7.5",
        },
    )
    fits(failed, {"event.action": "login", "event.outcome": "failure", "source.ip": "203.0.113.66"})
    fits(granted, {"event.action": "grant", "citywatch.database.class": "ROLE"})
    fits(other, {"event.dataset": "database.log", "log.level": "log"})


def test_a_statement_that_holds_a_line_of_a_log_is_no_record_of_its_own(tmp_path: Path) -> None:
    row = SAMPLES.joinpath("postgres.csv").read_text(encoding="utf-8").splitlines()[4]
    forged = row.replace(
        "checkpoint starting: time", f"statement: select 1\n{row.replace(chr(34), chr(34) * 2)}"
    )
    (tmp_path / "log").write_text(forged + "\n" + row + "\n")
    events, problems = read(Postgres(), tmp_path / "log")
    assert problems == []
    assert [event["event.dataset"] for event in events] == ["database.audit", "database.log"]


def test_an_unknown_zone_and_other_rows_are_told() -> None:
    row = SAMPLES.joinpath("postgres.csv").read_bytes().splitlines()[4]
    with pytest.raises(ValueError, match="the zone 'XYZ' is not known"):
        translate(row.replace(b"+07,,", b"XYZ,,"))
    with pytest.raises(ValueError, match="3 columns"):
        translate(b"a,b,c")
