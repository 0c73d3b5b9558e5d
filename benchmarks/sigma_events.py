"""What would the same attacks look like on another day, on other machines?

The events of a file, again and again, never the same twice: other record numbers, times, machines, process
and logon ids, and in half of the longer texts (command lines, paths, registry values, scripts) other digits.
A benchmark that repeats its lines as they are would measure how well values are remembered, not how fast they
are looked at.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import orjson

_DIGITS = re.compile(r"[0-9a-fA-F]*[0-9][0-9a-fA-F]*")
_LONG = frozenset({
    "CommandLine", "ParentCommandLine", "TargetFilename", "TargetObject", "Details", "ScriptBlockText",
    "RelativeTargetName", "ImageLoaded", "Path", "Payload", "ContextInfo", "QueryName", "PipeName",
    "ImagePath", "ServiceFileName", "HostApplication",
})  # fmt: skip
_KEPT = frozenset({"EventID", "Channel", "Provider_Name", "Level", "Keywords"})
HOSTS = 200


def rounds(lines: Sequence[bytes], *, first: int = 1) -> Iterator[list[bytes]]:
    """The file on one day after the other, without end."""
    return (varied(lines, seed) for seed in count(first))


def varied(lines: Sequence[bytes], seed: int) -> list[bytes]:
    """The file on one other day."""
    pick = random.Random(seed)  # noqa: S311 - a benchmark that repeats itself
    hosts = [f"PC-{pick.randrange(10_000):04d}.city.example" for _ in range(HOSTS)]
    return [orjson.dumps(_changed(orjson.loads(line), seed, pick, hosts)) for line in lines]


def _changed(record: dict[str, Any], seed: int, pick: random.Random, hosts: Sequence[str]) -> dict[str, Any]:
    def digits(met: re.Match[str]) -> str:
        return "".join(pick.choice("0123456789") if char.isdigit() else char for char in met[0])

    def other(name: str, value: Any) -> Any:
        if name in _KEPT:
            return value
        if name == "EventRecordID":
            return seed * 1_000_000 + int(value or 0)
        if name == "Computer":
            return pick.choice(hosts)
        if name == "TimeCreated":
            return f"{value[:20]}{pick.randrange(10**6):06d}Z"
        if isinstance(value, str):
            mine = name.endswith(("Guid", "Id", "Time")) or (name in _LONG and pick.random() < 0.5)
            return _DIGITS.sub(digits, value) if mine else value
        return pick.randrange(60_000) if name.endswith("Id") and type(value) is int else value

    return {name: other(name, value) for name, value in record.items()}
