"""Can any event at all answer this rule with yes?

A rule that asks for `EventID: 1` where its logsource means `EventID: 4688` is sound Sigma and never
fires. Its question is written out as alternatives (each a list of atoms that must all hold); a rule is
impossible when every alternative contradicts itself on a field that holds one value. Where it is not certain
the answer is yes: a warning is only given for what cannot be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from citywatch import schema
from citywatch.detect.sigma import oracle, tree
from citywatch.detect.sigma.tree import Atom, Tree

MOST_ALTERNATIVES = 512
"""A rule with more is taken as possible."""


@dataclass(frozen=True, slots=True)
class Literal:
    """An atom that must hold, or must not."""

    atom: Atom
    wanted: bool


Alternative = tuple[Literal, ...]


class _TooMany(Exception):  # noqa: N818 - an answer, not a failure
    pass


def is_possible(question: Tree, one_value: Callable[[str], bool] | None = None) -> bool:
    """Tell whether some event may answer with yes; True where that cannot be told.

    Args:
        question: a rule's detection and its logsource, joined by `And`.
        one_value: tells whether events hold at most one value in a field; by the schema when absent.
    """
    single = one_value or _holds_one
    try:
        return any(not _contradicts(each, single) for each in _alternatives(question, wanted=True))
    except _TooMany:
        return True


def _holds_one(field: str) -> bool:
    known = schema.resolve(field)
    return known is not None and not known.many


def _alternatives(part: Tree, *, wanted: bool) -> list[Alternative]:
    if isinstance(part, tree.Not):
        return _alternatives(part.part, wanted=not wanted)
    if isinstance(part, tree.Const):
        return [()] if part.yes is wanted else []
    if isinstance(part, tree.Ref):
        return [()]
    if not isinstance(part, tree.And | tree.Or):
        return [(Literal(part, wanted),)]
    parts = [_alternatives(each, wanted=wanted) for each in part.parts]
    if isinstance(part, tree.And) is not wanted:
        return _bounded([each for some in parts for each in some])
    found: list[Alternative] = [()]
    for some in parts:
        found = _bounded([(*left, *right) for left in found for right in some])
    return found


def _bounded(found: list[Alternative]) -> list[Alternative]:
    if len(found) > MOST_ALTERNATIVES:
        raise _TooMany
    return found


def _contradicts(literals: Alternative, single: Callable[[str], bool]) -> bool:
    told: dict[Atom, bool] = {}
    for one in literals:
        if told.setdefault(one.atom, one.wanted) is not one.wanted:
            return True
    by_field: dict[str, list[Literal]] = {}
    for one in literals:
        if one.atom.field and not isinstance(one.atom, tree.FieldRef):
            by_field.setdefault(one.atom.field, []).append(one)
    return any(single(field) and _clash(field, held) for field, held in by_field.items())


def _clash(field: str, literals: list[Literal]) -> bool:
    """No single value answers all of these."""
    positive = [one.atom for one in literals if one.wanted]
    absent = any(
        isinstance(atom, tree.Null) or (isinstance(atom, tree.Exists) and not atom.want) for atom in positive
    )
    if absent:
        return any(not isinstance(atom, tree.Null | tree.Exists) for atom in positive)
    for atom in positive:
        if isinstance(atom, tree.Like) and all(isinstance(piece, str) for piece in atom.pieces):
            event = {field: "".join(str(piece) for piece in atom.pieces)}
            alike = [one for one in literals if atom.cased or not _minds_case(one.atom)]
            if any((oracle.holds(one.atom, event) is not None) is not one.wanted for one in alike):
                return True
    numbers = {atom.value for atom in positive if isinstance(atom, tree.Number)}
    compared = [atom for atom in positive if isinstance(atom, tree.Compare)]
    for number in numbers:
        event = {field: number}
        if len(numbers) > 1 or any(oracle.holds(one, event) is None for one in compared):
            return True
    return _empty_range(compared)


def _minds_case(atom: Atom) -> bool:
    """Its answer may change with the letter case of the value, or with its kind (text, number, time)."""
    return (isinstance(atom, tree.Like) and atom.cased) or isinstance(
        atom, tree.Regex | tree.TimePart | tree.Bool | tree.FieldRef
    )


def _empty_range(compared: list[tree.Compare]) -> bool:
    lows = [one for one in compared if one.op in {"gt", "gte"}]
    highs = [one for one in compared if one.op in {"lt", "lte"}]
    return any(
        low.number > high.number or (low.number == high.number and (low.op, high.op) != ("gte", "lte"))
        for low in lows
        for high in highs
    )
