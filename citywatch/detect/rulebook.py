"""Which rules are in force, and what do they say to these events?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import yaml

from citywatch.detect.fold import carried
from citywatch.detect.sigma import oracle
from citywatch.detect.sigma.engine import Engine
from citywatch.detect.sigma.load import EventRule, FileRules, Refusal, load_file
from citywatch.detect.sigma.resolve import RuleSet, resolve
from citywatch.errors import ContentError
from citywatch.model import Event, Match, Problem, Rule

Report = Callable[[Problem], None]

PLACEHOLDERS = "placeholders.yml"
_SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "portal": ("citywatch.portal.id",),
    "network": ("source.ip",),
    "eve": ("source.ip",),
    "zeek": ("source.ip",),
    "weblog": ("source.ip", "url.domain"),
    "winlog": ("host.name",),
    "syslog": ("host.name",),
}
_FALLBACK = (
    "citywatch.portal.id",
    "host.name",
    "source.ip",
    "destination.ip",
    "observer.name",
    "event.dataset",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder of rules, and how its files are called in messages."""

    folder: Path
    name: str


def places(content_dir: Path, extra: Iterable[Path]) -> list[Place]:
    """Our own rules first, then what the team added; a `rules` folder within, or the folder itself."""
    found: list[Place] = []
    for root in (content_dir, *extra):
        inner = root / "rules"
        found.append(
            Place(folder=inner, name="rules") if inner.is_dir() else Place(folder=root, name=root.name)
        )
    return found


class Rulebook:
    """Every rule in force. Judges events in the order they are given; knows what correlations still count."""

    def __init__(self, ruleset: RuleSet) -> None:
        self.ruleset = ruleset
        self.refusals: tuple[Refusal, ...] = ruleset.refusals
        self.rules: Mapping[str, Rule] = {
            key: each.rule for part in (ruleset.events, ruleset.correlations) for key, each in part.items()
        }
        self.windows: Mapping[str, str] = {
            key: each.window
            for part in (ruleset.events, ruleset.correlations)
            for key, each in part.items()
            if each.window
        }
        """Fold windows that rules ask for, by rule id."""
        self._silent = ruleset.silent
        self._engine = Engine(tuple(ruleset.events.values()))

    @classmethod
    def load(
        cls,
        content_dir: Path,
        *,
        extra: Sequence[Path] = (),
        report: Report | None = None,
        today: str = "",
    ) -> Rulebook:
        """Read every rule below these folders. One bad rule is reported and never stops the rest."""
        files: list[FileRules] = []
        for place in places(content_dir, extra):
            files.extend(read_folder(place))
        ruleset = resolve(files, today)
        for refusal in ruleset.refusals:
            if report is not None:
                report(problem_of(refusal))
        return cls(ruleset)

    def judge(self, events: Sequence[Event]) -> list[Match]:
        """What the rules say to these events, oldest first."""
        found: list[Match] = []
        for event in events:
            hits = self._engine.hits(event)
            found.extend(match_of(rule, event) for rule in hits if rule.rule.id not in self._silent)
        return found

    def changes(self) -> dict[str, bytes | None]:
        """What correlations count that changed since the last call; None: no longer counted."""
        return {}

    def restore(self, state: Mapping[str, bytes]) -> None:
        """Take up what `changes` gave before a restart."""
        del state


def read_folder(place: Place) -> list[FileRules]:
    """Load every Sigma file below a folder, in the order of their names."""
    placeholders, problems = read_placeholders(place)
    load = partial(load_file, placeholders=placeholders)
    found = [
        load(path.read_bytes(), f"{place.name}/{path.relative_to(place.folder).as_posix()}")
        for path in sorted(place.folder.rglob("*.y*ml"))
        if path.suffix in {".yml", ".yaml"} and path.name != PLACEHOLDERS and path.is_file()
    ]
    return [FileRules(refusals=problems), *found] if problems else found


def read_placeholders(place: Place) -> tuple[Mapping[str, Sequence[str]], tuple[Refusal, ...]]:
    """The organisation's own values for `expand`: a mapping of names to lists of texts."""
    path = place.folder / PLACEHOLDERS
    if not path.is_file():
        return {}, ()
    try:
        value = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return {}, (_bad_placeholders(place, f"not YAML: {error}"),)
    if not isinstance(value, dict):
        return {}, (_bad_placeholders(place, "is not a mapping of names to lists"),)
    listed = cast("dict[Any, Any]", value)
    return {
        str(name): tuple(
            str(each) for each in cast("list[Any]", values if isinstance(values, list) else [values])
        )
        for name, values in listed.items()
    }, ()


def _bad_placeholders(place: Place, what: str) -> Refusal:
    return Refusal(kind="refused", rule_id="", title=PLACEHOLDERS, source=f"{place.name}/{PLACEHOLDERS}",
                   line=None, what=what, hint="write `name: [value, …]`")  # fmt: skip


def problem_of(refusal: Refusal) -> Problem:
    """A refused rule, as the health page shows it."""
    error: ContentError = refusal.error
    line = f"line {error.line}" if error.line else ""
    return Problem(sensor="rules", source=error.file, position=line, what=error.what, hint=error.hint)


def match_of(rule: EventRule, event: Event) -> Match:
    """The match of a single event, explained."""
    at = str(event.get("@timestamp", ""))
    return Match(
        rule=rule.rule,
        subject=subject_of(rule.subject, event),
        at=at,
        first_at=at,
        event_ids=(str(event.get("event.id", "")),),
        reasons=tuple(oracle.explain(rule.tree, event)),
        event=event,
        values=carried(event),
    )


def subject_of(wanted: Sequence[str], event: Event) -> tuple[tuple[str, str], ...]:
    """What an alert on this event is about: the rule's fields, else what its module speaks of."""
    names = wanted or _SUBJECTS.get(str(event.get("event.module", "")), ())
    found = _held(names, event)
    if found:
        return found
    return next((held for name in _FALLBACK if (held := _held((name,), event))), ())


def _held(names: Sequence[str], event: Event) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    for name in names:
        value = event.get(name)
        listed = cast("list[Any]", value) if isinstance(value, list) else [value]
        first = next((each for each in listed if each is not None), None)
        if first is not None:
            pairs.append((name, oracle.text_of(first)[:1000]))
    return tuple(pairs)
