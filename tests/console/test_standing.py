"""Does a kept search find what is new, once, also when it came late, and never the same twice?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from citywatch.clock import stamp
from citywatch.model import Event, Severity, to_doc
from citywatch.ports import Query, Store
from citywatch.store.sqlite import SqliteStore
from console import standing
from console.standing import Hunt, Standing
from console.web.query import read_event_query

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def store(tmp_path: Path, clock: Time) -> Iterator[Store]:
    made = SqliteStore(tmp_path / "s.sqlite", clock=clock)
    yield made
    made.close()


@pytest.fixture
def house(store: Store, clock: Time) -> Standing:
    standing.keep(
        store, Hunt(id="h", name="SSH", q="destination.port:22", every="hour", severity=Severity.high)
    )
    made = Standing(store, clock, read_event_query)
    made.step()
    return made


def put(store: Store, sequence: int, at: datetime, port: int = 22) -> None:
    event: Event = {
        "@timestamp": stamp(at), "event.id": f"{sequence:032x}", "event.sequence": sequence,
        "event.ingested": stamp(at), "event.kind": "event", "destination.port": port,
    }  # fmt: skip
    store.append([event])


def alerts(store: Store) -> list[dict[str, object]]:
    return [record.doc for record in store.find("alert", Query(order="last_seen")).records]


def later(house: Standing, clock: Time, hours: float = 1) -> int:
    clock.now += timedelta(hours=hours)
    return house.step()


def test_what_is_new_becomes_one_alert_and_is_not_found_again(
    store: Store, clock: Time, house: Standing
) -> None:
    for number in (1, 2, 3):
        put(store, number, clock.now, port=22 if number < 3 else 80)
    assert later(house, clock) == 1
    [alert] = alerts(store)
    assert (alert["title"], alert["count"], alert["severity"]) == ("SSH", 2, int(Severity.high))
    assert later(house, clock) == 1
    assert len(alerts(store)) == 1


def test_what_was_there_before_the_first_time_is_not_an_alert(
    store: Store, clock: Time, house: Standing
) -> None:
    put(store, 5, clock.now)
    standing.keep(store, Hunt(id="late", name="late", q="destination.port:22", every="hour"))
    house.step()
    assert later(house, clock) == 2
    assert [alert["title"] for alert in alerts(store)] == ["SSH"]


def test_an_event_that_arrives_late_is_found(store: Store, clock: Time, house: Standing) -> None:
    put(store, 10, clock.now)
    later(house, clock)
    put(store, 11, clock.now - timedelta(hours=20))
    later(house, clock)
    assert len(alerts(store)) == 2


def test_it_is_repeated_when_its_time_has_come_and_not_before(
    clock: Time, house: Standing, store: Store
) -> None:
    assert later(house, clock, 0.9) == 0
    assert later(house, clock, 0.2) == 1
    standing.keep(store, Hunt(id="never", name="never", q="destination.port:22"))
    assert later(house, clock, 0.1) == 0


def test_a_kill_between_alert_and_hunt_doubles_nothing(store: Store, clock: Time, house: Standing) -> None:
    put(store, 1, clock.now)
    before = standing.read_all(store)[0]
    later(house, clock)
    store.put_many("hunt", {"h": to_doc(before)})
    house.step()
    assert len(alerts(store)) == 1


def test_a_search_that_can_no_longer_be_read_is_told_and_stops_no_other(
    store: Store, clock: Time, house: Standing
) -> None:
    standing.keep(store, Hunt(id="a", name="a", q="no.such.field:1", every="hour", at=stamp(clock.now)))
    put(store, 1, clock.now)
    assert later(house, clock) == 2
    broken = next(hunt for hunt in standing.read_all(store) if hunt.id == "a")
    assert "unknown_field" in broken.error
    assert len(alerts(store)) == 1


def test_there_are_only_so_many(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "MOST", 1)
    assert standing.keep(store, Hunt(id="1", name="1"))
    assert not standing.keep(store, Hunt(id="2", name="2"))
    assert standing.keep(store, Hunt(id="1", name="again"))
