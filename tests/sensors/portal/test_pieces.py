"""Is what proves an alarm kept whole, and nothing of what is as it was?"""

from __future__ import annotations

from dataclasses import replace

from sensors.portal.answer import Fetched
from sensors.portal.baseline import Baseline, face_of
from sensors.portal.defaced import Defaced
from sensors.portal.look import Look, look_at, read
from sensors.portal.pieces import before_of, parts_of, with_body

PAGE = Fetched(
    url="https://a.example/",
    final_url="https://a.example/",
    status=200,
    headers=(("Content-Type", "text/html"), ("X-Odd", "a\r\nb")),
    body="<title>Sở</title><h1>Chào</h1>".encode(),
)


def seen(**changes: object) -> Look:
    face = face_of(read(PAGE).page, path="/", view="desktop")
    return replace(look_at(PAGE, face, path="/", view="desktop"), **changes)  # type: ignore[arg-type]


def kinds(look: Look, *, everything: bool = False) -> list[str]:
    return [part.what for part in parts_of(look, everything=everything)]


def test_of_what_is_as_it_was_nothing_is_kept() -> None:
    assert kinds(seen()) == []
    assert kinds(Look(path="/", view="desktop", fetched=PAGE, unchanged=True), everything=True) == []


def test_of_a_first_look_the_page_is_kept() -> None:
    assert kinds(look_at(PAGE, None, path="/", view="desktop")) == ["page"]


def test_of_an_alarm_page_headers_and_text_are_kept() -> None:
    parts = {part.what: part.raw for part in parts_of(seen(defaced=Defaced(score=0.9)))}
    assert list(parts) == ["page", "response_headers", "page_text"]
    assert parts["page"] == PAGE.body
    assert parts["response_headers"] == b"HTTP/1.1 200\r\nContent-Type: text/html\r\nX-Odd: a  b"
    assert parts["page_text"].decode() == "Sở\n\nChào"


def test_for_an_archive_everything_that_was_judged_is_kept() -> None:
    assert kinds(seen(), everything=True) == ["page", "response_headers"]


def test_the_face_knows_the_body_that_shows_it_and_an_alarm_names_it() -> None:
    first = with_body(look_at(PAGE, None, path="/", view="desktop"), "ab")
    assert first.face is not None
    known = Baseline(portal="p", faces={"desktop /": first.face})
    assert before_of(seen(cloaked=True), known) == {"page_before": "ab"}
    assert before_of(seen(), known) == {}
    assert before_of(seen(cloaked=True), None) == {}
    assert with_body(seen(cloaked=True), "cd").face == seen(cloaked=True).face
