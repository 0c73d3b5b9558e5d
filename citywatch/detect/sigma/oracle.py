"""What does a rule mean for one event, as plainly as it can be said?

The naive evaluator: the reference that the fast engine must agree with on every rule and event, and what
explains a hit. Three things are not the same: a field that is missing, one that is null, and one that holds
an empty text. Lists match when any of their values does. Regular expressions mean what RE2 makes of them
(see docs/decisions/0020-what-sigma-text-means.md), so hostile patterns and values cost linear time here
too.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, cast

import re2

from citywatch.clock import parse_stamp
from citywatch.detect.sigma import tree
from citywatch.detect.sigma.tree import MANY, Tree, fold, text_of
from citywatch.model import Event, Reason

MAX_VALUE = 65_536
"""Characters of one value that are looked at (Windows' longest command line has 32,767)."""
MAX_VALUES = 1_024
"""Values of one list that are looked at."""
BOOKKEEPING = frozenset({
    "@timestamp", "event.id", "event.sequence", "event.ingested", "event.start", "event.end", "log.file.path",
    "log.offset", "citywatch.evidence.sha256", "event.kind", "event.category", "event.dataset",
    "event.module", "host.os.family",
})  # fmt: skip
"""Fields that keyword searches leave out: what we wrote about the event, not what the source said."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,300}(\.[0-9]{1,300})?", re.ASCII)
COMPARE = {
    "eq": operator.eq,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "neq": operator.ne,
}

_SIGNS = {"eq": "=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "neq": "!="}


def matches(part: Tree, event: Event) -> bool:
    """Does this event answer the question with yes?

    >>> matches(tree.Like("url.path", (MANY, ".php")), {"url.path": "/A.PHP"})
    True
    """
    if isinstance(part, tree.And):
        return all(matches(each, event) for each in part.parts)
    if isinstance(part, tree.Or):
        return any(matches(each, event) for each in part.parts)
    if isinstance(part, tree.Not):
        return not matches(part.part, event)
    if isinstance(part, tree.Const):
        return part.yes
    if isinstance(part, tree.Ref):
        return False
    return holds(part, event) is not None


def holds(atom: tree.Atom, event: Event) -> tuple[str, Any] | None:
    """The field and value that answer this question with yes, if any do."""
    if isinstance(atom, tree.Exists):
        return (atom.field, "") if (atom.field in event) == atom.want else None
    if isinstance(atom, tree.Null):
        return None if any(True for _ in _values(atom.field, event)) else (atom.field, "")
    if isinstance(atom, tree.FieldRef):
        others = [value for _, value in _values(atom.other, event)]
        found = (each for each in _values(atom.field, event) if _refers(atom, each[1], others))
    else:
        found = (each for each in _values(atom.field, event) if _answers(atom, each[1]))
    return next(found, None)


def _values(field: str, event: Event) -> Iterator[tuple[str, Any]]:
    """Every value of a field that is not null, cut to what is looked at; all of the event for no field."""
    names = [field] if field else [name for name in event if name not in BOOKKEEPING]
    for name in names:
        value = event.get(name)
        listed = cast("list[Any]", value)[:MAX_VALUES] if isinstance(value, list) else [value]
        for each in listed:
            if each is not None:
                yield name, each[:MAX_VALUE] if isinstance(each, str) else each


def _answers(atom: tree.Atom, value: Any) -> bool:  # noqa: C901, PLR0911 - one case a kind of question
    match atom:
        case tree.Like():
            text = text_of(value) if atom.cased else fold(text_of(value))
            return like(text, atom.pieces)
        case tree.Number():
            if isinstance(value, str | bool):
                return value == str(atom.value)
            return value == atom.value
        case tree.Bool():
            return fold(text_of(value)) == text_of(atom.value)
        case tree.Regex():
            return regex(atom.pattern, atom.flags).search(clean(text_of(value))) is not None
        case tree.Cidr():
            return in_network(text_of(value), atom.network)
        case tree.Compare():
            number = number_of(value)
            return number is not None and COMPARE[atom.op](number, atom.number)
        case tree.TimePart():
            found = time_part(value, atom.part)
            return found is not None and COMPARE[atom.op](found, atom.number)
        case _:
            return False


def like(text: str, pieces: tuple[str | int, ...]) -> bool:
    """Does the whole text fit the pieces? Leftmost fit of each run between two `*` is always right.

    >>> like("aXbc", ("a", tree.ONE, "b", MANY)), like("ab", ("b",))
    (True, False)
    """
    runs: list[list[str | int]] = [[]]
    for piece in pieces:
        if piece == MANY:
            runs.append([])
        else:
            runs[-1].append(piece)
    width = [sum(len(piece) if isinstance(piece, str) else 1 for piece in run) for run in runs]
    if len(runs) == 1:
        return len(text) == width[0] and _fits(text, 0, runs[0])
    end = len(text) - width[-1]
    if width[0] > end or not _fits(text, 0, runs[0]) or not _fits(text, end, runs[-1]):
        return False
    at = width[0]
    for run, wide in zip(runs[1:-1], width[1:-1], strict=True):
        at = _first(text, at, end, run, wide)
        if at < 0:
            return False
        at += wide
    return True


def _first(text: str, at: int, end: int, run: list[str | int], wide: int) -> int:
    """Where a run first fits between two places; -1 when it does not."""
    if len(run) == 1 and isinstance(run[0], str):
        return text.find(run[0], at, end)
    while at + wide <= end and not _fits(text, at, run):
        at += 1
    return at if at + wide <= end else -1


def _fits(text: str, at: int, run: list[str | int]) -> bool:
    for piece in run:
        if isinstance(piece, str):
            if not text.startswith(piece, at):
                return False
            at += len(piece)
        else:
            at += 1
    return True


@lru_cache(maxsize=8192)
def regex(pattern: str, flags: str) -> re2.Pattern:
    """Compile an expression that `translate` has let through."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(f"(?{flags})" * bool(flags) + pattern, options)


def clean(text: str) -> str:
    """Put U+FFFD for halves of surrogate pairs, which UTF-8 (and so RE2) cannot hold."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def number_of(value: Any) -> int | float | None:
    """The number that a value is, or says in decimal digits."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            return None
        return float(value) if "." in value else int(value)
    return value if isinstance(value, int | float) else None


@lru_cache(maxsize=8192)
def network_of(text: str) -> IPv4Network | IPv6Network:
    """Parse a network once."""
    return ip_network(text)


@lru_cache(maxsize=16_384)
def in_network(text: str, network: str) -> bool:
    """Is this an address of the network? IPv4 in IPv6 clothes counts as IPv4.

    >>> in_network("::ffff:10.1.2.3", "10.0.0.0/8"), in_network("cmd.exe", "10.0.0.0/8")
    (True, False)
    """
    wanted = network_of(network)
    return any(address in wanted for address in addresses_of(text))


def addresses_of(text: str) -> tuple[IPv4Address | IPv6Address, ...]:
    """The address of a text, in both its clothes if it has two; none if it is no address."""
    try:
        address = ip_address(text)
    except ValueError:
        return ()
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address, address.ipv4_mapped
    return (address,)


def time_part(value: Any, part: str) -> int | None:
    """The minute, hour, day, ISO week, month or year of a time in text, in UTC.

    >>> time_part("2026-11-22T08:05:00.000000Z", "hour"), time_part("2026-11-22T08:05:99.000000Z", "hour")
    (8, None)
    """
    if value.__class__ is str and _STAMP.fullmatch(value):
        return _part_of_minute(value[:16], part)
    return _part_of(value, part)


_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]\.[0-9]{6}Z")
"""A time as events carry it: all of one minute have the same parts."""


@lru_cache(maxsize=4096)
def _part_of_minute(text: str, part: str) -> int | None:
    return _part_of(f"{text}Z", part)


def _part_of(value: Any, part: str) -> int | None:
    try:
        moment = parse_stamp(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment.isocalendar().week if part == "week" else int(getattr(moment, part))


def _refers(atom: tree.FieldRef, value: Any, others: list[Any]) -> bool:
    mine = fold(text_of(value))
    for other in others:
        theirs = fold(text_of(other))
        if atom.starts and atom.ends:
            yes = theirs in mine
        elif atom.starts or atom.ends:
            yes = mine.startswith(theirs) if atom.starts else mine.endswith(theirs)
        else:
            yes = mine == theirs
        if yes:
            return True
    return False


def explain(part: Tree, event: Event) -> list[Reason]:
    """Which field held which value, and which pattern of the rule it met; for a rule that said yes.

    Only when nothing at all was met (a rule made of "not") the parts that were not met are named.
    """
    found = _met(part, event)
    if not found:
        return [Reason(field=atom.field or "*", value="", pattern=f"not {pattern_of(atom)}")
                for atom in tree.atoms(part)][:10]  # fmt: skip
    return list(dict.fromkeys(found))


def _met(part: Tree, event: Event) -> list[Reason] | None:
    """What a part met; None when it says no."""
    if isinstance(part, tree.And):
        all_met: list[Reason] = []
        for each in part.parts:
            met = _met(each, event)
            if met is None:
                return None
            all_met += met
        return all_met
    if isinstance(part, tree.Or):
        some = [met for each in part.parts if (met := _met(each, event)) is not None]
        return [reason for met in some for reason in met] if some else None
    if isinstance(part, tree.Not | tree.Const | tree.Ref):
        return [] if matches(part, event) else None
    found = holds(part, event)
    return found and [Reason(field=found[0], value=text_of(found[1])[:1000], pattern=pattern_of(part))]


def pattern_of(atom: tree.Atom) -> str:  # noqa: C901, PLR0911 - one case a kind
    """Write a question for people.

    >>> pattern_of(tree.Like("url.path", (MANY, ".php"))), pattern_of(tree.Compare("x", "gte", 5))
    ('*.php', '>= 5')
    """
    match atom:
        case tree.Like():
            return tree.pattern_text(atom.pieces)[:1000] or "(empty)"
        case tree.Number() | tree.Bool():
            return text_of(atom.value)
        case tree.Null():
            return "(nothing)"
        case tree.Exists():
            return "(is there)" if atom.want else "(is not there)"
        case tree.Regex():
            return f"/{atom.pattern[:1000]}/{atom.flags}"
        case tree.Cidr():
            return atom.network
        case tree.Compare():
            return f"{_SIGNS[atom.op]} {atom.number}"
        case tree.TimePart():
            return f"{atom.part} {_SIGNS[atom.op]} {atom.number}"
        case tree.FieldRef():
            return f"same as {atom.other}"
