"""Are the messages of a stream told apart, however it is cut into pieces?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.arrive.frames import Frames

ROWS: list[tuple[bytes, list[bytes]]] = [
    (b"<34>one\n<34>two\n", [b"<34>one", b"<34>two"]),
    (b"7 <34>one7 <34>two", [b"<34>one", b"<34>two"]),
    (b"7 <34>a\nb\n<34>line\n", [b"<34>a\nb", b"<34>line"]),
    (b"8 <34>one\n<34>line\r\n7 <34>two", [b"<34>one", b"<34>line", b"<34>two"]),
    (b"2026-11-22T10:00:00Z h app: x\n", [b"2026-11-22T10:00:00Z h app: x"]),
    (b"12 monkeys\n", [b"12 monkeys"]),
    (b"99999999999 <34>x\n", [b"99999999999 <34>x"]),
    (b"\n\n\0\n", []),
]


@pytest.mark.parametrize(("stream", "wanted"), ROWS)
def test_lines_and_counted_messages_are_told_apart(stream: bytes, wanted: list[bytes]) -> None:
    assert Frames(100).feed(stream) == wanted


@given(st.sampled_from(ROWS), st.lists(st.integers(1, 5), min_size=1, max_size=40))
def test_the_cuts_between_pieces_do_not_matter(row: tuple[bytes, list[bytes]], sizes: list[int]) -> None:
    frames, found, at = Frames(100), list[bytes](), 0
    for size in sizes * 40:
        found += frames.feed(row[0][at : at + size])
        at += size
    assert found == row[1]
    assert frames.close() == ([], False)


def test_of_a_message_that_is_too_long_the_beginning_is_kept_and_the_next_is_whole() -> None:
    frames = Frames(10)
    assert frames.feed(b"<1>" + b"x" * 30 + b"\n<1>next\n") == [b"<1>xxxxxxx", b"<1>next"]
    assert frames.feed(b"33 <1>" + b"y" * 30 + b"<1>last\n") == [b"<1>yyyyyyy", b"<1>last"]
    assert frames.too_long == 2


@given(st.integers(11, 60), st.integers(1, 7), st.sampled_from(["counted", "line"]))
def test_long_messages_in_pieces_hold_no_more_than_the_bound(size: int, step: int, way: str) -> None:
    frames, found = Frames(10), list[bytes]()
    body = b"<1>" + b"z" * (size - 3)
    stream = (b"%d " % size + body if way == "counted" else body + b"\n") + b"<1>next\n"
    for at in range(0, len(stream), step):
        found += frames.feed(stream[at : at + step])
    assert found == [body[:10], b"<1>next"]
    assert frames.too_long == 1


def test_what_a_stream_leaves_behind_is_a_line_or_is_counted() -> None:
    frames = Frames(100)
    frames.feed(b"<1>no end")
    assert frames.open
    assert frames.close() == ([b"<1>no end"], False)
    frames.feed(b"50 <1>cut off")
    assert frames.close() == ([], True)


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_no_bytes_raise_and_nothing_grows(pieces: list[bytes]) -> None:
    frames = Frames(16)
    for piece in pieces:
        assert all(0 < len(message) <= 16 for message in frames.feed(piece))
