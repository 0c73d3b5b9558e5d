"""Does the chain of evidence show whatever is changed, taken out, moved or made anew?"""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.errors import StoreError
from citywatch.store.custody import FIRST, Custody, Piece


def piece(number: int, at: str = "2026-11-27T08:00:00.000000Z") -> Piece:
    return Piece(
        sha256=f"{number:064x}",
        what="page",
        at=at,
        source=f"https://a.example/{number}",
        portal="p",
        set=f"e{number}",
    )


@pytest.fixture
def chain(tmp_path: Path) -> Custody:
    custody = Custody(tmp_path / "custody")
    custody.note([piece(number) for number in range(4)])
    custody.note([piece(number, "2026-12-01T00:00:00.000000Z") for number in range(4, 8)])
    return custody


def lines(folder: Path, month: str = "2026-11") -> list[bytes]:
    return (folder / "custody" / f"{month}.ndjson").read_bytes().splitlines(keepends=True)


def write(folder: Path, changed: list[bytes], month: str = "2026-11") -> None:
    (folder / "custody" / f"{month}.ndjson").write_bytes(b"".join(changed))


def test_an_untouched_chain_is_whole_over_its_months(chain: Custody, tmp_path: Path) -> None:
    verdict = chain.verify()
    assert (verdict.lines, verdict.wrong) == (8, ())
    assert verdict.head == chain.head()
    assert len(lines(tmp_path)) == len(lines(tmp_path, "2026-12")) == 4


def test_nothing_noted_is_no_chain_and_no_error(tmp_path: Path) -> None:
    custody = Custody(tmp_path / "none")
    assert custody.note([]) == []
    assert custody.verify().lines == 0
    assert custody.head() == f"0:{FIRST}"


def test_a_changed_line_is_found(chain: Custody, tmp_path: Path) -> None:
    old = lines(tmp_path)
    old[1] = old[1].replace(b"a.example", b"b.example")
    write(tmp_path, old)
    (wrong,) = chain.verify().wrong
    assert "2026-11.ndjson:2: line 2 was changed" in wrong


def test_a_line_taken_out_or_moved_is_found(chain: Custody, tmp_path: Path) -> None:
    old = lines(tmp_path)
    write(tmp_path, [old[0], old[2], old[3]])
    assert any("should be" in wrong for wrong in chain.verify().wrong)
    write(tmp_path, [old[0], old[2], old[1], old[3]])
    assert chain.verify().wrong


def test_a_line_made_anew_with_a_right_hash_breaks_the_next(chain: Custody, tmp_path: Path) -> None:
    other = Custody(tmp_path / "other")
    other.note([piece(0), piece(99)])
    old = lines(tmp_path)
    forged = (tmp_path / "other" / "2026-11.ndjson").read_bytes().splitlines(keepends=True)
    write(tmp_path, [old[0], forged[1], *old[2:]])
    assert any("does not follow" in wrong for wrong in chain.verify().wrong)


def test_a_whole_chain_made_anew_shows_by_what_the_audit_wrote_down(chain: Custody, tmp_path: Path) -> None:
    head = chain.head()
    forged = Custody(tmp_path / "forged")
    forged.note([piece(number + 100) for number in range(8)])
    assert forged.verify().wrong == ()
    assert forged.verify([head]).wrong
    assert chain.verify([head]).wrong == ()


def test_a_chain_cut_at_its_end_shows_by_what_the_audit_wrote_down(chain: Custody, tmp_path: Path) -> None:
    head = chain.head()
    (tmp_path / "custody" / "2026-12.ndjson").unlink()
    assert chain.verify().wrong == ()
    assert chain.verify([head]).wrong == ("line 8: the audit knows it, and it is gone",)


def test_rubbish_is_told_with_its_place(chain: Custody, tmp_path: Path) -> None:
    write(tmp_path, [b"rubbish\n", *lines(tmp_path)[1:]])
    assert "2026-11.ndjson:1" in chain.verify().wrong[0]
    with pytest.raises(StoreError, match="no line of the chain"):
        list(chain.hashes())


def test_half_a_line_left_by_a_kill_is_dropped_and_the_chain_goes_on(chain: Custody, tmp_path: Path) -> None:
    with (tmp_path / "custody" / "2026-12.ndjson").open("ab") as file:
        file.write(b'{"seq":9,"piece":{"sha')
    chain.note([piece(8, "2026-12-02T00:00:00.000000Z")])
    assert (chain.verify().lines, chain.verify().wrong) == (9, ())


def test_a_late_piece_stands_where_the_chain_has_come_to(chain: Custody) -> None:
    chain.note([piece(8, "2026-10-01T00:00:00.000000Z")])
    assert chain.verify().wrong == ()


def test_lines_are_found_by_event_bytes_and_portal(chain: Custody) -> None:
    assert [entry.seq for entry in chain.find(sets={"e5"})] == [6]
    assert [entry.seq for entry in chain.find(hashes={f"{2:064x}"})] == [3]
    assert len(list(chain.find(portal="p"))) == 8
    assert len(list(chain.find(portal="p", since="2026-12-01"))) == 4
    assert list(chain.find(sets={"e"})) == []
    assert len(list(chain.hashes())) == 8


def _many(folder: str, start: int) -> None:
    custody = Custody(Path(folder))
    for number in range(start, start + 20):
        custody.note([piece(number)])


def test_several_processes_write_one_chain(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_many, args=(str(tmp_path / "c"), number * 100)) for number in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    verdict = Custody(tmp_path / "c").verify()
    assert (verdict.lines, verdict.wrong) == (40, ())


@given(st.text(max_size=3000), st.text(max_size=300))
def test_any_source_can_be_written_down(
    tmp_path_factory: pytest.TempPathFactory, source: str, what: str
) -> None:
    custody = Custody(tmp_path_factory.mktemp("any"))
    custody.note([Piece(sha256="0" * 64, what=what, at="2026-11-27", source=source)])
    assert custody.verify().wrong == ()
