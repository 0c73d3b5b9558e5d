"""What does one correlation remember, and what does it tell when a burst opens or grows?

Hot path: plain slotted classes, mutable; the event is the flat dict it came as.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import product
from typing import Any, NamedTuple, cast

import msgspec

from citywatch.clock import stamp_us
from citywatch.detect.fold import CARRIED, MOST_IDS, MOST_TEXT, merge
from citywatch.detect.sigma.load import CorrelationRule
from citywatch.detect.sigma.measure import COUNTS, MILLION, TEMPORAL, Question
from citywatch.detect.sigma.note import CODES, Told
from citywatch.detect.sigma.tree import fold as fold_case
from citywatch.detect.sigma.tree import text_of
from citywatch.detect.sigma.window import MOST_SEEN, Burst, Found, Group
from citywatch.model import Event, Match, Reason, repeatable_id

_MOST_KEYS = 16
"""Groups that one event can belong to when a group-by field has several values."""
_MOST_NUMBER = 9_000_000_000_000
"""Larger numbers are taken as this one: in millionths they would leave 64 bits."""
_LONG_VALUE = 200
_MOST_VALUES = 8_192
"""Group-by values whose digest is remembered."""
_MOST_REMEMBERED = 400
"""Longer values are seldom seen again: not remembered."""


class Hit(NamedTuple):
    """One event of one rule in one group."""

    base: str
    key: bytes
    parts: tuple[str, ...]
    """The group-by values."""
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLoad:
    """What one correlation holds in memory, and what it had to forget."""

    groups: int
    entries: int
    evicted: int
    late: int
    dropped: int


class Table:
    """One correlation and its groups."""

    def __init__(self, rule: CorrelationRule, *, late_s: int, cap: int) -> None:
        self.rule = rule
        self.question = Question(rule, late_s=late_s, cap=cap)
        self.mark = _mark(rule)
        self.young: dict[bytes, Group] = {}
        """Touched since the last turn; the rest is in `old`."""
        self.old: dict[bytes, Group] = {}
        self.queue: Iterator[bytes] | None = None
        self.clock = self.turned = 0
        self.entries = self.evicted = self.late = self.dropped = 0
        self.outer: list[Table] = []
        """Correlations built on this one."""
        self.titles: Mapping[str, str] = {}
        """What rules are called in explanations, by id."""
        self.quiet = False
        """One of them does not want this one to speak for itself."""
        self._place = {base: place for place, base in enumerate(rule.base_ids)}
        self._keys = {base: _named(rule, rule.group_by, base) for base in rule.base_ids}
        self._looks = {base: _named(rule, rule.fields, base) for base in rule.base_ids}
        self._labels = next(iter(self._keys.values()), ())
        self.told = frozenset(self._labels) if len(set(self._keys.values())) == 1 else frozenset[str]()
        """Group-by fields are the same in all events of a group: notes need not repeat them."""
        self.told_codes = frozenset(CODES[name] for name in self.told if name in CODES)
        self.dirty: set[bytes] = set()
        """Groups that changed since the state was last saved."""
        self._once = rule.type in TEMPORAL or len(rule.base_ids) == 1
        self._counts_fields = rule.type in COUNTS and rule.type != "event_count"
        self._last: tuple[str, set[bytes]] = ("", set())

    def __len__(self) -> int:
        return len(self.young) + len(self.old)

    def load(self) -> RuleLoad:
        return RuleLoad(
            groups=len(self),
            entries=self.entries,
            evicted=self.evicted,
            late=self.late,
            dropped=self.dropped,
        )

    # -- groups ------------------------------------------------------------------------------------------

    def name(self, key: bytes) -> str:
        """What a group's state is saved under."""
        return f"{self.mark}.{key.hex()}"

    def find(self, key: bytes) -> Group | None:
        return self.young.get(key) or self.old.get(key)

    def group(self, key: bytes) -> Group:
        """The group of this key, now touched; a new one if there is none."""
        found = self.young.get(key)
        if found is None:
            found = self.old.pop(key, None) or Group()
            self.young[key] = found
        return found

    def tick(self, at: int) -> bool:
        """Follow event time; True when a turn is due."""
        if at <= self.clock:
            return False
        self.clock = at
        if not self.turned:
            self.turned = at
        return at - self.turned > self.question.span + self.question.late

    def is_over(self, group: Group) -> bool:
        """No event in order can be in one window with this group's any more."""
        return group.newest + self.question.span + self.question.late < self.clock

    def oldest(self) -> bytes | None:
        """The key (in `old`) of the group that was not touched for longest."""
        if self.queue is None:
            if not self.old:
                self.old, self.young = self.young, {}
            self.queue = iter(tuple(self.old))
        for key in self.queue:
            if key in self.old:
                return key
        self.queue = None
        return self.oldest() if self.young else None

    # -- one event ---------------------------------------------------------------------------------------

    def groups_of(self, base: str, event: Event) -> Sequence[tuple[bytes, tuple[str, ...]]]:
        """Keys and values of the groups that an event belongs to; none when a group-by field is missing."""
        parts: list[str] = []
        for name in self._keys[base]:
            value: Any = event.get(name)
            if value.__class__ is not str:
                if value is None:
                    return ()
                if isinstance(value, list):
                    return self._several(base, event)
                value = text_of(value)
            parts.append(value)
        return ((_digest("\x1f".join(parts)), tuple(parts)),)

    def _several(self, base: str, event: Event) -> list[tuple[bytes, tuple[str, ...]]]:
        choices: list[list[str]] = []
        for name in self._keys[base]:
            value = event.get(name)
            many = cast("list[Any]", value) if isinstance(value, list) else [value]
            choices.append(list(dict.fromkeys(text_of(one) for one in many if one is not None)))
        found: dict[bytes, tuple[str, ...]] = {}
        for parts in product(*choices):
            found.setdefault(_digest("\x1f".join(parts)), parts)
            if len(found) >= _MOST_KEYS:
                break
        return list(found.items())

    def first_time(self, event: Event, key: bytes) -> bool:
        """An event that answers several of the rules counts once (but shows each rule to temporal types)."""
        if self._once:
            return True
        event_id = event.get("event.id", "")
        last_id, keys = self._last
        if not event_id or event_id != last_id:
            self._last = (event_id, {key})
            return True
        if key in keys:
            return False
        keys.add(key)
        return True

    def what(self, base: str, event: Event) -> int | str | None:
        """What the question is about in this event; None when the event has none of it."""
        kind = self.rule.type
        if self._counts_fields:
            return _text(event, self._looks[base])
        if kind == "event_count":
            return 0
        if kind in TEMPORAL:
            return self._place[base]
        fields = self._looks[base]
        return _millionths(event.get(fields[0])) if fields else None

    def subject(self, hit: Hit, values: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
        """What the alert is about: the rule's own choice of fields, else the group."""
        if not self.rule.subject:
            return list(zip(self._labels, hit.parts, strict=True))
        pairs: list[tuple[str, str]] = []
        by_label = dict(zip(self._labels, hit.parts, strict=True))
        for name in self.rule.subject:
            value = by_label.get(name) or hit.event.get(name) or next(iter(values.get(name, ())), None)
            if isinstance(value, list):
                value = next(iter(cast("list[Any]", value)), None)
            if value is not None:
                pairs.append((name, text_of(value)[:MOST_TEXT]))
        return pairs

    def shared(self, hit: Hit) -> dict[str, list[str]]:
        """The group-by values, where they are carried fields."""
        pairs = zip(self._keys[hit.base], hit.parts, strict=True)
        return {name: [value] for name, value in pairs if name in CODES}

    def reason(self, measure: str, burst: Burst, rules: Sequence[int] = ()) -> Reason:
        """The question and what was found, over the whole burst where that can be told."""
        kind = self.rule.type
        name = ", ".join(self._looks.get(self.rule.base_ids[0], ())) or "events"
        if kind == "event_count":
            measure = f"{burst.total} events"
        elif kind == "value_count":
            more = "+" if len(burst.seen) >= MOST_SEEN else ""
            measure = f"{len(burst.seen)}{more} different"
        elif kind in TEMPORAL:
            name = "rules"
            named = (self.rule.base_ids[place] for place in dict.fromkeys(rules))
            measure = ", ".join(self.titles.get(base, base) for base in named) or measure
        return Reason(field=name, value=measure, pattern=self.question.pattern)


class Pending:
    """What joined a burst since the last settle."""

    __slots__ = ("burst", "count", "end", "event", "ids", "start", "table", "text", "told")

    def __init__(self, table: Table, burst: Burst) -> None:
        self.table, self.burst = table, burst
        self.start, self.end = burst.end, burst.start
        self.count = 0
        self.ids: list[str] = []
        self.told = Told(table.told_codes)
        self.event: Event = {}
        self.text = ""

    def take(self, found: Found, event: Event) -> None:
        take, ids = self.told.take, self.ids
        for at, _, note, count in found.fresh:
            self.start = min(self.start, at)
            self.end = max(self.end, at)
            event_id = take(note)
            if len(ids) < MOST_IDS:
                ids.append(event_id)
            self.count += count
        self.event = event
        self.text = found.measure or self.text

    def match(self) -> Match:
        """What joined, as one match of the burst's window."""
        reason = self.table.reason(self.text, self.burst)
        known = self.text or self.table.rule.type in COUNTS
        return Match(
            rule=self.table.rule.rule,
            subject=tuple(self.burst.subject),
            at=stamp_us(self.end),
            first_at=stamp_us(self.start),
            event_ids=tuple(self.ids),
            count=self.count,
            reasons=(reason,) if known and self.table.rule.type not in TEMPORAL else (),
            event=self.event,
            values=self.told.values(),
            window=self.burst.window,
        )


def opened(table: Table, hit: Hit, found: Found) -> tuple[Match, Burst]:
    """The match that opens a burst."""
    rule = table.rule.rule
    told = Told(table.told_codes)
    ids = [told.take(note) for _, _, note, _ in found.fresh][:MOST_IDS]
    values = table.shared(hit)
    merge(values, told.values())
    opening = str(hit.event.get("event.id", ""))
    burst = Burst(
        window=repeatable_id("window", rule.id, hit.key, opening, found.start),
        start=found.start,
        end=found.end,
        subject=table.subject(hit, values),
    )
    burst.take(found.fresh, different=table.question.type == "value_count")
    same = [Reason(field=name, value=value, pattern="group-by") for name, value in table.subject(hit, values)]
    rules = [entry[1] for entry in found.fresh] if table.rule.type in TEMPORAL else ()
    match = Match(
        rule=rule,
        subject=tuple(burst.subject),
        at=stamp_us(found.end),
        first_at=stamp_us(found.start),
        event_ids=tuple(ids),
        count=burst.total,
        reasons=(table.reason(found.measure, burst, rules), *same),
        event=hit.event,
        values=values,
        window=burst.window,
    )
    return match, burst


def _named(rule: CorrelationRule, names: Sequence[str], base: str) -> tuple[str, ...]:
    return tuple(rule.aliases.get(name, {}).get(base, name) for name in names)


def _mark(rule: CorrelationRule) -> str:
    """State is kept as long as the question stays the same, whatever else of the rule is edited."""
    asked = (
        (rule.rule.id, rule.type, rule.base_ids, rule.group_by, rule.timespan_s, rule.op, rule.count),
        (rule.expression, rule.fields, rule.percentile, rule.subject, CARRIED),
        sorted((name, sorted(fields.items())) for name, fields in rule.aliases.items()),
    )
    return blake2b(msgspec.msgpack.encode(asked), digest_size=6).hexdigest()


def _digest(whole: str) -> bytes:
    return _remembered(whole) if len(whole) <= _MOST_REMEMBERED else _digest_of(whole)


def _digest_of(whole: str) -> bytes:
    text = whole.lower() if whole.isascii() else fold_case(whole)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()


_remembered = lru_cache(maxsize=_MOST_VALUES)(_digest_of)


def _text(event: Event, fields: tuple[str, ...]) -> str | None:
    """The values of some fields as one folded text; None when one of them is missing."""
    parts: list[str] = []
    for name in fields:
        value: Any = event.get(name)
        if value.__class__ is str:
            parts.append(value)
        elif value is None:
            return None
        elif isinstance(value, list):
            parts += sorted(text_of(one) for one in cast("list[Any]", value))
        else:
            parts.append(text_of(value))
    whole = parts[0] if len(parts) == 1 else "\x1f".join(parts)
    text = whole.lower() if whole.isascii() else fold_case(whole)
    return text if len(text) <= _LONG_VALUE else repeatable_id(text)


def _millionths(value: Any) -> int | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return round(max(-_MOST_NUMBER, min(value, _MOST_NUMBER)) * MILLION)
