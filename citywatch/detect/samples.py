"""Does each rule fire where it must, and stay silent where it must not?

Beside `name.yml` stands `name.samples.ndjson`: one event a line with `expect` (fires or silent) and
`because`; for a correlation `{"expect": …, "because": …, "events": […]}`. Run it: `python -m
citywatch.detect.samples PATH…`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import orjson

from citywatch.clock import stamp
from citywatch.detect.rulebook import Place, Rulebook, read_folder
from citywatch.detect.sigma.resolve import RuleSet, resolve
from citywatch.errors import ContentError
from citywatch.model import Event, Match, repeatable_id

SUFFIX = ".samples.ndjson"
_START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One line of a samples file."""

    source: str
    line: int
    fires: bool
    because: str
    events: tuple[Event, ...]


def read_samples(path: Path) -> list[Sample]:
    """Parse a samples file; `event.id` and `@timestamp` are filled in where absent.

    Raises:
        ContentError: a line is not what it should be.
    """
    return [_sample(line, str(path), number)
            for number, line in enumerate(path.read_bytes().splitlines(), 1) if line.strip()]  # fmt: skip


def _sample(line: bytes, source: str, number: int) -> Sample:
    try:
        value: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ContentError(source, number, f"not JSON: {error}", "one object a line") from None
    if not isinstance(value, dict):
        raise ContentError(source, number, "is not an object", "one JSON object a line")
    value = cast("dict[str, Any]", value)
    if value.get("expect") not in ("fires", "silent"):
        raise ContentError(source, number, "has no `expect`", "write fires or silent")
    if not value.get("because"):
        raise ContentError(source, number, "has no `because`", "say why this must fire or stay silent")
    listed: Any = value.get("events", [{k: v for k, v in value.items() if k not in ("expect", "because")}])
    events = tuple(_filled(event, source, number, index) for index, event in enumerate(listed))
    return Sample(source=source, line=number, fires=value["expect"] == "fires", because=value["because"],
                  events=events)  # fmt: skip


def _filled(event: dict[str, Any], source: str, number: int, index: int) -> Event:
    return {
        "@timestamp": stamp(_START + timedelta(seconds=index)),
        "event.id": repeatable_id("sample", Path(source).name, number, index),
        **event,
    }


def rules_of(path: Path) -> RuleSet:
    """The rules of one file, with those of its folder that it may refer to."""
    folder = path.parent
    seen = ((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in folder.rglob("*.y*ml"))
    return _folder(folder, tuple(sorted(seen)))


@lru_cache(maxsize=16)
def _folder(folder: Path, seen: tuple[tuple[str, int, int], ...]) -> RuleSet:
    """A folder is read once for all its samples, and again when a file in it changes."""
    del seen
    return resolve(read_folder(Place(folder=folder, name=folder.name)))


def judge(ruleset: RuleSet, rule_file: str, sample: Sample) -> list[Match]:
    """Matches of the rules of this file for one sample, each sample on its own."""
    wanted = {key for part in (ruleset.events, ruleset.correlations) for key, each in part.items()
              if each.rule.source.endswith(rule_file)}  # fmt: skip
    book = Rulebook(ruleset)
    return [match for match in book.judge(sample.events) if match.rule.id in wanted]


def check(path: Path) -> Iterator[str]:
    """What is wrong with a rule file or its samples, one line each; nothing when all is well."""
    ruleset = rules_of(path)
    mine = [each for each in ruleset.refusals if each.source.endswith("/" + path.name)]
    yield from (str(each.error) for each in mine)
    beside = path.with_name(path.stem + SUFFIX)
    if not beside.is_file():
        yield f"{path}: has no samples; write {beside.name} beside it"
        return
    try:
        samples = read_samples(beside)
    except ContentError as error:
        yield str(error)
        return
    for wanted in (True, False):
        if not any(sample.fires is wanted for sample in samples):
            yield f"{beside}: has no sample that {'fires' if wanted else 'stays silent'}"
    for sample in samples:
        fired = bool(judge(ruleset, "/" + path.name, sample))
        if fired is not sample.fires:
            seen = "fires" if fired else "stays silent"
            yield f"{beside}:{sample.line}: {seen}, but should not: {sample.because}"


def main(paths: Sequence[str]) -> int:
    """Check rule files, or all below a folder; give the exit code."""
    files = [
        file
        for path in map(Path, paths)
        for file in (sorted(path.rglob("*.yml")) if path.is_dir() else [path])
    ]
    wrong = [line for file in files for line in check(file)]
    for line in wrong:
        sys.stderr.write(line + "\n")
    sys.stdout.write(f"{len(files)} rule files, {len(wrong)} problems\n")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
