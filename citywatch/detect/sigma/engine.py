"""Which of thousands of rules say yes to this event, at once?

Rules are sorted into plans by the constant fields of their logsource (channel, event code, dataset,
provider): for each combination of what those fields hold, every rule is partially evaluated, most are gone,
and the rest is searched by needs (`prefilter`): one look per field tells which rules can say yes at all,
and only those are asked (`compile`). Plans are made when their first event comes and kept by what their
constant fields mean to the rules, so strange values cannot make many. What a value means to a plan is
remembered, within bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import ahocorasick_rs
import orjson

from citywatch.detect.sigma import oracle, tree
from citywatch.detect.sigma.compile import Answer, ManyValues, View, compile_rule
from citywatch.detect.sigma.load import EventRule
from citywatch.detect.sigma.oracle import MAX_VALUE, MAX_VALUES
from citywatch.detect.sigma.prefilter import CONTAINS, EQUALS, PRESENT, Cover, Sieve, sieves, simplify
from citywatch.detect.sigma.tree import Tree, fold, text_of
from citywatch.model import Event

CODE = "event.code"
_GONE = object()
"""Stands for a field that is not there (null is something else)."""
_TEXTS = {str, object}
MOST_PLANS = 4096
MOST_KEYS = 16_384
MOST_MEMORY = 400_000
"""Values remembered over all plans; then all is forgotten and begins anew."""
AT_ONCE = 32
"""So many events are asked for keywords together."""
MEMORY_LENGTH = 400
"""Longer values are seldom seen again: not remembered."""


_KELVIN, _DOTTED_I = "\u212a".encode(), "İ".encode()
"""The only letters outside ASCII that fold to a letter of ASCII."""


class Engine:
    """Rules made ready to be asked event by event. For one thread."""

    def __init__(self, rules: Sequence[EventRule]) -> None:
        self._rules = tuple(rules)
        shared: dict[Tree, Tree] = {}
        self._gates = [shared.setdefault(rule.gate, rule.gate) for rule in rules]
        fields = {atom.field for gate in shared for atom in tree.atoms(gate)}
        self._const = tuple(sorted(fields | {CODE}))
        self._by_const = _ConstantAtoms(self._const, (*shared, *(rule.tree for rule in rules)))
        gets = ", ".join(f"get({name!r}, gone)" for name in self._const)
        # Unrolled: this is asked of every event. The names are those of our own tables.
        self._key: Callable[[Any, object], tuple[Any, ...]] = eval(  # noqa: S307 - we wrote the source
            f"lambda get, gone: ({gets},)", {"__builtins__": {}}
        )
        self._keys: dict[tuple[Any, ...], _Plan] = {}
        self._plans: dict[tuple[frozenset[int], ...], _Plan] = {}
        self._view = View()
        self._memory = _Memory()

    @property
    def long_values(self) -> int:
        """How many values were longer than what is looked at."""
        return self._view.long_values

    def hits(self, event: Event) -> list[EventRule]:
        """The rules that say yes, in the order of the rule set."""
        (found,) = self.hits_of([event])
        return found

    def hits_of(self, events: Sequence[Event]) -> list[list[EventRule]]:
        """For each event the rules that say yes.

        What is asked of whole events is asked of a handful at once: hardly any has a keyword, and to learn
        that of thirty costs little more than of one.
        """
        found: list[list[EventRule]] = []
        view, rules = self._view, self._rules
        for at in range(0, len(events), AT_ONCE):
            some = events[at : at + AT_ONCE]
            plans = [self._plan_of(event) for event in some]
            words = _words(some, plans, view)
            for index, (event, plan) in enumerate(zip(some, plans, strict=True)):
                met = words.get(index, 0) if words else 0
                found.append(plan.hits(event, met, view, rules) if plan.rules else [])
        return found

    def _plan_of(self, event: Event) -> _Plan:
        key = self._key(event.get, _GONE)
        try:
            plan = self._keys.get(key)
        except TypeError:  # a list in a constant field
            return self._plan(key)
        if plan is None:
            plan = self._plan(key)
            if len(self._keys) >= MOST_KEYS:
                self._keys.clear()
            if _TEXTS.issuperset(map(type, key)):  # 1, 1.0 and True are one key but not one value
                self._keys[key] = plan
        return plan

    def _plan(self, key: tuple[Any, ...]) -> _Plan:
        pairs = zip(self._const, key, strict=True)
        meaning = tuple(self._by_const.meaning(name, value) for name, value in pairs)
        plan = self._plans.get(meaning)
        if plan is None:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
                self._keys.clear()
                self._memory.forget()
            plan = self._plans[meaning] = _Plan(self._left(meaning), self._memory)
        return plan

    def _left(self, meaning: tuple[frozenset[int], ...]) -> list[tuple[int, Tree]]:
        """The rules that can still say yes, with the rest of their question."""
        yes = frozenset[int]().union(*meaning)
        number = self._by_const.number

        def truth(atom: tree.Atom) -> bool | None:
            at = number.get(atom)
            return None if at is None else at in yes

        left: list[tuple[int, Tree]] = []
        gates: dict[int, bool] = {}
        for index, (rule, asked) in enumerate(zip(self._rules, self._gates, strict=True)):
            gate = gates.get(id(asked))
            if gate is None:
                decided = simplify(asked, truth)
                gate = gates[id(asked)] = isinstance(decided, tree.Const) and decided.yes
            if gate:
                rest = simplify(rule.tree, truth)
                if not isinstance(rest, tree.Const) or rest.yes:
                    left.append((index, rest))
        return left


class _ConstantAtoms:
    """All questions to the constant fields, numbered, and what a value answers to them."""

    def __init__(self, fields: Sequence[str], trees: Iterable[Tree]) -> None:
        self.number: dict[tree.Atom, int] = {}
        self._atoms: dict[str, list[tuple[int, tree.Atom]]] = {field: [] for field in fields}
        self._known: dict[tuple[str, type, str], frozenset[int]] = {}
        for part in trees:
            for atom in tree.atoms(part):
                known = atom in self.number or isinstance(atom, tree.FieldRef)
                if atom.field in self._atoms and not known:
                    at = self.number[atom] = len(self.number)
                    self._atoms[atom.field].append((at, atom))

    def meaning(self, field: str, value: Any) -> frozenset[int]:
        """Numbers of the questions that this value answers with yes."""
        name = field, value.__class__, repr(value)
        found = self._known.get(name)
        if found is None:
            event: Event = {} if value is _GONE else {field: value}
            found = frozenset(at for at, atom in self._atoms[field] if oracle.holds(atom, event) is not None)
            if len(self._known) >= MOST_KEYS:
                self._known.clear()
            self._known[name] = found
        return found


class _Memory:
    """What values meant to plans, over all plans, so that the sum is bounded."""

    __slots__ = ("glances", "left", "tables")

    def __init__(self) -> None:
        self.left = MOST_MEMORY
        self.glances: dict[frozenset[str], _Glance] = {}
        self.tables: list[dict[str, int]] = []

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


class _Asked:
    """What is settled for each value of one field."""

    __slots__ = ("absent", "anyway", "parts")

    def __init__(self) -> None:
        self.parts: dict[int, Tree] = {}
        """By bit: the part of a rule that asks of this field alone."""
        self.anyway = 0
        """Bits of parts that any value may meet."""
        self.absent = 0
        """Bits of parts that are met where there is no value."""


class _Field:
    """One field of a plan: which rules its value makes candidates, as a bit a rule."""

    __slots__ = (
        "_answers", "_anyway", "_automaton", "_bits", "_equal", "_loose", "_memory", "_parts", "_settled",
        "_view", "absent", "known", "name",
    )  # fmt: skip

    def __init__(
        self, name: str, needs: dict[tuple[int, str], int], memory: _Memory, asked: _Asked | None = None
    ) -> None:
        asked = asked or _Asked()
        self.name = name
        self.absent = asked.absent
        self._memory = memory
        self.known: dict[str, int] = {}
        self._loose: dict[str, int] = {}
        memory.tables += self.known, self._loose
        self._equal = {text: bits for (kind, text), bits in needs.items() if kind == EQUALS}
        texts = [text for kind, text in needs if kind == CONTAINS]
        self._bits = [needs[CONTAINS, text] for text in texts]
        self._automaton = ahocorasick_rs.AhoCorasick(texts) if texts else None
        self._anyway = asked.anyway
        self._parts = asked.parts
        self._settled = sum(asked.parts)
        self._answers: dict[int, Answer] = {}
        self._view = View()

    def bits(self, value: Any) -> int:
        """Rules whose need this value meets."""
        if value.__class__ is str:
            return self._remembered(value, self.known, settle=True)
        if value.__class__ is list:
            found = self._anyway
            for each in cast("list[Any]", value)[:MAX_VALUES]:
                if each is not None:
                    found |= self._remembered(text_of(each), self._loose, settle=False)
            return found
        return self._remembered(text_of(value), self._loose, settle=False)

    def _remembered(self, text: str, table: dict[str, int], *, settle: bool) -> int:
        met = table.get(text)
        if met is not None:
            return met
        whole = text
        if len(text) > MAX_VALUE:
            text = text[:MAX_VALUE]
        found = self.search(text.lower() if text.isascii() else fold(text)) | self._anyway
        if settle and found & self._settled:
            found = self._settle(found, whole)
        if len(text) <= MEMORY_LENGTH:
            self._memory.spend()
            table[text] = found
        return found

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
            last = -1
            for at, _, _ in self._automaton.find_matches_as_indexes(oracle.clean(text), overlapping=True):
                if at != last:
                    found |= bits[at]
                    last = at
        return found


class _Glance:
    """Is any of these keywords in these events at all? Rather too many events than too few."""

    __slots__ = ("_ascii", "_automaton")

    def __init__(self, texts: Iterable[str]) -> None:
        known = [orjson.dumps(oracle.clean(text))[1:-1] for text in texts]
        self._ascii = all(text.isascii() for text in known)
        self._automaton = ahocorasick_rs.BytesAhoCorasick(known, ahocorasick_rs.MatchKind.LeftmostFirst)

    def sees(self, events: Sequence[Event]) -> bool:
        """Some value of some event may hold one."""
        try:
            whole = orjson.dumps([[*event.values()] for event in events])
        except (TypeError, ValueError):  # half of a surrogate pair, or a number beyond 64 bits
            return True
        plain = whole.isascii() or (self._ascii and _KELVIN not in whole and _DOTTED_I not in whole)
        return not plain or bool(self._automaton.find_matches_as_indexes(whole.lower()))


class _Keywords:
    """Keywords of a plan, and which rules they make candidates."""

    __slots__ = ("_field", "glance")

    def __init__(self, needs: dict[tuple[int, str], int], memory: _Memory) -> None:
        self._field = _Field("", needs, memory)
        texts = frozenset(text for _, text in needs)
        known = memory.glances.get(texts)
        if known is None:
            known = memory.glances[texts] = _Glance(texts)
        self.glance = known

    def bits(self, event: Event, view: View) -> int:
        """Rules of which some keyword is in the event."""
        view.take(event)
        return self._field.search(view.words()[2])


def _words(events: Sequence[Event], plans: Sequence[_Plan], view: View) -> dict[int, int]:
    """By place: the bits of rules of which a keyword is in that event."""
    groups: dict[_Glance, list[int]] = {}
    for index, plan in enumerate(plans):
        if plan.keywords is not None:
            groups.setdefault(plan.keywords.glance, []).append(index)
    found: dict[int, int] = {}
    for glance, places in groups.items():
        if glance.sees([events[index] for index in places]):
            for index in places:
                keywords = plans[index].keywords
                if keywords is not None and glance.sees([events[index]]):
                    found[index] = keywords.bits(events[index], view)
    return found


class _Plan:
    """The rules left for one meaning of the constant fields.

    A rule has one bit for its cheapest cover and one, higher by the number of rules, for the next cover.
    """

    __slots__ = ("_always", "_answers", "_fields", "_mask", "_present", "_several", "_shift", "keywords",
                 "rules")  # fmt: skip

    def __init__(self, left: list[tuple[int, Tree]], memory: _Memory) -> None:
        self.rules = left
        self._answers: list[Answer | None] = [None] * len(left)
        self._several: list[Answer | None] = [None] * len(left)
        self._always = 0
        self._shift = len(left)
        self._mask = (1 << len(left)) - 1
        needs: dict[str, dict[tuple[int, str], int]] = {}
        present: dict[str, int] = {}
        asked: dict[str, _Asked] = {}
        for position, (_, rest) in enumerate(left):
            first, second = sieves(rest)
            for sieve, bit in ((first, 1 << position), (second, 1 << (position + self._shift))):
                if sieve is not None and sieve.field:
                    self._enter_settled(sieve, bit, needs, asked.setdefault(sieve.field, _Asked()))
                else:
                    self._enter(sieve.cover if sieve else None, bit, needs, present)
        self._present = tuple(present.items())
        keywords = needs.pop("", None)
        self.keywords = _Keywords(keywords, memory) if keywords else None
        fields = [
            _Field(name, needs.get(name, {}), memory, asked.get(name))
            for name in dict.fromkeys((*needs, *asked))
        ]
        self._fields = tuple((field.name, field.known.get, field.bits, field.absent) for field in fields)

    @staticmethod
    def _enter_settled(
        sieve: Sieve, bit: int, needs: dict[str, dict[tuple[int, str], int]], asked: _Asked
    ) -> None:
        asked.parts[bit] = sieve.part
        if oracle.matches(sieve.part, {}):
            asked.absent |= bit
        wanted = sieve.cover
        if wanted is None or any(kind == PRESENT or not text for _, kind, text in wanted):
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
    ) -> None:
        if cover is None:
            self._always |= bit
            return
        for field, kind, text in cover:
            if kind == PRESENT or (kind == CONTAINS and not text):
                present[field] = present.get(field, 0) | bit
            else:
                table = needs.setdefault(field, {})
                table[kind, text] = table.get((kind, text), 0) | bit

    def hits(self, event: Event, words: int, view: View, rules: Sequence[EventRule]) -> list[EventRule]:
        """The rules of this plan that say yes, of which `words` have a keyword in the event."""
        met = self._always | words
        get = event.get
        for name, known, search, absent in self._fields:
            value = get(name)
            if value is not None:
                bits = known(value) if value.__class__ is str else None
                if bits is None:
                    bits = search(value)
                if bits:
                    met |= bits
            elif absent:
                met |= absent
        for name, bits in self._present:
            if name in event:
                met |= bits
        candidates = met & (met >> self._shift) & self._mask
        return self._asked(candidates, event, view, rules) if candidates else []

    def _asked(
        self, candidates: int, event: Event, view: View, rules: Sequence[EventRule]
    ) -> list[EventRule]:
        view.take(event)
        low, raw, answers = view.low, view.raw, self._answers
        found: list[EventRule] = []
        while candidates:
            lowest = candidates & -candidates
            position = lowest.bit_length() - 1
            candidates ^= lowest
            answer = answers[position]
            if answer is None:
                answer = answers[position] = compile_rule(self.rules[position][1], lists=False)
            try:
                yes = answer(view, low, raw)
            except ManyValues:
                yes = self._ask_lists(position, view)
            if yes:
                found.append(rules[self.rules[position][0]])
        return found

    def _ask_lists(self, position: int, view: View) -> bool:
        several = self._several[position]
        if several is None:
            several = self._several[position] = compile_rule(self.rules[position][1], lists=True)
        return several(view, view.low, view.raw)
