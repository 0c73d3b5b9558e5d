"""Does a condition of a playbook hold? A small parsed grammar, never a template.

    condition  = part {"or" part}
    part       = term {"and" term}
    term       = "not" term | "(" condition ")" | test
    test       = value [("==" | "!=" | "<" | "<=" | ">" | ">=" | ["not"] "in" | "contains") value]
               | name "is" ["not"] "defined"
    value      = name | "text" | number | true | false | null | "[" [value {"," value}] "]"

A name is dotted (`steps.recheck.defaced`, `alert.severity`, `event.source.ip`). A name that is not there is
undefined: every comparison with it is false (also `!=`), `is defined` tells. Texts compare without regard to
letter case; severities compare in their order. Nothing here raises but `WhenError` while parsing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from citywatch.errors import CityWatchError
from citywatch.model import Severity

LONGEST = 2000
DEEPEST = 20

UNDEFINED: Final = object()
_SEVERITIES: Final = {level.name: int(level) for level in Severity}
_WORDS: Final = frozenset({"and", "or", "not", "in", "is", "defined", "contains", "true", "false", "null"})
_COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "in", "not in", "contains"})
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>-?\d{1,15}(?:\.\d{1,15})?(?![\w.]))
  | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
  | (?P<name>[A-Za-z_][A-Za-z0-9_@-]*(?:\.[A-Za-z0-9_@-]+){0,15})
  | (?P<sign>==|!=|<=|>=|<|>|\(|\)|\[|\]|,)
  )""",
    re.VERBOSE,
)


class WhenError(CityWatchError):
    """A condition that cannot be read; the message says at which column and what was expected."""


@dataclass(frozen=True, slots=True)
class Name:
    """A dotted name, looked up when the condition is asked."""

    path: str


@dataclass(frozen=True, slots=True)
class Value:
    """A text, number, truth or null."""

    value: str | float | bool | None


@dataclass(frozen=True, slots=True)
class Several:
    """A list of values."""

    parts: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """Two operands and what holds between them; without a sign the left one alone must be true."""

    left: Operand
    sign: str
    right: Operand


@dataclass(frozen=True, slots=True)
class Defined:
    """The name is there."""

    name: Name


@dataclass(frozen=True, slots=True)
class Opposite:
    """Not."""

    part: Condition


@dataclass(frozen=True, slots=True)
class Joined:
    """All or any of the parts."""

    word: str
    parts: tuple[Condition, ...]


Operand = Name | Value | Several
Condition = Compare | Defined | Opposite | Joined


def parse(text: str) -> Condition:
    """Read a condition.

    Raises:
        WhenError: it is not one.

    >>> parse("steps.recheck.defaced == false and alert.count > 3").word
    'and'
    >>> parse("alert.count >")
    Traceback (most recent call last):
    ...
    citywatch.respond.when.WhenError: column 14: a name, text, number or list was expected, not the end
    """
    if len(text) > LONGEST:
        raise WhenError(f"a condition has at most {LONGEST} characters")
    return _Reader(text).whole()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    column: int


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0

    def whole(self) -> Condition:
        condition = self._either()
        if self._peek.kind != "end":
            raise self._expected("the end")
        return condition

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _take(self, text: str) -> bool:
        found = self._peek.kind in {"sign", "word"} and self._peek.text == text
        self._at += found
        return found

    def _expected(self, what: str) -> WhenError:
        seen = "the end" if self._peek.kind == "end" else f"'{self._peek.text}'"
        return WhenError(f"column {self._peek.column}: {what} was expected, not {seen}")

    def _either(self) -> Condition:
        return self._joined("or", lambda: self._joined("and", self._term))

    def _joined(self, word: str, part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self._take(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(word, tuple(parts))

    def _term(self) -> Condition:
        self._depth += 1
        if self._depth > DEEPEST:
            raise WhenError(f"column {self._peek.column}: nested deeper than {DEEPEST}")
        try:
            if self._take("not"):
                return Opposite(self._term())
            if self._take("("):
                inner = self._either()
                if not self._take(")"):
                    raise self._expected("')'")
                return inner
            return self._test()
        finally:
            self._depth -= 1

    def _test(self) -> Condition:
        left = self._operand()
        if isinstance(left, Name) and self._take("is"):
            negated = self._take("not")
            if not self._take("defined"):
                raise self._expected("'defined'")
            return Opposite(Defined(left)) if negated else Defined(left)
        sign = self._sign()
        if sign:
            return Compare(left, sign, self._operand())
        if not isinstance(left, Name) and not (isinstance(left, Value) and isinstance(left.value, bool)):
            raise self._expected("a comparison")
        return Compare(left, "", Value(value=True))

    def _sign(self) -> str:
        if self._peek.text == "not" and self._tokens[self._at + 1].text == "in":
            self._at += 2
            return "not in"
        if self._peek.kind in {"sign", "word"} and self._peek.text in _COMPARISONS:
            self._at += 1
            return self._tokens[self._at - 1].text
        return ""

    def _operand(self) -> Operand:
        token = self._peek
        if token.kind == "sign" and token.text == "[":
            return self._several()
        constants = {"true": True, "false": False, "null": None}
        if token.kind == "word" and token.text in constants:
            self._at += 1
            return Value(constants[token.text])
        made: Operand
        match token.kind:
            case "number":
                made = Value(float(token.text) if "." in token.text else int(token.text))
            case "text":
                made = Value(re.sub(r"\\(.)", r"\1", token.text[1:-1]))
            case "name":
                made = Name(token.text)
            case _:
                raise self._expected("a name, text, number or list")
        self._at += 1
        return made

    def _several(self) -> Several:
        self._at += 1
        parts: list[Operand] = []
        while not self._take("]"):
            if parts and not self._take(","):
                raise self._expected("',' or ']'")
            if self._peek.text == "[" and self._peek.kind == "sign":
                raise self._expected("a plain value in the list")
            parts.append(self._operand())
        return Several(tuple(parts))


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    stripped = text.rstrip()
    while at < len(stripped):
        found = _TOKEN.match(stripped, at)
        if found is None:
            at += len(stripped[at:]) - len(stripped[at:].lstrip())
            raise WhenError(f"column {at + 1}: '{stripped[at]}' means nothing here")
        kind = found.lastgroup or "sign"
        word = found[kind]
        yield _Token("word" if kind == "name" and word in _WORDS else kind, word, found.start(kind) + 1)
        at = found.end()
    yield _Token("end", "", len(stripped) + 1)


# -- asking ----------------------------------------------------------------------------------------------


def holds(condition: Condition, scope: Mapping[str, Any]) -> bool:
    """Ask a condition of what is known.

    >>> holds(parse("alert.severity >= 'high' and not item is defined"), {"alert": {"severity": "critical"}})
    True
    """
    match condition:
        case Joined(word, parts):
            return (any if word == "or" else all)(holds(part, scope) for part in parts)
        case Opposite(part):
            return not holds(part, scope)
        case Defined(name):
            return look_up(name.path, scope) not in (UNDEFINED, None)
        case Compare(left, sign, right):
            return _compare(_value(left, scope), sign, _value(right, scope))


def names(condition: Condition) -> Iterator[str]:
    """Every name that a condition looks up."""
    match condition:
        case Joined(_, parts):
            for part in parts:
                yield from names(part)
        case Opposite(part):
            yield from names(part)
        case Defined(name):
            yield name.path
        case Compare(left, _, right):
            yield from _names_of(left)
            yield from _names_of(right)


def _names_of(operand: Operand) -> Iterator[str]:
    if isinstance(operand, Name):
        yield operand.path
    elif isinstance(operand, Several):
        for part in operand.parts:
            yield from _names_of(part)


def look_up(path: str, scope: Mapping[str, Any]) -> Any:
    """The value of a dotted name, whether the parts are nested or one dotted key; else UNDEFINED.

    >>> look_up("event.source.ip", {"event": {"source.ip": "10.0.0.1"}})
    '10.0.0.1'
    """
    if path in scope:
        return scope[path]
    labels = path.split(".")
    for cut in range(len(labels) - 1, 0, -1):
        inner = scope.get(".".join(labels[:cut]))
        if isinstance(inner, Mapping):
            found = look_up(".".join(labels[cut:]), cast("Mapping[str, Any]", inner))
            if found is not UNDEFINED:
                return found
    return UNDEFINED


def _value(operand: Operand, scope: Mapping[str, Any]) -> Any:
    match operand:
        case Name(path):
            return look_up(path, scope)
        case Value(value):
            return value
        case Several(parts):
            return [_value(part, scope) for part in parts]


def _compare(left: Any, sign: str, right: Any) -> bool:
    if sign == "":
        return left is not UNDEFINED and bool(left)
    if left is UNDEFINED or right is UNDEFINED:
        return False
    if sign in {"==", "!="}:
        return _equal(left, right) == (sign == "==")
    if sign in {"in", "not in"}:
        return _within(left, right) == (sign == "in")
    if sign == "contains":
        return _within(right, left)
    return _ordered(left, sign, right)


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        return left.casefold() == right.casefold()
    return bool(left == right)


def _within(left: Any, right: Any) -> bool:
    if isinstance(right, str):
        return isinstance(left, str) and left.casefold() in right.casefold()
    if isinstance(right, list | tuple):
        return any(_equal(left, part) for part in cast("list[Any]", right))
    return isinstance(right, Mapping) and isinstance(left, str) and left in right


def _ordered(left: Any, sign: str, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        first, second = left.casefold(), right.casefold()
        if first in _SEVERITIES and second in _SEVERITIES:
            return _order_of(_SEVERITIES[first], sign, _SEVERITIES[second])
        return _order_of(first, sign, second)
    plain = not isinstance(left, bool) and not isinstance(right, bool)
    if plain and isinstance(left, int | float) and isinstance(right, int | float):
        return _order_of(left, sign, right)
    return False


def _order_of(left: Any, sign: str, right: Any) -> bool:
    if left == right:
        return sign in {"<=", ">="}
    return bool(left < right) == (sign in {"<", "<="})
