"""How is a rule's yes told: what it is about, and which field met which pattern?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from citywatch.detect.fold import carried
from citywatch.detect.sigma import oracle
from citywatch.detect.sigma.load import EventRule, Refusal
from citywatch.errors import ContentError
from citywatch.model import Event, Match, Problem

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
