"""Are regular calls and new habits found over stored events, once, and judged?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from citywatch.clock import stamp
from citywatch.model import Agency, Event, to_doc
from citywatch.ports import Query
from console.habits import look_back
from console.house import House, open_house

NOW = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)


def flow(number: int, at: datetime, source: str = "10.20.0.66", target: str = "198.51.100.9") -> Event:
    return {
        "@timestamp": stamp(at),
        "event.id": f"flow-{source}-{target}-{number}",
        "event.kind": "event",
        "event.category": ["network"],
        "event.dataset": "network.flow",
        "event.module": "eve",
        "source.ip": source,
        "destination.ip": target,
        "destination.port": 443,
        "network.transport": "tcp",
        "source.bytes": 500,
        "destination.bytes": 900,
        "citywatch.flow.state": "SF",
    }


def stored(house: House, events: list[Event]) -> None:
    house.journal.append(events)
    house.store.append(house.journal.read("test", 10_000, after=0))


def read(house: House, dataset: str) -> list[Event]:
    return [event for event in house.journal.read("t", 10_000, after=0) if event["event.dataset"] == dataset]


def test_stored_flows_of_any_sensor_are_scored_and_compared(tmp_path: Path) -> None:
    with open_house(tmp_path / "data", make=True, clock=lambda: NOW) as house:
        owner = Agency(id="a", name="A", networks=("203.0.113.0/24",))
        house.store.put_many("agency", {"a": to_doc(owner)})
        calls = [flow(number, NOW - timedelta(minutes=number)) for number in range(1, 60)]
        old = flow(99, NOW - timedelta(days=3), target="198.51.100.77")
        named = flow(98, NOW - timedelta(hours=1), source="203.0.113.5", target="198.51.100.20")
        stored(house, [*calls, old, named])
        done = look_back(house)
        assert done["read"] == 61
        (beacon,) = read(house, "network.beacon")
        assert beacon["citywatch.beacon.score"] >= 0.8
        assert (beacon["source.ip"], beacon["destination.ip"]) == ("10.20.0.66", "198.51.100.9")
        assert "log.file.path" not in beacon
        things = {
            (event["source.ip"], event["citywatch.habit.thing"]) for event in read(house, "network.habit")
        }
        assert things == {("10.20.0.66", "198.51.100.9"), ("203.0.113.5", "198.51.100.20")}
        assert house.judge.run() > 0
        titles = [
            record.doc["title"] for record in house.store.find("alert", Query(order="last_seen")).records
        ]
        assert "A host calls the same server at regular times" in titles
        again = look_back(house)
        assert (again["read"], again["told"]) == (0, 0), "what was read is not read again"
