"""Does the demo end with the right tickets, and the same ones on both stores?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console.city import BOT, DEEDS, DEFACED, EXPOSED, HIDDEN_SPAM, SCANNED, WEB_ATTACKED
from tests.acceptance.conftest import Citywatch

UNTOUCHED = {"so-tttt", "so-y-te", "xa-soc-son", "phuong-lang", "xa-bat-trang"}


def tickets_of(outcome: dict[str, Any]) -> list[tuple[str, str, str, str, tuple[str, ...]]]:
    return sorted(
        (t["title"], t["agency"], t["asset"], t["severity"], tuple(t["rule_ids"])) for t in outcome["tickets"]
    )


def check(outcome: dict[str, Any]) -> None:
    assert set(outcome) == {"events", "matches", "alerts", "tickets"}
    assert outcome["events"] > 1000
    assert outcome["matches"] >= outcome["alerts"] >= len(DEEDS) >= 8
    assert len(outcome["tickets"]) == len(DEEDS)
    agencies = {ticket["agency"] for ticket in outcome["tickets"]}
    assert {deed.agency for deed in DEEDS} == agencies
    portals = {deed.agency for deed in (DEFACED, HIDDEN_SPAM, EXPOSED)}
    assert {
        ticket["asset"] for ticket in outcome["tickets"] if ticket["asset"] in UNTOUCHED | portals
    } <= portals


def test_the_demo_ends_with_the_right_tickets_and_cleans_up(citywatch: Citywatch, tmp_path: Path) -> None:
    said = citywatch("demo", "--no-serve", "--json", "--data", tmp_path / "demo", timeout=300)
    assert said.code == 0, said.err
    (outcome,) = said.rows
    check(outcome)
    shown = citywatch("tickets", "list", "--json", "--data", tmp_path / "demo")
    assert len(shown.rows) == len(outcome["tickets"])
    assert all(row["id"].startswith("DEMO-") for row in shown.rows)
    campaign = {row["agency"] for row in shown.rows if row["campaign"]}
    assert campaign == {SCANNED.agency, BOT.agency, WEB_ATTACKED.agency}  # one address is at all three
    assert citywatch("demo", "--clean", "--data", tmp_path / "demo").code == 0
    assert not (tmp_path / "demo").exists()


def test_the_demo_does_not_touch_a_real_installation(citywatch: Citywatch, tmp_path: Path) -> None:
    citywatch("init", "--data", tmp_path / "city")
    before = sorted((tmp_path / "city").rglob("*"))
    for words in (("--no-serve",), ("--clean",)):
        said = citywatch("demo", *words, "--data", tmp_path / "city")
        assert said.code == 2
        assert "is not a demo's folder" in said.err
    assert sorted((tmp_path / "city").rglob("*")) == before


@pytest.mark.elasticsearch
def test_both_stores_end_with_the_same_tickets(
    citywatch: Citywatch, tmp_path: Path, elasticsearch: str
) -> None:
    here = citywatch("demo", "--no-serve", "--json", "--data", tmp_path / "sqlite", timeout=300)
    there = citywatch(
        "demo",
        "--no-serve",
        "--json",
        "--data",
        tmp_path / "elastic",
        "--store",
        elasticsearch,
        timeout=300,
    )
    assert (here.code, there.code) == (0, 0), here.err + there.err
    check(there.rows[0])
    assert tickets_of(here.rows[0]) == tickets_of(there.rows[0])
    assert (here.rows[0]["events"], here.rows[0]["alerts"]) == (
        there.rows[0]["events"],
        there.rows[0]["alerts"],
    )
    assert citywatch("demo", "--clean", "--data", tmp_path / "elastic", "--store", elasticsearch).code == 0
