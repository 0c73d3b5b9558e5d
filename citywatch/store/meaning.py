"""What does a condition mean?

The one definition that both stores answer by. It is also what they run over an event that their own index
cannot decide, so it works on plain dicts (the hot path) and is compiled to closures once a query.

Events are typed by the schema: text of keyword, text and ip fields compares without letter case, numbers by
value, dates as moments, addresses by value (an `Is` may name a network: `10.0.0.0/8`). A value that its
field's type cannot hold still exists and still has a text for `Like`. Fields outside the schema answer to
nothing. Records have no schema: a value there is a number or a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv6Network, ip_address, ip_network
from math import isfinite
from typing import Any, cast

import orjson

from citywatch import ports
from citywatch.errors import StoreError
from citywatch.schema import resolve

Judge = Callable[[Mapping[str, Any]], bool]
"""Says yes or no to one flat event, or to one record's document."""

LONGEST_TEXT = 8000
"""Characters of a record's text that take part in finding."""
MOST_LEAVES = 1000
DEEPEST = 6
MAPPED = 0xFFFF_0000_0000
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,18})?([eE][+-]?\d{1,2})?", re.ASCII)


def lower(text: str) -> str:
    """Lower-case character by character, as Elasticsearch's `lowercase` normalizer does.

    >>> lower("ĐÀ NẴNG İΣ")
    'đà nẵng iσ'
    """
    if text.isascii():
        return text.lower()
    return text.replace("İ", "i").replace("Σ", "σ").lower()


def text_of(value: object) -> str:
    """A value as text, the way JSON writes it.

    >>> [text_of(value) for value in ("Ab", 5, 1.0, True)]
    ['Ab', '5', '1.0', 'true']
    """
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode() if isinstance(value, bool | float) else str(value)


def values_of(held: object) -> list[Any]:
    """The values of a field: a list's items or the one value, without None and without nested objects."""
    items = cast("list[Any]", held) if isinstance(held, list | tuple) else [held]
    return [item for item in items if item is not None and not isinstance(item, list | dict | tuple)]


def texts_of(held: object) -> list[str]:
    """The values of a field as lower-case texts."""
    return [lower(text_of(value)) for value in values_of(held)]


def terms_of(field: str, held: object) -> list[str]:
    """The values that an event is counted under: text in lower case, numbers and moments as such."""
    kind = type_of(field)
    values = values_of(held)
    if kind in {"long", "float"}:
        numbers = [number_of(value, whole=kind == "long") for value in values]
        return [text_of(number) for number in numbers if number is not None]
    if kind == "date":
        return [moment for moment in map(moment_of, values) if moment]
    return [lower(text_of(value)) for value in values] if kind else []


@cache
def type_of(field: str) -> str:
    """The schema's type of a field, or nothing where no event can have it."""
    known = resolve(field)
    return known.type if known else ""


def number_of(value: object, *, whole: bool = False) -> float | int | None:
    """A number field's value; None where it is not one. Fractions of a whole field are cut off."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            return None
        value = int(value) if value.lstrip("+-").isdigit() else float(value)
    if isinstance(value, float) and not isfinite(value):
        return None
    if isinstance(value, int | float):
        return int(value) if whole else value
    return None


@lru_cache(maxsize=65536)
def address_of(text: str) -> int | None:
    """An address as 128 bits (IPv4 as IPv4-mapped IPv6), or None.

    >>> address_of("::ffff:10.0.0.1") == address_of("10.0.0.1")
    True
    """
    if "%" in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return MAPPED + int(address) if isinstance(address, IPv4Address) else int(address)


@lru_cache(maxsize=4096)
def addresses_of(text: str) -> tuple[int, int] | None:
    """First and last address that a text names: one address, or a network in CIDR form."""
    if "/" not in text:
        one = address_of(text)
        return None if one is None else (one, one)
    if "%" in text:
        return None
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    first = int(network.network_address)
    last = int(network.broadcast_address)
    return (first, last) if isinstance(network, IPv6Network) else (MAPPED + first, MAPPED + last)


def moment_of(value: object) -> str | None:
    """A date's moment as `clock.stamp` writes it, or None where it is not a date."""
    return _moment(value) if isinstance(value, str) else None


@lru_cache(maxsize=8192)
def _moment(text: str) -> str | None:
    if not _DATE.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z" if moment.year > 999 else None  # noqa: PLR2004 - four digits


def bound_of(text: str) -> str:
    """A time bound of a query, normalized.

    Raises:
        StoreError: it is not a time.
    """
    moment = moment_of(text)
    if moment is None:
        raise StoreError(f"'{text}' is not a time; write it like 2026-11-22T08:05:00.000000Z")
    return moment


def flag_of(value: object) -> bool | None:
    """A boolean field's value, or None where it is not one."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None


def pieces_of(pattern: str) -> list[str | None]:
    r"""Split a `Like` pattern into literal characters and wildcards.

    Gives runs of literal text, with None for `*` and an empty text for `?`.

    >>> pieces_of(r"a*b?\*")
    ['a', None, 'b', '', '*']
    """
    found: list[str | None] = []
    run: list[str] = []
    place = 0
    while place < len(pattern):
        letter = pattern[place]
        place += 1
        if letter in "*?":
            if run:
                found.append("".join(run))
                run = []
            found.append(None if letter == "*" else "")
            continue
        if letter == "\\" and place < len(pattern):
            letter = pattern[place]
            place += 1
        run.append(letter)
    if run:
        found.append("".join(run))
    return found


def like(pattern: str) -> Callable[[str], bool]:
    """A matcher of whole lower-case texts, in time linear in text times wildcards (no backtracking).

    >>> like("*.Go?.vn")("hanoi.gov.vn")
    True
    """
    groups: list[list[str]] = [[]]
    for piece in pieces_of(pattern):
        if piece is None:
            groups.append([])
        else:
            groups[-1].append("[\\s\\S]" if piece == "" else re.escape(lower(piece)))
    if len(groups) == 1:
        whole = re.compile("".join(groups[0]))
        return lambda text: whole.fullmatch(text) is not None
    head, *middle, tail = ("".join(group) for group in groups)
    start, end = re.compile(head), re.compile(tail + r"\Z")
    between = [re.compile(group) for group in middle if group]
    tail_length = sum(len(lower(piece)) if piece else 1 for piece in _after_last_star(pattern))
    return lambda text: _met(text, start, between, end, tail_length)


def _after_last_star(pattern: str) -> list[str]:
    tail: list[str] = []
    for piece in pieces_of(pattern):
        if piece is None:
            tail = []
        else:
            tail.append(piece)
    return tail


def _met(
    text: str, start: re.Pattern[str], between: list[re.Pattern[str]], end: re.Pattern[str], tail: int
) -> bool:
    first = start.match(text)
    if first is None:
        return False
    place = first.end()
    for group in between:
        found = group.search(text, place)
        if found is None:
            return False
        place = found.end()
    return len(text) - tail >= place and end.match(text, len(text) - tail) is not None


# -- conditions over events ------------------------------------------------------------------------------


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
