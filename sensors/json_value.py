"""What does a field of a stranger's JSON hold, when it may hold anything?"""

from __future__ import annotations

from typing import Any, cast

import orjson

Record = dict[str, Any]

MOST = 60
"""Values of a list, or fields of an object, that are taken."""
DEEPEST = 3
LONGEST = 4096


def text(record: Record, name: str) -> str:
    """A text, else nothing."""
    value = record.get(name)
    return value if isinstance(value, str) else ""


# Values are `Any` here instead of being cast: a call of `cast` costs as much as the look-up.


def record(parent: Record, name: str) -> Record:
    """An object, else an empty one."""
    value: Any = parent.get(name)
    return value if value.__class__ is dict else {}


def items(parent: Record, name: str) -> list[Any]:
    """A list, cut to a bound; else an empty one."""
    value: Any = parent.get(name)
    return value[:MOST] if value.__class__ is list else []


def objects(parent: Record, name: str) -> list[Record]:
    """The objects of a list."""
    value: Any = parent.get(name)
    return [item for item in value[:MOST] if item.__class__ is dict] if value.__class__ is list else []


def texts(event: Record, part: Record, names: dict[str, str]) -> None:
    """Copy texts that are not empty to their fields."""
    for name, field in names.items():
        value = part.get(name)
        if value and value.__class__ is str:
            event[field] = value


def flatten(event: Record, prefix: str, value: Any, *, deep: int = 0) -> None:
    """Keep a value under a name, its parts under dotted names; flat and bounded."""
    if value is None:
        return
    if isinstance(value, dict):
        inner = cast("Record", value)
        if deep >= DEEPEST:
            event[prefix] = as_text(inner)
            return
        for name in list(inner)[:MOST]:
            flatten(event, f"{prefix}.{name}", inner[name], deep=deep + 1)
    elif isinstance(value, list):
        found = [
            item if isinstance(item, str | int | float) else as_text(item)
            for item in cast("list[Any]", value)[:MOST]
            if item is not None
        ]
        if found:
            event[prefix] = found
    else:
        event[prefix] = value


def as_text(value: object) -> str:
    """A value as JSON text, cut to a bound."""
    return orjson.dumps(value).decode()[:LONGEST]


def parse(line: bytes) -> Record:
    """The object of a line.

    Raises:
        ValueError: it is none.
    """
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error
    if found.__class__ is not dict:
        raise ValueError("not a JSON object")
    return found
