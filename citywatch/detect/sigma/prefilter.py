"""What must an event hold, at the least, before a rule can say yes?

A cover is a set of needs of which one at least is met by every event the rule says yes to: a literal that a
field must contain, the whole value it must have, that it must be there at all, or that it and another may be
the same. Few events meet any need of a rule, so nearly all rules are ruled out by one search per field
(`engine`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib import import_module
from typing import Any, NamedTuple

from citywatch.detect.sigma import tree
from citywatch.detect.sigma.tree import Tree, fold, text_of

# Python's own parser of expressions; where it is not, expressions merely have no literals.
_opcode: Any = import_module("re._constants")
_regex: Any = import_module("re._parser")

CONTAINS, EQUALS, PRESENT, SAME = 0, 1, 2, 3
MOST_NEEDS = 20_000


class Need(NamedTuple):
    """One thing an event must hold. Texts are folded; field "" is any field of the event.

    Of SAME the text is the other field's name.
    """

    field: str
    kind: int
    text: str


Cover = frozenset[Need]
NEVER: Cover = frozenset()
"""Covers a rule that never says yes."""


def simplify(part: Tree, truth: Callable[[tree.Atom], bool | None]) -> Tree:
    """Put in what is known already (None: not known) and fold the rest."""
    if isinstance(part, tree.Not):
        inner = simplify(part.part, truth)
        return tree.Const(not inner.yes) if isinstance(inner, tree.Const) else tree.Not(inner)
    if isinstance(part, tree.And | tree.Or):
        return _joined(part, [simplify(each, truth) for each in part.parts])
    if isinstance(part, tree.Const | tree.Ref):
        return part
    known = truth(part)
    return part if known is None else tree.Const(known)


def _joined(part: tree.And | tree.Or, parts: list[Tree]) -> Tree:
    stop = isinstance(part, tree.Or)
    left: list[Tree] = []
    for each in parts:
        if isinstance(each, tree.Const):
            if each.yes is stop:
                return each
        else:
            left.append(each)
    if not left:
        return tree.Const(not stop)
    return left[0] if len(left) == 1 else type(part)(tuple(left))


def cover(part: Tree) -> Cover | None:
    """The cheapest cover of a question; None when an event may say yes while holding nothing special."""
    if isinstance(part, tree.And):
        found = [each for each in map(cover, part.parts) if each is not None]
        return min(found, key=cost) if found else None
    if isinstance(part, tree.Or):
        return _either(cover(each) for each in part.parts)
    if isinstance(part, tree.Const):
        return None if part.yes else NEVER
    if isinstance(part, tree.Not | tree.Ref):
        return None
    return _atom(part)


def _either(parts: Iterable[Cover | None]) -> Cover | None:
    found: set[Need] = set()
    for each in parts:
        if each is None:
            return None
        found |= each
        if len(found) > MOST_NEEDS:
            return None
    return frozenset(found)


def _atom(atom: tree.Atom) -> Cover | None:  # noqa: PLR0911 - one case a kind of question
    match atom:
        case tree.Like():
            return _like(atom)
        case tree.Number() | tree.Bool():
            return frozenset({Need(atom.field, EQUALS, fold(text_of(atom.value)))})
        case tree.Regex():
            literals = regex_literals(atom.pattern, atom.flags)
            if literals:
                return frozenset(Need(atom.field, CONTAINS, each) for each in literals)
        case tree.Null():
            return None
        case tree.Exists():
            return frozenset({Need(atom.field, PRESENT, "")}) if atom.want else None
        case tree.FieldRef(starts=False, ends=False):
            return frozenset({Need(atom.field, SAME, atom.other)})
        case _:
            pass
    return frozenset({Need(atom.field, PRESENT, "")}) if atom.field else None


def _like(atom: tree.Like) -> Cover | None:
    texts = [fold(piece) for piece in atom.pieces if isinstance(piece, str)]
    if len(texts) == len(atom.pieces) and atom.field:
        return frozenset({Need(atom.field, EQUALS, texts[0] if texts else "")})
    if texts:
        rarest = min(texts, key=lambda text: chance(atom.field, text))
        return frozenset({Need(atom.field, CONTAINS, rarest)})
    return frozenset({Need(atom.field, PRESENT, "")}) if atom.field else None


# -- how rare a need is ----------------------------------------------------------------------------------

_COMMON = re.compile(
    r"\.exe|\.dll|\.sys|\\windows\\|c:\\|\\system32|\\syswow64|program files|\\users\\|\\appdata\\|"
    r"microsoft|windows|powershell|cmd|svchost|rundll32|reg(istry)?|hklm|software|currentversion|system|"
    r"local|temp|http|nt authority"
)
WEAK = 0.1
"""A cover that so large a share of events meets rules out too little by itself."""
_EVERYDAY = frozenset({"true", "false", "valid", "-", "0", "0x0", "system", "high", "medium"})
"""Whole values that a great share of all events has."""


@lru_cache(maxsize=65_536)
def chance(field: str, text: str) -> float:
    """A rough chance that an event's field contains a text: rarer when longer, commoner for known words."""
    rest = _COMMON.sub("", text)
    telling = len(rest) + 0.15 * (len(text) - len(rest))
    base: float = 0.5 * 0.62**telling
    if not field:
        base *= 3
    return base


def cost(needs: Cover) -> float:
    """Expected share of events that meet some need of this cover."""
    total = 0.0
    for field, kind, text in needs:
        if kind == PRESENT:
            total += 0.9
        elif kind == SAME:
            total += WEAK
        elif kind == EQUALS and text in _EVERYDAY:
            total += 0.3
        elif kind == EQUALS:
            total += min(0.05, 0.5 * chance(field, text)) if len(text) > 2 else 0.1  # noqa: PLR2004 - a flag
        else:
            total += chance(field, text) + 1e-6
    return total


# -- regular expressions ---------------------------------------------------------------------------------


@lru_cache(maxsize=8192)
def regex_literals(pattern: str, flags: str) -> tuple[str, ...]:
    """Texts of which one at least is in every match, folded; empty when none can be told.

    >>> regex_literals("(?i)foo[0-9]+bar(ab|cde)", "")
    ('foo',)
    """
    try:
        parsed: Any = _regex.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return ()
    insensitive = "i" in flags or bool(parsed.state.flags & re.IGNORECASE)
    found = _required(parsed, insensitive=insensitive)
    telling = all(len(text) > 1 or not text.isalnum() for text in found)
    return tuple(sorted(found)) if telling else ()


@lru_cache(maxsize=8192)
def regex_width(pattern: str) -> int:
    """The fewest characters that a match has.

    >>> regex_width("a{64}b+")
    65
    """
    try:
        return int(_regex.parse(pattern).getwidth()[0])
    except (re.error, RecursionError, OverflowError):
        return 0


def _required(parsed: Any, *, insensitive: bool) -> frozenset[str]:
    """The best set of alternatives that a sequence needs."""
    items: list[tuple[Any, Any]] = list(parsed)
    options: list[frozenset[str]] = []
    run = ""
    items.append((None, None))
    for code, argument in items:
        if code is _opcode.LITERAL and _plain(argument, insensitive=insensitive):
            run += chr(argument)
            continue
        if run:
            options.append(frozenset({fold(run)}))
            run = ""
        if code is _opcode.SUBPATTERN:
            scoped = bool(argument[1] & re.IGNORECASE)
            options.append(_required(argument[3], insensitive=insensitive or scoped))
        elif code is _opcode.MAX_REPEAT or code is _opcode.MIN_REPEAT:
            if argument[0] >= 1:
                options.append(_required(argument[2], insensitive=insensitive))
        elif code is _opcode.BRANCH:
            parts = [_required(each, insensitive=insensitive) for each in argument[1]]
            options.append(frozenset[str]().union(*parts) if all(parts) else frozenset())
    good = [each for each in options if each]
    return max(good, key=_telling, default=frozenset[str]())


def _telling(texts: frozenset[str]) -> tuple[int, int]:
    return min(map(len, texts)), -len(texts)


def _plain(code: int, *, insensitive: bool) -> bool:
    """RE2 folds a few letters beyond ASCII (ſ to s, the Kelvin sign to k): leave those out when it folds."""
    return not insensitive or (code < 128 and chr(code) not in "sSkK")  # noqa: PLR2004 - ASCII
