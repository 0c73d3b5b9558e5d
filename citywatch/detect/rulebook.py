"""Which rules are in force, and what do they say to these events?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

import msgspec
import yaml

from citywatch.cycles import without_cycles
from citywatch.detect.indicators import Indicators
from citywatch.detect.sigma.cache import RuleCache
from citywatch.detect.sigma.correlate import Correlator
from citywatch.detect.sigma.engine import Engine
from citywatch.detect.sigma.load import CorrelationRule, EventRule, FileRules, Refusal
from citywatch.detect.sigma.match import Explanations, match_of
from citywatch.detect.sigma.resolve import RuleSet, resolve
from citywatch.detect.tuning import read_off
from citywatch.detect.yara import Get, YaraRules
from citywatch.errors import ContentError
from citywatch.model import Event, Match, Rule, repeatable_id

PLACEHOLDERS = "placeholders.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder of rules, and how its files are called in messages."""

    folder: Path
    name: str


def places(content_dir: Path, extra: Iterable[Path]) -> list[Place]:
    """Our own rules first (`rules` within the content folder), then whole folders that the team added.

    A folder with `rules` beside others such as `rules-emerging-threats` is a rule set as SigmaHQ ships it:
    all of it is taken.
    """
    inner = content_dir / "rules"
    beside = any(content_dir.glob("rules-*"))
    own = Place(folder=inner, name="rules") if inner.is_dir() and not beside else _whole(content_dir)
    return [own, *(_whole(root) for root in extra)]


def _whole(root: Path) -> Place:
    return Place(folder=root, name=root.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An event of which something is to be said."""

    event: Event
    """Nothing in it when no correlation asks for it."""
    rules: tuple[str, ...]
    """Ids of the rules that said yes and that correlations count."""
    matches: tuple[Match, ...]


class Rulebook:
    """Every rule in force. Judges events in the order they are given; knows what correlations still count.

    For one thread. `look` asks what needs no memory of other events, and so may be done by several processes;
    `settle` does what does: in one place, in the order of the events.
    """

    def __init__(
        self,
        ruleset: RuleSet,
        *,
        yara: YaraRules | None = None,
        evidence: Get | None = None,
        indicators: Indicators | None = None,
    ) -> None:
        self.ruleset = ruleset
        self.yara = yara if yara is not None else YaraRules(())
        self._evidence = evidence
        self.indicators = indicators
        """What other centers warn of, if anything; what is added while we run is taken up batch by batch."""
        refused = (_refusal_of(error) for error in self.yara.refusals)
        self.correlator = Correlator(tuple(ruleset.correlations.values()))
        refused = (*refused, *(_left_out(rule, why) for rule, why in self.correlator.refused))
        self.refusals: tuple[Refusal, ...] = (*ruleset.refusals, *refused)
        parts = (ruleset.events, ruleset.correlations)
        self.rules: Mapping[str, Rule] = {
            **{key: each.rule for part in parts for key, each in part.items()},
            **self.yara.rules,
        }
        self.correlator.call({key: rule.title for key, rule in self.rules.items()})
        self.windows: Mapping[str, str] = {
            key: each.window for part in parts for key, each in part.items() if each.window
        }
        """Fold windows that rules ask for, by rule id."""
        self.engine = Engine(tuple(ruleset.events.values()))
        self._silent = ruleset.silent
        self._wanted = self.correlator.wants
        self._explanations = Explanations()
        self.failures = self.correlator.failures
        """Rules that raised while they judged."""

    @classmethod
    def load(
        cls,
        content_dir: Path,
        *,
        extra: Sequence[Path] = (),
        evidence: Get | None = None,
        indicators: Indicators | None = None,
        cache: Path | None = None,
        today: str = "",
    ) -> Rulebook:
        """Read every rule below these folders. One bad rule (see `refusals`) never stops the rest.

        Args:
            content_dir: the folder with `rules/`, or a folder of rules.
            extra: more such folders: imported rules, exceptions of the team.
            evidence: gives bytes by their SHA-256, for YARA; without it YARA is not asked.
            indicators: what other centers warn of.
            cache: a folder where parsed rules are kept between starts.
            today: `2026-11-22`; exceptions that expired before no longer hold.
        """
        found = places(content_dir, extra)
        off = {key: f"{each.reason} ({each.by}, {each.day})" for place in found
               for key, each in read_off(place.folder).items()}  # fmt: skip
        ruleset = resolve(read_places(found, cache), today, off)
        yara = YaraRules.load([place.folder for place in found], cache=cache / "yara" if cache else None)
        return cls(ruleset, yara=yara, evidence=evidence, indicators=indicators)

    @cached_property
    def mark(self) -> str:
        """Tells rulebooks apart that would not look alike."""
        asked = (self.ruleset.events, sorted(self._silent), sorted(self._wanted), sorted(self.yara.rules))
        return blake2b(msgspec.msgpack.encode(asked), digest_size=16).hexdigest()

    def judge(self, events: Sequence[Event]) -> list[Match]:
        """What the rules say to these events, oldest first."""
        with without_cycles():
            return self.settle(self.look(events))

    def look(self, events: Sequence[Event]) -> list[Seen]:
        """What can be said of each event by itself; those of which nothing is to be said are left out."""
        found: list[Seen] = []
        warned = self.indicators
        if warned is not None:
            warned.refresh()
        wants = self._wanted
        for event, hits in zip(events, self._hits_of(events), strict=True):
            matches = self._told(hits, event) if hits else []
            if self._evidence is not None and "citywatch.evidence.sha256" in event:
                matches.extend(self.yara.judge(event, self._evidence))
            if warned is not None:
                matches.extend(warned.judge(event))
            wanted = tuple([key for rule in hits if (key := rule.rule.id) in wants]) if hits else ()
            if matches or wanted:
                found.append(Seen(event=event if wanted else {}, rules=wanted, matches=tuple(matches)))
        return found

    def _hits_of(self, events: Sequence[Event]) -> list[list[EventRule]]:
        """What the engine says; where a rule raises, each event by itself, and that one rule by rule."""
        try:
            return self.engine.hits_of(events)
        except Exception:  # noqa: BLE001 - who raised is found and named below
            return [self._hits_alone(event) for event in events]

    def _hits_alone(self, event: Event) -> list[EventRule]:
        try:
            return self.engine.hits(event)
        except Exception as error:  # noqa: BLE001 - as above
            before = len(self.failures)
            hits = self.engine.hits_alone(event, self.failures)
            if len(self.failures) == before:
                self.failures.note_all(error, event)
            return hits

    def _told(self, hits: Sequence[EventRule], event: Event) -> list[Match]:
        silent, known = self._silent, self._explanations
        found: list[Match] = []
        for rule in hits:
            if rule.rule.id not in silent:
                try:
                    found.append(match_of(rule, event, known))
                except Exception as error:  # noqa: BLE001 - one rule that cannot be explained stops no other
                    self.failures.note(rule.rule, error, event)
        return found

    def settle(self, seen: Sequence[Seen]) -> list[Match]:
        """What is to be said in all, correlations included, in the order of the events."""
        found: list[Match] = []
        for one in seen:
            found.extend(one.matches)
            if one.rules:
                found.extend(self.correlator.feed_all(one.rules, one.event))
        found.extend(self.correlator.settle())
        return found

    def changes(self) -> dict[str, bytes | None]:
        """What correlations count that changed since the last call; None: no longer counted."""
        return self.correlator.changes()

    def restore(self, state: Mapping[str, bytes]) -> None:
        """Take up what `changes` gave before a restart."""
        self.correlator.restore(state)

    def adopt(self, older: Rulebook) -> None:
        """Take over from an older rulebook: what unchanged correlations count goes on without a gap."""
        self.correlator.adopt(older.correlator)


def read_places(found: Sequence[Place], cache: Path | None = None) -> list[FileRules]:
    """Load every Sigma file of these folders; a later folder's values for `expand` go before an earlier's."""
    values, wrong = all_placeholders(found)
    problems = [FileRules(refusals=wrong)] if wrong else []
    return [*problems, *(file for place in found for file in _read_files(place, cache, values))]


def read_folder(place: Place, cache: Path | None = None) -> list[FileRules]:
    """Load every Sigma file below a folder, in the order of their names."""
    return read_places([place], cache)


def _read_files(
    place: Place, cache: Path | None, placeholders: Mapping[str, Sequence[str]]
) -> list[FileRules]:
    mark = repeatable_id(place.name, str(place.folder))
    known = RuleCache(cache / f"sigma-{mark}.msgpack" if cache else None, placeholders)
    found = [known.load(path, f"{place.name}/{inner}") for inner, path in _rule_files(place.folder)]
    known.save()
    return found


def _rule_files(folder: Path) -> list[tuple[str, Path]]:
    """Rule files by their place below a folder; links to folders are not followed."""
    found: list[tuple[str, Path]] = []
    for root, _, names in os.walk(folder):
        inner = Path(root).relative_to(folder)
        found.extend(
            ((inner / name).as_posix(), Path(root, name))
            for name in names
            if name.endswith((".yml", ".yaml")) and name != PLACEHOLDERS
        )
    return sorted(found)


def _left_out(rule: CorrelationRule, why: str) -> Refusal:
    return Refusal(kind="refused", rule_id=rule.rule.id, title=rule.rule.title, source=rule.rule.source,
                   line=None, what=why, hint="change the correlation's condition")  # fmt: skip


def _refusal_of(error: ContentError) -> Refusal:
    return Refusal(kind="refused", rule_id="", title="", source=error.file, line=error.line, what=error.what,
                   hint=error.hint)  # fmt: skip


def all_placeholders(found: Sequence[Place]) -> tuple[Mapping[str, Sequence[str]], tuple[Refusal, ...]]:
    """The values for `expand` of several folders together; a later folder's go before an earlier's."""
    values: dict[str, Sequence[str]] = {}
    problems: list[Refusal] = []
    for place in found:
        known, wrong = read_placeholders(place)
        values |= known
        problems += wrong
    return values, tuple(problems)


def read_placeholders(place: Place) -> tuple[Mapping[str, Sequence[str]], tuple[Refusal, ...]]:
    """The organisation's own values for `expand`: a mapping of names to lists of texts.

    The file stands at the root of a rule folder; for a room of it (`rules/sigma/web`), two levels above.
    """
    folders = (place.folder, *place.folder.absolute().parents[:2])
    path = next((each / PLACEHOLDERS for each in folders if (each / PLACEHOLDERS).is_file()), None)
    if path is None:
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
