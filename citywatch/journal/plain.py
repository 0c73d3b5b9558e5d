"""What does an event look like as bytes?

JSON by orjson. What JSON cannot hold (half a surrogate pair, a number over 64 bits, NaN, None) comes from
hostile or broken sources; it is mended here so that one such value never costs the event.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, cast

import orjson

from citywatch.model import Event

LARGEST = 2**63 - 1


def dump(event: Event) -> bytes:
    r"""Write an event; mend it when it is not plain.

    >>> dump({"a": "x\ud800", "b": 2**70, "c": float("nan"), "d": [1, None]})
    b'{"a":"x?","b":9223372036854775807,"d":[1]}'
    """
    try:
        raw = orjson.dumps(event)
    except (TypeError, orjson.JSONEncodeError):
        return orjson.dumps(_mended(event))
    return orjson.dumps(_mended(event)) if b"null" in raw else raw


def _mended(value: Any) -> Any:
    match value:
        case bool() | None:
            mended = value
        case int():
            mended = max(-LARGEST - 1, min(LARGEST, value))
        case float():
            mended = value if isfinite(value) else None
        case list() | tuple() | set() | frozenset():
            items = [_mended(item) for item in cast("list[Any]", value)]
            mended = [item for item in items if item is not None]
        case dict():
            pairs = {_mended(str(key)): _mended(held) for key, held in cast("dict[Any, Any]", value).items()}
            mended = {key: held for key, held in pairs.items() if held is not None}
        case _:
            mended = str(value).encode("utf-8", "replace").decode()
    return mended
