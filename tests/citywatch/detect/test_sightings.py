"""Does the stored past tell who was in contact with what a warning names?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from citywatch.clock import stamp_us
from citywatch.detect import sightings as past
from citywatch.detect.indicators import Indicator
from citywatch.detect.sightings import Past, sightings
from citywatch.model import Event
from citywatch.ports import Store
from citywatch.settings import Elastic
from citywatch.store.elastic import ElasticStore
from citywatch.store.sqlite import SqliteStore

T0 = 1_790_000_000_000_000


def event(number: int, **fields: Any) -> Event:
    at = stamp_us(T0 + number * 1_000_000)
    return {
        "@timestamp": at,
        "event.id": f"e{number:03}",
        "event.kind": "event",
        "event.category": ["network"],
        "event.dataset": "network.flow",
        "event.module": "network",
        "event.sequence": number + 1,
        "event.ingested": at,
        **{name.replace("__", "."): value for name, value in fields.items()},
    }


EVENTS = [
    event(0, source__ip="10.0.0.5", destination__ip="198.51.100.7"),
    event(1, source__ip="10.0.0.5", destination__ip="198.51.100.77"),
    event(2, source__ip="10.0.0.6", destination__ip="203.0.113.200"),
    event(3, source__ip="10.0.0.7", dns__question__name="cdn.evil.example"),
    event(4, source__ip="10.0.0.7", dns__question__name="notevil.example"),
    event(5, source__ip="10.0.0.8", url__full="http://evil.example/a?b=1", url__domain="evil.example"),
    event(6, source__ip="198.51.100.7", destination__ip="10.0.0.9"),
    event(7, host__name="pc1", winlog__event_data__Hashes=f"SHA1=1,MD5={'AB' * 16}"),
    event(8, source__ip="10.0.0.5", destination__ip="198.51.100.7"),
    event(9, source__ip="10.0.0.4", destination__ip="2001:db8:7::1"),
    event(10, source__ip="10.0.0.4", email__from__address=["boss@mail.evil.example"]),
]


class Asked(SqliteStore):
    """A store that is asked for values, as one is that has an index for every field."""

    @property
    def quick(self) -> bool:
        return True


@pytest.fixture(scope="module", params=[SqliteStore, Asked])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path: Path = tmp_path_factory.mktemp("store") / "citywatch.db"
    made: SqliteStore = request.param(path, clock=lambda: datetime(2026, 11, 22, tzinfo=UTC))
    made.append(EVENTS)
    yield made
    made.close()


def one(kind: str, value: str) -> Indicator:
    return Indicator(type=kind, value=value, source="NCSC", valid_from="2030-01-01T00:00:00.000000Z")


ASKED = [
    one("ip", "198.51.100.7"),
    one("network", "203.0.113.128/25"),
    one("network", "2001:db8:7::/48"),
    one("domain", "evil.example"),
    one("md5", "ab" * 16),
    one("url", "evil.example/a"),
]


def told(found: Past) -> set[tuple[str, str, tuple[str, ...], int]]:
    return {
        (one.indicator.value, one.field, tuple(value for _, value in one.who), one.count)
        for one in found.sightings
    }


WANTED = {
    ("198.51.100.7", "destination.ip", ("10.0.0.5",), 2),
    ("198.51.100.7", "source.ip", ("10.0.0.9",), 1),
    ("203.0.113.128/25", "destination.ip", ("10.0.0.6",), 1),
    ("2001:db8:7::/48", "destination.ip", ("10.0.0.4",), 1),
    ("evil.example", "dns.question.name", ("10.0.0.7",), 1),
    ("evil.example", "url.domain", ("10.0.0.8",), 1),
    ("evil.example", "email.from.address", ("10.0.0.4",), 1),
    ("evil.example/a", "url.full", ("10.0.0.8",), 1),
    ("ab" * 16, "winlog.event_data.Hashes", ("pc1",), 1),
}


def test_who_was_in_contact_is_told_with_first_and_last_time(store: Store) -> None:
    found = sightings(store, ASKED)
    assert told(found) == WANTED
    assert found.complete
    most = next(item for item in found.sightings if item.count == 2)
    assert most.first_at == stamp_us(T0)
    assert most.last_at == stamp_us(T0 + 8_000_000)
    assert set(most.event_ids) == {"e000", "e008"}


def test_many_indicators_are_compared_with_what_the_store_holds_and_give_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "FEW", 0)
    found = sightings(store, [*ASKED, *(one("domain", f"d{number}.example") for number in range(5000))])
    assert told(found) == WANTED


def test_time_narrows_what_is_asked(store: Store) -> None:
    found = sightings(store, ASKED, start=stamp_us(T0 + 5_000_000), end=stamp_us(T0 + 7_000_000))
    assert {item.event_ids for item in found.sightings} == {("e005",), ("e006",)}


def test_a_limit_that_was_reached_is_told(store: Store) -> None:
    assert not sightings(store, ASKED, most_events=1).complete
    assert sightings(store, []) == Past(sightings=(), events=0, complete=True)


@pytest.mark.elasticsearch
def test_elasticsearch_tells_the_same(elasticsearch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Elastic(prefix=f"sight-{uuid4().hex[:8]}", replicas=0)
    large = ElasticStore(elasticsearch, settings, clock=lambda: datetime(2026, 11, 22, tzinfo=UTC))
    large.append(EVENTS)
    found = sightings(large, ASKED)
    assert (told(found), found.complete) == (WANTED, True)
    monkeypatch.setattr(past, "FEW", 0)
    found = sightings(large, ASKED)
    assert (told(found), found.complete) == (WANTED, True)
    large.drop_before("2100-01-01")
    large.close()
