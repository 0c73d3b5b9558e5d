"""Is noise told from documents, archives and texts by the start of what is written?"""

from __future__ import annotations

import base64
import gzip
import random
import zipfile
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.network.written import FEWEST, Written


def packed() -> bytes:
    held = BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", NOISE)
    return held.getvalue()


NOISE = random.Random(3).randbytes(4096)  # noqa: S311 - the same every time
PLAIN = {
    "a document": packed(),
    "a packed log": gzip.compress(NOISE),
    "a film": b"\0\0\0\x18ftypmp42" + NOISE,
    "a sound": b"\xff\xfb\x90\x00" + NOISE,
    "an old database": b"\0\x01\0\0Standard Jet DB" + NOISE,
    "a text": "Ủy ban nhân dân thành phố, số 12/QĐ\n".encode() * 40,
    "a wide text": "Ủy ban nhân dân thành phố, số 12/QĐ\n".encode("utf-16-le") * 40,
    "a table": b"".join(b"%d;2026-11-22;H%03d;%d\n" % (row, row * 7, row * row) for row in range(90)),
    "mail": b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(NOISE),
}


def entropy_of(data: bytes) -> float | None:
    written = Written(1)
    written.add(0, len(data), data)
    return written.entropy


@pytest.mark.parametrize("name", PLAIN)
def test_what_people_save_is_no_noise(name: str) -> None:
    assert (entropy_of(PLAIN[name]) or 0) < 6.5


@pytest.mark.parametrize("size", [FEWEST, 300, 512, 1024, 4096])
def test_noise_of_any_length_is_noise(size: int) -> None:
    assert (entropy_of(NOISE[:size]) or 0) > 7.0


def test_of_little_nothing_is_said_and_later_pieces_count_as_bytes_only() -> None:
    written = Written(1)
    written.add(0, FEWEST - 1, NOISE[: FEWEST - 1])
    written.add(4096, 1_000_000, NOISE)
    assert (written.size, written.entropy) == (1_000_255, None)


def test_the_last_start_counts() -> None:
    written = Written(1)
    written.add(0, 4096, PLAIN["a text"])
    written.add(0, 4096, NOISE)
    assert (written.entropy or 0) > 7.5


@given(st.binary(max_size=3000), st.integers(0, 1 << 64), st.integers(0, 1 << 32))
def test_any_bytes_anywhere_are_taken(data: bytes, offset: int, size: int) -> None:
    written = Written(1)
    written.add(offset, size, data)
    assert written.entropy is None or 0 <= written.entropy <= 8
