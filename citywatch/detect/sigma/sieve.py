"""Which parts of a rule are looked for before the rule is asked?

A yes must meet every part of an And: the parts that the fewest events meet are looked for first (`prefilter`
says how many these may be). Each field that is looked at costs every event, so where few rules of a plan
would begin with a field, other parts of these rules are taken if they do nearly as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from citywatch.detect.sigma import tree
from citywatch.detect.sigma.prefilter import PRESENT, SAME, WEAK, Cover, cost, cover, regex_width
from citywatch.detect.sigma.tree import Tree

RULES_A_FIELD = 30
"""For so many rules of a plan one more must begin with a field that is to be looked at."""


class Sieve(NamedTuple):
    """One part that a yes of a rule needs: what tells cheaply that it may hold, and if it can be settled.

    With `field` set the part asks of that one field only, so its answer belongs to the value: the engine
    works it out once for each value instead of once for each event. `cover` None: any value may do, and none.
    """

    part: Tree
    cover: Cover | None
    field: str

    def fields(self) -> frozenset[str]:
        """Fields in which something is looked for; keywords and mere presence cost no look of their own."""
        found = {need.field for need in self.cover or () if need.kind not in (PRESENT, SAME)}
        return frozenset((found | {self.field}) - {""})


def sieves_of(rules: Sequence[Tree], most: int) -> list[list[Sieve]]:
    """For each rule of a plan the parts to look for, best first."""
    found = [sieves(each) for each in rules]
    first = Counter(field for each in found for field in (each[0].fields() if each else ()))
    enough = 1 + len(rules) // RULES_A_FIELD
    worth = {field for field, count in first.items() if count >= enough}
    for each in found:
        if each and not any(_does(sieve, each[0], worth) for sieve in each):
            worth |= each[0].fields()
    return [[sieve for sieve in each if sieve.fields() <= worth][:most] for each in found]


def _does(sieve: Sieve, best: Sieve, worth: Collection[str]) -> bool:
    return sieve.fields() <= frozenset(worth) and weight(sieve.cover) <= max(WEAK, weight(best.cover))


def sieves(part: Tree) -> list[Sieve]:
    """The parts of a rule that tell something, best first: a yes must meet them all.

    A part is settled for each value only where its cover, and the best one, are weak: elsewhere most values
    would be looked at for nothing.
    """
    parts = list(_flat(part)) if isinstance(part, tree.And) else [part]
    found = sorted(((weight(needs), at, needs) for at, needs in enumerate(map(cover, parts))), key=_first_two)
    chosen: list[Sieve] = []
    for heavy, at, needs in found:
        settles = heavy >= WEAK and (not chosen or weight(chosen[0].cover) >= WEAK)
        field = _only_field(parts[at]) if settles else ""
        if needs is not None or field:
            chosen.append(Sieve(parts[at], needs, field))
    return chosen


def weight(needs: Cover | None) -> float:
    """The share of events that a cover lets through."""
    return 1.0 if needs is None else min(cost(needs), 1.0)


def _first_two(entry: tuple[float, int, Cover | None]) -> tuple[float, int]:
    return entry[:2]


def _only_field(part: Tree) -> str:
    """The one field that a part asks of; empty when it asks of several, of any, or whether one is there."""
    fields: set[str] = set()
    for atom in tree.atoms(part):
        if isinstance(atom, tree.FieldRef | tree.Exists):
            return ""
        fields.add(atom.field)
    return fields.pop() if len(fields) == 1 else ""


def _flat(part: tree.And) -> Iterable[Tree]:
    for each in part.parts:
        if isinstance(each, tree.And):
            yield from _flat(each)
        else:
            yield each


def least_width(part: Tree) -> int:
    """The fewest characters of a value that a part asking of one field says yes to; 0: not told."""
    if isinstance(part, tree.Regex):
        return regex_width(part.pattern)
    if isinstance(part, tree.And):
        return max(map(least_width, part.parts), default=0)
    if isinstance(part, tree.Or):
        return min(map(least_width, part.parts), default=0)
    return 0
