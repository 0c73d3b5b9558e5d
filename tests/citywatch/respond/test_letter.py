"""Is a letter taken apart without believing anything in it?"""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.errors import InputError
from citywatch.respond.letter import MOST_PAPERS, read_letter


def a_letter(**headers: str) -> EmailMessage:
    letter = EmailMessage()
    told = {"From": "Cảnh báo <canhbao@ncsc.gov.vn>", "Subject": "Cảnh báo lỗ hổng", "To": "a@b.vn"} | headers
    for name, value in told.items():
        letter[name] = value
    letter.set_content("Kính gửi quý đơn vị.\n")
    return letter


def test_bodies_and_attachments_are_papers_and_names_are_no_paths() -> None:
    letter = a_letter(Date="Mon, 23 Nov 2026 09:00:00 +0700")
    letter.add_alternative("<p>Kính gửi</p>", subtype="html")
    letter.add_attachment(b"%PDF-1.7 x", maintype="application", subtype="pdf", filename="../../etc/passwd")
    letter.add_attachment(b"a,b\n", maintype="text", subtype="csv", filename="..\\..\\chi dau.csv")
    found = read_letter(letter.as_bytes(), "1")
    assert (found.sender, found.subject, found.sent_at) == (
        "canhbao@ncsc.gov.vn",
        "Cảnh báo lỗ hổng",
        "2026-11-23T02:00:00.000000Z",
    )
    assert [paper.name for paper in found.papers] == ["part-1", "passwd", "chi dau.csv"]
    assert found.papers[0].raw.decode().startswith("Kính gửi")


def test_a_letter_within_a_letter_is_read_and_a_russian_doll_is_cut() -> None:
    inner = a_letter()
    for _ in range(30):
        outer = a_letter()
        outer.add_attachment(inner)
        inner = outer
    found = read_letter(inner.as_bytes(), "1")
    assert found.doubts
    assert len(found.papers) <= MOST_PAPERS


def test_a_letter_of_too_many_parts_is_refused_before_it_is_parsed() -> None:
    raw = b"Subject: x\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n" + b"\r\n--a\r\n\r\nx" * 50_000
    with pytest.raises(InputError, match="more headers or parts"):
        read_letter(raw, "1")
    with pytest.raises(InputError, match="more headers or parts"):
        read_letter(b"X-A: b\r\n" * 200_000, "1")


def test_a_header_cannot_bring_another_one() -> None:
    found = read_letter(b"From: a@b.vn\r\nSubject: =?utf-8?q?a=0D=0ABcc=3A_x=40y?=\r\n\r\nhello", "1")
    assert found.subject == "a Bcc: x@y"


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_letter_or_told_of(raw: bytes) -> None:
    try:
        read_letter(raw, "1")
    except InputError:
        return


HEADS = st.sampled_from(
    [b"From", b"Subject", b"Date", b"Content-Type", b"Content-Transfer-Encoding", b"Message-ID"]
)


@given(st.lists(st.tuples(HEADS, st.binary(max_size=60)), max_size=6), st.binary(max_size=300))
def test_crooked_headers_are_read_or_told_of(heads: list[tuple[bytes, bytes]], body: bytes) -> None:
    raw = (
        b"".join(name + b": " + value.replace(b"\n", b" ") + b"\r\n" for name, value in heads)
        + b"\r\n"
        + body
    )
    try:
        found = read_letter(raw, "1")
    except InputError:
        return
    assert found.subject.isprintable()
