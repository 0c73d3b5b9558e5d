"""Which rules of one plan say yes to an event?

A plan holds the rules that are left for one meaning of the constant fields (`engine`), each with what it
needs at the least (`prefilter`): one look per field tells which rules can say yes at all, and only those are
asked (`compile`). What a value means to a plan is remembered, within bounds: the names of programs, users
and hosts come again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, cast

import ahocorasick_rs

from citywatch.detect.sigma import oracle
from citywatch.detect.sigma.compile import Answer, ManyValues, View, compile_rule
from citywatch.detect.sigma.glance import Glance
from citywatch.detect.sigma.load import EventRule
from citywatch.detect.sigma.oracle import MAX_VALUE, MAX_VALUES
from citywatch.detect.sigma.prefilter import CONTAINS, EQUALS, PRESENT, SAME, Cover
from citywatch.detect.sigma.sieve import Sieve, least_width, sieves_of
from citywatch.detect.sigma.tree import Tree, fold, text_of
from citywatch.model import Event

MOST_MEMORY = 400_000
"""Values remembered over all plans; then all is forgotten and begins anew."""
SIEVES = 2
"""Parts of a rule that are looked for before the rule is asked."""
MOST_TOGETHER = 1_000
MEMORY_LENGTH = 400
"""Longer values are seldom seen again: not remembered."""
MEMORY_NUMBER = 100_000
"""Nor are larger numbers: below it are ports, status codes and sizes of small packets."""

_first: Callable[[tuple[int, int, int]], int] = itemgetter(0)


class Memory:
    """What values meant to plans, over all plans, so that the sum is bounded."""

    __slots__ = ("glances", "left", "tables", "together")

    def __init__(self) -> None:
        self.left = MOST_MEMORY
        self.glances: dict[frozenset[str], Glance] = {}
        self.together: dict[frozenset[Glance], Glance] = {}
        self.tables: list[dict[Any, int]] = []

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            self.left = MOST_MEMORY
            for table in self.tables:
                table.clear()

    def forget(self) -> None:
        """The plans are gone, and their tables with them."""
        self.left = MOST_MEMORY
        self.tables.clear()
        self.glances.clear()
        self.together.clear()

    def glance(self, texts: frozenset[str]) -> Glance:
        """The one glance for these keywords."""
        known = self.glances.get(texts)
        if known is None:
            known = self.glances[texts] = Glance(texts)
        return known

    def union(self, glances: frozenset[Glance]) -> Glance:
        """One glance for the keywords of several."""
        known = self.together.get(glances)
        if known is None:
            if len(self.together) >= MOST_TOGETHER:
                self.together.clear()
            texts = frozenset[str]().union(*(each.texts for each in glances))
            known = self.together[glances] = self.glance(texts)
        return known


class _Asked:
    """What is settled for each value of one field."""

    __slots__ = ("absent", "anyway", "parts", "wide")

    def __init__(self) -> None:
        self.parts: dict[int, Tree] = {}
        """By bit: the part of a rule that asks of this field alone."""
        self.anyway = 0
        """Bits of parts that any value may meet."""
        self.absent = 0
        """Bits of parts that are met where there is no value."""
        self.wide: dict[int, int] = {}
        """Bits of parts that any value may meet that is so long."""


class _Field(dict[Any, int]):
    """One field of a plan: which rules its value makes candidates, as a bit a rule.

    What was looked up before is in the dict: texts, whole numbers, and None for a field that is not there.
    """

    __slots__ = (
        "_absent", "_answers", "_anyway", "_automaton", "_bits", "_equal", "_lengths", "_loose", "_memory",
        "_once", "_parts", "_same", "_settled", "_view", "_wide", "name",
    )  # fmt: skip

    def __init__(
        self, name: str, needs: dict[tuple[int, str], int], memory: Memory, asked: _Asked | None = None
    ) -> None:
        super().__init__()
        asked = asked or _Asked()
        self.name = name
        self._absent = asked.absent
        self._memory = memory
        self._loose: dict[str, int] = {}
        self._once: dict[str, int] = {}
        self._same: dict[int, int] = {}
        memory.tables += self, self._loose, self._once, self._same
        once = self._same.setdefault  # the words of one rule mean the same: held once, near the processor
        self._equal = {text: once(bits, bits) for (kind, text), bits in needs.items() if kind == EQUALS}
        texts = [text for kind, text in needs if kind == CONTAINS]
        self._bits = [once(bits, bits) for bits in (needs[CONTAINS, text] for text in texts)]
        self._automaton = ahocorasick_rs.AhoCorasick(texts) if texts else None
        self._anyway = asked.anyway
        self._wide = sorted(asked.wide.items())
        whole = self._automaton is None and not asked.anyway and not asked.wide
        self._lengths = frozenset(map(len, self._equal)) if whole else None
        """For a field of which only whole values are asked: how long these are."""
        self._parts = asked.parts
        self._settled = sum(asked.parts)
        self._answers: dict[int, Answer] = {}
        self._view = View()

    def __missing__(self, value: Any) -> int:
        if value.__class__ is str:
            if self._lengths is not None and value.isascii() and len(value) not in self._lengths:
                return 0
            return self._met(value)
        if value is None:
            self[None] = self._absent
            return self._absent
        met = self._loosely(text_of(value))
        if value.__class__ is int and 1 < value < MEMORY_NUMBER:  # 0 and 1 are also False and True
            self._memory.spend()
            self[value] = met
        return met

    def any_of(self, value: Any) -> int:
        """Rules whose need this value meets, or one of a list's values."""
        if value.__class__ is not list:
            return self[value] if value.__class__ is not dict else self._loosely(text_of(value))
        found = self._anyway
        for each in cast("list[Any]", value)[:MAX_VALUES]:
            if each is not None:
                found |= self._loosely(text_of(each))
        return found

    def _loosely(self, text: str) -> int:
        """For a number, or one value of a list: nothing is settled, the rest of the list may differ."""
        met = self._loose.get(text)
        if met is None:
            met = self._looked(text)
            if len(text) <= MEMORY_LENGTH:
                self._memory.spend()
                self._loose[text] = met
        return met

    def _met(self, text: str) -> int:
        """What is settled is asked when a value comes again: to most it would be asked for nothing."""
        met = self._once.pop(text, None)
        if met is not None:
            met = self._settle(met, text)
            met = self[text] = self._same.setdefault(met, met)
            return met
        met = self._looked(text)
        if len(text) <= MEMORY_LENGTH:
            self._memory.spend()
            table = self._once if met & self._settled else self
            table[text] = met
        return met

    def _looked(self, text: str) -> int:
        if len(text) > MAX_VALUE:
            text = text[:MAX_VALUE]
        found = self.search(text.lower() if text.isascii() else fold(text)) | self._anyway
        for width, bits in self._wide:
            if width > len(text) and text.isascii():
                break
            found |= bits
        return self._same.setdefault(found, found)

    def _settle(self, found: int, text: str) -> int:
        """Leave out the rules of which a part that asks of this field alone says no."""
        view = self._view
        view.take({self.name: text})
        left = found & self._settled
        while left:
            bit = left & -left
            left ^= bit
            answer = self._answers.get(bit)
            if answer is None:
                answer = self._answers[bit] = compile_rule(self._parts[bit], lists=False)
            if not answer(view, view.low, view.raw):
                found ^= bit
        return found

    def search(self, text: str) -> int:
        """Rules whose need this folded text meets."""
        found = self._equal.get(text, 0)
        if self._automaton is not None:
            bits = self._bits
            met = self._automaton.find_matches_as_indexes(oracle.clean(text), overlapping=True)
            for at in {*map(_first, met)}:  # a word that stands ten times is one
                found |= bits[at]
        return found


class _Keywords:
    """Keywords of a plan, and which rules they make candidates."""

    __slots__ = ("_field", "glance")

    def __init__(self, needs: dict[tuple[int, str], int], memory: Memory) -> None:
        self._field = _Field("", needs, memory)
        self.glance = memory.glance(frozenset(text for _, text in needs))

    def bits(self, event: Event, view: View) -> int:
        """Rules of which some keyword is in the event."""
        view.take(event)
        return self._field.search(view.words()[2])


def words_met(events: Sequence[Event], plans: Sequence[Plan], view: View, memory: Memory) -> dict[int, int]:
    """By place: the bits of rules of which a keyword is in that event."""
    asked = {plan.keywords for plan in plans}
    asked.discard(None)
    whole = memory.union(frozenset(each.glance for each in asked if each is not None)) if asked else None
    found: dict[int, int] = {}
    if whole is not None and whole.sees(events):
        for index, plan in enumerate(plans):
            if plan.keywords is not None and plan.keywords.glance.sees(events[index : index + 1]):
                found[index] = plan.keywords.bits(events[index], view)
    return found


class Plan:
    """The rules left for one meaning of the constant fields.

    A rule has one bit for its cheapest cover and one, higher by the number of rules, for the next cover.
    """

    __slots__ = ("_always", "_answers", "_fields", "_mask", "_present", "_same", "_search", "_several",
                 "_shifts", "asks", "keywords", "rules")  # fmt: skip

    def __init__(self, left: list[tuple[int, Tree]], memory: Memory) -> None:
        self.rules = left
        self._answers: list[Answer | None] = [None] * len(left)
        self._several: list[Answer | None] = [None] * len(left)
        self._always = 0
        size = len(left)
        self._shifts = tuple(range(size, SIEVES * size, size)) if size else ()
        self._mask = (1 << len(left)) - 1
        needs: dict[str, dict[tuple[int, str], int]] = {}
        present: dict[str, int] = {}
        same: dict[tuple[str, str], int] = {}
        asked: dict[str, _Asked] = {}
        for position, chosen in enumerate(sieves_of([rest for _, rest in left], SIEVES)):
            for turn in range(SIEVES):
                bit = 1 << (position + turn * size)
                sieve = chosen[turn] if turn < len(chosen) else None
                if sieve is not None and sieve.field:
                    self._enter_settled(sieve, bit, needs, asked.setdefault(sieve.field, _Asked()))
                else:
                    self._enter(sieve.cover if sieve else None, bit, needs, present, same)
        keywords = needs.pop("", None)
        self.keywords = _Keywords(keywords, memory) if keywords else None
        fields = [
            _Field(name, needs.get(name, {}), memory, asked.get(name))
            for name in dict.fromkeys((*needs, *asked))
        ]
        self._fields = tuple(fields)
        self._present = tuple(present.items())
        self._same = tuple(same.items())
        self._search = _searcher(self._fields, self._present, self._same)
        self.asks = bool(self._fields or present or same or self._candidates(self._always))
        """Something may be met by an event without a keyword."""

    @staticmethod
    def _enter_settled(
        sieve: Sieve, bit: int, needs: dict[str, dict[tuple[int, str], int]], asked: _Asked
    ) -> None:
        asked.parts[bit] = sieve.part
        if oracle.matches(sieve.part, {}):
            asked.absent |= bit
        wanted = sieve.cover
        if wanted is None or any(kind == PRESENT or not text for _, kind, text in wanted):
            width = least_width(sieve.part)
            if width > 1:
                asked.wide[width] = asked.wide.get(width, 0) | bit
            else:
                asked.anyway |= bit
            return
        table = needs.setdefault(sieve.field, {})
        for _, kind, text in wanted:
            table[kind, text] = table.get((kind, text), 0) | bit

    def _enter(
        self,
        cover: Cover | None,
        bit: int,
        needs: dict[str, dict[tuple[int, str], int]],
        present: dict[str, int],
        same: dict[tuple[str, str], int],
    ) -> None:
        if cover is None:
            self._always |= bit
            return
        for field, kind, text in cover:
            if kind == PRESENT or (kind == CONTAINS and not text):
                present[field] = present.get(field, 0) | bit
            elif kind == SAME:
                same[field, text] = same.get((field, text), 0) | bit
            else:
                table = needs.setdefault(field, {})
                table[kind, text] = table.get((kind, text), 0) | bit

    def hits(self, event: Event, words: int, view: View, rules: Sequence[EventRule]) -> list[EventRule]:
        """The rules of this plan that say yes, of which `words` have a keyword in the event."""
        begun = self._always | words if words else self._always
        try:
            met = self._search(event, event.get, begun)
        except TypeError:  # a list
            met = self._any_of(event, begun)
        candidates = self._candidates(met)
        return self._asked(candidates, event, view, rules) if candidates else []

    def _candidates(self, met: int) -> int:
        """The rules of which every part that is looked for was met."""
        found = met & self._mask
        for shift in self._shifts:
            if not found:
                break
            found &= met >> shift
        return found

    def _any_of(self, event: Event, met: int) -> int:
        """As `_search`, for an event with lists."""
        for field in self._fields:
            met |= field.any_of(event.get(field.name))
        for name, bits in self._present:
            if name in event:
                met |= bits
        for (name, other), bits in self._same:
            if may_be_same(event.get(name), event.get(other)):
                met |= bits
        return met

    def _asked(
        self, candidates: int, event: Event, view: View, rules: Sequence[EventRule]
    ) -> list[EventRule]:
        view.take(event)
        low, raw, answers, left = view.low, view.raw, self._answers, self.rules
        found: list[EventRule] = []
        while candidates:
            position = candidates.bit_length() - 1  # from the last rule to the first
            candidates ^= 1 << position
            answer = answers[position]
            if answer is None:
                answer = answers[position] = compile_rule(left[position][1], lists=False)
            try:
                yes = answer(view, low, raw)
            except ManyValues:
                yes = self._ask_lists(position, view)
            if yes:
                found.append(rules[left[position][0]])
        found.reverse()
        return found

    def _ask_lists(self, position: int, view: View) -> bool:
        several = self._several[position]
        if several is None:
            several = self._several[position] = compile_rule(self.rules[position][1], lists=True)
        return several(view, view.low, view.raw)


_Search = Callable[[Event, Callable[[str], Any], int], int]


def may_be_same(mine: Any, theirs: Any) -> bool:
    """May these be the same text? Told by their lengths, which cost nothing to see.

    >>> may_be_same("A.exe", "b.EXE"), may_be_same("a", "ab"), may_be_same("a", None), may_be_same(1, "1")
    (True, False, False, True)
    """
    if mine.__class__ is str and theirs.__class__ is str:
        long, short = len(mine), len(theirs)
        cut = long >= MAX_VALUE and short >= MAX_VALUE
        return long == short or cut or not (mine.isascii() and theirs.isascii())
    return mine is not None and theirs is not None


def _searcher(
    fields: Sequence[_Field],
    present: Sequence[tuple[str, int]],
    same: Sequence[tuple[tuple[str, str], int]],
) -> _Search:
    """Write out the looks of all fields: a loop would cost as much as the looks themselves.

    Raises (the function): TypeError when a field holds a list.
    """
    names: dict[str, Any] = {"__builtins__": {}}
    lines: list[str] = []
    for at, field in enumerate(fields):
        names[f"f{at}"] = field
        lines += [f"    bits = f{at}[get({field.name!r})]", "    if bits: met |= bits"]
    for at, (name, bits) in enumerate(present):
        names[f"b{at}"] = bits
        lines.append(f"    if {name!r} in event: met |= b{at}")
    if same:
        names["same"] = may_be_same
    for at, ((name, other), bits) in enumerate(same):
        names[f"s{at}"] = bits
        lines.append(f"    if same(get({name!r}), get({other!r})): met |= s{at}")
    held = "".join(f", {name}={name}" for name in names if name[0] != "_")
    lines.insert(0, f"def search(event, get, met{held}):")
    exec("\n".join([*lines, "    return met"]), names)  # noqa: S102 - we wrote it, names are quoted
    return cast("_Search", names["search"])
