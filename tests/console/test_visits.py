"""Is what visits gave kept whole, and what did not change not written again?"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import Portal
from console.faces import from_record
from console.house import House, open_house
from console.visits import Keeper, StoredFaces, StoredMemories, pack, unpack
from sensors.portal.baseline import Baseline
from sensors.portal.memory import NOTHING, Memory, Seen
from sensors.portal.visit import Visit

MEMORY = Memory(baseline=1, learned=3, seen={"desktop /": Seen(signature="ab", steady=("cd",))}, links=("x",))


@pytest.fixture
def house(tmp_path: Path) -> Generator[House]:
    with open_house(tmp_path / "data", make=True) as opened:
        yield opened


def visit(portal_id: str = "p", *, version: int = 1, judged: int = 1, visits: int = 4) -> Visit:
    event = {
        "@timestamp": "2026-11-27T08:00:00.000000Z",
        "event.id": f"{portal_id}-{version}-{visits}",
        "event.dataset": "portal.page",
        "event.kind": "event",
    }
    return Visit(
        portal=Portal(id=portal_id, url="https://a.example/", name="A", agency="a"),
        events=(event,) if judged else (),
        baseline=Baseline(portal=portal_id, version=version, visits=visits),
        learned=judged > 0,
        memory=MEMORY,
        judged=judged,
        unchanged=4 - judged,
    )


def test_events_faces_memory_and_the_visit_are_kept(house: House) -> None:
    keeper = Keeper(house)
    keeper.add(visit())
    assert keeper.flush() == 1
    assert house.journal.health().last == 1
    assert StoredFaces(house.store, ["p"])["p"].visits == 4
    assert StoredMemories(house.store, ["p"])["p"] == MEMORY
    record = house.store.get("visit", "p")
    assert record is not None
    assert (record.doc["judged"], record.doc["unchanged"]) == (1, 3)


def test_a_visit_that_found_all_as_it_was_writes_one_small_record(house: House) -> None:
    keeper = Keeper(house)
    keeper.add(visit(judged=0))
    keeper.flush()
    assert house.journal.health().last == 0
    assert house.store.get("baseline", "p") is None
    assert house.store.get("memory", "p") is None
    assert house.store.get("visit", "p") is not None


def test_a_face_accepted_during_the_visit_is_not_overwritten(house: House) -> None:
    keeper = Keeper(house)
    keeper.add(visit(version=2))
    keeper.flush()
    keeper.add(visit(version=1, visits=9))
    keeper.flush()
    record = house.store.get("baseline", "p")
    assert record is not None
    assert from_record(record.doc).version == 2


def test_many_visits_are_written_in_batches(house: House) -> None:
    keeper = Keeper(house, chunk=10)
    for number in range(25):
        keeper.add(visit(f"p{number}"))
    assert len(house.store.get_many("visit", [f"p{number}" for number in range(25)])) == 20
    assert keeper.flush() == 5
    assert keeper.flush() == 0


def test_memories_are_read_in_order_and_none_is_missing(house: House) -> None:
    keeper = Keeper(house)
    ids = [f"p{number:04d}" for number in range(450)]
    for portal_id in ids[::2]:
        keeper.add(visit(portal_id))
    keeper.flush()
    memories = StoredMemories(house.store, ids)
    assert [memories.get(portal_id, NOTHING) == MEMORY for portal_id in ids] == [
        number % 2 == 0 for number in range(450)
    ]


def test_a_portal_without_a_baseline_has_none(house: House) -> None:
    assert StoredFaces(house.store, ["p"]).get("p") is None


def test_a_memory_comes_back_as_it_was() -> None:
    assert unpack(pack(MEMORY)) == MEMORY


@given(st.text(max_size=200))
def test_a_broken_memory_is_made_anew(text: str) -> None:
    assert isinstance(unpack(text), Memory)
