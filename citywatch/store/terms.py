"""What is a value: as text, as a number, a moment, an address or a flag?

A value that its field's type cannot hold is None there, and still has a text.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv6Network, ip_address, ip_network
from math import isfinite
from typing import Any, cast

import orjson

from citywatch.errors import StoreError
from citywatch.schema import resolve

MAPPED = 0xFFFF_0000_0000
"""Where the IPv4-mapped addresses begin among those of 128 bits."""
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,18})?([eE][+-]?\d{1,2})?", re.ASCII)


def lower(text: str) -> str:
    """Lower-case character by character, as Elasticsearch's `lowercase` normalizer does.

    >>> lower("ĐÀ NẴNG İΣ")
    'đà nẵng iσ'
    """
    if text.isascii():
        return text.lower()
    return text.replace("İ", "i").replace("Σ", "σ").lower()


def text_of(value: object) -> str:
    """A value as text, the way JSON writes it.

    >>> [text_of(value) for value in ("Ab", 5, 1.0, True)]
    ['Ab', '5', '1.0', 'true']
    """
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode() if isinstance(value, bool | float) else str(value)


def values_of(held: object) -> list[Any]:
    """The values of a field: a list's items or the one value, without None and without nested objects."""
    items = cast("list[Any]", held) if isinstance(held, list | tuple) else [held]
    return [item for item in items if item is not None and not isinstance(item, list | dict | tuple)]


def texts_of(held: object) -> list[str]:
    """The values of a field as lower-case texts."""
    return [lower(text_of(value)) for value in values_of(held)]


def terms_of(field: str, held: object) -> list[str]:
    """The values that an event is counted under: text in lower case, numbers and moments as such."""
    kind = type_of(field)
    values = values_of(held)
    if kind in {"long", "float"}:
        numbers = [number_of(value, whole=kind == "long") for value in values]
        return [text_of(number) for number in numbers if number is not None]
    if kind == "date":
        return [moment for moment in map(moment_of, values) if moment]
    return [lower(text_of(value)) for value in values] if kind else []


@cache
def type_of(field: str) -> str:
    """The schema's type of a field, or nothing where no event can have it."""
    known = resolve(field)
    return known.type if known else ""


def number_of(value: object, *, whole: bool = False) -> float | int | None:
    """A number field's value; None where it is not one. Fractions of a whole field are cut off."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            return None
        value = int(value) if value.lstrip("+-").isdigit() else float(value)
    if isinstance(value, float) and not isfinite(value):
        return None
    if isinstance(value, int | float):
        return int(value) if whole else value
    return None


@lru_cache(maxsize=65536)
def address_of(text: str) -> int | None:
    """An address as 128 bits (IPv4 as IPv4-mapped IPv6), or None.

    >>> address_of("::ffff:10.0.0.1") == address_of("10.0.0.1")
    True
    """
    if "%" in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return MAPPED + int(address) if isinstance(address, IPv4Address) else int(address)


@lru_cache(maxsize=4096)
def addresses_of(text: str) -> tuple[int, int] | None:
    """First and last address that a text names: one address, or a network in CIDR form."""
    if "/" not in text:
        one = address_of(text)
        return None if one is None else (one, one)
    if "%" in text:
        return None
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    first = int(network.network_address)
    last = int(network.broadcast_address)
    return (first, last) if isinstance(network, IPv6Network) else (MAPPED + first, MAPPED + last)


def moment_of(value: object) -> str | None:
    """A date's moment as `clock.stamp` writes it, or None where it is not a date."""
    return _moment(value) if isinstance(value, str) else None


@lru_cache(maxsize=8192)
def _moment(text: str) -> str | None:
    if not _DATE.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z" if moment.year > 999 else None  # noqa: PLR2004 - four digits


def bound_of(text: str) -> str:
    """A time bound of a query, normalized.

    Raises:
        StoreError: it is not a time.
    """
    moment = moment_of(text)
    if moment is None:
        raise StoreError(f"'{text}' is not a time; write it like 2026-11-22T08:05:00.000000Z")
    return moment


def flag_of(value: object) -> bool | None:
    """A boolean field's value, or None where it is not one."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None
