"""Which YAML documents does a rule file hold, if it is safe to read at all?

Rule files come from strangers: size, nesting, number of nodes (a "YAML bomb" of aliases grows while it is
walked, not while it is read) and number of documents are capped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast

import yaml

from citywatch.errors import ContentError

MAX_BYTES = 2 * 2**20
MAX_NODES = 200_000
MAX_DEPTH = 40
MAX_DOCUMENTS = 5_000

_DEEP_LINE = re.compile(rb"^[\s?-]{200}", re.MULTILINE)
_START = re.compile(r"^---(\s|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One YAML document of a file."""

    value: dict[str, Any]
    source: str
    start: int
    """Line on which it begins, from 1."""
    lines: tuple[str, ...]

    def line_of(self, *words: str) -> int:
        """The first line on which every word stands, else the document's first line."""
        for number, line in enumerate(self.lines, self.start):
            if all(word in line for word in words):
                return number
        return self.start

    def wrong(self, what: str, hint: str = "", *, at: tuple[str, ...] = ()) -> ContentError:
        """An error at the line that holds these words."""
        return ContentError(self.source, self.line_of(*at), what, hint)


def read_documents(raw: bytes, source: str) -> list[Document]:
    """Parse a file into its documents.

    Raises:
        ContentError: not UTF-8, not YAML, too large, too deep, or not made of mappings.
    """
    if len(raw) > MAX_BYTES:
        raise ContentError(
            source,
            None,
            f"{len(raw)} bytes are more than a rule file may have ({MAX_BYTES})",
            "split it into files of a few rules",
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ContentError(source, line, "this is not UTF-8 text", "save the file as UTF-8") from None
    _refuse_depth(raw, text, source)
    return [
        _document(value, source, start, lines)
        for value, (start, lines) in zip(_values(text, source), _parts(text), strict=False)
        if value is not None
    ]


def _values(text: str, source: str) -> list[Any]:
    try:
        loader: Any = yaml.CSafeLoader(text)
        values: list[Any] = []
        try:
            while loader.check_data():
                if len(values) >= MAX_DOCUMENTS:
                    raise ContentError(source, None, f"more than {MAX_DOCUMENTS} documents in one file")
                values.append(loader.get_data())
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise ContentError(
            source,
            line,
            f"not YAML: {error.problem or error.context}",
            "check indentation, quotes and colons",
        ) from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ContentError(source, None, f"not YAML: {what}") from None
    return values


def _refuse_depth(raw: bytes, text: str, source: str) -> None:
    """The C loader recurses without a limit of its own: look before it does, where it could be deep."""
    if raw.count(b"[") + raw.count(b"{") < MAX_DEPTH and not _DEEP_LINE.search(raw):
        return
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    line = cast("Any", event.start_mark).line + 1
                    raise ContentError(source, line, f"nested more than {MAX_DEPTH} levels deep")
            elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
                depth -= 1
    except yaml.YAMLError:
        return  # said with its line when the file is loaded


def _parts(text: str) -> list[tuple[int, tuple[str, ...]]]:
    """Where each document begins, and its lines."""
    parts: list[tuple[int, tuple[str, ...]]] = []
    start, lines = 1, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if _START.match(line):
            if any(kept.strip() and not kept.startswith(("#", "%")) for kept in lines) or parts:
                parts.append((start, tuple(lines)))
            start, lines = number + 1, []
        else:
            lines.append(line)
    parts.append((start, tuple(lines)))
    return parts


def _document(value: Any, source: str, start: int, lines: tuple[str, ...]) -> Document:
    if not isinstance(value, dict):
        raise ContentError(
            source, start, f"a rule is a mapping, this is {type(value).__name__}", "begin with `title:`"
        )
    mapping = cast("dict[Any, Any]", value)
    _count(mapping, source, start)
    odd = next((key for key in mapping if not isinstance(key, str)), None)
    if odd is not None:
        raise ContentError(source, start, f"key {odd!r} is not text")
    return Document(value=mapping, source=source, start=start, lines=lines)


def _count(value: object, source: str, start: int) -> None:
    left = MAX_NODES
    waiting: list[tuple[object, int]] = [(value, 0)]
    while waiting:
        node, depth = waiting.pop()
        left -= 1
        if left < 0 or depth > MAX_DEPTH:
            raise ContentError(
                source,
                start,
                f"unfolds to more than {MAX_NODES} nodes or {MAX_DEPTH} levels",
                "write values out instead of YAML aliases",
            )
        if isinstance(node, dict):
            waiting.extend((part, depth + 1) for part in cast("dict[object, object]", node).values())
        elif isinstance(node, list):
            waiting.extend((part, depth + 1) for part in cast("list[object]", node))
