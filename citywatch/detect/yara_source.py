"""Which YARA files lie in a folder, what do they include, and which rules do they declare?

Bounded: a file at most 4 MiB, a folder at most 64 MiB and 5,000 files. Includes outside the folder are
refused, links that lead out of it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from citywatch.errors import ContentError

MOST_FILE = 4 * 1024 * 1024
MOST_FOLDER = 64 * 1024 * 1024
MOST_FILES = 5000
MOST_INCLUDES = 200
_RULE = re.compile(r"^[ \t]*((?:(?:private|global)[ \t]+)*)rule[ \t]+([A-Za-z_][A-Za-z0-9_]*)", re.MULTILINE)
_INCLUDE = re.compile(r'^[ \t]*include[ \t]+"([^"\n]+)"', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file of rules: a namespace."""

    name: str
    """Path from the folder's parent, as the user knows it."""
    text: str
    folder: Path
    """Includes must lie in it."""
    path: Path
    _resolved: dict[str, Path] = field(default_factory=dict[str, Path], compare=False, repr=False)

    def include(self, wanted: str, within: str | None) -> str | None:
        """The text of an included file; None (which YARA reports as an error) when it may not be included."""
        start = self._resolved.get(within or "", self.path).parent
        for base in (start, self.folder):
            path = (base / wanted).resolve()
            if path.is_relative_to(self.folder.resolve()) and path.is_file():
                self._resolved[wanted] = path
                if len(self._resolved) <= MOST_INCLUDES and path.stat().st_size <= MOST_FILE:
                    return path.read_text(encoding="utf-8", errors="replace")
        return None

    def included(self) -> str:
        """Texts of all files that this one includes, directly or not, for telling whether they changed."""
        texts: list[str] = []
        seen: set[str] = set()
        waiting: list[tuple[str, str | None]] = [(name, None) for name in _INCLUDE.findall(self.text)]
        while waiting and len(seen) < MOST_INCLUDES:
            wanted, within = waiting.pop()
            if wanted in seen:
                continue
            seen.add(wanted)
            text = self.include(wanted, within)
            if text is not None:
                texts.append(text)
                waiting += [(name, wanted) for name in _INCLUDE.findall(text)]
        return "\0".join(texts)

    def declared(self) -> frozenset[str]:
        """Names of the rules that stand in this file (and what it includes)."""
        return _declared(self.text, self.included() if "include" in self.text else "")

    def rule_texts(self) -> Iterator[tuple[str, str]]:
        """Name and text of each rule, with the imports and private rules that it may need before it."""
        text = self.text
        places = [*_RULE.finditer(text)]
        ends = [*(found.start() for found in places[1:]), len(text)]
        blocks = [
            (found[2], found[1], text[found.start() : end]) for found, end in zip(places, ends, strict=True)
        ]
        needed = "\n".join(re.findall(r'^[ \t]*import[ \t]+"\w+"', text, re.MULTILINE))
        needed += "\n" + "\n".join(block for _, kind, block in blocks if kind)
        for name, kind, block in blocks:
            if not kind:
                yield name, f"{needed}\n{block}"


@cache
def _declared(text: str, included: str) -> frozenset[str]:
    return frozenset(found[2] for part in (text, included) for found in _RULE.finditer(part))


def gather(folder: Path) -> tuple[list[Source], list[ContentError]]:
    """Every rule file below a folder, in the order of their names."""
    sources: list[Source] = []
    refusals: list[ContentError] = []
    total = 0
    inside = folder.resolve()
    for path in sorted(folder.rglob("*.yar*")):
        if path.suffix not in {".yar", ".yara"} or not path.is_file():
            continue
        name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
        if not path.resolve().is_relative_to(inside):
            refusals.append(ContentError(name, None, "is a link out of the folder", "copy the file instead"))
            continue
        size = path.stat().st_size
        total += size
        if size > MOST_FILE or total > MOST_FOLDER or len(sources) >= MOST_FILES:
            refusals.append(ContentError(name, None, f"is too much ({size} bytes)", "split or drop it"))
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        sources.append(Source(name=name, text=text, folder=folder, path=path))
    return sources, refusals
