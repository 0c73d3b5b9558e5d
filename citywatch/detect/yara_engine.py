"""How are YARA rules compiled, kept and asked? The one door of the library.

The library is imported when rules are first compiled, since most commands need none. Compiled rules are kept
by a hash of their sources, includes and the library's version, with a checksum: spoilt ones are made anew.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from citywatch.detect.yara_source import Source
from citywatch.errors import ContentError

if TYPE_CHECKING:
    import yara

EXTERNALS = ("filename", "filepath", "extension", "filetype", "owner", "what")
"""Texts that a condition may ask for. `extension` has its dot; `what` is as in `citywatch.evidence.what`."""
_CHECKSUM = 32
_KEPT = 4
"""Compiled rule sets that stay in the cache; older ones are dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What rules said to bytes."""

    hits: list[yara.Match] | None
    """None when time ran out or the scan failed."""
    timed_out: bool = False


def ask(rules: yara.Rules | None, data: bytes, externals: Mapping[str, str], limit_s: int) -> Answer:
    """Ask compiled rules about bytes."""
    import yara  # noqa: PLC0415 - loaded when rules are asked

    if rules is None:
        return Answer(hits=[])
    try:
        return Answer(hits=rules.match(data=data, externals=dict(externals), timeout=limit_s))
    except yara.TimeoutError:
        return Answer(hits=None, timed_out=True)
    except yara.Error:
        return Answer(hits=None)


def compile_file(source: Source) -> yara.Rules:
    """Compile one file alone.

    Raises:
        yara.Error: it does not compile.
    """
    import yara  # noqa: PLC0415 - loaded when rules are compiled

    return yara.compile(
        sources={source.name: source.text},
        externals=dict.fromkeys(EXTERNALS, ""),
        include_callback=lambda wanted, within, _: source.include(wanted, within),
    )


def compile_rules(source: Source) -> Iterator[tuple[str, yara.Rules]]:
    """Each rule of a file compiled alone, where it can be."""
    import yara  # noqa: PLC0415 - loaded when rules are compiled

    for name, text in source.rule_texts():
        try:
            yield name, yara.compile(source=text, externals=dict.fromkeys(EXTERNALS, ""))
        except yara.Error:
            continue


def compile_all(
    sources: Sequence[Source], cache: Path | None
) -> tuple[yara.Rules | None, list[Source], list[ContentError]]:
    """All sources in one, without those that do not compile."""
    if not sources:
        return None, [], []
    import yara  # noqa: PLC0415 - loaded when rules are compiled

    saved = _Saved(cache, sources)
    rules = saved.take()
    if rules is not None:
        return rules, list(sources), []
    good: list[Source] = []
    refused: list[ContentError] = []
    for source in sources:
        try:
            compile_file(source)
        except yara.Error as error:
            refused.append(_refusal(source, str(error)))
        else:
            good.append(source)
    if not good:
        return None, [], refused
    rules = yara.compile(
        sources={source.name: source.text for source in good},
        externals=dict.fromkeys(EXTERNALS, ""),
        include_callback=_includer(good),
    )
    if not refused:
        saved.give(rules)
    return rules, good, refused


def _includer(sources: Sequence[Source]) -> Callable[[str, str | None, str], str | None]:
    by_name = {source.name: source for source in sources}

    def include(wanted: str, within: str | None, namespace: str) -> str | None:
        return by_name[namespace].include(wanted, within)

    return include


def _refusal(source: Source, message: str) -> ContentError:
    found = re.match(r"(?:line (\d+)|(.+?)\((\d+)\)): (.*)", message, re.DOTALL)
    if found is None:
        return ContentError(source.name, None, message, "correct the rule or take the file out")
    line, file, inner, what = found.groups()
    name = f"{source.name} (includes {file})" if file else source.name
    hint = "includes must lie in the folder of rules" if "include" in what else "correct the rule"
    return ContentError(name, int(line or inner), what, hint)


class _Saved:
    """Compiled rules kept by what they were made of; spoilt bytes are made anew."""

    def __init__(self, folder: Path | None, sources: Sequence[Source]) -> None:
        import yara  # noqa: PLC0415 - loaded when rules are compiled

        digest = sha256(f"{yara.YARA_VERSION} {yara.__version__} {EXTERNALS}".encode())
        for source in sources:
            for part in (source.name, source.text, source.included()):
                raw = part.encode("utf-8", "surrogatepass")
                digest.update(len(raw).to_bytes(8, "big") + raw)
        self._path = None if folder is None else folder / f"yara-{digest.hexdigest()[:32]}.bin"

    def take(self) -> yara.Rules | None:
        import yara  # noqa: PLC0415 - loaded when rules are compiled

        try:
            raw = self._path.read_bytes() if self._path is not None else b""
            if len(raw) <= _CHECKSUM or sha256(raw[_CHECKSUM:]).digest() != raw[:_CHECKSUM]:
                return None
            return yara.load(file=io.BytesIO(raw[_CHECKSUM:]))
        except (OSError, yara.Error):
            return None

    def give(self, rules: yara.Rules) -> None:
        if self._path is None:
            return
        buffer = io.BytesIO()
        rules.save(file=buffer)
        raw = buffer.getvalue()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside = self._path.with_suffix(f".{os.getpid()}.part")
            beside.write_bytes(sha256(raw).digest() + raw)
            beside.replace(self._path)
            others = sorted(self._path.parent.glob("yara-*.bin"), key=lambda path: path.stat().st_mtime)
            for path in others[:-_KEPT]:
                path.unlink(missing_ok=True)
        except OSError:
            return  # a cache that cannot be written costs only time
