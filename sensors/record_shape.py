"""How does a Windows record with names seen before become an event in one step?

Records whose names lie side by side come in a few dozen shapes: the same names in the same order. For each
shape one expression is written that builds the whole event. Names come from strangers, so there are bounds:
beyond them records take the longer way (`winlog`) with the same outcome. Hot path: records are plain dicts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from citywatch import schema
from citywatch.model import Event
from sensors.plain import PLAIN, make_plain
from sensors.windows import Enrich, kind_of

Record = dict[str, Any]
_Make = Callable[..., Event]

MAX_NAMES = 20_000
MAXSHAPES = 2_048
MAX_WIDTH = 200
"""Names of a shape; wider records are built name by name."""
MAX_SECONDS = 4096
MAX_KINDS = 10_000
SYSTEM = {
    "EventID": "event.code",
    "Channel": "winlog.channel",
    "Computer": "winlog.computer_name",
    "Provider_Name": "winlog.provider_name",
    "EventRecordID": "winlog.record_id",
    "Level": "winlog.level",
    "Keywords": "winlog.keywords",
    "Task": "winlog.task",
    "Opcode": "winlog.opcode",
    "TimeCreated": "@timestamp",
}


class _Names(dict[str, str]):
    """The field of a name of the log; filled as names come, up to a bound."""

    def __missing__(self, name: str) -> str:
        clean = name.replace(" ", "")
        field = None
        if clean and "." not in clean and clean not in schema.fields():
            field = schema.field_for(name, product="windows")
        found = field.name if field else f"winlog.event_data.{clean or '_'}"
        if len(self) < MAX_NAMES:
            self[name] = found
        return found


DATA = _Names()
"""Fields of names within event data."""
FLAT = _Names(SYSTEM)
"""Fields of names side by side with the system's."""
CODES = frozenset({int, str})
_BLANKS = ("",) * len(SYSTEM)
SHAPES: dict[tuple[str, ...], _Make | None] = {}
_KINDS: dict[tuple[str, int | str], tuple[str, list[str], str, Enrich | None]] = {}
_EXACT = len("2026-11-22T01:02:03.000000Z")
_SECONDS: set[str] = set()
"""Seconds (`2026-11-22T01:02:03.`) that were found to be times: records come many a second."""


def at_once(record: Record) -> Event | None:
    """The event of a record, its id still to be put in; None when it must be looked at name by name.

    Raises:
        ValueError: it has no time.
    """
    names = tuple(record)
    make = SHAPES.get(names, _new)
    if make is _new:
        make = _learn(names)
    if make is None:
        return None
    values = record.values()
    channel, code = record["Channel"], record["EventID"]
    if code.__class__ not in CODES or channel.__class__ is not str:
        return None
    plain = PLAIN.issuperset({*map(type, values)})  # a set of a few kinds: quicker than value by value
    if not plain and not PLAIN.issuperset(map(type, map(record.get, SYSTEM, _BLANKS))):
        return None
    kind = _KINDS.get((channel, code)) or _kind(channel, code)
    event = make(kind[0], kind[1], kind[2], values)
    if not plain:
        _mend(event, record)
    if kind[3] is not None:
        kind[3](event)
    return event


def _mend(event: Event, record: Record) -> None:
    """Make plain what is not, of fields whose value is the record's own."""
    for name, value in record.items():
        if value.__class__ in PLAIN:
            continue
        field = FLAT[name]
        if event.get(field) is value:
            part: Event = {field: value}
            make_plain(part, nulls=False)
            if field not in part:
                event.pop(field, None)
            event.update(part)


def _new() -> Event:
    raise AssertionError("stands for a shape not seen before, never called")


def _learn(names: tuple[str, ...]) -> _Make | None:
    whole = len(names) <= MAX_WIDTH and {"EventID", "Channel", "TimeCreated"}.issubset(names)
    make = _maker(names) if whole and len(SHAPES) < MAXSHAPES else None
    if len(SHAPES) < MAXSHAPES:
        SHAPES[names] = make
    return make


def _kind(channel: str, code: int | str) -> tuple[str, list[str], str, Enrich | None]:
    alike, enrich = kind_of(channel, code)
    found = alike["event.code"], alike["event.category"], alike["event.dataset"], enrich
    if len(_KINDS) < MAX_KINDS:
        _KINDS[channel, code] = found
    return found


def _maker(names: tuple[str, ...]) -> _Make:
    """Write the function that builds events of this shape; names go into it as quoted texts.

    A copy of a dict that has all names already costs half of a dict that grows.
    """
    held = [FLAT[name] for name in names]
    pattern: Event = dict.fromkeys(held)
    pattern |= {"event.kind": "event", "event.category": None, "event.dataset": None}
    pattern |= {"event.module": "winlog", "host.os.family": "windows", "event.id": ""}
    if "winlog.computer_name" in pattern:
        pattern["host.name"] = None
    lines = [
        "def make(code, category, dataset, values):",
        "    event = copy()",
        f"    {''.join(f'event[{field!r}], ' for field in held)} = values",
        "    event['event.code'] = code",
        "    event['event.category'] = category",
        "    event['event.dataset'] = dataset",
        "    event['@timestamp'] = moment(event['@timestamp'])",
    ]
    if "winlog.keywords" in pattern:
        lines.append("    event['winlog.keywords'] = [event['winlog.keywords']]")
    if "host.name" in pattern:
        lines.append("    event['host.name'] = event['winlog.computer_name']")
    names_in: dict[str, Any] = {"__builtins__": {}, "copy": pattern.copy, "moment": moment}
    exec("\n".join([*lines, "    return event"]), names_in)  # noqa: S102 - we wrote it, names are quoted
    return cast("_Make", names_in["make"])


def moment(raw: object) -> str:
    """The time as events carry it.

    >>> moment("2026-11-22 08:00:00+07:00")
    '2026-11-22T01:00:00.000000Z'

    Raises:
        ValueError: there is none.
    """
    if isinstance(raw, str) and len(raw) >= 19:  # noqa: PLR2004 - down to the second
        exact = len(raw) == _EXACT and raw[26] == "Z"
        if exact and raw[:20] in _SECONDS and raw.isascii() and raw[20:26].isdigit():
            return raw
        if exact and raw[10] == "T" and raw[:4] > "1600":
            datetime.fromisoformat(raw)
            if len(_SECONDS) >= MAX_SECONDS:
                _SECONDS.clear()
            _SECONDS.add(raw[:20])
            return raw
        text = raw.removesuffix(" UTC")
        if text.startswith("/Date(") and text[6:19].isdigit():
            found = datetime.fromtimestamp(int(text[6:19]) / 1000, UTC)
        else:
            found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        if found.year > 1600:  # noqa: PLR2004 - the first year of Windows time
            return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    raise ValueError("the record has no time (TimeCreated)")
