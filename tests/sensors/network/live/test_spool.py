"""Is every packet of the ring read once, and every one that was overwritten counted?"""

from __future__ import annotations

import os
import struct
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sensors.network.live.spool import FEWEST_FILES, Reader, Spot, Writer, read_all, whole

START = 1_700_000_000


@contextmanager
def writer(folder: Path, file_bytes: int = 1000, files: int = FEWEST_FILES) -> Generator[Writer]:
    opened = os.open(folder, os.O_RDONLY)
    made = Writer(opened, file_bytes=file_bytes, files=files)
    try:
        yield made
    finally:
        made.close()
        os.close(opened)


def put(to: Writer, number: int, size: int = 100) -> None:
    """One packet whose bytes and time are its number."""
    load = struct.pack(">I", number).ljust(size, b".")
    to.write(1, [struct.pack("<IIII", START + number, 0, size, size), load], 1)


def numbers(reader: Reader) -> list[int]:
    found: list[int] = []
    while (chunk := reader.read()) is not None:
        found += [int.from_bytes(chunk.data[start : start + 4], "big") for _, start, _, _ in chunk.records]
    return found


def test_what_is_written_is_read_while_it_is_written(tmp_path: Path) -> None:
    reader = Reader(tmp_path, Spot())
    assert numbers(reader) == []
    with writer(tmp_path) as to:
        for number in range(5):
            put(to, number)
        assert numbers(reader) == [0, 1, 2, 3, 4]
        for number in range(5, 20):
            put(to, number)
        assert numbers(reader) == list(range(5, 20))
        assert to.written == 20
    assert (reader.spot.number, reader.spot.overrun) == (20, 0)
    reader.close()


def test_a_reader_that_comes_too_late_knows_how_many_it_missed(tmp_path: Path) -> None:
    with writer(tmp_path) as to:
        reader = Reader(tmp_path, Spot())
        put(to, 0)
        first = numbers(reader)
        for number in range(1, 100):
            put(to, number)
        rest = numbers(reader)
    assert reader.spot.number == 100
    assert reader.spot.overrun == 100 - len(first) - len(rest) > 0
    assert rest[:8] == list(range(1, 9)), "what it had open is read to its end"
    assert rest[8:] == list(range(108 - len(rest), 100))
    assert len(list(tmp_path.glob("*.pcap"))) == FEWEST_FILES
    reader.close()


def test_a_reader_goes_on_where_it_was(tmp_path: Path) -> None:
    with writer(tmp_path) as to:
        for number in range(7):
            put(to, number)
        reader = Reader(tmp_path, Spot())
        numbers(reader)
        reader.close()
        put(to, 7)
        again = Reader(tmp_path, reader.spot)
        assert numbers(again) == [7]
        again.close()


def test_a_writer_takes_up_what_a_killed_one_left(tmp_path: Path) -> None:
    with writer(tmp_path) as to:
        for number in range(3):
            put(to, number)
    file = next(tmp_path.glob("*.pcap"))
    with file.open("ab") as torn:
        torn.write(struct.pack("<IIII", START, 0, 100, 100) + b"half")
    reader = Reader(tmp_path, Spot())
    assert numbers(reader) == [0, 1, 2]
    with writer(tmp_path) as to:
        assert to.written == 3
        put(to, 3)
    assert numbers(reader) == [3]
    assert (reader.spot.number, reader.spot.overrun) == (4, 0)
    reader.close()


def test_a_ring_that_was_begun_anew_is_read_from_its_start(tmp_path: Path) -> None:
    with writer(tmp_path) as to:
        put(to, 0)
    reader = Reader(tmp_path, Spot(place=40, number=1000))
    assert numbers(reader) == [0]
    assert reader.spot.overrun == 0
    reader.close()


def test_a_disk_that_refuses_leaves_the_ring_whole(tmp_path: Path) -> None:
    with writer(tmp_path, file_bytes=1 << 20) as to:
        put(to, 0)
        file = next(tmp_path.glob("*.pcap"))
        size = file.stat().st_size
        os.close(to._file)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - a file that fails, as on a full disk
        to._file = os.open("/dev/full", os.O_WRONLY)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the same
        try:
            put(to, 1)
        except OSError:
            refused = True
        else:
            refused = False
        assert refused
        assert to.written == 1
        assert file.stat().st_size == size


def test_only_files_of_the_time_are_read(tmp_path: Path) -> None:
    with writer(tmp_path) as to:
        for number in range(30):
            put(to, number)
    span = {"start_us": (START + 20) * 1_000_000, "end_us": (START + 21) * 1_000_000}
    found = [us // 1_000_000 - START for chunk in read_all(tmp_path, **span) for us, *_ in chunk.records]
    assert {20, 21} <= set(found) < set(range(30))
    assert list(read_all(tmp_path / "nowhere", **span)) == []


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading(raw: bytes) -> None:
    records, end = whole(raw)
    assert 0 <= end <= len(raw)
    assert all(start + captured <= len(raw) for _, start, captured, _ in records)
