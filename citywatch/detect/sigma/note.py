"""What does a correlation keep of one event, to tell it later?

A note is the event's id, then code and value of each carried field, packed. Hot path: one note an event,
shared by all correlations that take it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import msgspec

from citywatch.detect.fold import CARRIED, MOST_TEXT, MOST_VALUES
from citywatch.model import Event

CODES = {name: code for code, name in enumerate(CARRIED)}
_NAMES = frozenset(CARRIED)
_NOTE_VALUES = 10
_MOST_SHAPES = 4096
_MOST_FIELDS = 200
"""Events with more fields than this are not remembered by their shape."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class Noter:
    """Writes notes; remembers which carried fields events of one shape (the same fields) hold."""

    __slots__ = ("_shapes",)

    def __init__(self) -> None:
        self._shapes: dict[
            tuple[frozenset[str], tuple[str, ...]], tuple[tuple[int, ...], tuple[str, ...]]
        ] = {}

    def note(self, event: Event, told: frozenset[str], event_id: str = "") -> bytes:
        """The note of an event, without the fields that all its readers know anyhow."""
        shape = told, tuple(event)
        held = self._shapes.get(shape)
        if held is None:
            named = sorted((CODES[name], name) for name in _NAMES.intersection(event) if name not in told)
            held = tuple(code for code, _ in named), tuple(name for _, name in named)
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            if len(event) <= _MOST_FIELDS:
                self._shapes[shape] = held
        codes, names = held
        note: list[Any] = [event_id or event.get("event.id", "")] * (1 + 2 * len(codes))
        note[1::2] = codes
        note[2::2] = [
            value if (value := event[name]).__class__ is str and len(value) <= MOST_TEXT else _short(value)
            for name in names
        ]
        return _encode(note)


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value[:MOST_TEXT]
    if isinstance(value, list):
        return [str(one)[:MOST_TEXT] for one in cast("list[Any]", value)[:_NOTE_VALUES]]
    return str(value)


def id_of(note: bytes) -> str:
    """The event's id."""
    return str(_decode(note)[0])


class Told:
    """What several notes tell together: for each carried field its different values, as they came."""

    __slots__ = ("_leave_out", "_values")

    def __init__(self, leave_out: frozenset[int] = frozenset()) -> None:
        """Leave out fields by their codes."""
        self._leave_out = leave_out
        self._values: dict[int, dict[str, None]] = {}

    def take(self, note: bytes) -> str:
        """Add what a note tells; give its event's id."""
        event_id, *rest = _decode(note)
        values = self._values
        pairs = iter(rest)
        for code, value in zip(pairs, pairs, strict=True):
            have = values.get(code)
            if have is None:
                if code in self._leave_out:
                    continue
                have = values[code] = {}
            if value.__class__ is str:
                if len(have) < MOST_VALUES:
                    have[value] = None
            else:
                _add(have, value)
        return event_id

    def values(self) -> dict[str, list[str]]:
        """By the fields' names."""
        return {CARRIED[code]: list(have) for code, have in self._values.items()}


def _add(have: dict[str, None], values: Iterable[str]) -> None:
    for value in values:
        if len(have) >= MOST_VALUES:
            return
        have[value] = None
