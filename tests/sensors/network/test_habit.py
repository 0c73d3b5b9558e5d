"""Is what is new or rare told once, with its numbers, and what everybody does never?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citywatch.clock import stamp_us
from citywatch.model import Event
from sensors.network import habit
from sensors.network.habit import KEPT_DAYS, MOST_HOSTS, RARE_HOSTS, Day, Memory

TODAY = 20_000
START_US = TODAY * 86_400_000_000


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    made = Memory(tmp_path / "habits.db")
    yield made
    made.close()


def is_own(address: str) -> bool:
    return address.startswith("10.")


def flow(source: str, target: str, port: int = 443, sent: int = 100, got: int = 100) -> Event:
    return {
        "@timestamp": stamp_us(START_US),
        "event.dataset": "network.flow",
        "source.ip": source,
        "destination.ip": target,
        "destination.port": port,
        "network.transport": "tcp",
        "citywatch.flow.payload.out_bytes": sent,
        "citywatch.flow.payload.in_bytes": got,
    }


def day(*events: Event) -> Day:
    made = Day(is_own)
    for event in events:
        made.add(event)
    return made


def told(memory: Memory, events: Day, today: int = TODAY) -> dict[tuple[str, str], Event]:
    found = list(memory.events(events, today=today))
    memory.learn(events, today=today)
    return {(event["citywatch.habit.kind"], event["citywatch.habit.thing"]): event for event in found}


def test_a_destination_is_new_once_and_rare_while_few_use_it(memory: Memory) -> None:
    lone = flow("10.0.0.1", "192.0.2.1", sent=70)
    first = told(memory, day(lone, lone))[("destination", "192.0.2.1")]
    assert first["citywatch.habit.first_seen"] is True
    assert (first["citywatch.habit.hosts"], first["citywatch.habit.out_bytes"]) == (1, 140)
    assert first["citywatch.habit.known_days"] == 0
    second = told(memory, day(lone), TODAY + 1)[("destination", "192.0.2.1")]
    assert second["citywatch.habit.first_seen"] is False
    assert second["citywatch.habit.known_days"] == 1
    others = [flow(f"10.0.0.{number}", "192.0.2.1") for number in range(2, 6)]
    told(memory, day(*others), TODAY + 1)
    assert told(memory, day(lone), TODAY + 2) == {}


def test_rarity_is_told_among_all_own_hosts(memory: Memory) -> None:
    crowd = [flow(f"10.0.0.{number}", "192.0.2.80") for number in range(1, 12)]
    found = told(memory, day(*crowd, flow("10.0.0.1", "192.0.2.9")))
    rare = found[("destination", "192.0.2.9")]
    assert (rare["citywatch.habit.hosts"], rare["citywatch.habit.of_hosts"]) == (1, 11)
    assert rare["citywatch.habit.rarity"] == 1.0


def test_a_service_is_told_when_it_is_new_and_not_for_being_alone(memory: Memory) -> None:
    seen = day(flow("10.0.0.1", "10.0.0.9", 3389))
    new = told(memory, seen)[("service", "10.0.0.9:3389")]
    assert (new["destination.ip"], new["destination.port"]) == ("10.0.0.9", 3389)
    assert "source.ip" not in new
    assert told(memory, seen, TODAY + 1) == {}


def test_what_was_not_answered_or_is_not_ours_is_passed_over() -> None:
    nothing = [
        flow("10.0.0.1", "192.0.2.1", got=0),
        flow("192.0.2.7", "192.0.2.1"),
        {"event.dataset": "portal.page", "source.ip": "10.0.0.1"},
        {"event.dataset": "network.dns", "source.ip": "10.0.0.1", "@timestamp": stamp_us(START_US)},
    ]
    assert day(*nothing).uses == {}


def test_names_and_fingerprints_are_habits_too(memory: Memory) -> None:
    at = {"@timestamp": stamp_us(START_US), "source.ip": "10.0.0.1"}
    name: Event = at | {"event.dataset": "network.dns", "dns.question.registered_domain": "example.net"}
    hello: Event = at | {"event.dataset": "network.tls", "citywatch.tls.client.ja4": "t13d"}
    assert set(told(memory, day(name, hello))) == {("domain", "example.net"), ("fingerprint", "t13d")}


def test_a_night_that_is_killed_tells_the_same_again(memory: Memory) -> None:
    seen = day(flow("10.0.0.1", "192.0.2.1"), flow("10.0.0.2", "10.0.0.9", 22))
    first = [event["event.id"] for event in memory.events(seen, today=TODAY)]
    assert first == [event["event.id"] for event in memory.events(seen, today=TODAY)]
    assert len(set(first)) == 2


def test_what_is_long_ago_is_forgotten(memory: Memory) -> None:
    seen = day(flow("10.0.0.1", "192.0.2.1"))
    told(memory, seen)
    told(memory, day(), TODAY + KEPT_DAYS + 1)
    again = told(memory, seen, TODAY + KEPT_DAYS + 2)[("destination", "192.0.2.1")]
    assert again["citywatch.habit.first_seen"] is True


def test_memory_and_day_are_bounded(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    told(memory, day(*(flow(f"10.0.{n // 250}.{n % 250}", "192.0.2.1") for n in range(3 * MOST_HOSTS))))
    monkeypatch.setattr(habit, "MOST_KEYS", 2)
    full = day(*(flow("10.0.0.1", f"192.0.2.{n}") for n in range(5)))
    assert (len(full.uses), full.left_out) == (2, 3)
    monkeypatch.setattr(habit, "MOST_TOLD", 1)
    assert len(list(memory.events(full, today=TODAY))) == 1


FLOWS = st.builds(
    flow,
    st.sampled_from([f"10.0.0.{number}" for number in range(6)]),
    st.sampled_from(["192.0.2.1", "192.0.2.2", "10.0.0.9"]),
    st.sampled_from([22, 443]),
)


@given(st.lists(st.lists(FLOWS, max_size=6), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_it_says_what_counting_says(tmp_path: Path, days: list[list[Event]]) -> None:
    path = tmp_path / "drawn.db"
    path.unlink(missing_ok=True)
    memory = Memory(path)
    users: dict[tuple[str, str], set[str]] = {}
    for number, events in enumerate(days):
        seen = day(*events)
        before = {key: set(hosts) for key, hosts in users.items()}
        for kind, thing, host in seen.uses:
            users.setdefault((kind, thing), set()).add(host)
        wanted: set[tuple[str, str, str]] = set()
        for kind, thing, host in seen.uses:
            known = before.get((kind, thing), set())
            if not known or (kind != "service" and len(known | {host}) <= RARE_HOSTS):
                wanted.add((kind, thing, host))
        found = {_key(event) for event in memory.events(seen, today=TODAY + number)}
        memory.learn(seen, today=TODAY + number)
        assert found == wanted
    memory.close()


def _key(event: Event) -> tuple[str, str, Any]:
    kind = event["citywatch.habit.kind"]
    host = event["destination.ip"] if kind == "service" else event["source.ip"]
    return kind, event["citywatch.habit.thing"], host
