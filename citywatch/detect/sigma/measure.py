"""What does a correlation count, add up or look for in one window, and is it enough?

A `Measure` follows a window as it slides: entries are added at its right end and dropped at its left. Sums
are kept in whole millionths, so that sliding back and forth loses nothing. A percentile is the linear
interpolation between closest ranks (Hyndman and Fan 1996, type 7); the median is the fiftieth.
"""

from __future__ import annotations

import operator
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from citywatch.detect.sigma.load import CorrelationRule
from citywatch.detect.sigma.thin import Entry, thin_ordered, thin_sums, thin_values
from citywatch.detect.sigma.tree import And, Not, Or, Ref, Tree

MILLION = 1_000_000

_OPS: dict[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "eq": operator.eq,
    "neq": operator.ne,
}
_SIGNS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "eq": "==", "neq": "!="}
COUNTS = frozenset({"event_count", "value_count"})
TEMPORAL = frozenset({"temporal", "temporal_ordered"})
SUMS = frozenset({"value_sum", "value_avg", "value_percentile", "value_median"})
_SLICES = 16
"""Into so many slices a window is cut for thinning."""
_BUSY = 512
"""Groups with more events than this are thinned."""
_MOST_CHAINED = 10
"""Rules in one ordered extended condition: every order in which they can come is followed."""


class Measure(Protocol):
    """Follows one window as it slides."""

    def add(self, entry: Entry) -> None: ...

    def drop(self, entry: Entry) -> None: ...

    def holds(self) -> bool: ...

    def text(self) -> str:
        """What was measured, for the explanation."""
        ...


class Question:
    """What one correlation asks of a window, prepared once."""

    __slots__ = (
        "_asks", "_slice", "_thin", "cap", "keep", "late", "least", "measure", "pattern", "span", "support",
        "thin_at", "trim_at", "type",
    )  # fmt: skip

    def __init__(self, rule: CorrelationRule, *, late_s: int, cap: int) -> None:
        """Prepare a rule: events up to `late_s` late are taken in order, `cap` events a group are kept.

        Raises:
            ValueError: the rule asks for something that cannot be followed.
        """
        self.type = rule.type
        self.span = rule.timespan_s * MILLION
        self.late = late_s * MILLION
        self.keep = self.span + self.late
        """How much older than its newest an event of a group may be."""
        self.measure = _factory(rule)
        self.pattern = pattern(rule)
        self.support = _support(rule)
        self.least = _least(rule)
        """So many events at the least hold a window that says yes."""
        self._asks = _asks(rule) if rule.type in TEMPORAL and _only_grows(rule) else None
        self.cap = max(cap, 2 * self.support + 64)
        self.trim_at = 4 * self.support + 64
        self._thin = _thinning(rule)
        self._slice = self.span // _SLICES
        self.thin_at = max(_BUSY, self.trim_at)

    def may(self, entries: Sequence[Entry], first: int, last: int) -> bool:
        """Can some window among these entries say yes? Told from all of them together, which costs little."""
        if self._asks is not None:
            present = 0
            for place in {entry[1] for entry in entries[first:last]}:
                present |= 1 << place
            return self._asks.yes(present, present)
        if last - first < self.least:
            return False
        return self.type != "value_count" or len({entry[1] for entry in entries[first:last]}) >= self.least

    def thin(self, entries: Sequence[Entry]) -> list[Entry]:
        """Merge what changes no answer."""
        return self._thin(entries, self._slice) if self._thin is not None else list(entries)

    def ends(self, entries: Sequence[Entry]) -> list[Entry]:
        """Of the events inside a burst, those that a window reaching in from outside can need."""
        if len(entries) <= 2 * self.support:
            return list(entries)
        if self.type == "event_count":
            return [*entries[: self.support], *entries[-self.support :]]
        first = _first_of_each(entries, self.support)
        last = [len(entries) - 1 - place for place in _first_of_each(entries[::-1], self.support)]
        return [entries[place] for place in sorted({*first, *last})]


def _thinning(rule: CorrelationRule) -> Callable[[Sequence[Entry], int], list[Entry]] | None:
    if rule.op not in {"gte", "gt"} or rule.expression is not None:
        return None
    return {
        "value_count": thin_values,
        "temporal": thin_values,
        "temporal_ordered": thin_ordered,
        "value_sum": thin_sums,
    }.get(rule.type)


def _first_of_each(entries: Sequence[Entry], most: int) -> list[int]:
    seen: dict[Any, int] = {}
    for place, entry in enumerate(entries):
        if entry[1] not in seen:
            seen[entry[1]] = place
            if len(seen) >= most:
                break
    return list(seen.values())


def _support(rule: CorrelationRule) -> int:
    """How many events at each end of a burst can matter to other windows; 0: cannot be told."""
    if rule.op not in {"gte", "gt"} or rule.expression is not None:
        return 0
    if rule.type in COUNTS:
        return max(rule.count, 0) + 1
    return len(rule.base_ids) if rule.type == "temporal" else 0


def _only_grows(rule: CorrelationRule) -> bool:
    """More events never turn a yes into a no."""
    if rule.expression is not None:
        return _without_not(rule.expression)
    return rule.op in {"gte", "gt"}


def _without_not(part: Tree) -> bool:
    if isinstance(part, And | Or):
        return all(map(_without_not, part.parts))
    return isinstance(part, Ref)


def _least(rule: CorrelationRule) -> int:
    """How many events a yes takes at the least; 0: cannot be told."""
    if rule.type not in COUNTS | TEMPORAL or rule.expression is not None or not _only_grows(rule):
        return 0
    return max(rule.count, 0) + (rule.op == "gt")


def pattern(rule: CorrelationRule) -> str:
    """The rule's question in words.

    `value_count(destination.port) >= 20 in 60s`
    """
    if rule.expression is not None:
        return f"{rule.type} {_words(rule.expression)} in {rule.timespan_s}s"
    over = f"({', '.join(rule.fields)})" if rule.fields and rule.type != "event_count" else ""
    if rule.type == "value_percentile":
        over = f"({', '.join(rule.fields)}, {rule.percentile})"
    return f"{rule.type}{over} {_SIGNS[rule.op]} {rule.count} in {rule.timespan_s}s"


def _words(tree: Tree) -> str:
    if isinstance(tree, Ref):
        return tree.rule_id
    if isinstance(tree, Not):
        return f"not {_words(tree.part)}"
    if isinstance(tree, And | Or):
        word = " and " if isinstance(tree, And) else " or "
        return f"({word.join(_words(part) for part in tree.parts)})"
    raise ValueError(f"{type(tree).__name__} has no place in a correlation's condition")


def _factory(rule: CorrelationRule) -> Callable[[], Measure]:
    enough = _OPS[rule.op]
    count = rule.count
    if rule.type == "event_count":
        return lambda: _Events(enough, count)
    if rule.type == "value_count":
        return lambda: _Different(enough, count)
    if rule.type in {"value_sum", "value_avg"}:
        mean = rule.type == "value_avg"
        return lambda: _Sum(enough, count, mean=mean)
    if rule.type in SUMS:
        rank = 50 if rule.type == "value_median" else rule.percentile
        if not 0 <= rank <= 100:  # noqa: PLR2004 - per cent
            raise ValueError(f"a percentile lies between 0 and 100, not at {rank}")
        return lambda: _Rank(enough, count, rank)
    asks = _asks(rule)
    if rule.type == "temporal":
        return lambda: _Present(asks)
    if rule.type == "temporal_ordered":
        return lambda: _Chain(asks)
    raise ValueError(f"correlation type '{rule.type}' is not known")


class _Events:
    """event_count."""

    __slots__ = ("_count", "_enough", "_number")

    def __init__(self, enough: Callable[[Any, Any], bool], number: int) -> None:
        self._enough, self._number = enough, number
        self._count = 0

    def add(self, entry: Entry) -> None:
        del entry
        self._count += 1

    def drop(self, entry: Entry) -> None:
        del entry
        self._count -= 1

    def holds(self) -> bool:
        return self._enough(self._count, self._number)

    def text(self) -> str:
        return f"{self._count} events"


class _Different:
    """value_count."""

    __slots__ = ("_enough", "_number", "_values")

    def __init__(self, enough: Callable[[Any, Any], bool], number: int) -> None:
        self._enough, self._number = enough, number
        self._values: dict[Any, int] = {}

    def add(self, entry: Entry) -> None:
        self._values[entry[1]] = self._values.get(entry[1], 0) + 1

    def drop(self, entry: Entry) -> None:
        left = self._values[entry[1]] - 1
        if left:
            self._values[entry[1]] = left
        else:
            del self._values[entry[1]]

    def holds(self) -> bool:
        return self._enough(len(self._values), self._number)

    def text(self) -> str:
        return f"{len(self._values)} different"


class _Sum:
    """value_sum and value_avg, over whole millionths."""

    __slots__ = ("_count", "_enough", "_mean", "_number", "_total")

    def __init__(self, enough: Callable[[Any, Any], bool], number: int, *, mean: bool) -> None:
        self._enough, self._number, self._mean = enough, number * MILLION, mean
        self._total = self._count = 0

    def add(self, entry: Entry) -> None:
        self._total += entry[1]
        self._count += entry[3]

    def drop(self, entry: Entry) -> None:
        self._total -= entry[1]
        self._count -= entry[3]

    def holds(self) -> bool:
        return self._enough(self._total, self._number * (self._count if self._mean else 1))

    def text(self) -> str:
        if self._mean:
            return f"{self._total / MILLION / self._count:.6g} on average over {self._count} events"
        return f"{self._total / MILLION:.15g} in {self._count} events"


class _Rank:
    """value_percentile and value_median."""

    __slots__ = ("_enough", "_number", "_rank", "_values")

    def __init__(self, enough: Callable[[Any, Any], bool], number: int, rank: int) -> None:
        self._enough, self._number, self._rank = enough, number * MILLION * 100, rank
        self._values: list[int] = []

    def add(self, entry: Entry) -> None:
        insort(self._values, entry[1])

    def drop(self, entry: Entry) -> None:
        del self._values[bisect_left(self._values, entry[1])]

    def _hundredfold(self) -> int:
        place, part = divmod((len(self._values) - 1) * self._rank, 100)
        low = self._values[place]
        high = self._values[place + 1] if part else low
        return low * 100 + (high - low) * part

    def holds(self) -> bool:
        return self._enough(self._hundredfold(), self._number)

    def text(self) -> str:
        return f"{self._hundredfold() / MILLION / 100:.6g} over {len(self._values)} events"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asks:
    """What a temporal type asks of the set of rules that fired (as bits, by place in `base_ids`)."""

    rules: int
    enough: Callable[[Any, Any], bool]
    number: int
    expression: Tree | None
    places: dict[str, int]

    def yes(self, chained: int, present: int) -> bool:
        """Whether rules that came in order, among those present at all, are what is asked."""
        if self.expression is None:
            return self.enough(chained.bit_count(), self.number)
        return self._ask(self.expression, chained, present)

    def _ask(self, tree: Tree, chained: int, present: int) -> bool:
        if isinstance(tree, Ref):
            return bool(chained >> self.places[tree.rule_id] & 1)
        if isinstance(tree, And):
            return all(self._ask(part, chained, present) for part in tree.parts)
        if isinstance(tree, Or):
            return any(self._ask(part, chained, present) for part in tree.parts)
        if isinstance(tree, Not):
            return not self._ask(tree.part, present, chained)
        raise ValueError(f"{type(tree).__name__} has no place in a correlation's condition")


def _asks(rule: CorrelationRule) -> _Asks:
    if rule.expression is not None:
        _words(rule.expression)
        if rule.type == "temporal_ordered" and len(rule.base_ids) > _MOST_CHAINED:
            raise ValueError(f"an ordered condition may name at most {_MOST_CHAINED} rules")
    return _Asks(
        rules=len(rule.base_ids),
        enough=_OPS[rule.op],
        number=rule.count,
        expression=rule.expression,
        places={base: place for place, base in enumerate(rule.base_ids)},
    )


class _Present:
    """temporal: which of the rules fired in the window."""

    __slots__ = ("_asks", "_hits", "_present")

    def __init__(self, asks: _Asks) -> None:
        self._asks = asks
        self._hits = [0] * asks.rules
        self._present = 0

    def add(self, entry: Entry) -> None:
        self._hits[entry[1]] += 1
        self._present |= 1 << entry[1]

    def drop(self, entry: Entry) -> None:
        self._hits[entry[1]] -= 1
        if not self._hits[entry[1]]:
            self._present &= ~(1 << entry[1])

    def holds(self) -> bool:
        return self._asks.yes(self._present, self._present)

    def text(self) -> str:
        return f"{self._present.bit_count()} of {self._asks.rules} rules"


class _Chain(_Present):
    """temporal_ordered: which of the rules fired one after the other (the same instant is in order)."""

    __slots__ = ("_entries",)

    def __init__(self, asks: _Asks) -> None:
        super().__init__(asks)
        self._entries: deque[Entry] = deque()

    def add(self, entry: Entry) -> None:
        super().add(entry)
        self._entries.append(entry)

    def drop(self, entry: Entry) -> None:
        super().drop(entry)
        self._entries.popleft()

    def holds(self) -> bool:
        asks = self._asks
        if asks.expression is not None:
            return self._chains_hold()
        if asks.enough in {operator.ge, operator.gt} and not asks.yes(self._present, self._present):
            return False
        return self._longest_holds()

    def _in_order(self) -> list[int]:
        return [entry[1] for entry in sorted(self._entries, key=lambda entry: entry[:2])]

    def _longest_holds(self) -> bool:
        longest = [0] * (self._asks.rules + 1)
        for rule in self._in_order():
            longest[rule + 1] = max(longest[rule + 1], max(longest[: rule + 1]) + 1)
        return self._asks.enough(max(longest), self._asks.number)

    def _chains_hold(self) -> bool:
        chains = {0}
        for rule in self._in_order():
            bit = 1 << rule
            chains |= {chain | bit for chain in chains if chain < bit}
        return any(self._asks.yes(chain, self._present) for chain in chains)
