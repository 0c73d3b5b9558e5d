"""Which of many phrases stand in a folded text, and how often?

A pattern of many phrases tries each of them at every letter. Here the beginnings of all phrases are searched
at once, and the pattern is tried where one of them stands; what is found is the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import ahocorasick_rs

_LITERAL = re.compile(r"[^\\\[\](){}?*+.|^$]*")
_OPTIONAL = ("?", "*", "{")


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases that are whole words, each a pattern that begins with plain letters."""

    pattern: re.Pattern[str]
    machine: ahocorasick_rs.AhoCorasick

    def starts(self, text: str) -> Iterator[int]:
        """Where the phrases of a text begin, none within another: as `pattern.finditer` finds them."""
        if not text.isascii():  # half of a surrogate pair cannot be searched, and is no letter
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        places = {start for _, start, _ in self.machine.find_matches_as_indexes(text, overlapping=True)}
        end = 0
        for place in sorted(places):
            found = self.pattern.match(text, place) if place >= end else None
            if found is not None:
                end = found.end()
                yield place

    def count(self, text: str) -> int:
        r"""How many phrases stand in a text.

        >>> phrases_of("cong an", r"law\w*").count("cong an, laws, outlaws")
        2
        """
        return sum(1 for _ in self.starts(text))

    def stand_in(self, text: str) -> bool:
        """Whether any phrase stands in a text."""
        return next(self.starts(text), None) is not None


def phrases_of(*phrases: str, also: tuple[str, ...] = ()) -> Phrases:
    """Make ready to search for phrases; those of `also` need not be whole words."""
    words = "|".join(phrases)
    pattern = re.compile("|".join([rf"\b(?:{words})\b", *also]))
    return Phrases(
        pattern, ahocorasick_rs.AhoCorasick(sorted({_beginning(each) for each in (*phrases, *also)}))
    )


def _beginning(phrase: str) -> str:
    """The plain letters that every text of a phrase begins with.

    >>> _beginning("researchers?"), _beginning("ho (?:va )?ten")
    ('researcher', 'ho ')
    """
    found = _LITERAL.match(phrase)
    plain = found.group(0) if found is not None else ""
    return plain[:-1] if phrase[len(plain) : len(plain) + 1] in _OPTIONAL else plain
