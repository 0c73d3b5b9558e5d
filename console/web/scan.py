"""How is a list filtered by what the store has no index for, without making anybody wait?

What the store can answer from its indexes is asked of it; the rest is judged here, newest first, in steps,
for a fraction of a second. A page that ran out of time says so and offers to go on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, cast

import orjson

from citywatch.ports import (
    All,
    Condition,
    Either,
    Everything,
    Exists,
    Is,
    Like,
    Not,
    Query,
    Range,
    Record,
    Text,
)
from citywatch.store import meaning, terms
from citywatch.store.sqlite_records import HOT_RECORDS
from console.web.desk import Desk

BUDGET_S = 0.15
COUNT_TO = 1000
"""Nobody reads further than this, and to count on takes longer than to find."""
_STEPS = (50, 200, 400)

Sift = Callable[[Sequence[Record]], list[bool]]
"""Tells of each record of a step whether it belongs on the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One page of records."""

    records: tuple[Record, ...]
    total: int | None
    """In all, counted up to `COUNT_TO`; None: nobody counted, for they were judged here."""
    next: str | None
    cut: bool = False
    """Time ran out before the page was full."""


def split(kind: str, condition: Condition, *, indexed: bool) -> tuple[Condition, Condition]:
    """What the store answers from its indexes, and what is left to judge.

    >>> split("alert", All((Is("agency", "a"), Text("b"))), indexed=False)
    (All(parts=(Is(field='agency', value='a'),)), All(parts=(Text(text='b'),)))
    """
    if indexed:
        return condition, Everything()
    parts = condition.parts if isinstance(condition, All) else (condition,)
    hot = [part for part in parts if _hot(part, HOT_RECORDS.get(kind, ()))]
    cold = [part for part in parts if part not in hot]
    return All(tuple(hot)), All(tuple(cold)) if cold else Everything()


def _hot(condition: Condition, names: Sequence[str]) -> bool:
    match condition:
        case Everything():
            return True
        case Not(part):
            return _hot(part, names)
        case All(parts) | Either(parts):
            return all(_hot(part, names) for part in parts)
        case Is(name) | Range(name) | Exists(name):
            return name in names
        case _:
            return False


def read_slice(
    desk: Desk,
    kind: str,
    query: Query,
    sift: Sift | None = None,
    *,
    budget_s: float = BUDGET_S,
    loose: bool = False,
) -> Slice:
    """Read one page.

    Args:
        desk: whose eyes to read with.
        kind: which records.
        query: as for the store.
        sift: judges what no condition can say, such as a state kept in another record.
        budget_s: no further step is begun after this time.
        loose: the page may be longer than asked for (cheaper, where nobody looks at it).
    """
    hot, cold = split(kind, query.where, indexed=desk.indexes_all)
    judge = judge_of(cold)
    if isinstance(cold, Everything) and sift is None:
        page = desk.find(kind, replace(query, count_to=COUNT_TO))
        return Slice(records=page.records, total=page.total, next=page.next)
    began, after = monotonic(), query.after
    kept: list[Record] = []
    number = 0
    while True:
        step = max(query.limit, _STEPS[min(number, len(_STEPS) - 1)])
        asked = replace(query, where=hot, limit=step, after=after, count_to=1)
        page = desk.find(kind, asked)
        number += 1
        good = [judge(record.doc) for record in page.records]
        if sift is not None:
            good = _sifted(page.records, good, sift)
        places = [place for place, yes in enumerate(good) if yes]
        room = len(places) if loose else query.limit - len(kept)
        kept += [page.records[place] for place in places[:room]]
        if len(places) > room:  # the page ends amid this step: read just so far to have its cursor
            upto = desk.find(kind, replace(asked, limit=places[room - 1] + 1))
            return Slice(records=tuple(kept), total=None, next=upto.next)
        after = page.next
        done = len(kept) >= query.limit or after is None
        if done or monotonic() - began > budget_s:
            return Slice(records=tuple(kept), total=None, next=after, cut=not done)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many records meet a condition, and the newest of them."""

    number: int
    samples: tuple[Record, ...]
    whole: bool
    """False: time ran out, there are so many or more."""


def count_all(desk: Desk, kind: str, query: Query, *, budget_s: float = 1.5, samples: int = 5) -> Count:
    """Count records; what the store has no index for is judged here, newest first, until time runs out."""
    hot, cold = split(kind, query.where, indexed=desk.indexes_all)
    if isinstance(cold, Everything):
        page = desk.find(kind, replace(query, limit=samples))
        return Count(number=page.total, samples=page.records, whole=True)
    judge, began, number = judge_of(cold), monotonic(), 0
    kept: list[Record] = []
    asked = replace(query, where=hot, limit=2000, count_to=1)
    while True:
        page = desk.find(kind, asked)
        good = [record for record in page.records if judge(record.doc)]
        number += len(good)
        kept += good[: max(samples - len(kept), 0)]
        if page.next is None or monotonic() - began > budget_s:
            return Count(number=number, samples=tuple(kept), whole=page.next is None)
        asked = replace(asked, after=page.next)


def _sifted(records: Sequence[Record], good: list[bool], sift: Sift) -> list[bool]:
    """Sift only those that the condition let through."""
    passed = [record for record, yes in zip(records, good, strict=True) if yes]
    verdicts = iter(sift(passed) if passed else [])
    return [yes and next(verdicts) for yes in good]


def judge_of(condition: Condition) -> meaning.Judge:
    """Judge records just as the stores do, but flatten only the fields that are asked for."""
    if isinstance(condition, Everything):
        return lambda _: True
    names, needles = _asked(condition)
    exact = meaning.over_records(condition)
    if not needles:
        return lambda doc: exact({name: _reach(doc, name) for name in names})
    sure = isinstance(condition, All | Text)
    texts = [terms.lower(part.text) for part in _parts(condition) if isinstance(part, Text)] if sure else []
    plain = [text for text in texts if text.isprintable() and not set(text) & {'"', "\\"}]

    def judge(doc: Mapping[str, Any]) -> bool:
        if plain:
            whole = terms.lower(orjson.dumps(doc).decode())
            if not all(text in whole for text in plain):
                return False
        return exact(doc)

    return judge


def _parts(condition: Condition) -> tuple[Condition, ...]:
    return condition.parts if isinstance(condition, All) else (condition,)


def _asked(condition: Condition) -> tuple[set[str], list[str]]:
    """The fields and the free texts of a condition."""
    match condition:
        case Not(part):
            return _asked(part)
        case All(parts) | Either(parts):
            both = [_asked(part) for part in parts]
            return {name for names, _ in both for name in names}, [
                text for _, texts in both for text in texts
            ]
        case Is(name) | Like(name) | Range(name) | Exists(name):
            return {name}, []
        case Text(text):
            return set(), [text]
        case _:
            return set(), []


def _reach(doc: Mapping[str, Any], name: str) -> list[Any]:
    """The values of one field of a record.

    Those in a dictionary of dotted names (`values`, `subject_fields`) without flattening the whole record.
    """
    head, dot, rest = name.partition(".")
    inner: Any = doc.get(head)
    if dot and isinstance(inner, Mapping):
        held: Any = cast("Mapping[str, Any]", inner).get(rest)
        if not isinstance(held, Mapping):
            return terms.values_of(held)
    return meaning.record_values(doc, name)
