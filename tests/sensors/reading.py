"""How does a test read a log?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from citywatch import schema
from citywatch.model import Event, Problem
from citywatch.ports import Sensor

CHECKS: dict[str, Callable[[Any], bool]] = {
    "long": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "ip": lambda value: isinstance(value, str),
    "date": lambda value: isinstance(value, str) and len(value) == 27,
}
"""What the store needs of a value, by the type its field has in the schema; everything else is text."""


def no_evidence(data: bytes, media_type: str) -> str:
    """A log keeps no evidence."""
    raise AssertionError((data, media_type))


def read(sensor: Sensor, path: Path) -> tuple[list[Event], list[Problem]]:
    """The events of a log and what was told on the way."""
    problems: list[Problem] = []
    events = list(sensor.read(path, problems.append, no_evidence))
    return events, problems


def misfits(event: Event) -> list[str]:
    """What in an event does not keep to the schema."""
    found: list[str] = []
    for name, value in event.items():
        field = schema.resolve(name)
        if field is None:
            found.append(f"{name} is not in the schema")
            continue
        if isinstance(value, list) and not field.many:
            found.append(f"{name} is a list")
        items = cast("list[Any]", value) if isinstance(value, list) else [value]
        check = CHECKS.get(field.type)
        if check and not all(check(item) for item in items):
            found.append(f"{name} holds {value!r}, not {field.type}")
    return found
