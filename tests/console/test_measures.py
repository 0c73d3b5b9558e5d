"""Do the terminal's numbers and duties say what is in the store?"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from citywatch.clock import stamp
from citywatch.model import Portal, Severity, Ticket, to_doc
from citywatch.respond.lifecycle import move
from console.cli.app import app
from console.house import House, open_house

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path / "home", make=True) as made:
        portal = Portal(id="p", url="https://a.example.vn/", name="A", agency="so-y-te", level=4)
        made.store.put_if("portal", "p", to_doc(portal), 0)
        ticket = Ticket(
            id="HN-2026-000001", key="k", title="t", severity=Severity.high, category="leak",
            agency="=so-y-te", asset="p", opened_at=stamp(AT), changed_at=stamp(AT),
        )  # fmt: skip
        moved = move(ticket, "triage", by="lan", at=stamp(AT.replace(hour=4)))
        made.store.put_if("ticket", ticket.id, to_doc(moved), 0)
        yield made


def run(house: House, *words: str) -> str:
    done = CliRunner().invoke(app, [*words, "--data", str(house.settings.data)])
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_metrics_come_as_json_as_csv_and_as_a_table(house: House) -> None:
    asked = ("tickets", "metrics", "--since", "2026-11-01", "--until", "2026-11-24")
    rows = [json.loads(line) for line in run(house, *asked, "--json").splitlines()]
    assert [(row["agency"], row["opened"], row["mtta_s"], row["late_acknowledge"]) for row in rows] == [
        ("*", 1, 7200, 1),
        ("=so-y-te", 1, 7200, 1),
    ]
    table = list(csv.DictReader(io.StringIO(run(house, *asked, "--csv"))))
    assert [row["mtta_s"] for row in table] == ["7200", "7200"]
    assert table[1]["agency"] == "'=so-y-te"  # no formula to a spreadsheet
    assert "2h 00m" in run(house, *asked)


def test_a_day_that_is_none_is_told(house: House) -> None:
    done = CliRunner().invoke(
        app, ["tickets", "metrics", "--since", "soon", "--data", str(house.settings.data)]
    )
    assert "'soon' is no day" in str(done.exception)


def test_the_duties_of_a_ticket_have_their_moments(house: House) -> None:
    rows = [json.loads(line) for line in run(house, "law", "HN-2026-000001", "--json").splitlines()]
    due = {row["id"]: row["due"] for row in rows}
    assert due["personal-data-2026"] == "2026-11-26T02:00:00.000000Z"
    assert due["incident-serious"] == stamp(AT)
    assert due["incident-final"] == ""
    assert "to be verified" in run(house, "law", "HN-2026-000001")


def test_the_table_in_force_is_shown_without_a_ticket(house: House) -> None:
    rows = [json.loads(line) for line in run(house, "law", "--json").splitlines()]
    assert "personal-data-2023" not in {row["id"] for row in rows}
    assert {row["within"] for row in rows} >= {"72h", "5d"}
