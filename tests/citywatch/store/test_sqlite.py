"""Does the SQLite store keep the store's promises, from threads, processes and on bad disks?"""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from citywatch.clock import system_clock
from citywatch.errors import Conflict, StoreError, StoreUnreachable
from citywatch.ports import Condition, Is, Like, Not, Query, Store, Text
from citywatch.store.sqlite import SqliteStore
from tests.citywatch.store.contract import StoreContract, event, numbers


def opened(path: Path) -> SqliteStore:
    return SqliteStore(path, clock=system_clock)


class TestSqliteStore(StoreContract):
    @pytest.fixture(scope="class")
    @classmethod
    def make(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Store]]:
        made: list[SqliteStore] = []

        def make() -> Store:
            made.append(opened(tmp_path_factory.mktemp("store") / "store.sqlite"))
            return made[-1]

        yield make
        for store in made:
            store.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = opened(tmp_path / "store.sqlite")
    yield made
    made.close()


def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    first = opened(tmp_path / "deep" / "store.sqlite")
    first.append([event(1)])
    first.put_if("ticket", "t", {"state": "new"}, 0)
    first.close()
    second = opened(tmp_path / "deep" / "store.sqlite")
    assert numbers(second.scan(0, 9)) == [1]
    assert second.get("ticket", "t") is not None
    assert second.append([event(1), event(2)]) == 1
    second.close()


def test_a_list_in_a_hot_column_is_found_all_the_same(store: SqliteStore) -> None:
    store.append(
        [event(1, host__name=["a", "B"]), event(2, host__name="b"), event(3, source__ip="::FFFF:10.0.0.1")]
    )
    assert store.search(Query(where=Is("host.name", "b"))).total == 2
    assert store.search(Query(where=Like("host.name", "A"))).total == 1
    assert store.search(Query(where=Is("source.ip", "10.0.0.0/8"))).total == 1
    assert store.aggregate(Query(), "host.name") == [("b", 2), ("a", 1)]


def test_readers_in_threads_work_beside_the_writer(store: SqliteStore) -> None:
    def read(_: int) -> int:
        return store.search(Query(where=Text("flow"), limit=1)).total

    with ThreadPoolExecutor(16) as pool:
        totals = [pool.submit(read, number) for number in range(60)]
        for start in range(0, 1000, 100):
            store.append([event(number) for number in range(start, start + 100)])
        assert all(total.result() % 100 == 0 for total in totals)
    assert read(0) == 1000


def test_of_many_threads_one_wins_each_version(store: SqliteStore) -> None:
    def change(number: int) -> bool:
        try:
            store.put_if("counter", "c", {"by": number}, 0)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(change, range(40))) == 1


def _count_up(path: str, times: int) -> None:
    store = opened(Path(path))
    done = 0
    while done < times:
        held = store.get("counter", "c")
        try:
            store.put_if(
                "counter", "c", {"value": (held.doc["value"] if held else 0) + 1}, held.version if held else 0
            )
            done += 1
        except Conflict:
            continue
    store.close()


def test_processes_do_not_overwrite_each_other(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    opened(path).close()
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_count_up, args=(str(path), 15)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    store = opened(path)
    held = store.get("counter", "c")
    store.close()
    assert held is not None
    assert (held.doc, held.version) == ({"value": 30}, 30)


def test_a_file_that_is_no_store_is_told(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"not a database, but long enough to be read as a header " * 100)
    with pytest.raises(StoreError, match="move it away"):
        opened(path)


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    store = opened(path)
    store.append([event(number, message="x" * 500) for number in range(200)])
    store.close()
    raw = bytearray(path.read_bytes())
    raw[4096 * 3 :] = b"\xff" * (len(raw) - 4096 * 3)
    path.write_bytes(raw)
    store = opened(path)
    with pytest.raises(StoreError, match="restore it from a backup"):
        store.append([event(number) for number in range(200, 300)])
    store.close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        opened(tmp_path / "file" / "store.sqlite")


def test_a_newer_format_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StoreError, match="newer CityWatch"):
        opened(path)


def test_a_full_disk_is_told_and_nothing_is_half_written(store: SqliteStore) -> None:
    with store._file.idle() as connection:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the cap is a connection's
        connection.execute(
            f"PRAGMA max_page_count={connection.execute('PRAGMA page_count').fetchone()[0] + 10}"
        )
    with pytest.raises(StoreError, match="free some room"):
        store.append([event(number, message="x" * 1000) for number in range(200)])
    assert store.search(Query()).total == 0


def test_a_search_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite", clock=system_clock, patience_s=0)
    store.append([event(number, message="x" * 1000) for number in range(3000)])
    with pytest.raises(StoreError, match="narrow its time"):
        store.search(Query(where=Text("needle")))
    store.close()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = opened(tmp_path / "store.sqlite")
    store.close()
    with pytest.raises(StoreUnreachable, match="closed"):
        store.scan(0, 1)


def test_half_a_surrogate_in_a_question_is_told(store: SqliteStore) -> None:
    store.append([event(1)])
    with pytest.raises(StoreError):
        store.search(Query(where=Is("host.name", "\ud800")))


def test_a_file_of_the_first_format_gets_the_indexes_of_the_present_one(tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite"
    store = opened(file)
    store.put_many("alert", {"a": {"agency": "x", "last_seen": "2026-11-22T08:00:00.000000Z"}})
    store.close()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP INDEX records_by3")
        connection.execute("CREATE INDEX records_h3 ON records (kind, h3, id)")
        connection.execute("PRAGMA user_version=1")
    store = opened(file)
    asked = Query(where=Is("agency", "x"), order="last_seen")
    assert [record.id for record in store.find("alert", asked).records] == ["a"]
    store.close()
    with closing(sqlite3.connect(file)) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    assert "records_by3" in names
    assert "records_h3" not in names


def test_a_file_of_the_second_format_finds_what_people_did(tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite"
    store = opened(file)
    store.put_many("alert_state", {"a": {"state": "closed", "changed_at": "2026-11-22T08:00:00.000000Z"}})
    store.close()
    with closing(sqlite3.connect(file)) as connection:  # the state stood first then
        connection.execute("UPDATE records SET h0 = h1, h1 = h0")
        connection.execute("PRAGMA user_version=2")
        connection.commit()
    store = opened(file)
    asked = Query(where=Is("state", "closed"), order="changed_at", start="2026-11-22T00:00:00.000000Z")
    assert [record.id for record in store.find("alert_state", asked).records] == ["a"]
    store.close()


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (Is("note", "10.0.0.1"), ["a"]),
        (Is("note", "1e3"), ["b"]),
        (Is("note", "1000"), ["b"]),
        (Is("note", 'he said "no"'), ["c"]),
        (Is("note", "100%_!"), ["d"]),
        (Not(Is("note", "10.0.0.1")), ["b", "c", "d"]),
        (Not(Text("said")), ["a", "b", "d"]),
        (Text('said "NO'), ["c"]),
        (Text("1000"), ["b"]),
    ],
)
def test_a_field_without_a_column_is_found_whatever_json_makes_of_it(
    tmp_path: Path, condition: Condition, found: list[str]
) -> None:
    store = opened(tmp_path / "s.sqlite")
    notes = {"a": "10.0.0.1", "b": 1e3, "c": 'he said "no"', "d": "100%_!"}
    store.put_many("draft", {key: {"note": note} for key, note in notes.items()})
    page = store.find("draft", Query(where=condition, order="id", newest_first=False))
    assert sorted(record.id for record in page.records) == found
    store.close()
