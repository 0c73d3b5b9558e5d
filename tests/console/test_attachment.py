"""Is only taken what is harmless to keep, whatever it is called and whatever it says it is?"""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import attachment
from console.attachment import NotTaken, kind_of


def archive(*parts: tuple[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts:
            made.writestr(name, content)
    return raw.getvalue()


def workbook() -> bytes:
    raw = io.BytesIO()
    openpyxl.Workbook().save(raw)
    return raw.getvalue()


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (b"\xff\xd8\xff\xe0...", "image/jpeg"),
        (b"%PDF-1.7 ...", "application/pdf"),
        ("nhật ký máy chủ\n".encode(), "text/plain"),
        (b"<script>alert(1)</script>", "text/plain"),
        (workbook(), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (archive(("access.log", b"GET /\n")), "application/zip"),
    ],
)
def test_what_may_be_kept_is_known_by_its_content(raw: bytes, kind: str) -> None:
    assert kind_of(raw) == kind


SMALL = archive(("a.txt", b"x"))


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "upload_missing"),
        (b"x" * (attachment.LARGEST + 1), "upload_large"),
        (b"MZ\x90\x00\x03", "upload_type"),
        (b"\x7fELF\x02\x00", "upload_type"),
        (b"\xfe\xff\xd8", "upload_type"),
        (b"PK\x03\x04 no archive", "upload_type"),
        (archive(("xl/workbook.xml", b"0" * 50_000_000)), "upload_bomb"),
        (archive(*((f"{n}", b"0" * 20_000_000) for n in range(6))), "upload_bomb"),
        (archive(("inner.zip", SMALL)), "upload_bomb"),
        (archive(*((str(n), b"") for n in range(attachment.MOST_PARTS + 1))), "upload_bomb"),
    ],
    ids=["empty", "large", "exe", "elf", "binary", "broken", "xlsx bomb", "zip bomb", "nested", "many"],
)
def test_what_may_not_be_kept_is_refused_for_its_own_reason(raw: bytes, why: str) -> None:
    with pytest.raises(NotTaken, match=why):
        kind_of(raw)


def test_parts_that_share_their_bytes_are_refused() -> None:
    """As in the bombs that need no nesting: many entries of the list lead to one part."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_STORED) as made:
        made.writestr("a", bytes(range(256)) * 400)
        made.filelist += made.filelist * 40
    with pytest.raises(NotTaken, match="upload_bomb"):
        kind_of(raw.getvalue())


@given(st.binary(max_size=3000))
def test_any_bytes_have_a_kind_or_a_reason(raw: bytes) -> None:
    for content in (raw, b"PK\x03\x04" + raw, SMALL[: len(raw)] + raw):
        with suppress(NotTaken):
            assert "/" in kind_of(content)
