"""Which lines of a rule's text met the event, and which of its values did they meet?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from citywatch.model import Reason

MOST_LINES = 2_000
_KEY = re.compile(
    r"^(?P<indent>\s*)(?:-\s+)?(?P<quote>['\"]?)(?P<name>[\w.@-]+)(?:\|[\w|]+)?(?P=quote):(?P<rest>.*)$"
)
_ITEM = re.compile(r"^(?P<indent>\s*)-\s+(?P<value>.*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the rule, and the event's values that it met."""

    number: int
    text: str
    lit: bool = False
    values: tuple[str, ...] = ()
    """What the event held, told at the line that names the field."""


def lit_lines(text: str, reasons: Sequence[Reason]) -> tuple[Line, ...]:
    r"""The lines of a Sigma rule (or a YARA rule), with those lit that the reasons are about.

    >>> [(line.text, line.lit, line.values) for line in lit_lines("detection:\n  s:\n    url.path: /a",
    ...     [Reason(field="url.path", value="/A", pattern="/a")])][2]
    ('    url.path: /a', True, ('/A',))
    """
    by_field: dict[str, list[Reason]] = {}
    for reason in reasons:
        by_field.setdefault(reason.field.lower(), []).append(reason)
    made: list[Line] = []
    within: tuple[int, list[Reason]] | None = None
    detection = False
    for number, line in enumerate(text.splitlines()[:MOST_LINES], 1):
        if line and not line[0].isspace():
            detection, within = line.startswith("detection:"), None
        key = _KEY.match(line) if detection else None
        if key is not None:
            held = by_field.get(key["name"].lower(), [])
            inline = key["rest"].strip()
            met = (
                held
                if not inline or _is_block(inline)
                else [one for one in held if _meets(inline, one)] or held
            )
            within = (len(key["indent"]), held) if held and (not inline or _is_block(inline)) else None
            made.append(_line(number, line, met))
            continue
        item = _ITEM.match(line) if within else None
        if within is not None and item is not None and len(item["indent"]) >= within[0]:
            met = [one for one in within[1] if _meets(item["value"], one)]
            made.append(Line(number=number, text=line, lit=bool(met)))
            continue
        yara = not detection and any(_names(line, one) for one in reasons)
        made.append(Line(number=number, text=line, lit=yara))
    return tuple(made)


def _line(number: int, text: str, met: Sequence[Reason]) -> Line:
    values = tuple(dict.fromkeys(one.value for one in met))
    return Line(number=number, text=text, lit=bool(met), values=values)


def _is_block(rest: str) -> bool:
    return rest in {"|", ">", "|-", ">-", "[]"} or rest.startswith("#")


def _meets(written: str, reason: Reason) -> bool:
    """A value as written in the rule is (part of) the pattern that was met."""
    plain = written.split(" #", 1)[0].strip().strip("'\"").lower()
    pattern = reason.pattern.strip().lower()
    bare = pattern.strip("*")
    return bool(plain) and (plain in pattern or (bool(bare) and bare in plain))


def _names(line: str, reason: Reason) -> bool:
    """A string of a YARA rule: `$name = ...`."""
    return reason.pattern.startswith("$") and line.strip().startswith(f"{reason.pattern} =")
