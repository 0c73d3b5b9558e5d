"""Are rules that are slow, fail or were refused named, and does one that fails stop no other?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console import meter
from console.house import House, open_house
from console.meter import Cost, Meter

RULE = """title: {title}
id: {id}
status: test
logsource: {{product: zeek, service: http}}
detection:
  s: {{url.path|contains: {word}}}
  condition: s
level: low
citywatch: {{category: web_attack, subject: [source.ip]}}
"""
IDS = {
    "first": "0d0fe4e2-6a3f-4a33-8a62-54e1f7d1c0f1",
    "second": "0d0fe4e2-6a3f-4a33-8a62-54e1f7d1c0f2",
}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(meter, "ROUND_S", 60.0)
    own = tmp_path / "rules" / "sigma" / "own"
    own.mkdir(parents=True)
    for title, key in IDS.items():
        (own / f"{title}.yml").write_text(RULE.format(title=title, id=key, word=title), "utf-8")
    (own / "broken.yml").write_text("title: broken\ndetection: [", "utf-8")
    with open_house(tmp_path, store=None) as made:
        made.journal.append([event(number) for number in range(40)])
        yield made


def event(number: int) -> dict[str, Any]:
    return {
        "@timestamp": "2026-11-22T08:00:00.000000Z", "event.id": f"{number:032x}", "event.kind": "event",
        "event.dataset": "network.http", "source.ip": "10.0.0.1", "url.path": f"/first/{number}",
    }  # fmt: skip


def all_round(made: House) -> meter.Reading:
    """After a round in which each rule was asked."""
    Meter(made).step()
    return meter.read(made.store)


def test_every_rule_of_the_newest_events_is_measured_by_name(house: House) -> None:
    reading = all_round(house)
    known = {cost.id: cost for cost in reading.dearest}
    assert reading.rules == len(house.rulebook.ruleset.events)
    assert reading.measured >= len(IDS)
    assert {one.events for one in known.values()} == {40}
    assert all(one.us > 0 for one in known.values())
    assert [one.us for one in reading.dearest] == sorted((one.us for one in reading.dearest), reverse=True)
    refused = [one for one in reading.ill if one.what == "refused"]
    assert any(one.source.endswith("broken.yml") for one in refused)


def test_a_rule_that_fails_is_named_and_the_others_are_measured(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, before = meter.cost_of, all_round(house)

    def cost(rule: Any, events: Any) -> dict[str, Any]:
        if rule.rule.id == IDS["first"]:
            raise ZeroDivisionError("no")
        return good(rule, events)

    monkeypatch.setattr(meter, "cost_of", cost)
    reading = all_round(house)
    [failing] = [one for one in reading.ill if one.what == "fails"]
    assert (failing.id, failing.title, failing.detail) == (IDS["first"], "first", "ZeroDivisionError: no")
    assert reading.measured == before.measured - 1
    house.pulse.write()
    part = house.store.get("health", "rule meter")
    assert part
    assert (part.doc["counts"]["fails"], "1 rules fail" in part.doc["error"]) == (1, True)
    monkeypatch.setattr(meter, "cost_of", good)
    assert not [one for one in all_round(house).ill if one.what == "fails"]


def test_a_rule_that_raised_while_judging_is_named(house: House) -> None:
    house.rulebook.judge([{**event(1), "url.path": 10**5000, "event.module": "zeek"}])
    failing = {one.id: one for one in all_round(house).ill if one.what == "fails"}
    assert set(IDS.values()) <= set(failing)
    assert failing[IDS["first"]].source.endswith("first.yml")
    assert failing[IDS["first"]].detail.startswith("ValueError: Exceeds the limit")
    assert house.store.get("meter", "rules")


@pytest.mark.parametrize(
    ("us", "worst", "events", "slow"),
    [(3.0, 0.1, 200, False), (300.0, 1.0, 200, True), (300.0, 1.0, 5, False), (3.0, 25.0, 5, True)],
)
def test_a_rule_is_slow_in_the_mean_or_at_its_worst(
    us: float, worst: float, events: int, slow: object
) -> None:
    cost = Cost(id="a", title="a", source="a", events=events, us=us, worst_ms=worst)
    assert cost.slow is slow


def test_nothing_is_measured_before_there_are_events(tmp_path: Path) -> None:
    with open_house(tmp_path, store=None) as made:
        Meter(made).step()
        reading = meter.read(made.store)
    assert (reading.measured, reading.dearest) == (0, ())
    assert reading.rules > 0


def test_a_round_ends_in_time_and_the_next_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = all_round(house).measured
    monkeypatch.setattr(meter, "ROUND_S", 0.0)
    one = Meter(house)
    found: list[int] = []
    for _ in range(len(house.rulebook.ruleset.events)):
        one.step()
        found.append(meter.read(house.store).measured)
    assert found[0] <= 1
    assert found[-1] == whole
