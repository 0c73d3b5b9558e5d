"""Is Vietnamese read right in whatever encoding it comes?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.portal import encoding
from sensors.portal.encoding import decode_page

TEXT = "Ủy ban nhân dân thành phố: thông báo của các đơn vị và người dân được biết trong những ngày này"


def _by_table(table: dict[int, str]) -> bytes:
    back = {letter: code for code, letter in table.items()}
    return bytes(back.get(letter, ord(letter) if ord(letter) < 128 else 63) for letter in TEXT)


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_read_with_and_without_mark(codec: str) -> None:
    assert decode_page(TEXT.encode(codec))[0] == TEXT


def test_windows_1258_is_read_and_composed() -> None:
    import unicodedata  # noqa: PLC0415 - only this case takes letters apart

    marks = {"\u0300", "\u0301", "\u0303", "\u0309", "\u0323"}
    apart = "".join(
        unicodedata.normalize("NFC", base) + tone
        for base, tone in (_split(letter, marks) for letter in unicodedata.normalize("NFC", TEXT))
    )
    text, _ = decode_page(apart.encode("cp1258"), "text/html; charset=windows-1258")
    assert text == TEXT


def _split(letter: str, marks: set[str]) -> tuple[str, str]:
    import unicodedata  # noqa: PLC0415 - as above

    parts = unicodedata.normalize("NFD", letter)
    return "".join(part for part in parts if part not in marks), "".join(p for p in parts if p in marks)


def test_viscii_and_tcvn3_are_read_without_being_declared() -> None:
    assert decode_page(_by_table(encoding._VISCII))[0] == TEXT  # noqa: SLF001 - writing needs the same table  # pyright: ignore[reportPrivateUsage] - as above
    lower = decode_page(_by_table(encoding._TCVN3))[0]  # noqa: SLF001 - as above  # pyright: ignore[reportPrivateUsage] - as above
    assert "nhân dân thành phố" in lower


def test_a_character_cut_by_our_own_limit_is_no_other_encoding() -> None:
    assert decode_page("Thông báo ở".encode()[:-1])[1] == "utf-8"


@pytest.mark.parametrize("broken", [b"\xe1\xbb", b"\xff", b"\x80\x81", b"\xc3"])
def test_a_letter_cut_in_the_middle_of_a_page_is_no_other_encoding(broken: bytes) -> None:
    text, codec = decode_page(f"{TEXT} cho nam".encode() + broken + f" tin {TEXT}".encode())
    assert codec == "utf-8"
    assert text.startswith(f"{TEXT} cho nam\ufffd")
    assert text.endswith(f" tin {TEXT}")


@given(st.binary(max_size=3000), st.text(max_size=40))
def test_no_bytes_make_it_raise(raw: bytes, header: str) -> None:
    assert isinstance(decode_page(raw, header)[0], str)
