"""Is a log taken up where its reading ended, whatever rotation did to it?"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from citywatch.clock import system_clock
from citywatch.journal.lmdb_journal import LmdbJournal
from citywatch.resume import is_known
from citywatch.watch import gather
from sensors.eve import Eve
from sensors.lines import piece_of

LINE = (
    '{"timestamp":"2026-11-22T10:00:00.%06d+0700","event_type":"dns","src_ip":"10.0.0.1",'
    '"dest_ip":"10.0.0.2","dns":{"type":"query","rrname":"a%d.test","rrtype":"A"}}\n'
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[LmdbJournal]:
    made = LmdbJournal(tmp_path / "journal", cap_mb=32, drop_oldest=False, clock=system_clock)
    yield made
    made.close()


def lines(first: int, last: int) -> str:
    return "".join(LINE % (number, number) for number in range(first, last))


def read(path: Path, journal: LmdbJournal) -> list[str]:
    """The names that were new, and seen at all, in this reading."""
    before = journal.health().last
    outcome = gather(
        Eve(), path, journal, report=lambda _: None, keep=lambda _a, _b: "", whole=False, peek=piece_of
    )
    found = journal.read("test", 1000, after=before)
    assert outcome.events == len(found), "lines were read twice"
    return [event["dns.question.name"] for event in found]


def names(first: int, last: int) -> list[str]:
    return [f"a{number}.test" for number in range(first, last)]


def renamed(log: Path) -> Path:
    return log.rename(log.with_name("eve.json.1"))


def copied(log: Path) -> Path:
    other = log.with_name("eve.json.1")
    shutil.copy(log, other)
    log.write_text("")
    return other


def packed(log: Path) -> Path:
    other = log.with_name("eve.json-20261122.gz")
    other.write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    return other


@pytest.mark.parametrize("rotate", [renamed, copied, packed])
def test_after_rotation_only_what_was_not_read_is_read(
    rotate: Callable[[Path], Path], journal: LmdbJournal, tmp_path: Path
) -> None:
    log = tmp_path / "eve.json"
    log.write_text(lines(0, 40))
    assert read(log, journal) == names(0, 40)
    with log.open("a") as out:
        out.write(lines(40, 50))
    other = rotate(log)
    assert is_known(other, journal, piece_of)
    log.write_text(lines(100, 120))
    assert read(log, journal) == names(100, 120)
    assert read(other, journal) == names(40, 50)
    assert read(other, journal) == []
    with log.open("a") as out:
        out.write(lines(120, 125))
    assert read(log, journal) == names(120, 125)


def test_another_log_that_begins_alike_is_read_whole(journal: LmdbJournal, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(lines(0, 40))
    read(tmp_path / "a.json", journal)
    (tmp_path / "b.json").write_text(lines(0, 20) + lines(60, 90))
    before = journal.health().last
    gather(Eve(), tmp_path / "b.json", journal, report=lambda _: None, keep=lambda _a, _b: "", peek=piece_of)
    found = [event["dns.question.name"] for event in journal.read("test", 1000, after=before)]
    assert found == names(60, 90)
    assert not is_known(tmp_path / "journal" / "data.mdb", journal, piece_of)
