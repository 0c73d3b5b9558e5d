"""Is the duty that a ticket shows the one in force on its day, and is a wrong table told?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from citywatch.clock import stamp
from citywatch.errors import ContentError
from citywatch.model import Severity, Ticket
from citywatch.respond.law import Law, load_law, read_law
from citywatch.respond.lifecycle import move

OURS = load_law(Path("/nowhere"), "Asia/Ho_Chi_Minh")
SEEN = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def ticket(category: str = "leak", severity: Severity = Severity.high, seen: datetime = SEEN) -> Ticket:
    return Ticket(
        id="HN-2026-000001", key="k", title="t", severity=severity, category=category, opened_at=stamp(seen)
    )


def due(law: Law, there: Ticket, *, level: int = 2) -> dict[str, datetime | None]:
    return {one.duty.id: one.due for one in law.deadlines(there, level=level)}


@pytest.mark.parametrize(
    ("seen", "duty"),
    [
        ("2026-01-01", "personal-data-2026"),
        ("2025-12-31", "personal-data-2023"),
        ("2023-07-01", "personal-data-2023"),
    ],
)
def test_a_leak_falls_under_the_law_of_its_day(seen: str, duty: str) -> None:
    there = ticket(seen=datetime.fromisoformat(seen).replace(tzinfo=UTC))
    found = {one for one in due(OURS, there) if one.startswith("personal")}
    assert found == {duty}


def test_before_the_first_law_there_was_no_duty() -> None:
    assert due(OURS, ticket(seen=datetime(2016, 1, 1, tzinfo=UTC))) == {}


def test_deadlines_count_from_the_first_sight() -> None:
    found = due(OURS, ticket())
    assert found["personal-data-2026"] == SEEN + timedelta(hours=72)
    assert found["incident-initial"] == SEEN + timedelta(days=5)
    earlier = OURS.deadlines(ticket(), detected=stamp(SEEN - timedelta(hours=8)))
    assert earlier[0].due == SEEN + timedelta(hours=64)


def test_the_final_report_waits_for_the_end() -> None:
    there = ticket()
    assert due(OURS, there)["incident-final"] is None
    assert OURS.deadlines(there)[-1].duty.id == "incident-final"
    closed = move(there, "false_positive", by="lan", at=stamp(SEEN + timedelta(hours=9)), note="vì")
    assert due(OURS, closed)["incident-final"] == SEEN + timedelta(days=5, hours=9)


def test_only_a_system_of_level_four_or_five_may_be_a_serious_incident() -> None:
    assert "incident-serious" not in due(OURS, ticket("loss"), level=3)
    assert due(OURS, ticket("loss"), level=4)["incident-serious"] == SEEN
    assert "incident-initial" not in due(OURS, ticket("loss", Severity.low), level=4)


def test_the_periodic_report_has_its_two_days() -> None:
    assert [day for day, _ in OURS.yearly(date(2026, 11, 23))] == [date(2026, 12, 15), date(2027, 6, 20)]
    assert OURS.yearly(date(2026, 12, 15))[0][0] == date(2026, 12, 15)


def test_every_row_says_where_it_is_from_and_that_counsel_has_not_seen_it() -> None:
    assert all(duty.source and not duty.is_verified for duty in OURS.duties)
    assert replace(OURS.duties[0], verified_by="Văn phòng luật sư A, 2026-12-01").is_verified


ROW = "[[duty]]\nid='a'\ntitle_vi='t'\ntitle_en='t'\nlaw='l'\nsource='s'\nverified_by='v'\n"


def test_a_file_of_the_house_replaces_ours_without_code(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    own = ROW + "effective_from=2026-07-01\nwithin='24h'\nrecipients=['A05']\n"
    (tmp_path / "tables" / "law.toml").write_text(own, encoding="utf-8")
    assert due(load_law(tmp_path, "UTC"), ticket()) == {"a": SEEN + timedelta(hours=24)}


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("effective_from=2026-07-01", "either 'within' or 'yearly'"),
        ("effective_from=2026-07-01\nwithin='soon'", "'soon' is no time"),
        ("effective_from='today'\nwithin='1h'", "effective_from"),
        ("effective_from=2026-07-01\nyearly=['02-30']", "no day of every year"),
        ("effective_from=2026-07-01\nwithin='1h'\nfrom='dawn'", "neither detected nor resolved"),
        ("effective_from=2026-07-01\nwithin='1h'\nsuperseded_by='b'", "'b' is not in the table"),
        ("effective_from=2026-07-01\nwithin='1h'\nreciever='x'", "there is no 'reciever'"),
        ("effective_from=2026-07-01\nwithin='1h'\napplies={severity='odd'}", "no severity 'odd'"),
        (
            "effective_from=2026-07-01\nwithin='1h'\n" + ROW + "effective_from=2026-07-01\nwithin='1h'",
            "same id",
        ),
    ],
)
def test_a_wrong_table_is_told_with_its_duty(tmp_path: Path, rest: str, told: str) -> None:
    file = tmp_path / "law.toml"
    file.write_text(ROW + rest, encoding="utf-8")
    with pytest.raises(ContentError) as error:
        read_law(file, "UTC")
    assert told in str(error.value)
    assert str(error.value).startswith(str(file))
