"""How is what stands in a record's objects and lists said in plain fields?

Objects within event data become dotted names (`Data: {Path: x}` is `Data.Path`), lists of objects lists of
values, null nothing. What lies deeper, or elsewhere, stays as its JSON text, so that keywords still find it.
Hot path: records are plain dicts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import orjson

from citywatch import schema
from citywatch.model import Event

PLAIN = {str, int, float, bool}
OPEN = "winlog.event_data."
"""Any name may stand below this one."""
MAX_DEPTH = 8
"""Objects within objects whose names are told."""


def make_plain(event: Event, *, nulls: bool) -> None:
    """Put plain values, or lists of them, in the place of all others.

    Args:
        event: changed.
        nulls: keep None for what holds nothing; otherwise the field goes.

    >>> event = {OPEN + "a": {"b": 1, "c": [{"d": "x"}, {"d": "y"}]}, "e": None, "f": [1, None]}
    >>> make_plain(event, nulls=False)
    >>> event
    {'f': 1, 'winlog.event_data.a.b': 1, 'winlog.event_data.a.c.d': ['x', 'y']}
    """
    for name, value in list(event.items()):
        if value.__class__ in PLAIN:
            continue
        inner: dict[str, list[Any]] = {}
        for dotted, each in _inner(name, value, MAX_DEPTH if name.startswith(OPEN) else 0):
            inner.setdefault(dotted, []).append(each)
        if inner:
            del event[name]
        for dotted, listed in inner.items():
            _put(event, dotted, listed, nulls=nulls)
        if not inner:
            _put(event, name, value, nulls=nulls)


def _inner(name: str, value: object, depth: int) -> Iterator[tuple[str, Any]]:
    """What stands within an object, or within objects in a list, by its dotted name."""
    if isinstance(value, list):
        for each in cast("list[Any]", value):
            if isinstance(each, dict) and depth:
                yield from _inner(name, cast("dict[str, Any]", each), depth)
    elif isinstance(value, dict) and depth and "#text" not in value:
        for key, each in cast("dict[str, Any]", value).items():
            if key[0:1] not in "#@":
                deeper = list(_inner(f"{name}.{key}", each, depth - 1))
                yield from deeper or [(f"{name}.{key}", each)]


def _put(event: Event, name: str, value: object, *, nulls: bool) -> None:
    flat = [item if item.__class__ in PLAIN else _text(item) for item in _items(value) if item is not None]
    if flat:
        known = schema.fields().get(name)
        alone = known is not None and not known.many
        several = ", ".join(str(item) for item in flat) if alone else flat
        event[name] = flat[0] if len(flat) == 1 else several
    elif nulls:
        event[name] = None
    else:
        event.pop(name, None)


def _items(value: object) -> list[Any]:
    if isinstance(value, dict):
        inner = cast("dict[str, Any]", value)
        if "#text" in inner:
            return _items(inner["#text"])
        return [inner] if inner.keys() - {"#attributes"} else []
    if not isinstance(value, list):
        return [value]
    found: list[Any] = []
    for each in cast("list[object]", value):
        if isinstance(each, list):
            found += cast("list[Any]", each)
        else:
            found.append(each)
    return found


def _text(value: object) -> str:
    return orjson.dumps(value).decode()
