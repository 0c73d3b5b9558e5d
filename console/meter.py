"""Which rules are slow, and which fail?

The judge asks its rules all together, so what one of them costs cannot be read off it. The meter asks them
one by one of the newest events in the journal, a share of the rules at a time and never for longer than
`ROUND_S` of CPU, in a thread beside the judge. Which rules raised and what YARA found slow while judging, and
which rules were refused when they were read, stands beside it. One record in the store, for the health
page and /metrics.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from citywatch.clock import stamp
from citywatch.model import Event, from_doc, to_doc
from citywatch.ports import Store
from citywatch.watch import JUDGE
from console.rule_use import cost_of

if TYPE_CHECKING:
    from citywatch.detect.sigma.load import EventRule
    from console.house import House

KIND, KEY = "meter", "rules"
EVENTS = 200
"""The newest of the journal: asked each time."""
ROUND_S = 0.3
"""CPU seconds of one round."""
SLOW_US = 200.0
"""Microseconds of CPU for one event from which a rule is slow; most take one to five."""
SLOW_MS = 20.0
"""Milliseconds for the worst event from which it is slow."""
_LEAST_EVENTS = 20
"""A mean over fewer says nothing."""
_MOST_NAMED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one rule takes when it is asked alone."""

    id: str
    title: str
    source: str
    events: int
    us: float
    """Microseconds of CPU for an event of its log source, in the mean."""
    worst_ms: float

    @property
    def slow(self) -> bool:
        """It takes too long, in the mean or once."""
        return self.worst_ms >= SLOW_MS or (self.us >= SLOW_US and self.events >= _LEAST_EVENTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ill:
    """A rule that is slow or fails, and what is known of that."""

    id: str
    title: str
    source: str
    what: str
    """`slow`, `timeout`, `fails` or `refused`."""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the meter shows."""

    at: str = ""
    rules: int = 0
    measured: int = 0
    dearest: tuple[Cost, ...] = ()
    """At most 50, the dearest first."""
    ill: tuple[Ill, ...] = ()

    def number(self, what: str) -> int:
        """How many rules are ill in this way."""
        return sum(one.what == what for one in self.ill)


def read(store: Store) -> Reading:
    """What was last measured."""
    record = store.get(KIND, KEY)
    return from_doc(record.doc, Reading) if record is not None else Reading()


@dataclass(slots=True)
class Meter:
    """Goes round the rules of the house."""

    house: House
    _mark: str = ""
    _place: int = 0
    _costs: dict[str, Cost] = field(default_factory=dict[str, Cost])
    _failing: dict[str, Ill] = field(default_factory=dict[str, Ill])

    def step(self) -> int:
        """Measure the next rules on the newest events, and write down what is known; give 0: it is done."""
        book = self.house.rulebook
        rules = list(book.ruleset.events.values())
        if book.mark != self._mark:
            known = {rule.rule.id for rule in rules}
            self._mark, self._place = book.mark, 0
            self._costs = {key: cost for key, cost in self._costs.items() if key in known}
            self._failing = {}
        self._round(rules, self._newest())
        reading = self._reading(len(rules))
        self.house.store.put_many(KIND, {KEY: to_doc(reading)})
        counts = {"rules": reading.rules, "measured": reading.measured}
        counts |= {name: reading.number(name) for name in ("slow", "timeout", "fails", "refused")}
        failing = f"{counts['fails']} rules fail; they are named below" if counts["fails"] else ""
        self.house.pulse.gauge("rule meter", failing, counts)
        return 0

    def _newest(self) -> Sequence[Event]:
        journal = self.house.journal
        last = journal.health().last
        return journal.read(JUDGE, EVENTS, after=max(last - EVENTS, 0)) if last else ()

    def _round(self, rules: Sequence[EventRule], events: Sequence[Event]) -> None:
        begun = time.thread_time()
        for _ in range(len(rules) if events else 0):
            rule = rules[self._place % len(rules)]
            self._place = (self._place + 1) % len(rules)
            self._measure(rule, events)
            if time.thread_time() - begun > ROUND_S:
                return

    def _measure(self, rule: EventRule, events: Sequence[Event]) -> None:
        from citywatch.detect.sigma import oracle

        about = rule.rule
        try:
            meant = [event for event in events if oracle.matches(rule.gate, event)]
            row = cost_of(rule, meant) if meant else None
        except Exception as error:  # noqa: BLE001 - one broken rule stops no other; it is named
            told = f"{type(error).__name__}: {error}"[:300]
            self._failing[about.id] = Ill(
                id=about.id, title=about.title, source=about.source, what="fails", detail=told
            )
            return
        self._failing.pop(about.id, None)
        if row is not None:
            self._costs[about.id] = Cost(
                id=about.id,
                title=about.title,
                source=about.source,
                events=len(meant),
                us=float(row["us"]),
                worst_ms=float(row["worst_ms"]),
            )

    def _reading(self, rules: int) -> Reading:
        dearest = sorted(self._costs.values(), key=lambda cost: (-cost.us, cost.id))
        slow = [
            Ill(
                id=cost.id, title=cost.title, source=cost.source, what="slow",
                detail=f"{cost.us:g} µs, {cost.worst_ms:g} ms",
            )
            for cost in dearest
            if cost.slow
        ]  # fmt: skip
        ill = [*self._raised(), *self._failing.values(), *slow, *self._yara(), *self._refused()]
        return Reading(
            at=stamp(self.house.clock()),
            rules=rules,
            measured=len(self._costs),
            dearest=tuple(dearest[:_MOST_NAMED]),
            ill=tuple(ill[:_MOST_NAMED]),
        )

    def _raised(self) -> list[Ill]:
        """Rules that raised while they judged, those that the meter found failing left out."""
        return [
            Ill(
                id=one.rule_id,
                title=one.title,
                source=one.source,
                what="fails",
                detail=f"{one.error} ({one.count}, {one.event_id})",
            )
            for one in self.house.rulebook.failures.all()
            if one.rule_id not in self._failing
        ]

    def _yara(self) -> list[Ill]:
        return [
            Ill(
                id=one.rule or one.file,
                title=one.rule or one.file,
                source=one.file,
                what="timeout" if one.timed_out else "slow",
                detail=f"{one.seconds:g} s, SHA-256 {one.sha256}",
            )
            for one in self.house.rulebook.yara.health().slow
        ]

    def _refused(self) -> list[Ill]:
        return [
            Ill(
                id=each.rule_id,
                title=each.title or each.source,
                source=each.source,
                what="refused",
                detail=each.what[:300],
            )
            for each in self.house.rulebook.refusals
            if each.kind == "refused"
        ]
