"""Which lines that are new on a page does its house not say?

Two causes, both without a list of sentences: a line that sounds like an intruder's (`voice`), and a line in a
language that the page never spoke (`tongue`). Where many lines are new at once, most likely news, a line must
sound so all the more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sensors.portal.baseline import Face
from sensors.portal.page import Block
from sensors.portal.spelling import is_disguised, is_odd
from sensors.portal.tongue import tongue_of
from sensors.portal.voice import strangeness

_STRANGE, _STRANGE_AMONG_MANY, _STRANGE_TITLE = 0.35, 0.85, 0.4
_MANY = 6
_MOST = 200
_SHORTEST = 4


def strange_lines(face: Face, fresh: Collection[Block], volatile: Collection[str]) -> Iterator[str]:
    """The dangers of new lines; places where new text comes every day do not count."""
    shown = [block for block in fresh if _says_something(block.text)][:_MOST]
    still = [block for block in shown if block.place not in volatile]
    needed = _STRANGE if len(still) <= _MANY else _STRANGE_AMONG_MANY
    if any(_sound(block.text) >= needed for block in still):
        yield "text.voice"
    if any(_is_foreign(face, block.text) for block in still):
        yield "text.tongue"


def _says_something(text: str) -> bool:
    """More than a rule of dashes or a price."""
    return sum(map(str.isalpha, text[:50])) >= _SHORTEST


def _sound(text: str) -> float:
    """How strange a line sounds; what is written so that machines cannot read it is as strange as can be."""
    if not text.isascii() and (is_odd(text) or is_disguised(text)):
        return 1.0
    return strangeness(text)


def is_strange_title(face: Face, title: str) -> bool:
    """A title hardly ever changes, and never without a reason."""
    if not title:
        return False
    before = {tongue_of(each) for each in face.titles}
    return _sound(title) >= _STRANGE_TITLE or (_is_foreign(face, title) and tongue_of(title) not in before)


def _is_foreign(face: Face, text: str) -> bool:
    tongue = tongue_of(text)
    return bool(tongue and face.tongues) and tongue not in face.tongues
