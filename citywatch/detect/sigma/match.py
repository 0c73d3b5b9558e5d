"""How is a rule's yes told: what it is about, and which field met which pattern?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from citywatch.detect.fold import carried
from citywatch.detect.sigma import oracle, tree
from citywatch.detect.sigma.load import EventRule, Refusal
from citywatch.errors import ContentError
from citywatch.model import Event, Match, Problem, Reason

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
_SHORT = 400
_MOST_KNOWN = 4096


def problem_of(refusal: Refusal) -> Problem:
    """A refused rule, as the health page shows it."""
    error: ContentError = refusal.error
    line = f"line {error.line}" if error.line else ""
    return Problem(sensor="rules", source=error.file, position=line, what=error.what, hint=error.hint)


class Explanations:
    """Why rules said yes, remembered by what they asked about: a scanner's agent comes a thousand times."""

    __slots__ = ("_fields", "_known")

    def __init__(self) -> None:
        self._fields: dict[str, tuple[str, ...]] = {}
        self._known: dict[tuple[Any, ...], tuple[Reason, ...]] = {}

    def of(self, rule: EventRule, event: Event) -> tuple[Reason, ...]:
        """As `oracle.explain`."""
        fields = self._fields.get(rule.rule.id)
        if fields is None:
            fields = self._fields[rule.rule.id] = _asked_by(rule.tree)
        key = (rule.rule.id, *map(event.get, fields))
        if not fields or not all(_is_short(value) for value in key):
            return tuple(oracle.explain(rule.tree, event))
        reasons = self._known.get(key)
        if reasons is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            reasons = self._known[key] = tuple(oracle.explain(rule.tree, event))
        return reasons


def _asked_by(part: tree.Tree) -> tuple[str, ...]:
    """The fields whose values decide; none where the whole event does, or whether a field is there."""
    named: set[str] = set()
    for atom in tree.atoms(part):
        if not atom.field or isinstance(atom, tree.Exists):
            return ()
        named.add(atom.field)
        if isinstance(atom, tree.FieldRef):
            named.add(atom.other)
    return tuple(sorted(named))


def _is_short(value: Any) -> bool:
    """Whether it may be remembered. 0 and 1 may not: they are also False and True."""
    if value.__class__ is str:
        return len(value) <= _SHORT
    return value is None or (value.__class__ is int and value > 1)


def match_of(rule: EventRule, event: Event, known: Explanations) -> Match:
    """The match of a single event, explained."""
    at = str(event.get("@timestamp", ""))
    return Match(
        rule=rule.rule,
        subject=subject_of(rule.subject, event),
        at=at,
        first_at=at,
        event_ids=(str(event.get("event.id", "")),),
        reasons=known.of(rule, event),
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
