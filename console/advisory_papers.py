"""What does a warning say, in whatever papers it came: CSAF, PDF, DOCX, text, HTML, a letter?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from citywatch.errors import InputError
from citywatch.respond.advisory import Advisory, Document, Product, merged
from citywatch.respond.advisory_text import read_text
from citywatch.respond.csaf import is_csaf, read_csaf
from citywatch.respond.letter import LARGEST, Paper, read_letter
from console.attachment import NotTaken, kind_of, shown_name

_LETTER = re.compile(
    rb"\A(?:Received|Return-Path|Delivered-To|From|To|Subject|Date|Message-ID|MIME-Version|X-[\w-]+|"
    rb"DKIM-Signature): ",
    re.IGNORECASE,
)
_HTML = re.compile(rb"\A\s*(?:<!doctype html|<html|<body)", re.IGNORECASE)
_FORMS: Final = {"application/pdf": "pdf"}
_DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_BEST: Final = ("csaf", "pdf", "docx", "text", "html", "other")
"""Whose word counts first when a letter has several papers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A warning as read, and its papers."""

    advisory: Advisory
    papers: tuple[Paper, ...]
    sender: str = ""
    """Of a letter: who it says that it is from."""


def read_papers(raw: bytes, name: str, names: Sequence[Product] = ()) -> Read:
    """Read a file or letter.

    Args:
        raw: its bytes.
        name: what it is called; never a path to write to.
        names: products that the city's systems run, looked for in running text.

    Raises:
        InputError: nothing of it can be read.
    """
    shown = shown_name(name) or "warning"
    if len(raw) > LARGEST:
        raise InputError(shown, "", f"is larger than {LARGEST} bytes", "bring in the part that matters")
    if _LETTER.match(raw):
        return _of_letter(raw, shown, names)
    paper = Paper(name=shown, media_type="", raw=raw)
    return Read(advisory=read_paper(paper, names), papers=(paper,))


def _of_letter(raw: bytes, name: str, names: Sequence[Product]) -> Read:
    letter = read_letter(raw, name)
    found: list[tuple[Paper, Advisory]] = []
    doubts = list(letter.doubts)
    for paper in letter.papers:
        try:
            found.append((paper, read_paper(paper, names)))
        except InputError as error:
            doubts.append(str(error))
    if not found:
        raise InputError(name, "", "holds nothing that can be read", "; ".join(doubts)[:500])
    found.sort(key=lambda pair: _BEST.index(pair[1].form))
    whole = found[0][1]
    for _, other in found[1:]:
        whole = merged(whole, other)
    title = whole.title if found[0][1].form == "csaf" else letter.subject or whole.title
    whole = replace(
        whole,
        form="csaf" if found[0][1].form == "csaf" else "letter",
        title=title,
        source=whole.source or letter.sender,
        published=whole.published or letter.sent_at,
        doubts=(*whole.doubts, *doubts)[:100],
    )
    return Read(advisory=whole, papers=tuple(paper for paper, _ in found), sender=letter.sender)


def read_paper(paper: Paper, names: Sequence[Product]) -> Advisory:
    """Read one paper by what it holds, not by what it is called.

    Raises:
        InputError: it cannot be read.
    """
    raw = paper.raw
    if is_csaf(raw):
        return read_csaf(raw, paper.name)
    if raw.lstrip()[:5] == b"%PDF-" or raw[:4] == b"PK\x03\x04":
        return _of_document(paper, names)
    if paper.media_type == "text/html" or _HTML.match(raw[:1000]):
        return replace(read_text(html_text(raw), paper.name, names), form="html")
    if b"\0" in raw[:100_000] and raw[:2] not in {b"\xff\xfe", b"\xfe\xff"}:
        raise InputError(paper.name, "", "is of no kind that is read", "CSAF, PDF, DOCX, text and HTML are")
    text = decoded(raw)
    if text.lstrip()[:1] in {"{", "["}:
        return Advisory(id="", title=paper.name, form="other")
    return read_text(text, paper.name, names)


def _of_document(paper: Paper, names: Sequence[Product]) -> Advisory:
    from citywatch.detect.document_text import document_text

    try:
        kind = kind_of(paper.raw)
    except NotTaken as error:
        raise InputError(paper.name, "", f"is not opened ({error})", "send it as PDF, DOCX or text") from None
    if kind != _DOCX and kind not in _FORMS:
        raise InputError(paper.name, "", "is an archive: it is not unpacked", "send what is in it")
    text = document_text(paper.raw, paper.name)
    return replace(read_text(text, paper.name, names), form=_FORMS.get(kind, "docx"))


def html_text(raw: bytes) -> str:
    """What a person would read of an HTML body, a block a line."""
    from sensors.portal.walk import parse_page

    return parse_page(raw, "https://letter.invalid/", "text/html; charset=utf-8").text


def decoded(raw: bytes) -> str:
    """A text in the encodings that Vietnamese letters come in."""
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1258", "replace")


def document_of(paper: Paper, sha256: str) -> Document:
    """What is noted of a paper that was kept."""
    return Document(name=paper.name, sha256=sha256, media_type=media_type_of(paper.raw), size=len(paper.raw))


def media_type_of(raw: bytes) -> str:
    """By its content."""
    if raw.lstrip()[:5] == b"%PDF-":
        return "application/pdf"
    if raw[:4] == b"PK\x03\x04":
        return _DOCX
    return "application/json" if raw.lstrip()[:1] in {b"{", b"["} else "text/plain"
