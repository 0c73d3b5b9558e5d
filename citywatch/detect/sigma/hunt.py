"""Where has this rule been right in what is stored?

A store cannot ask all that a rule asks, and must not have the last word. So the rule is widened to a
question that every event it says yes to also answers with yes (what is inexact is widened; under an odd
number of nots it becomes yes to all), the store gives what fits, and the plain evaluator decides. Both
stores therefore find the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from citywatch.detect.sigma import oracle, tree
from citywatch.detect.sigma.load import EventRule
from citywatch.detect.sigma.match import Explanations, match_of
from citywatch.detect.sigma.prefilter import regex_literals
from citywatch.detect.sigma.tree import MANY, Tree, pattern_text
from citywatch.model import Match
from citywatch.ports import (
    All,
    Condition,
    Either,
    Everything,
    Exists,
    Is,
    Like,
    Not,
    Query,
    Range,
    Store,
    Text,
)
from citywatch.schema import resolve

PAGE = 500
MOST_LEAVES = 400
"""A wider question costs less than a store that dies of a long one: rules of thousands of patterns exist."""
LONGEST = 500
MOST_STARS = 12

_NEVER = Either(())
_NUMBERLIKE = re.compile("[-+.:0-9a-fil-nr-uxztz ]*")
"""Texts that a number, a truth value or a time might hold: stores do not look for texts in those."""


def hunt(rule: EventRule, store: Store, start: str | None = None, end: str | None = None) -> Iterator[Match]:
    """Every stored event from `start` to before `end` (stamps) that the rule says yes to, oldest first.

    Raises:
        StoreError: the store does not answer, or refuses the question.
    """
    where, known = widened(rule), Explanations()
    after: str | None = None
    while True:
        page = store.search(
            Query(where=where, start=start, end=end, newest_first=False, limit=PAGE, after=after)
        )
        for event in page.events:
            if oracle.matches(rule.gate, event) and oracle.matches(rule.tree, event):
                yield match_of(rule, event, known)
        after = page.next
        if after is None:
            return


def widened(rule: EventRule) -> Condition:
    """A question to a store that every event this rule says yes to answers with yes."""
    return All((_Widener().widen(rule.gate), _Widener().widen(rule.tree)))


class _Widener:
    """Widens one tree, within so many leaves."""

    def __init__(self) -> None:
        self.left = MOST_LEAVES

    def widen(self, part: Tree, *, over: bool = True) -> Condition:
        """Yes at least where the part says yes (`over`), or at most there."""
        match part:
            case tree.And():
                return All(tuple(self.widen(each, over=over) for each in part.parts))
            case tree.Or():
                return self._either(part, over=over)
            case tree.Not():
                return Not(self.widen(part.part, over=not over))
            case tree.Const():
                return Everything() if part.yes else _NEVER
            case tree.Ref():
                return Everything() if over else _NEVER
            case _:
                self.left -= 1
                return self._atom(part) if over else _NEVER

    def _either(self, part: tree.Or, *, over: bool) -> Condition:
        if over and sum(1 for _ in tree.atoms(part)) > self.left:
            fields = {atom.field for atom in tree.atoms(part)}
            atomic = not any(isinstance(each, tree.Null | tree.Exists) for each in tree.atoms(part))
            plain = atomic and not any(_has_not(each) for each in part.parts)
            return Either(tuple(map(Exists, sorted(fields)))) if plain and "" not in fields else Everything()
        return Either(tuple(self.widen(each, over=over) for each in part.parts))

    def _atom(self, atom: tree.Atom) -> Condition:  # noqa: C901, PLR0911 - one case a kind of question
        match atom:
            case tree.Like(field=""):
                return _texts([piece for piece in atom.pieces if isinstance(piece, str)])
            case tree.Like():
                return _like(atom)
            case tree.Number() | tree.Bool():
                return _value(atom.field, atom.value)
            case tree.Null():
                return Not(Exists(atom.field))
            case tree.Exists():
                return Exists(atom.field) if atom.want else Not(Exists(atom.field))
            case tree.Regex():
                return _regex(atom)
            case tree.Cidr() if _type(atom.field) == "ip":
                return Either((Is(atom.field, atom.network), Like(atom.field, "*%*")))
            case tree.Compare() if _type(atom.field) in {"long", "float"} and atom.op != "neq":
                high = atom.op in {"lt", "lte"}
                return Range(atom.field, None if high else atom.number, atom.number if high else None)
            case _:
                return Exists(atom.field)


def _has_not(part: Tree) -> bool:
    if isinstance(part, tree.And | tree.Or):
        return any(map(_has_not, part.parts))
    return isinstance(part, tree.Not | tree.Const | tree.Ref)


def _type(field: str) -> str:
    known = resolve(field)
    return known.type if known else ""


def _like(atom: tree.Like) -> Condition:
    pieces = atom.pieces
    if _type(atom.field) == "float" or pieces == (MANY,):
        return Exists(atom.field)
    if MANY in pieces and pieces[-1] != MANY:
        pieces = (*pieces, MANY)  # a value that is too long is cut before it is asked
    pattern = pattern_text(pieces)
    if len(pattern) > LONGEST or pieces.count(MANY) > MOST_STARS:
        longest = max((piece for piece in pieces if isinstance(piece, str)), key=len)[:LONGEST]
        return Like(atom.field, pattern_text((MANY, longest, MANY)))
    if MANY not in pieces and _NUMBERLIKE.fullmatch(pattern):
        return Either((Like(atom.field, pattern), Like(atom.field, f"{pattern}.0")))
    return Like(atom.field, pattern)


def _value(field: str, value: float | bool) -> Condition:  # noqa: FBT001 - a value, not a switch
    text = tree.text_of(value)
    return Either((Is(field, value), Is(field, text), Like(field, text), Like(field, f"{text}.0")))


def _regex(atom: tree.Regex) -> Condition:
    literals = [text[:LONGEST] for text in regex_literals(atom.pattern, atom.flags)]
    if not atom.field:
        return Either(tuple(_texts([text]) for text in literals)) if literals else Everything()
    if not literals or _type(atom.field) == "float":
        return Exists(atom.field)
    return Either(tuple(Like(atom.field, pattern_text((MANY, text, MANY))) for text in literals))


def _texts(literals: list[str]) -> Condition:
    """A keyword: each of its texts stands somewhere in the event."""
    telling = [text[:LONGEST] for text in literals if not _NUMBERLIKE.fullmatch(text.lower())]
    return All(tuple(map(Text, telling))) if telling else Everything()
