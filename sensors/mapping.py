"""Which column of a CSV file is which field of an event?

A mapping is a YAML file of the team's: for systems whose logs nobody else reads. Errors name file and line.

    name: parking
    columns:
      Thời điểm: {field: "@timestamp", format: "%d/%m/%Y %H:%M:%S", timezone: Asia/Ho_Chi_Minh}
      Cổng: observer.name
      Kết quả: {field: event.outcome, map: {OK: success, Lỗi: failure}}
      Biển số: labels.plate
    constants: {event.dataset: city.parking, event.category: [host]}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from citywatch import schema
from citywatch.errors import ContentError
from sensors.address import address, count
from sensors.when import epoch, iso, written

MOST_BYTES = 1 << 20
MOST_COLUMNS = 500
_TOP = {"name", "delimiter", "encoding", "timezone", "columns", "constants"}
_COLUMN = {"field", "type", "format", "timezone", "map"}
_TYPES = ("keyword", "text", "long", "float", "boolean", "ip", "date")
_TRUE, _FALSE = frozenset({"true", "1", "yes", "y", "có"}), frozenset({"false", "0", "no", "n", "không"})
Read = Callable[[str], Any]
"""Reads a value; ValueError when it is none of the type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What becomes of one column."""

    name: str
    field: str
    many: bool
    read: Read
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What becomes of a file's rows."""

    name: str
    delimiter: str
    encoding: str
    columns: tuple[Column, ...]
    constants: Mapping[str, Any]


def load_mapping(path: Path) -> Plan:
    """Read a mapping.

    Raises:
        ContentError: it cannot be used; names file and line, and what to do.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ContentError(str(path), None, f"cannot be read: {error.strerror or error}") from error
    if len(raw) > MOST_BYTES:
        raise ContentError(str(path), None, f"larger than {MOST_BYTES} bytes")
    try:
        text = raw.decode("utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        told = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        raise ContentError(
            str(path), line, f"not YAML: {getattr(error, 'problem', None) or error}"
        ) from error
    if not isinstance(told, dict) or node is None:
        raise ContentError(str(path), 1, "a mapping has 'name' and 'columns'")
    return _Reading(str(path), _lines(node)).mapping(cast("dict[str, Any]", told))


def _lines(node: yaml.Node, path: str = "") -> dict[str, int]:
    """The line of each key, by its path."""
    found: dict[str, int] = {}
    if isinstance(node, yaml.MappingNode) and path.count("\0") < 4:  # noqa: PLR2004 - deeper is nothing of ours
        for key, value in node.value:
            here = f"{path}\0{key.value}"
            found[here] = key.start_mark.line + 1
            found |= _lines(value, here)
    return found


class _Reading:
    """One file while it is read."""

    def __init__(self, file: str, lines: Mapping[str, int]) -> None:
        self._file = file
        self._lines = lines

    def _error(self, what: str, hint: str, *path: str) -> ContentError:
        line = self._lines.get("".join(f"\0{part}" for part in path)) if path else 1
        return ContentError(self._file, line, what, hint)

    def mapping(self, told: dict[str, Any]) -> Plan:
        for name in told:
            if name not in _TOP:
                raise self._error(f"there is no '{name}'", f"known: {', '.join(sorted(_TOP))}", str(name))
        columns = told.get("columns")
        if not isinstance(columns, dict) or not columns:
            raise self._error("no 'columns'", "write under 'columns' which column is which field")
        given = cast("dict[Any, Any]", columns)
        if len(given) > MOST_COLUMNS:
            raise self._error(f"more than {MOST_COLUMNS} columns", "", "columns")
        zone = self._zone(told.get("timezone", "Asia/Ho_Chi_Minh"), "timezone")
        read = tuple(self._column(str(name), each, zone) for name, each in given.items())
        if not any(column.field == "@timestamp" for column in read):
            raise self._error(
                "no column is '@timestamp'", "say which column tells when it happened", "columns"
            )
        delimiter = str(told.get("delimiter", ","))
        if len(delimiter) != 1:
            raise self._error(
                f"the delimiter '{delimiter}' is not one character", r'write "\t" for a tab', "delimiter"
            )
        return Plan(
            name=str(told.get("name") or Path(self._file).stem),
            delimiter=delimiter,
            encoding=self._encoding(str(told.get("encoding", "utf-8"))),
            columns=read,
            constants=self._constants(told.get("constants") or {}),
        )

    def _encoding(self, name: str) -> str:
        try:
            "".encode(name)
        except LookupError:
            raise self._error(f"no encoding is called '{name}'", "utf-8, cp1258 …", "encoding") from None
        return name

    def _zone(self, name: Any, *path: str) -> ZoneInfo:
        try:
            return ZoneInfo(str(name))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise self._error(f"no time zone is called '{name}'", "Asia/Ho_Chi_Minh, UTC …", *path) from None

    def _column(self, name: str, told: Any, zone: ZoneInfo) -> Column:
        parts = cast("dict[str, Any]", told) if isinstance(told, dict) else {"field": told}
        for key in parts:
            if key not in _COLUMN:
                raise self._error(
                    f"column '{name}': there is no '{key}'",
                    f"known: {', '.join(sorted(_COLUMN))}", "columns", name, str(key),
                )  # fmt: skip
        known = self._field(str(parts.get("field") or ""), "columns", name)
        kind = str(parts.get("type") or known.type)
        if kind not in _TYPES or (kind != known.type and {kind, known.type} - {"keyword", "text"}):
            raise self._error(
                f"column '{name}': '{known.name}' is a {known.type}, not a {kind}",
                "leave 'type' out: the field says it", "columns", name, "type",
            )  # fmt: skip
        own = self._zone(parts["timezone"], "columns", name, "timezone") if "timezone" in parts else zone
        values: Any = parts.get("map") or {}
        if not isinstance(values, dict):
            raise self._error(
                f"column '{name}': 'map' is no table", "map: {OK: success}", "columns", name, "map"
            )
        given = {str(key): value for key, value in cast("dict[Any, Any]", values).items()}
        return Column(
            name=name,
            field=known.name,
            many=known.many,
            read=_reader(known.type, str(parts.get("format") or ""), own),
            values=given,
        )

    def _field(self, name: str, *path: str) -> schema.Field:
        known = schema.resolve(name)
        if known is None:
            raise self._error(
                f"field '{name}' is not in the event schema",
                schema.suggest(name) or "or write it as labels.…",
                *path,
            )
        return known

    def _constants(self, told: Any) -> dict[str, Any]:
        if not isinstance(told, dict):
            raise self._error(
                "'constants' is no table", "constants: {event.dataset: city.parking}", "constants"
            )
        found: dict[str, Any] = {}
        for name, value in cast("dict[Any, Any]", told).items():
            known = self._field(str(name), "constants", str(name))
            items = cast("list[Any]", value) if isinstance(value, list) else [value]
            try:
                kept = [_reader(known.type, "", ZoneInfo("UTC"))(str(item)) for item in items]
            except ValueError as error:
                raise self._error(f"constant '{name}': {error}", "", "constants", str(name)) from error
            found[known.name] = kept if known.many else kept[0]
        return found


def _reader(kind: str, shape: str, zone: ZoneInfo) -> Read:
    if kind == "date":
        return _Date(shape, zone)
    return _READERS.get(kind, str)


class _Date:
    """Reads a time by its format: as `strptime` has it, `epoch`, or ISO when none is told."""

    def __init__(self, shape: str, zone: ZoneInfo) -> None:
        self._shape = shape
        self._zone = zone

    def __call__(self, text: str) -> str:
        if self._shape == "epoch":
            return epoch(float(text))
        if not self._shape:
            try:
                moment = datetime.fromisoformat(text)
            except ValueError:
                return iso(text)
        else:
            try:
                moment = datetime.strptime(text, self._shape)  # noqa: DTZ007 - the zone comes from the mapping
            except ValueError as error:
                raise ValueError(f"'{text[:40]}' is no time of the form {self._shape}") from error
        return written(moment if moment.tzinfo else moment.replace(tzinfo=self._zone))


def _long(text: str) -> int:
    found = count(text.replace(" ", ""))
    if found is None:
        raise ValueError(f"'{text[:40]}' is not a whole number")
    return found


def _float(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        raise ValueError(f"'{text[:40]}' is not a number") from None
    if found != found or found in {float("inf"), float("-inf")}:  # noqa: PLR0124 - NaN is not itself
        raise ValueError(f"'{text[:40]}' is not a number")
    return found


def _ip(text: str) -> str:
    found = address(text)
    if found is None:
        raise ValueError(f"'{text[:40]}' is not an IP address")
    return found


def _boolean(text: str) -> bool:
    low = text.lower()
    if low not in _TRUE | _FALSE:
        raise ValueError(f"'{text[:40]}' is neither yes nor no")
    return low in _TRUE


_READERS: dict[str, Read] = {"long": _long, "float": _float, "ip": _ip, "boolean": _boolean}
