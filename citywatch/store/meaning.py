"""What does a condition mean?

The one definition that both stores answer by. It is also what they run over an event that their own index
cannot decide, so it works on plain dicts (the hot path) and is compiled to closures once a query.

Events are typed by the schema: text of keyword, text and ip fields compares without letter case, numbers by
value, dates as moments, addresses by value (an `Is` may name a network: `10.0.0.0/8`). A value that its
field's type cannot hold still exists and still has a text for `Like`. Fields outside the schema answer to
nothing. Records have no schema: a value there is a number or a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import orjson

from citywatch import ports
from citywatch.errors import StoreError
from citywatch.store.terms import (
    address_of,
    addresses_of,
    flag_of,
    lower,
    moment_of,
    number_of,
    text_of,
    texts_of,
    type_of,
    values_of,
)
from citywatch.store.wildcard import like

Judge = Callable[[Mapping[str, Any]], bool]
"""Says yes or no to one flat event, or to one record's document."""

LONGEST_TEXT = 8000
"""Characters of a record's text that take part in finding."""
MOST_LEAVES = 1000
DEEPEST = 6


def never(_: Mapping[str, Any]) -> bool:
    """Say no."""
    return False


def over_events(condition: ports.Condition) -> Judge:
    """Compile a condition over flat events."""
    return _compiled(condition, _event_atom)


def over_records(condition: ports.Condition) -> Judge:
    """Compile a condition over a record's document."""
    return _compiled(condition, _record_atom)


def over_text(judge: Judge) -> Callable[[str], bool]:
    """The same judge over JSON text."""
    return lambda doc: judge(orjson.loads(doc))


def _compiled(condition: ports.Condition, atom: Callable[[ports.Condition], Judge]) -> Judge:
    match condition:
        case ports.Everything():
            return lambda _: True
        case ports.Not(part):
            inner = _compiled(part, atom)
            return lambda doc: not inner(doc)
        case ports.All(parts):
            every = [_compiled(part, atom) for part in parts]
            return lambda doc: all(judge(doc) for judge in every)
        case ports.Either(parts):
            some = [_compiled(part, atom) for part in parts]
            return lambda doc: any(judge(doc) for judge in some)
        case _:
            return atom(condition)


def _event_atom(condition: ports.Condition) -> Judge:
    if isinstance(condition, ports.Text):
        return _holds_text(condition.text)
    field = cast("ports.Is | ports.Like | ports.Range | ports.Exists", condition).field
    kind = type_of(field)
    if not kind:
        return never
    match condition:
        case ports.Is(_, value):
            return _some(field, _equals(kind, value))
        case ports.Like(_, pattern):
            met = like(pattern)
            return _some(field, lambda value: met(lower(text_of(value))))
        case ports.Range(_, low, high) if low is not None or high is not None:
            return _some(field, _between(kind, low, high))
        case _:
            return _some(field, lambda _: True)


def _some(field: str, met: Callable[[Any], bool]) -> Judge:
    def judge(event: Mapping[str, Any]) -> bool:
        held = event.get(field)
        if isinstance(held, str):
            return met(held)
        return held is not None and any(met(value) for value in values_of(held))

    return judge


def _equals(kind: str, value: str | float | bool) -> Callable[[Any], bool]:  # noqa: FBT001 - a value, no switch
    match kind:
        case "long" | "float":
            wanted = number_of(value)
            return lambda held: wanted is not None and number_of(held, whole=kind == "long") == wanted
        case "boolean":
            flag = flag_of(lower(text_of(value)))
            return lambda held: flag is not None and flag_of(held) is flag
        case "date":
            moment = moment_of(value)
            return lambda held: moment is not None and moment_of(held) == moment
        case "ip" if addresses := addresses_of(text_of(value)):
            first, last = addresses
            return lambda held: (one := address_of(text_of(held))) is not None and first <= one <= last
        case _:
            text = lower(text_of(value))
            return lambda held: lower(text_of(held)) == text


def _between(kind: str, low: str | float | None, high: str | float | None) -> Callable[[Any], bool]:
    read: Callable[[Any], Any]
    match kind:
        case "long" | "float":
            read = lambda value: number_of(value, whole=kind == "long")  # noqa: E731 - one of four readers
            low, high = _bounds(number_of, low, high)
        case "date":
            read = moment_of
            low, high = _bounds(moment_of, low, high)
        case "ip":
            read = lambda value: address_of(text_of(value))  # noqa: E731 - one of four readers
            low, high = _bounds(lambda bound: address_of(text_of(bound)), low, high)
        case "boolean":
            return lambda _: False
        case _:
            read = lambda value: lower(text_of(value))  # noqa: E731 - one of four readers
            low, high = _bounds(read, low, high)
    return _inside(read, low, high)


_NOTHING: Any = object()


def _bounds(read: Callable[[Any], Any], low: Any, high: Any) -> tuple[Any, Any]:
    """Both bounds read; a bound that cannot be read makes the range empty."""
    pair = [None if bound is None else read(bound) for bound in (low, high)]
    if any(bound is not None and made is None for bound, made in zip((low, high), pair, strict=True)):
        return _NOTHING, _NOTHING
    return pair[0], pair[1]


def _inside(read: Callable[[Any], Any], low: Any, high: Any) -> Callable[[Any], bool]:
    if low is _NOTHING:
        return lambda _: False

    def inside(held: Any) -> bool:
        value = read(held)
        return value is not None and (low is None or low <= value) and (high is None or value <= high)

    return inside


SEARCHED = frozenset({"keyword", "text", "ip"})
"""Types whose values `Text` looks into (a year or a port number would be in every second event)."""


def _holds_text(needle: str) -> Judge:
    wanted = lower(needle)

    def judge(event: Mapping[str, Any]) -> bool:
        for field, held in event.items():
            if type_of(field) not in SEARCHED:
                continue
            if isinstance(held, str):
                if wanted in lower(held):
                    return True
            elif any(wanted in text for text in texts_of(held)):
                return True
        return False

    return judge


# -- conditions over records -----------------------------------------------------------------------------


def leaves(doc: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The values of a record by dotted name, at most 1,000 names and six levels.

    The `event` inside an alert is left out: it is looked for among the events.

    >>> leaves({"state": "new", "values": {"source.ip": ["10.0.0.1"]}, "history": [{"by": "a"}, {"by": "b"}]})
    {'state': ['new'], 'values.source.ip': ['10.0.0.1'], 'history.by': ['a', 'b']}
    """
    found: dict[str, list[Any]] = {}
    for name, held in doc.items():
        if name != "event":
            _gather(name, held, 1, found)
    return found


def _gather(name: str, held: Any, depth: int, found: dict[str, list[Any]]) -> None:
    if isinstance(held, dict) and depth < DEEPEST:
        for key, inner in cast("dict[str, Any]", held).items():
            _gather(f"{name}.{key}", inner, depth + 1, found)
    elif isinstance(held, list | tuple) and depth < DEEPEST:
        for inner in cast("Iterable[Any]", held):
            _gather(name, inner, depth + 1, found)
    elif isinstance(held, str | int | float) and (name in found or len(found) < MOST_LEAVES):
        found.setdefault(name, []).append(held)


def record_text(value: object) -> str:
    """A record's value as it takes part in finding."""
    return lower(text_of(value)[:LONGEST_TEXT])


def record_values(doc: Mapping[str, Any], field: str) -> list[Any]:
    """The values of one field of a record."""
    held = doc.get(field)
    if "." not in field and field != "event" and not isinstance(held, dict | list | tuple):
        return [held] if isinstance(held, str | int | float) else []
    return leaves(doc).get(field, [])


def sort_key(doc: Mapping[str, Any], field: str, *, newest_first: bool) -> float | str | None:
    """What a record is ordered by: the largest value (smallest when oldest first); None comes last."""
    keys = [_comparable(value) for value in record_values(doc, field)]
    numbers = [key for key in keys if not isinstance(key, str)]
    texts = [key for key in keys if isinstance(key, str)]
    pick = max if newest_first else min
    if numbers:
        return pick(numbers)
    return pick(texts) if texts else None


def _comparable(value: Any) -> float | str:
    number = not isinstance(value, str | bool)
    return value if number else record_text(value)


def _record_atom(condition: ports.Condition) -> Judge:
    met: Callable[[Any], bool]
    match condition:
        case ports.Text(needle):
            wanted = lower(needle)
            return lambda doc: any(
                wanted in record_text(value) for held in leaves(doc).values() for value in held
            )
        case ports.Is(field, value):
            met = _record_equals(record_text(value))
        case ports.Like(field, pattern):
            matcher = like(pattern)
            met = lambda held: matcher(record_text(held))  # noqa: E731 - one of four tests of a value
        case ports.Range(field, low, high) if low is not None or high is not None:
            met = _record_between(low, high)
        case ports.Range(field, _, _) | ports.Exists(field):
            met = lambda _: True  # noqa: E731 - one of four tests of a value
        case _:
            raise StoreError(f"there is no condition {type(condition).__name__}")
    return lambda doc: any(met(held) for held in record_values(doc, field))


def _record_equals(text: str) -> Callable[[Any], bool]:
    """A number is met by its text too, however that is written."""
    number = number_of(text)
    return lambda held: record_text(held) == text or (is_number(held) and held == number)


def is_number(value: object) -> bool:
    """Numbers are compared as numbers; True and False are texts."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _record_between(low: str | float | None, high: str | float | None) -> Callable[[Any], bool]:
    if is_number(low) or is_number(high):
        if isinstance(low, str) or isinstance(high, str):
            return lambda _: False
        return _inside(lambda held: held if is_number(held) else None, low, high)
    return _inside(_record_word, *_bounds(_record_word, low, high))


def _record_word(held: object) -> str | None:
    return None if is_number(held) else record_text(held)
