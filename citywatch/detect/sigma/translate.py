"""What does pySigma read in a rule, in the words of our tree?

pySigma parses the detection, applies the modifiers and gives a condition tree; this walks it once, putting
in our field names. What has no exact meaning here is refused by name, never left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import re2
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.rule import SigmaDetections  # pyright: ignore[reportMissingTypeStubs] - its types are inline
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
    SpecialChars,
)

from citywatch.detect.sigma import oracle, tree
from citywatch.detect.sigma.tree import MANY, ONE, Tree, fold

FieldName = Callable[[str], str]
"""Our name of a rule's field; raises `UnknownField`."""

MAX_REGEX = 10_000
MAX_EXPANSION = 10_000

_FLAGS = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}
_PLACEHOLDER = re.compile(r"(?<!\\)%([^%]+)%")


class Refused(Exception):  # noqa: N818 - a verdict on a rule, turned into a ContentError with its line
    """This part of a rule has no exact meaning here; `at` are words of its line."""

    def __init__(self, what: str, hint: str = "", at: str = "") -> None:
        super().__init__(what)
        self.what, self.hint, self.at = what, hint, at


class UnknownField(Refused):
    """No event of ours can have this field."""


def translate(detections: SigmaDetections, name_of: FieldName) -> Tree:
    """The tree of a detection section; several conditions are alternatives.

    Raises:
        Refused: something in it is not supported, with its name.
        sigma.exceptions.SigmaError: pySigma could not parse the condition.
    """
    parts = [_walk(condition.parsed, name_of) for condition in detections.parsed_condition]
    return parts[0] if len(parts) == 1 else tree.Or(tuple(parts))


def _walk(part: object, name_of: FieldName) -> Tree:
    if isinstance(part, ConditionNOT):
        return tree.Not(_walk(part.args[0], name_of))
    if isinstance(part, ConditionAND | ConditionOR):
        parts = tuple(_walk(arg, name_of) for arg in part.args)
        return tree.And(parts) if isinstance(part, ConditionAND) else tree.Or(parts)
    if isinstance(part, ConditionFieldEqualsValueExpression):
        return _value(name_of(part.field), part.value, name_of)
    if isinstance(part, ConditionValueExpression):
        return _keyword(part.value)
    if part is None:
        raise Refused(
            "the condition names no detection of this rule", "check the names after `of`", "condition"
        )
    raise Refused(f"condition part {type(part).__name__} is not supported", at="condition")


def _value(field: str, value: SigmaType, name_of: FieldName) -> Tree:  # noqa: C901, PLR0911 - one line a type
    match value:
        case SigmaExpansion():
            return tree.Or(tuple(_value(field, each, name_of) for each in value.values))
        case SigmaString():
            return tree.Like(field, _pieces(value), isinstance(value, SigmaCasedString))
        case SigmaTimestampPart():
            return tree.TimePart(field, value.timestamp_part.name.lower(), int(value.number))
        case SigmaNumber():
            return tree.Number(field, value.number)
        case SigmaBool():
            return tree.Bool(field, value.boolean)
        case SigmaNull():
            return tree.Null(field)
        case SigmaExists():
            return tree.Exists(field, value.exists)
        case SigmaRegularExpression():
            return _regex(field, value)
        case SigmaCIDRExpression():
            return tree.Cidr(field, str(value.network))
        case SigmaCompareExpression():
            return _compared(field, value)
        case SigmaFieldReference():
            return tree.FieldRef(field, name_of(value.field), value.starts_with, value.ends_with)
        case _:
            raise Refused(f"a value of kind {type(value).__name__} is not supported")


def _compared(field: str, value: SigmaCompareExpression) -> Tree:
    op, number = value.op.name.lower(), value.number
    if isinstance(number, SigmaTimestampPart):  # `UtcTime|hour|gte: 20`
        return tree.TimePart(field, number.timestamp_part.name.lower(), number.number, op)
    return tree.Compare(field, op, number.number)


def _keyword(value: SigmaType) -> Tree:
    """A value without a field: found anywhere in any value of the event."""
    match value:
        case SigmaExpansion():
            return tree.Or(tuple(_keyword(each) for each in value.values))
        case SigmaString():
            return tree.Like("", _anywhere(_pieces(value)), isinstance(value, SigmaCasedString))
        case SigmaTimestampPart():
            raise Refused("a part of a time needs a field")
        case SigmaNumber():
            return tree.Like("", (MANY, str(value.number), MANY))
        case SigmaRegularExpression():
            return _regex("", value)
        case _:
            raise Refused(f"a keyword of kind {type(value).__name__} is not supported", "give it a field")


def _anywhere(pieces: tuple[str | int, ...]) -> tuple[str | int, ...]:
    before = () if pieces and pieces[0] == MANY else (MANY,)
    after = () if pieces and pieces[-1] == MANY else (MANY,)
    return (*before, *pieces, *after) if pieces else (MANY,)


def _pieces(value: SigmaString) -> tuple[str | int, ...]:
    cased = isinstance(value, SigmaCasedString)
    pieces: list[str | int] = []
    for part in value.s:
        piece = _piece(part, value, cased=cased)
        if isinstance(piece, str) and pieces and isinstance(pieces[-1], str):
            pieces[-1] += piece
        elif piece != "" and (piece != MANY or pieces[-1:] != [MANY]):
            pieces.append(piece)
    return tuple(pieces)


def _piece(part: object, value: SigmaString, *, cased: bool) -> str | int:
    if isinstance(part, str):
        if oracle.clean(part) != part:
            raise Refused(f"{part!r} holds half of a surrogate pair")
        return part if cased else fold(part)
    if part is SpecialChars.WILDCARD_MULTI:
        return MANY
    if part is SpecialChars.WILDCARD_SINGLE:
        return ONE
    raise Refused(f"placeholder in {value!s} was not filled", "add the modifier `expand`")


def _regex(field: str, value: SigmaRegularExpression) -> Tree:
    pattern = str(value.regexp)
    flags = "".join(sorted(_FLAGS[flag] for flag in value.flags))
    why = why_not_re2(pattern, flags)
    if why:
        raise Refused(
            f"regular expression {pattern[:80]!r} is not supported: {why}",
            "RE2 has no look-around, back-references or repeats over 1,000",
            at=pattern[:20],
        )
    return tree.Regex(field, pattern, flags)


@lru_cache(maxsize=4096)
def why_not_re2(pattern: str, flags: str) -> str:
    """Why RE2 would not take this expression; empty when it does."""
    if len(pattern) > MAX_REGEX:
        return f"it is longer than {MAX_REGEX} characters"
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(f"(?{flags})" * bool(flags) + pattern, options)
    except re2.error as error:
        why = error.args[0] if error.args else error
        return why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
    except UnicodeEncodeError:
        return "it holds half of a surrogate pair"
    return ""


def fill_placeholders(section: Any, values: Mapping[str, Sequence[str]]) -> Any:
    """Give the detection section with `expand` done: each `%name%` becomes the organisation's values.

    Raises:
        Refused: a placeholder has no values.
    """
    if isinstance(section, list):
        return [fill_placeholders(part, values) for part in cast("list[Any]", section)]
    if not isinstance(section, dict):
        return section
    filled: dict[Any, Any] = {}
    for key, value in cast("dict[Any, Any]", section).items():
        words = key.split("|") if isinstance(key, str) else [key]
        if "expand" in words[1:]:
            listed = cast("list[Any]", value if isinstance(value, list) else [value])
            bare = "|".join(word for word in words if word != "expand")
            filled[bare] = [text for each in listed for text in _expand(each, values)]
        else:
            filled[key] = fill_placeholders(value, values)
    return filled


def _expand(value: Any, values: Mapping[str, Sequence[str]]) -> list[Any]:
    if not isinstance(value, str):
        return [value]
    done = [""]
    last = 0
    for found in _PLACEHOLDER.finditer(value):
        name = found[1]
        if not values.get(name):
            raise Refused(
                f"placeholder %{name}% has no values",
                f"write `{name}: [value, …]` into placeholders.yml beside the rules",
                at=f"%{name}%",
            )
        before = value[last : found.start()].replace("\\%", "%")
        done = [head + before + text for head in done for text in values[name]]
        if len(done) > MAX_EXPANSION:
            raise Refused(f"its placeholders give more than {MAX_EXPANSION} values", at=f"%{name}%")
        last = found.end()
    rest = value[last:].replace("\\%", "%")
    return [head + rest for head in done]
