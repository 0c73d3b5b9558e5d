"""Does a `Like` pattern meet the texts that it says, quickly?"""

from __future__ import annotations

import fnmatch
import re

from hypothesis import given
from hypothesis import strategies as st

from citywatch.store import terms, wildcard


@given(
    pattern=st.text(st.sampled_from("ab*?"), max_size=10),
    text=st.text(st.sampled_from("abc"), max_size=12),
)
def test_like_is_what_the_shell_means(pattern: str, text: str) -> None:
    assert wildcard.like(pattern)(text) is fnmatch.fnmatchcase(text, pattern)


@given(pattern=st.text(max_size=12), text=st.text(max_size=12))
def test_like_is_what_a_regular_expression_means(pattern: str, text: str) -> None:
    parts = (
        ".*" if p is None else "." if p == "" else re.escape(terms.lower(p))
        for p in wildcard.pieces_of(pattern)
    )
    wanted = re.compile("".join(parts), re.DOTALL)
    assert wildcard.like(pattern)(terms.lower(text)) is (wanted.fullmatch(terms.lower(text)) is not None)


def test_like_with_many_stars_over_long_text_is_quick() -> None:
    assert not wildcard.like("*a" * 50 + "*b")("a" * 100_000)
