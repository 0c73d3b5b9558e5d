"""Does some stretch of event time hold what a correlation asks for?

A `Group` is what one correlation remembers for one set of group-by values: the events of the last while, in
order of time, and the bursts found in them. Windows slide: every event is looked at as the right end of a
window one timespan long (both ends belong to it), so no burst is split by the edge of a bucket.

A burst is the union of windows that answered yes and overlap. An event belongs to it when it lies inside,
whenever it arrived: for questions that more events cannot undo (`gte`, `gt`), a late event therefore gives
the same bursts as one in order. Events of one instant count as in either order.

Hot path: entries are tuples `(microseconds, what, note, count)`; `what` is the value, number or rule asked
about, `note` is what a match will tell of the event, packed; `count` is 1 but in busy groups (see `thin`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import msgspec

from citywatch.detect.sigma.measure import Measure, Question
from citywatch.detect.sigma.note import id_of
from citywatch.detect.sigma.thin import Entry

_KEEP_TAIL_FROM = 12
"""Groups smaller than this measure their window anew each time: most groups are tiny, and memory counts."""
_MOST_NUMBERS = 16_384
MOST_SEEN = 4096
"""Different values counted exactly over a burst; beyond it the figure reads `4096+`."""


class Burst(msgspec.Struct, array_like=True):
    """Overlapping windows that said yes (mutable: it grows)."""

    window: str
    start: int
    end: int
    subject: list[tuple[str, str]]
    total: int = 0
    seen: set[int] = msgspec.field(default_factory=set[int])
    """Hashes of the different values, for value_count."""

    def take(self, fresh: list[Entry], *, different: bool) -> None:
        """Count events that joined."""
        for entry in fresh:
            self.total += entry[3]
            if different and len(self.seen) < MOST_SEEN:
                self.seen.add(_number_of(str(entry[1])))


@lru_cache(maxsize=_MOST_NUMBERS)
def _number_of(text: str) -> int:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=7).digest()
    return int.from_bytes(digest, "big")


@dataclass(slots=True)
class Found:
    """What one event brought: events that belong to a burst now and did not before, oldest first."""

    start: int
    end: int
    fresh: list[Entry]
    burst: Burst | None
    """The burst that they join; None when they open one."""
    measure: str


class Group:
    """One correlation's memory of one set of group-by values."""

    __slots__ = ("_left", "_tail", "bursts", "entries", "past")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.bursts: list[Burst] | None = None
        self.past: Group | None = None
        """Events older than the watermark are judged among themselves: an older capture read later."""
        self._tail: Measure | None = None
        self._left = 0

    @property
    def newest(self) -> int:
        return self.entries[-1][0] if self.entries else 0

    def size(self) -> int:
        """Events held, those of the past included."""
        return len(self.entries) + (self.past.size() if self.past is not None else 0)

    def supersede(self, entry: Entry) -> bool:
        """Take back the newest event if it and the one before are earlier moments of this burst below."""
        if len(self.entries) < 2:  # noqa: PLR2004 - the first moment stays
            return False
        event_id = id_of(entry[2])
        for last in self.entries[-2:]:
            if last[1] != entry[1] or last[0] > entry[0] or id_of(last[2]) != event_id:
                return False
        self.entries.pop()
        self._tail = None
        return True

    def put(self, entry: Entry, question: Question) -> list[Found]:
        """Take one event; give what it brought."""
        at = entry[0]
        entries = self.entries
        stretches: list[tuple[int, int, str]] | None = None
        if not entries or at >= entries[-1][0]:
            entries.append(entry)
            if entries[0][0] < at - question.keep:
                self._forget(at - question.keep)
            if len(entries) < question.least:
                self._tail = None
            else:
                stretches = self._newest(question)
        else:
            place = bisect_left(entries, (at + 1,))
            entries.insert(place, entry)
            self._tail = None
            if len(entries) >= question.least:
                stretches = self._around(place, question)
        return self._cover(entry, stretches or ()) if stretches or self.bursts else []

    def trim(self, question: Question) -> int:
        """Thin out what a burst no longer needs, then cut to the cap; give how many events were lost.

        An event inside a burst is counted already; only its ends can be part of further windows.
        """
        entries = self.entries
        if question.support and self.bursts:
            kept = list(entries)
            for burst in self.bursts:
                first = bisect_left(kept, (burst.start,))
                last = bisect_left(kept, (burst.end + 1,))
                kept[first:last] = question.ends(kept[first:last])
            if len(kept) < len(entries):
                self.entries, self._tail = kept, None
        if len(self.entries) > question.thin_at:
            self._thin(question)
        lost = len(self.entries) - question.cap
        if lost > 0:
            lost += question.cap // 4
            del self.entries[:lost]
            self._tail = None
        return max(lost, 0)

    def _thin(self, question: Question) -> None:
        """Merge events outside of bursts (those inside are counted already)."""
        kept: list[Entry] = []
        place = 0
        for burst in sorted(self.bursts or (), key=lambda burst: burst.start):
            first = max(bisect_left(self.entries, (burst.start,)), place)
            last = max(bisect_left(self.entries, (burst.end + 1,)), first)
            kept += question.thin(self.entries[place:first])
            kept += self.entries[first:last]
            place = last
        kept += question.thin(self.entries[place:])
        self.entries, self._tail = kept, None

    def _forget(self, before: int) -> None:
        entries = self.entries
        if entries[0][0] < before:
            count = bisect_left(entries, (before,))
            del entries[:count]
            if count > self._left:
                self._tail = None  # it still counts what is gone
            else:
                self._left -= count
            if self.bursts:
                self.bursts = [burst for burst in self.bursts if burst.end >= before] or None

    def _newest(self, question: Question) -> list[tuple[int, int, str]]:
        """The window that the newest event ends."""
        entries = self.entries
        at = entries[-1][0]
        tail = self._tail
        if tail is None:
            self._left = bisect_left(entries, (at - question.span,))
            if len(entries) - self._left < question.least:
                return []
            tail = question.measure()
            for entry in entries[self._left :]:
                tail.add(entry)
            if len(entries) - self._left >= _KEEP_TAIL_FROM:
                self._tail = tail
        else:
            while entries[self._left][0] < at - question.span:
                tail.drop(entries[self._left])
                self._left += 1
            tail.add(entries[-1])
        if tail.holds():
            return [(entries[self._left][0], at, tail.text())]
        return []

    def _around(self, place: int, question: Question) -> list[tuple[int, int, str]]:
        """Every window that holds the late event at this place, joined where they overlap."""
        entries, span = self.entries, question.span
        at = entries[place][0]
        left = bisect_left(entries, (at - span,))
        right = bisect_left(entries, (at + span + 1,), place)
        if self._is_inside(left, right) or not question.may(entries, left, right):
            return []
        tail = question.measure()
        for entry in entries[left:place]:
            tail.add(entry)
        joined: list[tuple[int, int, str]] = []
        for entry in entries[place:right]:
            at = entry[0]
            while entries[left][0] < at - span:
                tail.drop(entries[left])
                left += 1
            tail.add(entry)
            if tail.holds():
                start = entries[left][0]
                if joined and start <= joined[-1][1]:
                    start = joined.pop()[0]
                joined.append((start, at, tail.text()))
        return joined

    def _is_inside(self, left: int, right: int) -> bool:
        """No window among these events reaches out of a burst that is there already."""
        start, end = self.entries[left][0], self.entries[right - 1][0]
        return any(burst.start <= start and end <= burst.end for burst in self.bursts or ())

    def _cover(self, entry: Entry, stretches: Sequence[tuple[int, int, str]]) -> list[Found]:
        bursts = self.bursts
        at = entry[0]
        found: list[Found] = []
        for burst in bursts or ():
            if burst.start <= at <= burst.end:
                found.append(Found(at, at, [entry], burst, ""))
                break
        for start, end, text in stretches:
            joins = None
            for burst in bursts or ():
                if start <= burst.end and burst.start <= end:
                    joins = burst
                    break
            fresh = self._fresh(start, end)
            if fresh or joins is None:
                found.append(Found(start, end, fresh, joins, text))
        return found

    def _fresh(self, start: int, end: int) -> list[Entry]:
        """Events of this stretch that no burst holds yet."""
        entries = self.entries
        bursts = [burst for burst in self.bursts or () if burst.start <= end and start <= burst.end]
        if not bursts:
            return entries[bisect_left(entries, (start,)) : bisect_left(entries, (end + 1,))]
        if len(bursts) == 1 and bursts[0].start <= start:
            return entries[bisect_left(entries, (bursts[0].end + 1,)) : bisect_left(entries, (end + 1,))]
        fresh: list[Entry] = []
        place = start
        for burst in sorted(bursts, key=lambda burst: burst.start):
            fresh += entries[bisect_left(entries, (place,)) : bisect_left(entries, (burst.start,))]
            place = max(place, burst.end + 1)
        return fresh + entries[bisect_left(entries, (place,)) : bisect_left(entries, (end + 1,))]


class _Saved(msgspec.Struct, array_like=True):
    entries: list[tuple[int, int | str, bytes, int]]
    bursts: list[Burst]
    past: _Saved | None = None


def pack(group: Group) -> bytes:
    """A group as bytes, for the journal."""
    return msgspec.msgpack.encode(_saved(group))


def _saved(group: Group) -> _Saved:
    return _Saved(group.entries, group.bursts or [], None if group.past is None else _saved(group.past))


_DECODER = msgspec.msgpack.Decoder(_Saved)


def unpack(raw: bytes) -> Group:
    """A group as it was packed.

    Raises:
        msgspec.MsgspecError: these bytes are no group.
    """
    return _group(_DECODER.decode(raw))


def _group(saved: _Saved) -> Group:
    group = Group()
    group.entries = list(saved.entries)
    group.bursts = saved.bursts or None
    group.past = None if saved.past is None else _group(saved.past)
    return group
