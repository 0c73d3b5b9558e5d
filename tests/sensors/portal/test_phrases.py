"""Are phrases found as their pattern finds them, only sooner?"""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from sensors.portal.model.features import _REPORT, _TOPIC  # pyright: ignore[reportPrivateUsage]
from sensors.portal.phrases import Phrases, phrases_of
from sensors.portal.signs import _ABOUT  # pyright: ignore[reportPrivateUsage]
from sensors.portal.spam import _REPORTING  # pyright: ignore[reportPrivateUsage]

_PIECES = st.sampled_from(
    [
        "cong an",
        "law",
        "laws",
        "outlaw",
        "report",
        "ed",
        "s",
        " ",
        "  ",
        "clean up the site",
        "警察",
        "đ",
        "_",
        "theo",
        "hack",
        "ers",
        "attack",
        "licensed",
        "luat",
        "1",
        "\n",
        "ho va ten",
        "spokes",
        "man",
        "\U0001f600",
    ]
)


@given(
    text=st.lists(_PIECES, max_size=30).map("".join),
    phrases=st.sampled_from([_REPORT, _TOPIC, _ABOUT, _REPORTING]),
)
def test_phrases_are_counted_as_their_pattern_counts_them(text: str, phrases: Phrases) -> None:
    assert phrases.count(text) == len(phrases.pattern.findall(text))
    assert phrases.stand_in(text) == (phrases.pattern.search(text) is not None)


@given(text=st.text(alphabet="ab _c", max_size=40))
def test_phrases_that_begin_alike_are_counted_once(text: str) -> None:
    phrases = phrases_of("ab", "abc?", "a b", r"b\w*", also=("ca",))
    assert phrases.count(text) == len(re.findall(phrases.pattern, text))


def test_half_of_a_surrogate_pair_stops_no_search() -> None:
    assert phrases_of("cccd").count("\ud800 cccd \udc00") == 1
