"""Is every edit, deletion and reorder of the audit found at its place, on both stores, whoever writes?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import from_doc, to_doc
from citywatch.ports import Store
from citywatch.respond.audit import (
    FIRST,
    HEAD_KIND,
    KIND,
    Head,
    Line,
    append,
    digest,
    line_id,
    read_head,
    verify,
)
from citywatch.settings import Elastic
from citywatch.store.elastic import ElasticStore
from citywatch.store.sqlite import SqliteStore

REPO = Path(__file__).parents[3]
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def clock() -> datetime:
    return NOW


@pytest.fixture(params=["sqlite", pytest.param("elasticsearch", marks=pytest.mark.elasticsearch)])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    if request.param == "sqlite":
        made: Store = SqliteStore(tmp_path / "store.sqlite", clock=clock)
        yield made
        made.close()
        return
    settings = Elastic(prefix=f"test-{uuid4().hex[:8]}", replicas=0)
    elastic = ElasticStore(request.getfixturevalue("elasticsearch"), settings, clock=clock)
    yield elastic
    client = elastic._client  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - only tests take everything away
    for kind in (KIND, HEAD_KIND):
        client.indices.delete(index=f"{settings.prefix}-{kind}", ignore_unavailable=True)
    elastic.close()


def filled(store: Store, lines: int = 6) -> Head:
    for number in range(lines):
        append(store, clock, by="lan", what="ticket_moved", about=f"HN-2026-{number:06d}")
    return read_head(store)


def doc(store: Store, seq: int) -> dict[str, Any]:
    record = store.get(KIND, line_id(seq))
    assert record
    return record.doc


def put(store: Store, seq: int, changed: dict[str, Any]) -> None:
    store.put_many(KIND, {line_id(seq): changed})


def remade(store: Store, start: int, last: int) -> None:
    """Make the chain anew from a line on, as somebody who can write everything would."""
    before = doc(store, start - 1)["hash"] if start > 1 else FIRST
    for seq in range(start, last + 1):
        line = replace(from_doc(doc(store, seq), Line), before=before).hashed()
        put(store, seq, to_doc(line))
        before = line.hash
    store.put_many(HEAD_KIND, {"head": {"seq": last, "hash": before}})


def test_what_nobody_touched_is_whole(stored: Store) -> None:
    assert verify(stored).lines == 0
    head = filled(stored)
    verdict = verify(stored, [head])
    assert (verdict.wrong, verdict.lines, verdict.head) == ((), 6, head)


def test_the_chain_begins_with_nothing_and_each_line_names_the_one_before(stored: Store) -> None:
    filled(stored, 3)
    assert doc(stored, 1)["before"] == FIRST
    assert doc(stored, 3)["before"] == doc(stored, 2)["hash"] == digest(doc(stored, 2))


def edited(store: Store) -> None:
    put(store, 3, doc(store, 3) | {"by": "nobody"})


def edited_with_a_new_hash(store: Store) -> None:
    put(store, 3, to_doc(replace(from_doc(doc(store, 3), Line), by="nobody").hashed()))


def with_a_field_more(store: Store) -> None:
    put(store, 3, doc(store, 3) | {"extra": 1})


def no_line_any_more(store: Store) -> None:
    put(store, 3, {"text": "hello"})


def deleted(store: Store) -> None:
    store.delete(KIND, line_id(3))


def two_deleted(store: Store) -> None:
    deleted(store)
    store.delete(KIND, line_id(4))


def swapped(store: Store) -> None:
    third, fourth = doc(store, 3), doc(store, 4)
    put(store, 3, fourth)
    put(store, 4, third)


def swapped_and_renumbered(store: Store) -> None:
    third, fourth = doc(store, 3), doc(store, 4)
    put(store, 3, fourth | {"seq": 3})
    put(store, 4, third | {"seq": 4})


def newest_deleted(store: Store) -> None:
    store.delete(KIND, line_id(6))


def foreign(store: Store) -> None:
    put(store, 999_999_999_999, doc(store, 3))
    store.put_many(KIND, {"2026-11-22T08:00:00.000000Z-ab": doc(store, 3)})


@pytest.mark.parametrize(
    ("tamper", "places"),
    [
        (edited, [(3, "edited")]),
        (edited_with_a_new_hash, [(4, "replaced")]),
        (with_a_field_more, [(3, "edited")]),
        (no_line_any_more, [(3, "edited"), (4, "replaced")]),
        (deleted, [(3, "deleted")]),
        (two_deleted, [(3, "deleted")]),
        (swapped, [(3, "moved"), (4, "moved"), (5, "replaced")]),
        (swapped_and_renumbered, [(3, "edited"), (4, "edited"), (5, "replaced")]),
        (newest_deleted, [(6, "deleted")]),
        (foreign, [(0, "foreign"), (0, "foreign")]),
    ],
)
def test_each_tampering_is_found_at_its_place(
    stored: Store, tamper: Callable[[Store], None], places: list[tuple[int, str]]
) -> None:
    filled(stored)
    tamper(stored)
    assert [(wrong.seq, wrong.kind) for wrong in verify(stored).wrong] == places


def test_an_end_that_was_cut_off_with_the_head_is_found_by_what_was_written_down(stored: Store) -> None:
    anchor = filled(stored)
    for seq in (5, 6):
        stored.delete(KIND, line_id(seq))
    stored.put_many(HEAD_KIND, {"head": {"seq": 4, "hash": doc(stored, 4)["hash"]}})
    assert verify(stored).wrong == ()
    assert [(wrong.seq, wrong.kind) for wrong in verify(stored, [anchor]).wrong] == [
        (5, "deleted"),
        (0, "shortened"),
    ]


def test_a_chain_made_anew_is_found_between_two_heads_that_were_written_down(stored: Store) -> None:
    early = filled(stored, 2)
    late = filled(stored, 4)
    put(stored, 4, doc(stored, 4) | {"by": "nobody"})
    remade(stored, 4, 6)
    assert verify(stored).wrong == ()
    wrong = verify(stored, [late, early]).wrong
    assert [(one.seq, one.kind) for one in wrong] == [(6, "replaced")]
    assert "from 3 to here" in wrong[0].what


def test_what_was_written_after_a_deletion_does_not_hide_it(stored: Store) -> None:
    filled(stored)
    newest_deleted(stored)
    filled(stored, 2)
    assert [(wrong.seq, wrong.kind) for wrong in verify(stored).wrong] == [(6, "deleted")]


def test_a_head_that_lags_after_a_kill_is_walked_on_from(stored: Store) -> None:
    filled(stored, 4)
    stored.put_many(HEAD_KIND, {"head": {"seq": 2, "hash": doc(stored, 2)["hash"]}})
    filled(stored, 1)
    verdict = verify(stored)
    assert (verdict.wrong, verdict.lines, verdict.head.seq) == ((), 5, 5)


def test_writers_at_once_make_one_chain(stored: Store) -> None:
    def write(number: int) -> int:
        return append(stored, clock, by=f"w{number}", what="x", about="").seq

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(write, range(24)))
    assert sorted(numbers) == list(range(1, 25))
    assert verify(stored).wrong == ()


WRITER = """
import sys
from pathlib import Path
from citywatch.clock import system_clock
from citywatch.respond.audit import append
from citywatch.store.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]), clock=system_clock)
print(*(append(store, system_clock, by="p", what="x", about="").seq for _ in range(30)))
store.close()
"""


def test_two_processes_write_one_chain(tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite"
    SqliteStore(file, clock=clock).close()
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(file)], stdout=subprocess.PIPE, cwd=REPO)
        for _ in range(2)
    ]
    said = [writer.communicate(timeout=60)[0].decode().split() for writer in writers]
    assert sorted(int(number) for numbers in said for number in numbers) == list(range(1, 61))
    store = SqliteStore(file, clock=clock)
    assert verify(store).wrong == ()
    store.close()


@given(by=st.text(max_size=40), what=st.text(max_size=40), about=st.text(max_size=700))
def test_any_text_can_be_written_and_stays_verified(by: str, what: str, about: str) -> None:
    line = Line(seq=1, at="", by=by, what=what, about=about[:500], before=FIRST)
    try:
        hashed = line.hashed()
    except TypeError:  # half characters: `append` takes them out before
        return
    assert digest(to_doc(hashed)) == hashed.hash


def test_half_characters_and_too_long_texts_are_written_all_the_same(stored: Store) -> None:
    line = append(stored, clock, by="a\ud800", what="\0", about="x" * 600)
    assert (line.by, len(line.about)) == ("a?", 500)
    assert verify(stored).wrong == ()
