"""Are rules that were changed while the service runs taken up, with what correlations had counted?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from citywatch.clock import stamp_us
from citywatch.detect.tuning import switch_off
from citywatch.model import Alert, Event, from_doc
from citywatch.ports import Query
from citywatch.settings import load_settings
from console.house import House
from console.reload import Reload
from console.settle import settle

T0 = 1_790_000_000_000_000
SINGLE = "00000000-0000-4000-8000-0000000000aa"
COUNTED = "00000000-0000-4000-8000-0000000000bb"
RULES = f"""title: Odd name asked
id: {SINGLE}
status: stable
logsource: {{category: dns}}
detection:
  odd: {{dns.question.name: odd.example}}
  condition: odd
level: high
---
title: Three odd names
id: {COUNTED}
status: stable
correlation:
  type: event_count
  rules: [{SINGLE}]
  group-by: [source.ip]
  timespan: 10m
  condition: {{gte: 3}}
level: high
"""


class Clock:
    """A clock that a test may move."""

    now = datetime(2026, 11, 22, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(tmp_path: Path, clock: Clock) -> Iterator[House]:
    content = tmp_path / "content"
    (content / "rules").mkdir(parents=True)
    (content / "playbooks").mkdir()
    (content / "rules" / "odd.yml").write_text(RULES, "utf-8")
    settings = load_settings(tmp_path / "data", environ={"CITYWATCH_CONTENT": str(content)})
    with House(settings, clock) as made:
        yield made


def asked(number: int) -> Event:
    return {
        "@timestamp": stamp_us(T0 + number * 1_000_000),
        "event.id": f"{number:032x}",
        "event.kind": "event",
        "event.category": ["network"],
        "event.dataset": "network.dns",
        "event.module": "network",
        "source.ip": "10.0.0.5",
        "dns.question.name": "odd.example",
    }


def fired(house: House) -> set[str]:
    settle(house, lambda _: None)
    return {
        from_doc(record.doc, Alert).rule_id for record in house.store.find("alert", Query(order="id")).records
    }


def test_unchanged_files_are_left_alone(house: House) -> None:
    reload = Reload(house)
    before = house.rulebook
    assert reload.step() == 0
    assert house.rulebook is before


def test_a_new_rule_holds_and_a_correlation_goes_on_counting(house: House) -> None:
    reload = Reload(house)
    house.journal.append([asked(1), asked(2)])
    assert fired(house) == set()
    more = (house.content_dir / "rules" / "odd.yml").read_text("utf-8")
    other = more.split("---")[0].replace(SINGLE, SINGLE.replace("aa", "cc"))
    (house.content_dir / "rules" / "other.yml").write_text(other, "utf-8")
    assert reload.step() == 1
    house.journal.append([asked(3)])
    assert fired(house) == {COUNTED, SINGLE.replace("aa", "cc")}


def test_a_broken_rule_is_told_and_the_others_hold(house: House) -> None:
    reload = Reload(house)
    (house.content_dir / "rules" / "bad.yml").write_text("title: [", "utf-8")
    assert reload.step() == 1
    assert set(house.rules) == {SINGLE, COUNTED}
    house.pulse.write()
    parts = {part["part"]: part for part in house.health()["parts"]}
    assert "rules/bad.yml" in parts["sensor:rules"]["problems"][0]


def test_a_rule_that_is_switched_off_no_longer_holds(house: House) -> None:
    reload = Reload(house)
    switch_off(house.content_dir / "rules", COUNTED, by="lan", day="2026-11-22", reason="noise")
    assert reload.step() == 1
    assert set(house.rules) == {SINGLE}


def test_the_turn_of_the_day_lets_exceptions_end(house: House, clock: Clock) -> None:
    reload = Reload(house)
    clock.now += timedelta(days=1)
    assert reload.step() == 1
