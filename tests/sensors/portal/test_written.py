"""Are the words that scripts and drawings show read, and is code left alone?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.portal.written import words_drawn, words_written


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("alert('See you soon')", ["See you soon"]),
        ('document.write("<h1>Gone for good</h1>")', ["Gone for good"]),
        ("document.write('%3Ch1%3EGone away%3C/h1%3E')", ["Gone away"]),
        ("x.innerHTML = '<a href=\"/x\">Xem thêm tin</a>'", ["Xem thêm tin"]),
        ("track('See you soon')", []),
        ("x.innerHTML = 'a.b(c); d = e'", []),
    ],
)
def test_a_script_that_writes_is_read(script: str, words: list[str]) -> None:
    assert list(words_written(script)) == words


@given(st.text(max_size=3000))
def test_any_script_and_address_can_be_read(text: str) -> None:
    assert all(words_written(f"document.write('{text}')"))
    assert all(words_drawn(f"data:image/svg+xml;base64,{text}"))
