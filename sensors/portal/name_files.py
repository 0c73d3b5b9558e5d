"""Which domain names stand in this file?

Certificate-transparency exports (crt.sh JSON, certstream NDJSON), zone files (RFC 1035), CSV, and plain
lists; gzipped or not. Read as a stream: such files have millions of lines.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, cast

import orjson

from citywatch.errors import InputError
from citywatch.model import Problem
from citywatch.ports import Report

LONGEST_LINE: Final = 1_000_000
MOST_BYTES: Final = 20_000_000_000
_WHOLE: Final = 300_000_000
_SPLIT: Final = re.compile(rb"[\s,;\"']+")
_CLASSES: Final = frozenset(
    {b"in", b"a", b"aaaa", b"ns", b"cname", b"soa", b"txt", b"mx", b"ds", b"rrsig", b"nsec3"}
)


def names_in(path: Path, report: Report) -> Iterator[str]:
    """Every name of a file, in small letters, as it comes; doubles may come again.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open("rb") as raw:
            head = raw.read(2)
            raw.seek(0)
            opened = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if head == b"\x1f\x8b" else raw
            yield from _names(opened, path.name, report)
    except (OSError, EOFError) as error:
        raise InputError(str(path), "", f"cannot be read: {error}") from error


def _names(opened: IO[bytes], name: str, report: Report) -> Iterator[str]:
    first = opened.readline(LONGEST_LINE)
    start = first.lstrip()[:1]
    if start == b"[":
        yield from _array(first + opened.read(_WHOLE), name, report)
        return
    origin, number, read, wrong = "", 0, 0, 0
    line = first
    while line:
        number += 1
        read += len(line)
        if read > MOST_BYTES:
            report(
                _problem(name, f"line {number}", f"is longer than {MOST_BYTES} bytes; the rest was not read")
            )
            return
        if line.lstrip()[:1] == b"{":
            told = _json(line)
            wrong += told is None
            yield from told or ()
        elif line[:7].upper() == b"$ORIGIN":
            origin = line[7:].split(b";")[0].strip().decode("ascii", "replace").strip(".").lower()
        else:
            yield from _plain(line, origin)
        line = opened.readline(LONGEST_LINE)
    if wrong:
        report(_problem(name, "", f"{wrong} lines are not JSON"))


def _array(raw: bytes, name: str, report: Report) -> Iterator[str]:
    try:
        loaded: object = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        report(_problem(name, "", f"not JSON: {error}"))
        return
    for item in cast("list[object]", loaded) if isinstance(loaded, list) else []:
        yield from _of_object(item)


def _json(line: bytes) -> list[str] | None:
    try:
        return list(_of_object(orjson.loads(line)))
    except orjson.JSONDecodeError:
        return None


def _of_object(item: object) -> Iterator[str]:
    if isinstance(item, str):
        yield item.lower()
        return
    if not isinstance(item, dict):
        return
    held = cast("dict[str, Any]", item)
    for key in ("name_value", "common_name", "dns_names", "all_domains", "domain", "name"):
        value = held.get(key)
        for text in cast("list[object]", value) if isinstance(value, list) else [value]:
            if isinstance(text, str):
                yield from (part.lower() for part in text.split())
    for key in ("data", "leaf_cert"):
        yield from _of_object(held.get(key))


def _plain(line: bytes, origin: str) -> Iterator[str]:
    line = line.strip()
    if not line or line[:1] in b"#;$@":
        return
    parts = [part for part in _SPLIT.split(line.split(b";")[0]) if part][:8]
    if not parts:
        return
    owner = parts[0].decode("ascii", "replace").lower()
    in_zone = len(parts) > 2 and bool(_CLASSES & {part.lower() for part in parts[1:4]})  # noqa: PLR2004 - owner, type, value
    if in_zone and not owner.endswith("."):
        yield f"{owner}.{origin}" if origin else owner
    elif in_zone:
        yield owner.rstrip(".")
    else:
        yield from (part.decode("ascii", "replace").lower().rstrip(".") for part in parts if b"." in part)


def _problem(source: str, position: str, what: str) -> Problem:
    hint = "give crt.sh JSON, certstream NDJSON, a zone file, or one name a line"
    return Problem(sensor="lookalike", source=source, position=position, what=what, hint=hint)
