"""Does every event reach the store, however often it is down?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from citywatch.errors import StoreUnreachable
from citywatch.journal import LmdbJournal
from citywatch.model import Event
from citywatch.ports import Query
from citywatch.store.shipper import Shipper
from citywatch.store.sqlite import SqliteStore

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Time:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class UnsteadyStore(SqliteStore):
    """A real store that is down while `down`, and may take a chunk and then not say so."""

    down = False
    silent = False

    def append(self, events: Sequence[Event]) -> int:
        if self.down:
            raise StoreUnreachable("does not answer")
        new = super().append(events)
        if self.silent:
            raise StoreUnreachable("the connection broke")
        return new


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def journal(tmp_path: Path, time: Time) -> Iterator[LmdbJournal]:
    journal = LmdbJournal(tmp_path / "journal", cap_mb=8, drop_oldest=False, clock=time)
    journal.append([{"event.id": f"e{n}", "@timestamp": "2026-11-22T08:00:00.000000Z"} for n in range(25)])
    yield journal
    journal.close()


@pytest.fixture
def store(tmp_path: Path, time: Time) -> Iterator[UnsteadyStore]:
    store = UnsteadyStore(tmp_path / "store.sqlite", clock=time)
    yield store
    store.close()


def test_chunks_go_in_order_until_nothing_waits(
    journal: LmdbJournal, store: UnsteadyStore, time: Time
) -> None:
    shipper = Shipper(journal, store, chunk=10, clock=time)
    assert shipper.waiting == 25
    assert [shipper.step() for _ in range(4)] == [10, 10, 5, 0]
    assert shipper.waiting == 0
    assert [event["event.sequence"] for event in store.scan(0, 100)] == list(range(1, 26))


def test_a_store_that_is_down_is_asked_less_and_less_often_and_then_gets_all(
    journal: LmdbJournal, store: UnsteadyStore, time: Time
) -> None:
    shipper = Shipper(journal, store, chunk=10, clock=time)
    store.down = True
    asked = 0
    for _ in range(600):
        before = shipper.problem
        shipper.problem = ""
        shipper.step()
        asked += bool(shipper.problem)
        shipper.problem = shipper.problem or before
        time.pass_s(1)
    assert 10 < asked < 20
    assert "does not answer" in shipper.problem
    assert journal.cursor("store") == 0
    store.down = False
    time.pass_s(60)
    assert [shipper.step() for _ in range(4)] == [10, 10, 5, 0]
    assert shipper.problem == ""


def test_a_chunk_that_was_taken_without_a_word_is_not_doubled(
    journal: LmdbJournal, store: UnsteadyStore, time: Time
) -> None:
    shipper = Shipper(journal, store, clock=time)
    store.silent = True
    assert shipper.step() == 0
    store.silent = False
    time.pass_s(2)
    assert shipper.step() == 25
    assert store.search(Query()).total == 25
