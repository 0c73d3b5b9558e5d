"""Which events of single rules make more together than alone?

The judge feeds every hit of a rule in `wants`, in the order of the journal, and ends each batch with
`settle`. The match that opens a burst comes out of `feed` at once. What joins a burst later comes out of
`settle`, one match a burst and batch, with the exact number of events that joined: folded, the count is exact
wherever batches end. All matches of a burst share its `window` id, which follows from the rule, the group and
the event that opened it.

Time is event time, per group: an event up to `late_s` older than its group's newest is taken as if it had
come in order; older ones are judged among themselves. Memory is bounded by groups and by events over all
rules; the rule that holds most gives up the groups it has not touched for longest, and `health` tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from citywatch.clock import micros
from citywatch.detect.sigma.failures import Failures
from citywatch.detect.sigma.load import CorrelationRule
from citywatch.detect.sigma.measure import TEMPORAL
from citywatch.detect.sigma.note import Noter
from citywatch.detect.sigma.table import Hit, Pending, RuleLoad, Table, opened
from citywatch.detect.sigma.thin import Entry
from citywatch.detect.sigma.window import Found, Group, pack, unpack
from citywatch.model import Event, Match

LATE_S = 600
"""How much older than its group's newest an event may be and still count as if it had come in order."""
MOST_GROUPS = 1_000_000
MOST_ENTRIES = 2_000_000
MOST_IN_GROUP = 10_000
_EVICT_AT_ONCE = 64
_MOST_FED = 4096
"""Sets of rules that hit one event together, remembered with who takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelatorHealth:
    """How much the correlations remember, and what they had to forget."""

    groups: int
    entries: int
    groups_limit: int
    entries_limit: int
    evicted: int
    """Groups forgotten for want of room while their time was not over."""
    late: int
    """Events older than their group's watermark, judged among themselves."""
    dropped: int
    """Events lost: too many in one group, or older than the old."""
    unusable: int
    """Hits whose event has no usable time."""
    rules: Mapping[str, RuleLoad] = field(default_factory=dict[str, RuleLoad])


class Correlator:
    """Follows every correlation of a rule set."""

    def __init__(
        self,
        rules: Sequence[CorrelationRule],
        *,
        late_s: int = LATE_S,
        most_groups: int = MOST_GROUPS,
        most_entries: int = MOST_ENTRIES,
        most_in_group: int = MOST_IN_GROUP,
    ) -> None:
        """Take the rules; those that cannot be followed stand in `refused`."""
        self.refused: list[tuple[CorrelationRule, str]] = []
        """Rules that cannot be followed, and why; those built on them are left out with them."""
        self._tables: dict[str, Table] = {}
        for rule in rules:
            try:
                self._tables[rule.rule.id] = Table(rule, late_s=late_s, cap=most_in_group)
            except ValueError as error:
                self.refused.append((rule, str(error)))
        self._most_groups, self._most_entries = most_groups, most_entries
        self._groups = self._entries = self._unusable = 0
        self._by_base: dict[str, list[Table]] = {}
        self._pending: dict[tuple[str, bytes], dict[str, Pending]] = {}
        self._gone: set[str] = set()
        """Saved state that no rule here asks for any more."""
        self._noter = Noter()
        self.failures = Failures()
        self._fed: dict[tuple[str, ...], tuple[list[tuple[Table, str]], frozenset[str]]] = {}
        self._join()

    def _join(self) -> None:
        self._leave_out_circles()
        for table in self._tables.values():
            for base in dict.fromkeys(table.rule.base_ids):
                inner = self._tables.get(base)
                if inner is None:
                    self._by_base.setdefault(base, []).append(table)
                else:
                    inner.outer.append(table)
                    inner.quiet = inner.quiet or not table.rule.generate

    def _leave_out_circles(self) -> None:
        """Keep what stands on event rules, directly or by other correlations that do."""
        out = {rule.rule.id for rule, _ in self.refused}
        waiting = dict(self._tables)
        done = set(waiting)
        while done:
            done = {
                rule_id
                for rule_id, table in waiting.items()
                if not any(base in waiting or base in out for base in table.rule.base_ids)
            }
            for rule_id in done:
                del waiting[rule_id]
        for rule_id, table in waiting.items():
            del self._tables[rule_id]
            self.refused.append((table.rule, "it is built on itself, or on a correlation that was refused"))

    @property
    def wants(self) -> frozenset[str]:
        """Ids of the rules whose hits must be fed."""
        return frozenset(self._by_base)

    def call(self, titles: Mapping[str, str]) -> None:
        """Say what rules are called in explanations, by id."""
        for table in self._tables.values():
            table.titles = titles

    def feed(self, rule_id: str, event: Event) -> list[Match]:
        """Take one hit of a rule; give the matches that it opens (chained ones too)."""
        return self.feed_all((rule_id,), event)

    def feed_all(self, rule_ids: tuple[str, ...], event: Event) -> list[Match]:
        """Take one event that these rules hit, in their order; give the matches that it opens."""
        tables, told = self._fed.get(rule_ids) or self._tables_of(rule_ids)
        out: list[Match] = []
        if not tables:
            return out
        try:
            at = micros(event["@timestamp"])
        except (KeyError, TypeError, ValueError):
            self._unusable += len({base for _, base in tables})
            return out
        note: bytes | None = None
        for table, base in tables:
            try:
                what = table.what(base, event)
                if what is not None:
                    note = note or self._noter.note(event, told)
                    entry: Entry = (at, what, note, 1)
                    for key, parts in table.groups_of(base, event):
                        if table.first_time(event, key):
                            self._put(table, base, key, parts, event, entry, out)
            except Exception as error:  # noqa: BLE001 - one correlation that fails stops no other
                self.failures.note(table.rule.rule, error, event)
        return out

    def _tables_of(self, rule_ids: tuple[str, ...]) -> tuple[list[tuple[Table, str]], frozenset[str]]:
        """Who takes an event that these rules hit, and what none of them needs to be told of it."""
        tables = [(table, base) for base in rule_ids for table in self._by_base.get(base, ())]
        told = [table.told for table, _ in tables]
        asked = tables, told[0].intersection(*told[1:]) if told else frozenset[str]()
        if len(self._fed) >= _MOST_FED:
            self._fed.clear()
        self._fed[rule_ids] = asked
        return asked

    def settle(self) -> list[Match]:
        """End a batch: one match for each burst that grew, so that counts are exact."""
        bursts = [pending for group in self._pending.values() for pending in group.values()]
        self._pending = {}
        return [pending.match() for pending in bursts]

    def changes(self) -> dict[str, bytes | None]:
        """State that changed since the last call; None deletes a key. Call `settle` before."""
        changed: dict[str, bytes | None] = dict.fromkeys(self._gone)
        self._gone = set()
        for table in self._tables.values():
            for key in table.dirty:
                group = table.find(key)
                changed[table.name(key)] = None if group is None else pack(group)
            table.dirty = set()
        return changed

    def restore(self, state: Mapping[str, bytes]) -> None:
        """Take up what was saved; state of rules that ask something else now, or are gone, is given up."""
        marks = {table.mark: table for table in self._tables.values()}
        for name, raw in state.items():
            mark, _, digest = name.partition(".")
            table = marks.get(mark)
            try:
                group = unpack(raw) if table is not None else None
                key = bytes.fromhex(digest)
            except (msgspec.MsgspecError, ValueError):
                group, key = None, b""
            if table is None or group is None:
                self._gone.add(name)
            else:
                self._enter(table, key, group)
                table.clock = max(table.clock, group.newest)

    def adopt(self, older: Correlator) -> None:
        """Take over the groups of rules that ask the same in an older rule set (reload without a gap)."""
        marks = {table.mark: table for table in self._tables.values()}
        for table in older._tables.values():
            mine = marks.get(table.mark)
            for key, group in (*table.old.items(), *table.young.items()):
                if mine is None:
                    self._gone.add(table.name(key))
                else:
                    self._enter(mine, key, group)
            if mine is not None:
                mine.clock, mine.turned = table.clock, table.turned
                mine.dirty |= table.dirty
            else:
                self._gone.update(map(table.name, table.dirty))
        self._gone |= older._gone

    def health(self) -> CorrelatorHealth:
        tables = self._tables.values()
        return CorrelatorHealth(
            groups=self._groups,
            entries=self._entries,
            groups_limit=self._most_groups,
            entries_limit=self._most_entries,
            evicted=sum(table.evicted for table in tables),
            late=sum(table.late for table in tables),
            dropped=sum(table.dropped for table in tables),
            unusable=self._unusable,
            rules={table.rule.rule.id: table.load() for table in tables},
        )

    # -- one hit -----------------------------------------------------------------------------------------

    def _put(  # noqa: PLR0913, PLR0917 - hot path: a hit is made an object only where it brings something
        self,
        table: Table,
        base: str,
        key: bytes,
        parts: tuple[str, ...],
        event: Event,
        entry: Entry,
        out: list[Match],
    ) -> None:
        question, at = table.question, entry[0]
        group = era = table.young.get(key) or table.group(key)
        is_new = not group.entries
        if not is_new and at < group.entries[-1][0] - question.late:
            era = self._past(table, group, at)
        before = len(era.entries)
        found = era.put(entry, question)
        size = len(era.entries)
        if size > question.trim_at and (size & 63 == 0 or size > question.cap):
            table.dropped += era.trim(question)
            size = len(era.entries)
        table.entries += size - before
        self._entries += size - before
        self._groups += is_new
        table.dirty.add(key)
        for one in found:
            self._burst(table, Hit(base, key, parts, event), era, one, out)
        if at > table.clock and table.tick(at):
            self._turn(table)
        if self._groups > self._most_groups or self._entries > self._most_entries:
            self._evict()

    def _past(self, table: Table, group: Group, at: int) -> Group:
        """For an event older than the watermark the group of its past."""
        late = table.question.late
        table.late += 1
        past = group.past
        if past is not None and past.entries and at < past.newest - late:
            table.dropped += len(past.entries)
            self._count(table, 0, -len(past.entries))
            past = None
        if past is None:
            past = group.past = Group()
        return past

    def _burst(self, table: Table, hit: Hit, era: Group, found: Found, out: list[Match]) -> None:
        where = (table.mark, hit.key)
        burst = found.burst
        if burst is None:
            waiting = self._pending.pop(where, {})
            out += [pending.match() for pending in waiting.values()]
            match, burst = opened(table, hit, found)
            era.bursts = [*(era.bursts or ()), burst]
            if not table.quiet:
                out.append(match)
        else:
            burst.start, burst.end = min(burst.start, found.start), max(burst.end, found.end)
            burst.take(found.fresh, different=table.question.type == "value_count")
            if not table.quiet:
                group = self._pending.setdefault(where, {})
                pending = group.get(burst.window)
                if pending is None:
                    pending = group[burst.window] = Pending(table, burst)
                pending.take(found, hit.event)
        for outer in table.outer:
            if found.burst is None or outer.rule.type in TEMPORAL:
                self._chain(outer, Hit(table.rule.rule.id, b"", (), hit.event), burst.window, found.end, out)

    def _chain(self, outer: Table, hit: Hit, window: str, at: int, out: list[Match]) -> None:
        """A burst is an event to the correlations built on it; to temporal ones as long as it goes on."""
        what = outer.what(hit.base, hit.event)
        if what is None:
            return
        entry = (at, what, self._noter.note(hit.event, outer.told, window), 1)
        for key, parts in outer.groups_of(hit.base, hit.event):
            group = outer.find(key)
            if group is not None and group.supersede(entry):
                self._count(outer, 0, -1)
            self._put(outer, hit.base, key, parts, hit.event, entry, out)

    # -- room --------------------------------------------------------------------------------------------

    def _enter(self, table: Table, key: bytes, group: Group) -> None:
        table.young[key] = group
        self._count(table, 1, group.size())

    def _count(self, table: Table, groups: int, entries: int) -> None:
        table.entries += entries
        self._groups += groups
        self._entries += entries

    def _forget(self, table: Table, key: bytes, group: Group) -> None:
        self._count(table, -1, -group.size())
        table.dirty.add(key)
        if not table.is_over(group):
            table.evicted += 1

    def _turn(self, table: Table) -> None:
        """Forget groups that nothing has touched for a timespan and whose time is over."""
        kept: dict[bytes, Group] = {}
        for key, group in table.old.items():
            if table.is_over(group):
                self._forget(table, key, group)
            else:
                kept[key] = group
        kept.update(table.young)
        table.old, table.young, table.queue = kept, {}, None
        table.turned = table.clock

    def _evict(self) -> None:
        """Make room: the rule that holds most gives up what it has not touched for longest."""
        if self._groups > self._most_groups:
            table = max(self._tables.values(), key=len)
        else:
            table = max(self._tables.values(), key=lambda table: table.entries)
        for _ in range(_EVICT_AT_ONCE):
            key = table.oldest()
            if key is None:
                break
            self._forget(table, key, table.old.pop(key))
