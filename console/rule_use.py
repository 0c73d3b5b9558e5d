"""What do rules say to these events, what do they cost, and what do they cover?"""

from __future__ import annotations

import re
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from citywatch.errors import CityWatchError
from citywatch.model import Event, Problem
from console.rules import rulebook_of

if TYPE_CHECKING:
    from citywatch.detect.rulebook import Rulebook
    from citywatch.detect.sigma.load import EventRule

LAYER = {"attack": "17", "navigator": "5.1.0", "layer": "4.5"}
"""Versions that a layer of ATT&CK Navigator names."""
MOST_BENCHED = 5_000
_LEFT_OUT = {"not_ours": "not for our events (see: rules check)", "refused": "refused", "off": "switched off"}
_TECHNIQUE = re.compile(r"attack\.(t\d{4}(?:\.\d{3})?)", re.IGNORECASE)


def match_file(
    rules: Path, events: Path, problem: Callable[[str], None], note: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """Hits of rules on a file of events, which are numbered from 1: by line, or by record.

    `problem` is told what is wrong with rules and events, `note` how many rules judge.

    Raises:
        CityWatchError: a path does not exist, or the archive is not sound.
    """
    from citywatch.detect.rulebook import Rulebook

    for path in (rules, events):
        if not path.exists():
            raise CityWatchError(f"{path}: there is no such file or folder")
    with tempfile.TemporaryDirectory(prefix="citywatch-") as folder:
        nothing = Path(folder, "nothing")
        nothing.mkdir()
        book = Rulebook.load(
            nothing, extra=[_rule_folder(rules, Path(folder))]
        )  # all of it, whatever it is called
        for each in book.refusals:
            if each.kind == "refused":
                problem(str(each.error))
        note(_loaded(book))
        for number, event in _numbered(events, problem):
            event["event.sequence"] = number
            event.setdefault("event.id", f"{number:032x}")
            for match in book.judge([event]):
                yield {"rule_id": match.rule.id, "event": number, "title": match.rule.title}


def _loaded(book: Rulebook) -> str:
    """How many rules judge, and how many do not: that must not be overlooked."""
    counts = Counter(each.kind for each in book.refusals)
    others = [f"{counts[kind]} {word}" for kind, word in _LEFT_OUT.items() if counts[kind]]
    return ", ".join([f"{len(book.rules)} rules loaded", *others])


def _rule_folder(rules: Path, folder: Path) -> Path:
    if rules.is_dir():
        return rules
    if zipfile.is_zipfile(rules):
        folder = folder / rules.name  # errors name the archive
        _unpack(rules, folder)
        return folder
    place = folder / "rules"  # a rule without an id gets one by the name of its file: always the same
    place.mkdir()
    (place / rules.name).write_bytes(rules.read_bytes())
    values = rules.with_name("placeholders.yml")
    if values.is_file() and values != rules:
        (place / values.name).write_bytes(values.read_bytes())
    return place


def _unpack(archive: Path, folder: Path) -> None:
    """Lay down the rules of an archive, by the bounds and names that an import holds to."""
    from citywatch.detect.importer import members

    with zipfile.ZipFile(archive) as file:
        for name, raw in members(file, archive):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)


def _numbered(path: Path, problem: Callable[[str], None]) -> Iterator[tuple[int, Event]]:
    from console.rule_events import numbered

    def report(each: Problem) -> None:
        problem(str(each))

    return numbered(path, report)


def coverage_layer(data: Path | None, name: str) -> dict[str, Any]:
    """A layer for ATT&CK Navigator: each technique that rules name, with how many and which they are."""
    by_technique: dict[str, list[str]] = {}
    for rule in rulebook_of(data).rules.values():
        for technique in {met[1].upper() for tag in rule.tags if (met := _TECHNIQUE.fullmatch(tag))}:
            by_technique.setdefault(technique, []).append(rule.title)
    most = max((len(titles) for titles in by_technique.values()), default=1)
    return {
        "name": name,
        "versions": LAYER,
        "domain": "enterprise-attack",
        "description": "Techniques that the rules in force look for.",
        "gradient": {"colors": ["#e8f0fe", "#1a56b0"], "minValue": 0, "maxValue": most},
        "techniques": [
            {
                "techniqueID": technique,
                "score": len(titles),
                "enabled": True,
                "comment": "; ".join(sorted(titles)[:20]),
                "showSubtechniques": "." in technique,
            }
            for technique, titles in sorted(by_technique.items())
        ],
    }


def bench(data: Path | None, events: Path, problem: Callable[[str], None]) -> list[dict[str, Any]]:
    """What each Sigma rule costs on the first events of a file, dearest first.

    Each rule is asked alone of every event of its logsource, as if no other rule and no candidate search
    stood before it: microseconds of CPU an event, the worst event in milliseconds, and how often it fired.
    """
    if not events.exists():
        raise CityWatchError(f"{events}: there is no such file or folder")
    held = [event for _, event in islice(_numbered(events, problem), MOST_BENCHED)]
    rules = list(rulebook_of(data).ruleset.events.values())
    by_gate: dict[Any, list[Event]] = {}
    rows: list[dict[str, Any]] = []
    for rule in rules:
        meant = by_gate.get(rule.gate)
        if meant is None:
            meant = by_gate[rule.gate] = _meant(rule, held)
        if meant:
            rows.append(cost_of(rule, meant))
    rows.sort(key=lambda row: -float(row["us"]))
    return rows


def _meant(rule: EventRule, events: Sequence[Event]) -> list[Event]:
    from citywatch.detect.sigma import oracle

    return [event for event in events if oracle.matches(rule.gate, event)]


def cost_of(rule: EventRule, events: Sequence[Event]) -> dict[str, Any]:
    """What one rule costs on events of its log source when it is asked alone, in CPU of this thread."""
    from citywatch.detect.sigma.compile import ManyValues, View, compile_rule

    single, listed = compile_rule(rule.tree, lists=False), compile_rule(rule.tree, lists=True)
    view = View()
    total = worst = 0
    fired = 0
    for event in events:
        view.take(event)
        begun = time.thread_time_ns()
        try:
            yes = single(view, view.low, view.raw)
        except ManyValues:
            yes = listed(view, view.low, view.raw)
        took = time.thread_time_ns() - begun
        total += took
        worst = max(worst, took)
        fired += bool(yes)
    return {
        "id": rule.rule.id,
        "title": rule.rule.title,
        "source": rule.rule.source,
        "events": len(events),
        "fired": fired,
        "us": round(total / len(events) / 1000, 2),
        "worst_ms": round(worst / 1e6, 3),
    }
