"""Which of thousands of rules say yes to this event, at once?

Rules are sorted into plans by the constant fields of their logsource (channel, event code, dataset,
provider): for each combination of what those fields hold, every rule is partially evaluated, most are gone,
and the rest is searched by needs (`plan`). Plans are made when their first event comes and kept by what their
constant fields mean to the rules, so strange values cannot make many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from citywatch.detect.sigma import oracle, tree
from citywatch.detect.sigma.compile import View
from citywatch.detect.sigma.failures import Failures
from citywatch.detect.sigma.load import EventRule
from citywatch.detect.sigma.plan import Memory, Plan, words_met
from citywatch.detect.sigma.prefilter import simplify
from citywatch.detect.sigma.tree import Tree
from citywatch.model import Event

CODE = "event.code"
_GONE = object()
"""Stands for a field that is not there (null is something else)."""
_TEXTS = {str, object}
MOST_PLANS = 4096
MOST_KEYS = 16_384
AT_ONCE = 32
"""So many events are asked for keywords together."""


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
        self._keys: dict[tuple[Any, ...], Plan] = {}
        self._plans: dict[tuple[frozenset[int], ...], Plan] = {}
        self._view = View()
        self.memory = Memory()

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
        view, rules, known, key_of = self._view, self._rules, self._keys, self._key
        for at in range(0, len(events), AT_ONCE):
            some = events[at : at + AT_ONCE]
            try:
                plans = [known.get(key_of(event.get, _GONE)) or self._plan_of(event) for event in some]
            except TypeError:  # a list in a constant field
                plans = [self._plan_of(event) for event in some]
            words = words_met(some, plans, view, self.memory)
            for index, (event, plan) in enumerate(zip(some, plans, strict=True)):
                met = words.get(index, 0) if words else 0
                found.append(plan.hits(event, met, view, rules) if met or plan.asks else [])
        return found

    def hits_alone(self, event: Event, failures: Failures) -> list[EventRule]:
        """As `hits`, each rule asked by itself and plainly: one that raises is noted and says no."""
        found: list[EventRule] = []
        for rule in self._rules:
            try:
                if oracle.matches(rule.gate, event) and oracle.matches(rule.tree, event):
                    found.append(rule)
            except Exception as error:  # noqa: BLE001 - one broken rule stops no other; it is named
                failures.note(rule.rule, error, event)
        return found

    def _plan_of(self, event: Event) -> Plan:
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

    def _plan(self, key: tuple[Any, ...]) -> Plan:
        pairs = zip(self._const, key, strict=True)
        meaning = tuple(self._by_const.meaning(name, value) for name, value in pairs)
        plan = self._plans.get(meaning)
        if plan is None:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
                self._keys.clear()
                self.memory.forget()
            plan = self._plans[meaning] = Plan(self._left(meaning), self.memory)
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
