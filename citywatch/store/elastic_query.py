"""What does a condition look like for Elasticsearch?

The index cannot decide about a value that it left out (too long, or not of its type); it names the field in
`_ignored`. So a condition becomes two queries: `sure` lets through only documents that meet it for certain,
`maybe` lets through every document that may. What lies between the two is fetched and judged by `meaning`.
Usually nothing does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from math import ceil, floor
from typing import Any

from citywatch import ports
from citywatch.clock import parse_stamp, stamp
from citywatch.errors import StoreError
from citywatch.store import meaning, terms, wildcard
from citywatch.store.intake import FIRST_MOMENT, LAST_MOMENT
from citywatch.store.mapping import IGNORE_ABOVE, SEARCH, UNINDEXED

Dsl = dict[str, Any]
ALL: Dsl = {"match_all": {}}
NONE: Dsl = {"match_none": {}}
LONGEST_PATTERN = 1000
MOST_STARS = 20
LARGEST, SMALLEST = 2**63 - 1, -(2**63)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`sure` implies the condition, the condition implies `maybe`."""

    sure: Dsl
    maybe: Dsl

    @property
    def exact(self) -> bool:
        return self.sure == self.maybe


def both(query: Dsl) -> Asked:
    """The index decides alone."""
    return Asked(sure=query, maybe=query)


def every(parts: list[Dsl]) -> Dsl:
    """All of them; what says nothing is left out."""
    told = [part for part in parts if part != ALL]
    if any(part == NONE for part in told):
        return NONE
    if len(told) == 1:
        return told[0]
    return {"bool": {"filter": told}} if told else ALL


def some(parts: list[Dsl]) -> Dsl:
    """One of them."""
    told = [part for part in parts if part != NONE]
    if any(part == ALL for part in told):
        return ALL
    if len(told) == 1:
        return told[0]
    return {"bool": {"should": told, "minimum_should_match": 1}} if told else NONE


def opposite(part: Dsl) -> Dsl:
    """None of it."""
    if part in (ALL, NONE):
        return NONE if part == ALL else ALL
    return {"bool": {"must_not": [part]}}


def asked(condition: ports.Condition, *, records: bool = False) -> Asked:
    """A condition over events, or over records, as queries."""
    match condition:
        case ports.Everything():
            return both(ALL)
        case ports.Not(part):
            inner = asked(part, records=records)
            return Asked(sure=opposite(inner.maybe), maybe=opposite(inner.sure))
        case ports.All(parts) | ports.Either(parts):
            join = every if isinstance(condition, ports.All) else some
            made = [asked(part, records=records) for part in parts]
            return Asked(sure=join([part.sure for part in made]), maybe=join([part.maybe for part in made]))
        case _:
            return both(_record_atom(condition)) if records else _event_atom(condition)


def counted(query: ports.Query) -> bool | int:
    """How far Elasticsearch shall count; what follows a first page is not counted again."""
    return query.after is None if query.after or query.count_to is None else max(query.count_to, 1)


def total_of(hits: Mapping[str, Any], query: ports.Query) -> int:
    """The count of an answer, no more than was asked for."""
    total = int(hits["total"]["value"])
    return total if query.count_to is None else min(total, query.count_to)


# -- events ----------------------------------------------------------------------------------------------


def left_out(field: str) -> Dsl:
    """Documents of which the index left out a value of this field."""
    return some([{"term": {"_ignored": field}}, {"term": {UNINDEXED: field}}])


def _event_atom(condition: Any) -> Asked:
    if isinstance(condition, ports.Text):
        doubt = some([{"exists": {"field": "_ignored"}}, {"exists": {"field": UNINDEXED}}])
        query = _contains(condition.text)
        return both(ALL) if not condition.text else _doubted(query, doubt)
    field: str = condition.field
    kind = terms.type_of(field)
    if not kind:
        return both(NONE)
    if isinstance(condition, ports.Exists):
        return both(some([{"exists": {"field": field}}, left_out(field)]))
    return _doubted(_told(condition, field, kind), left_out(field), field)


def _doubted(query: Dsl | None, doubt: Dsl, field: str = "") -> Asked:
    """A query, where the index says it all; None where the index cannot say anything."""
    if query is None:
        anything = some([{"exists": {"field": field}}, doubt]) if field else ALL
        return Asked(sure=NONE, maybe=anything)
    return Asked(sure=every([query, opposite(doubt)]), maybe=some([query, doubt]))


def _told(condition: Any, field: str, kind: str) -> Dsl | None:
    match condition:
        case ports.Is(_, value):
            return _is(field, kind, value)
        case ports.Like(_, pattern) if kind in meaning.SEARCHED:
            return _wildcard(f"{field}.text" if kind == "ip" else field, pattern)
        case ports.Range(_, low, high) if low is not None or high is not None:
            return _range(field, kind, low, high)
        case ports.Range():
            return {"exists": {"field": field}}
        case _:
            return None


def _is(field: str, kind: str, value: Any) -> Dsl:
    match kind:
        case "long" | "float":
            number = terms.number_of(value)
            if number is None or (
                kind == "long" and (number != int(number) or not SMALLEST <= number <= LARGEST)
            ):
                return NONE
            return {"term": {field: int(number) if kind == "long" else float(number)}}
        case "boolean":
            flag = terms.flag_of(terms.lower(terms.text_of(value)))
            return NONE if flag is None else {"term": {field: flag}}
        case "date":
            return _range(field, kind, value, value)
        case "ip" if addresses := terms.addresses_of(terms.text_of(value)):
            return _addresses(field, *addresses)
        case _:
            text = terms.lower(terms.text_of(value))
            told = {"term": {f"{field}.text" if kind == "ip" else field: text}}
            return told if len(text) <= IGNORE_ABOVE else NONE


def _addresses(field: str, first: int | None, last: int | None) -> Dsl:
    bounds = {sign: _address(bound) for sign, bound in (("gte", first), ("lte", last)) if bound is not None}
    return {"range": {field: bounds}}


def _address(number: int) -> str:
    mapped = number >> 32 == terms.MAPPED >> 32
    return str(IPv4Address(number & 0xFFFF_FFFF) if mapped else IPv6Address(number))


def _range(field: str, kind: str, low: Any, high: Any) -> Dsl:
    match kind:
        case "long" | "float":
            return _numbers(field, low, high, whole=kind == "long")
        case "date":
            return _moments(field, low, high)
        case "ip":
            pair = [None if bound is None else terms.address_of(str(bound)) for bound in (low, high)]
            unread = any(b is not None and a is None for a, b in zip(pair, (low, high), strict=True))
            return NONE if unread or _upside_down(*pair) else _addresses(field, *pair)
        case "boolean":
            return NONE
        case _:
            texts = {
                sign: terms.lower(terms.text_of(bound))
                for sign, bound in (("gte", low), ("lte", high))
                if bound is not None
            }
            return {"range": {field: texts}}


def _upside_down(low: float | None, high: float | None) -> bool:
    """Elasticsearch calls such a range of addresses an error."""
    return low is not None and high is not None and low > high


def _numbers(field: str, low: Any, high: Any, *, whole: bool) -> Dsl:
    bounds: dict[str, float | int] = {}
    for sign, bound in (("gte", low), ("lte", high)):
        if bound is None:
            continue
        number = terms.number_of(bound)
        if number is None:
            return NONE
        if whole:
            number = ceil(number) if sign == "gte" else floor(number)
            if not SMALLEST <= number <= LARGEST:
                if (number > 0) is (sign == "gte"):
                    return NONE
                continue
        bounds[sign] = number if whole else float(number)
    return {"range": {field: bounds}} if bounds else {"exists": {"field": field}}


def _moments(field: str, low: Any, high: Any) -> Dsl:
    """Moments are told apart by microseconds here and by nanoseconds there."""
    bounds: dict[str, str] = {}
    for sign, bound in (("gte", low), ("lt", high)):
        if bound is None:
            continue
        moment = terms.moment_of(bound)
        if moment is None:
            return NONE
        inside = FIRST_MOMENT <= moment <= LAST_MOMENT
        if inside:
            bounds[sign] = moment if sign == "gte" else stamp(parse_stamp(moment) + _TICK)
        elif (moment > LAST_MOMENT) is (sign == "gte"):
            return NONE
    return {"range": {field: bounds}} if bounds else {"exists": {"field": field}}


def between(start: str | None, end: str | None) -> Dsl:
    """The time of a query: start inclusive, end exclusive.

    Always one range with both ends: with an open end Elasticsearch takes the lowest number there is for it,
    which a histogram over nanoseconds then cannot read.
    """
    if start is None and end is None:
        return ALL
    low, high = (
        min(max(terms.bound_of(bound), FIRST_MOMENT), LAST_MOMENT) if bound is not None else None
        for bound in (start, end)
    )
    upper = {"lt": high} if high is not None else {"lte": LAST_MOMENT}
    return {"range": {"@timestamp": {"gte": low or FIRST_MOMENT} | upper}}


def _wildcard(field: str, pattern: str) -> Dsl | None:
    """None where the pattern is one that could hurt the cluster."""
    pieces = wildcard.pieces_of(pattern)
    if len(pattern) > LONGEST_PATTERN or pieces.count(None) > MOST_STARS:
        return None
    if all(pieces):  # no wildcard in it; an empty pattern, too, is a value
        text = terms.lower("".join(piece or "" for piece in pieces))
        return {"term": {field: text}} if len(text) <= IGNORE_ABOVE else NONE
    text = "".join("*" if piece is None else "?" if piece == "" else _escaped(piece) for piece in pieces)
    return {"wildcard": {field: {"value": text}}}


def _escaped(text: str) -> str:
    return "".join("\\" + letter if letter in "*?\\" else letter for letter in terms.lower(text))


def _contains(text: str) -> Dsl | None:
    if len(text) > LONGEST_PATTERN:
        return None
    return {"wildcard": {SEARCH: {"value": f"*{_escaped(text)}*"}}}


# -- records ---------------------------------------------------------------------------------------------


def path_of(field: str) -> str:
    """The name of a leaf in the index: dots would make one name the parent of another.

    >>> path_of("values.source.ip")
    '/values/source/ip'
    """
    return "/" + field.replace(".", "/")


def _record_atom(condition: Any) -> Dsl:
    if isinstance(condition, ports.Text):
        found = _contains(condition.text) if condition.text else {"exists": {"field": SEARCH}}
        if found is None:
            raise StoreError("the text to look for is too long; look for a part of it")
        return found
    path = path_of(condition.field)
    texts, numbers = f"t.{path}", f"n.{path}"
    match condition:
        case ports.Is(_, value):
            text = meaning.record_text(value)
            number = terms.number_of(text)
            told: list[Dsl] = [{"term": {texts: text}}]
            return some(told if number is None else [*told, {"term": {numbers: number}}])
        case ports.Like(_, pattern):
            found = [_wildcard(texts, pattern), _wildcard(f"{numbers}.text", pattern)]
            if None in found:
                raise StoreError("the pattern to look for is too long; look for a part of it")
            return some([part for part in found if part])
        case ports.Range(_, low, high) if low is not None or high is not None:
            return _record_range(texts, numbers, low, high)
        case _:
            return some([{"exists": {"field": texts}}, {"exists": {"field": numbers}}])


def _record_range(texts: str, numbers: str, low: Any, high: Any) -> Dsl:
    by_number = meaning.is_number(low) or meaning.is_number(high)
    if by_number and (isinstance(low, str) or isinstance(high, str)):
        return NONE
    told = {
        sign: float(bound) if by_number else meaning.record_text(bound)
        for sign, bound in (("gte", low), ("lte", high))
        if bound is not None
    }
    return {"range": {numbers if by_number else texts: told}}
