"""Are texts folded the quick way as they are the long way?"""

from __future__ import annotations

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from sensors.portal.spelling import (
    _IGNORED,  # pyright: ignore[reportPrivateUsage]
    _LOOK_ALIKE,  # pyright: ignore[reportPrivateUsage]
    _MARKS,  # pyright: ignore[reportPrivateUsage]
    fold,
    joined,
    unleet,
)

_LETTERS = st.one_of(
    st.sampled_from(
        list("aăâđÐĐêôơưếồ ởữ@$·–—_.•/|*~\t\n“”…©»ıłøаеоσΣİ\u200b\u0301\u0323\u3164\uffa0\u00adﬁ１Ａ")
    ),
    st.characters(exclude_categories=["Cs"]),
)


def _folded_the_long_way(text: str) -> str:
    shown = _IGNORED.sub("", text)
    plain = unicodedata.normalize("NFKD", shown)
    bare = plain if plain.isascii() else _MARKS.sub("", plain)
    if not bare.isascii():
        bare = bare.translate(_LOOK_ALIKE)
    return re.sub(r"[\s_.\-–—·•|/*~]+", " ", bare.lower()).strip()


@given(text=st.text(alphabet=_LETTERS, max_size=40))
def test_a_text_is_folded_as_letter_by_letter(text: str) -> None:
    assert fold(text) == _folded_the_long_way(text)


@given(text=st.text(alphabet="ab1 09é4z", max_size=30))
def test_digits_for_letters_are_found_as_by_the_plain_pattern(text: str) -> None:
    plain = re.compile(r"[a-z]+[0134578][a-z0-9]*|[0134578]+[a-z][a-z0-9]*")
    digits = str.maketrans("0134578", "oieastb")
    assert unleet(text) == plain.sub(lambda found: found.group(0).translate(digits), text)


@given(text=st.text(alphabet="ab 1é", max_size=30))
def test_words_spelled_letter_by_letter_are_joined_as_by_the_plain_pattern(text: str) -> None:
    plain = re.compile(r"(?<!\S)\w(?: \w){3,}(?!\S)")
    folded = fold(text)
    assert joined(folded) == plain.sub(lambda found: found.group(0).replace(" ", ""), folded)
