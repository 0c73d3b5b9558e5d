"""What do warnings name, and who of ours has already been in contact with it?

A warning is read, its indicators are kept, and the stored past is asked at once. Whoever was in contact then
becomes an event of the day (`indicator.sighting`) in the journal, so that it is judged, folded and answered
on the same way as a contact that happens now.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from citywatch import schema
from citywatch.clock import Clock, stamp
from citywatch.detect.indicator_import import Defaults, read_indicators
from citywatch.detect.indicator_values import NotAnIndicator, guess
from citywatch.detect.indicators import Indicator, Indicators
from citywatch.detect.sightings import DATASET, Past, Sighting, sightings
from citywatch.errors import SettingsError
from citywatch.model import Event, Problem, repeatable_id, to_doc
from citywatch.ports import Journal, Store

MOST_TOLD = 2000
"""So many contacts of one warning become events; the rest is counted and told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """What came of one warning."""

    form: str
    """csv, list, text, stix or misp."""
    named: int
    new: int
    """How many were not known from this source before."""
    problems: tuple[Problem, ...]
    """At most 1,000 of what was passed over."""
    passed_over: int
    past: Past
    told: int
    """Contacts that were put before the judge now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warnings:
    """Where warnings are kept, and where the past is asked for what they name."""

    indicators: Indicators
    journal: Journal
    store: Store
    clock: Clock

    def take_in(self, raw: bytes, name: str, defaults: Defaults, *, since: str | None = None) -> TakenIn:
        """Keep the indicators of a warning, and ask the stored past for them.

        Args:
            raw: the warning's bytes: CSV, list, STIX 2.1, MISP, text, PDF or DOCX.
            name: how the warning is called in messages.
            defaults: what holds where the warning does not say it.
            since: no events before this moment are asked for.

        Raises:
            InputError: nothing of it can be read.
            IndicatorsFull: there is no room; nothing was kept.
            JournalFull: the contacts cannot be put before the judge; the indicators are kept. Bring it again.
        """
        read = read_indicators(raw, name, defaults)
        wanted = read.indicators
        new = self.indicators.add(wanted)
        past = sightings(self.store, wanted, start=since)
        events = list(islice(_events(past.sightings, stamp(self.clock())), MOST_TOLD))
        told = self.journal.append(events) if events else 0
        return TakenIn(
            form=read.form,
            named=len(wanted),
            new=new,
            problems=tuple(read.problems),
            passed_over=read.passed_over,
            past=past,
            told=told,
        )

    def look_back(self, values: Sequence[str], since: str | None = None) -> Past:
        """Ask the stored past for values of any kind, without keeping them.

        Raises:
            SettingsError: one of them is no indicator.
        """
        asked: list[Indicator] = []
        for text in values:
            try:
                kind, value = guess(text)
            except NotAnIndicator as error:
                raise SettingsError(f"'{text[:100]}' {error}") from error
            asked.append(Indicator(type=kind, value=value, source="asked"))
        return sightings(self.store, asked, start=since)

    def about(self, text: str) -> list[Indicator]:
        """Every source's word on a value, on its domain or network too; nothing when it is none."""
        try:
            kind, value = guess(text)
        except NotAnIndicator:
            return []
        return self.indicators.about(kind, value)


def until(days: int, now: datetime) -> str:
    """The end of an indicator that holds for so many days; 0: it holds until it is taken out."""
    return stamp(now + timedelta(days=days)) if days else ""


def sighting_row(one: Sighting) -> dict[str, Any]:
    """A sighting as one flat row."""
    return {
        "type": one.indicator.type,
        "value": one.indicator.value,
        "source": one.indicator.source,
        "field": one.field,
        "who": [value for _, value in one.who],
        "count": one.count,
        "first_at": one.first_at,
        "last_at": one.last_at,
        "event_ids": list(one.event_ids),
    }


def indicator_row(one: Indicator) -> dict[str, Any]:
    """An indicator as one flat row."""
    return to_doc(one)


def _events(found_ones: Sequence[Sighting], now: str) -> Iterator[Event]:
    """One event for each of ours and each indicator met; who cannot be told has one without."""
    for one in found_ones:
        for who in one.who or (None,):
            yield _event(one, who, now)


def _event(one: Sighting, who: tuple[str, str] | None, now: str) -> Event:
    named = one.indicator
    ours = "one of ours" if who is None else who[1]
    event_id = repeatable_id(DATASET, named.source, named.value, one.field, ours, one.count, one.last_at)
    event: Event = {
        "@timestamp": now,
        "event.id": event_id,
        "event.kind": "event",
        "event.category": ["threat"],
        "event.dataset": DATASET,
        "event.module": "indicator",
        "message": f"{ours} met {named.type} {named.value} of {named.source} {one.count} times "
        f"between {one.first_at} and {one.last_at}",
        "threat.indicator.type": named.type,
        "threat.indicator.name": named.value,
        "threat.indicator.provider": named.source,
        "threat.indicator.marking.tlp": named.tlp,
        "threat.indicator.sightings": one.count,
        "threat.indicator.first_seen": one.first_at,
        "threat.indicator.last_seen": one.last_at,
        "related.events": list(one.event_ids),
        one.field: _shaped(one.field, one.value),
    }
    if named.reference:
        event["threat.indicator.reference"] = named.reference
    if who is not None and who[0] != one.field:
        event[who[0]] = _shaped(*who)
    return event


def _shaped(name: str, value: str) -> str | list[str]:
    field = schema.resolve(name)
    return [value] if field is not None and field.many else value
