"""Does the journal lose nothing and double nothing, full, killed and shared?"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.errors import JournalError, JournalFull
from citywatch.journal.lmdb_journal import LmdbJournal
from citywatch.journal.plain import dump
from citywatch.model import Event

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def opened(
    path: Path, *, cap_mb: int = 8, drop_oldest: bool = False, readers: tuple[str, ...] = ()
) -> LmdbJournal:
    return LmdbJournal(path, cap_mb=cap_mb, drop_oldest=drop_oldest, clock=lambda: NOON, readers=readers)


def events(first: int, last: int, *, size: int = 0) -> list[Event]:
    return [{"event.id": f"e{number}", "message": "x" * size} for number in range(first, last + 1)]


def sequences(found: list[Event]) -> list[int]:
    return [event["event.sequence"] for event in found]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[LmdbJournal]:
    made = opened(tmp_path / "journal")
    yield made
    made.close()


def test_sequences_start_at_one_and_have_no_gaps(journal: LmdbJournal) -> None:
    assert journal.append(events(1, 3)) == 3
    assert journal.append(events(2, 5)) == 2
    found = journal.read("judge", 100)
    assert sequences(found) == [1, 2, 3, 4, 5]
    assert [event["event.id"] for event in found] == ["e1", "e2", "e3", "e4", "e5"]
    assert {event["event.ingested"] for event in found} == {"2026-11-22T12:00:00.000000Z"}


def test_the_given_event_is_left_as_it_was(journal: LmdbJournal) -> None:
    given_event: Event = {"event.id": "a"}
    journal.append([given_event, given_event])
    assert given_event == {"event.id": "a"}
    assert journal.health().last == 1


def test_each_reader_goes_at_its_own_pace(journal: LmdbJournal) -> None:
    journal.append(events(1, 10))
    journal.commit("judge", 7)
    assert sequences(journal.read("judge", 2)) == [8, 9]
    assert sequences(journal.read("judge", 2)) == [8, 9]
    assert sequences(journal.read("store", 2)) == [1, 2]
    assert sequences(journal.read("store", 2, after=4)) == [5, 6]
    assert (journal.cursor("judge"), journal.cursor("store")) == (7, 0)
    assert journal.health().readers == {"judge": 7}


def test_a_cursor_never_goes_back(journal: LmdbJournal) -> None:
    journal.append(events(1, 5))
    journal.commit("judge", 4)
    journal.commit("judge", 2)
    assert journal.cursor("judge") == 4


def test_state_belongs_to_its_reader_and_survives(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.commit("judge", 3, state={"a": b"1", "b" * 900: b"2", "c": b"3"})
    first.commit("store", 1, state={"a": b"other"})
    first.commit("judge", 4, state={"a": b"", "c": None})
    first.close()
    again = opened(tmp_path)
    assert again.state("judge") == {"a": b"", "b" * 900: b"2"}
    assert again.state("store") == {"a": b"other"}
    assert again.state("nobody") == {}
    again.close()


def test_progress_is_written_with_the_events(tmp_path: Path) -> None:
    first = opened(tmp_path)
    assert first.progress("eve.json") is None
    first.append(events(1, 2), progress={"eve.json": b"100", "x" * 900: b"1"})
    first.append(events(1, 2), progress={"eve.json": b"200"})
    first.close()
    again = opened(tmp_path)
    assert (again.progress("eve.json"), again.progress("x" * 900)) == (b"200", b"1")
    again.close()


def test_an_event_without_an_id_undoes_the_batch(journal: LmdbJournal) -> None:
    with pytest.raises(JournalError, match=r"event\.id"):
        journal.append([*events(1, 3), {"message": "no id"}], progress={"p": b"1"})
    assert journal.health().last == 0
    assert journal.progress("p") is None
    assert journal.append(events(1, 3)) == 3


def test_a_full_journal_holds_the_sensors_back_and_says_who_lags(tmp_path: Path) -> None:
    journal = opened(tmp_path, cap_mb=1, readers=("judge", "store"))
    journal.append(events(1, 1))
    journal.commit("judge", 1)
    with pytest.raises(JournalFull, match="reader 'store' has still to take") as told:
        fill(journal)
    assert "journal.cap_mb" in str(told.value)
    held = journal.health()
    assert held.bytes_used <= held.bytes_cap
    assert sequences(journal.read("store", 10**6)) == list(range(1, held.last + 1))
    journal.commit("store", held.last)
    with pytest.raises(JournalFull, match="reader 'judge'"):
        journal.append(events(held.last + 1, held.last + 10, size=1000))
    journal.commit("judge", held.last)
    assert journal.append(events(held.last + 1, held.last + 10, size=1000)) == 10
    assert journal.health().dropped == 0
    journal.close()


def fill(journal: LmdbJournal) -> None:
    start = journal.health().last
    for first in range(start + 1, start + 2001, 10):
        journal.append(events(first, first + 9, size=1000))


def test_a_full_journal_without_a_reader_says_so(tmp_path: Path) -> None:
    journal = opened(tmp_path, cap_mb=1)
    with pytest.raises(JournalFull, match="nobody has read"):
        fill(journal)
    journal.close()


def test_what_all_have_done_with_is_trimmed_only_when_room_is_needed(tmp_path: Path) -> None:
    journal = opened(tmp_path, cap_mb=1)
    journal.append(events(1, 100, size=1000))
    journal.commit("judge", 100)
    assert journal.health().first == 1
    assert journal.append(events(1, 100, size=1000)) == 0
    for first in range(101, 3001, 10):
        journal.append(events(first, first + 9, size=1000))
        journal.commit("judge", first + 9)
    health = journal.health()
    assert health.first > 1000
    assert health.last == 3000
    assert health.dropped == 0
    assert journal.append(events(2990, 3000)) == 0
    journal.close()


def test_dropping_the_oldest_is_counted(tmp_path: Path) -> None:
    journal = opened(tmp_path, cap_mb=1, drop_oldest=True, readers=("judge",))
    fill(journal)
    health = journal.health()
    assert health.last == 2000
    assert health.dropped == health.first - 1 > 0
    assert sequences(journal.read("judge", 10**6)) == list(range(health.first, 2001))
    journal.close()


def test_a_batch_larger_than_the_journal_is_refused_whole(tmp_path: Path) -> None:
    journal = opened(tmp_path, cap_mb=1, drop_oldest=True)
    journal.append(events(1, 5))
    with pytest.raises(JournalFull, match="does not fit"):
        journal.append(events(6, 2000, size=2000))
    assert journal.health().last == 5
    assert journal.append(events(6, 7)) == 2
    journal.close()


def test_a_batch_larger_than_the_spare_pages_finds_room(tmp_path: Path) -> None:
    journal = opened(tmp_path, cap_mb=16)
    for first in range(1, 60_001, 6000):
        assert journal.append(events(first, first + 5999, size=1000)) == 6000
        journal.commit("judge", first + 5999)
    assert journal.health().dropped == 0
    journal.close()


def test_a_reader_that_was_forgotten_holds_nobody_up(tmp_path: Path) -> None:
    journal = opened(tmp_path, cap_mb=1, readers=("judge", "old"))
    journal.commit("old", 0, state={"a": b"1"})
    with pytest.raises(JournalFull):
        fill(journal)
    journal.commit("judge", journal.health().last)
    journal.forget("old")
    assert journal.state("old") == {}
    fill_one = journal.health().last + 1
    assert journal.append(events(fill_one, fill_one + 5, size=1000)) == 6
    journal.close()


def test_threads_read_while_one_writes(journal: LmdbJournal) -> None:
    def drain(_: int) -> bool:
        found = sequences(journal.read("judge", 10**6))
        return found == list(range(1, len(found) + 1))

    with ThreadPoolExecutor(8) as pool:
        checks = [pool.submit(drain, number) for number in range(60)]
        for first in range(1, 1001, 50):
            journal.append(events(first, first + 49))
        assert all(check.result() for check in checks)


def test_a_folder_that_holds_something_else_is_told(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(b"something else " * 1000)
    with pytest.raises(JournalError, match="move it away"):
        opened(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="file"):
        opened(tmp_path / "file" / "journal")


# -- other processes -------------------------------------------------------------------------------------

_HEAD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from citywatch.journal.lmdb_journal import LmdbJournal
path, cap = Path(sys.argv[1]), int(sys.argv[2])
clock = lambda: datetime.now(UTC)
journal = LmdbJournal(path, cap_mb=cap, drop_oldest=False, clock=clock, readers=("judge",))
"""


def run_child(body: str, path: Path, cap_mb: int = 64) -> subprocess.Popen[str]:
    code = _HEAD + textwrap.dedent(body)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path), str(cap_mb)], stdout=subprocess.PIPE, text=True
    )


def test_a_reader_opened_with_a_small_map_follows_a_writer_with_a_large_one(tmp_path: Path) -> None:
    journal = opened(tmp_path, cap_mb=1)
    journal.append(events(1, 5))
    body = """
        for first in range(0, 5000, 500):
            journal.append([{"event.id": f"b{n}", "message": "x" * 1000} for n in range(first, first + 500)])
        print("done", flush=True)
    """
    child = run_child(body, tmp_path)
    assert child.communicate(timeout=60)[0] == "done\n"
    assert len(journal.read("judge", 10**6)) == 5005
    journal.close()


def test_two_processes_write_by_turns(tmp_path: Path) -> None:
    body = """
        import os
        for first in range(0, 300, 10):
            journal.append([{"event.id": f"{os.getpid()}-{n}"} for n in range(first, first + 10)])
    """
    children = [run_child(body, tmp_path) for _ in range(2)]
    for child in children:
        child.communicate(timeout=60)
    journal = opened(tmp_path)
    assert sequences(journal.read("judge", 10**6)) == list(range(1, 601))
    journal.close()


@pytest.mark.parametrize("seed", range(4))
def test_kill_9_loses_nothing_acknowledged_and_keeps_batches_whole(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - moments of a test, not secrets
    body = """
        start = journal.health().last
        for first in range(start + 1, start + 100_001, 20):
            journal.append([{"event.id": f"e{n}", "message": "x" * 300} for n in range(first, first + 20)],
                           progress={"at": str(first + 19).encode()})
            journal.commit("judge", first, state={"at": str(first).encode()})
            print(first + 19, flush=True)
    """
    acknowledged = 0
    for _ in range(3):
        acknowledged = max(acknowledged, killed(run_child(body, tmp_path), chance))
        journal = opened(tmp_path, cap_mb=64)
        last = journal.health().last
        assert last >= acknowledged
        assert last % 20 == 0
        assert sequences(journal.read("judge", 10**6, after=0)) == list(range(1, last + 1))
        assert journal.progress("at") == (str(last).encode() if last else None)
        assert journal.state("judge").get("at", b"0") == str(journal.cursor("judge")).encode()
        journal.close()


def killed(child: subprocess.Popen[str], chance: random.Random) -> int:
    """Kill it at a random moment; give the last number that it acknowledged."""
    assert child.stdout is not None
    seen = 0
    line = child.stdout.readline()
    deadline = time.monotonic() + chance.uniform(0.0, 0.15)
    while line and time.monotonic() < deadline:
        seen = int(line)
        line = child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    for rest in child.stdout:
        if rest.endswith("\n"):
            seen = max(seen, int(rest))
    child.stdout.close()
    child.wait()
    return max(seen, int(line or 0))


# -- bytes -----------------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=5)
    | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=5))
def test_any_event_becomes_json_without_nulls(event: dict[str, Any]) -> None:
    import orjson  # noqa: PLC0415 - to read back what the journal wrote

    def nulls(value: Any) -> bool:
        if isinstance(value, dict):
            return any(nulls(inner) for inner in value.values())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - plain JSON
        return any(nulls(inner) for inner in value) if isinstance(value, list) else value is None  # pyright: ignore[reportUnknownVariableType] - plain JSON

    assert not nulls(orjson.loads(dump(event)))


@pytest.fixture
def make(tmp_path: Path) -> Callable[[], LmdbJournal]:
    return lambda: opened(tmp_path)


def test_half_a_surrogate_does_not_cost_the_event(make: Callable[[], LmdbJournal]) -> None:
    journal = make()
    journal.append([{"event.id": "a", "url.path": "/\ud800", "source.bytes": 2**80}])
    assert journal.read("judge", 1)[0]["url.path"] == "/?"
    journal.close()
