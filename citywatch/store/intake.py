"""May this event come in?

Both stores ask the same; what they refuse is counted and kept aside with the reason, never dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from citywatch.model import Event
from citywatch.store import terms

LONGEST_ID = 512
LONGEST_PRINT = 100_000
FIRST_MOMENT = "1970-01-01T00:00:00.000000Z"
LAST_MOMENT = "2262-04-11T23:47:16.000000Z"
"""Elasticsearch keeps microseconds only between these two (`date_nanos`)."""


def refusal(event: Event) -> str:
    """Why an event cannot be kept, or nothing.

    >>> refusal({"event.id": "a", "event.sequence": 1})
    "'event.ingested' is missing: it did not come through the journal"
    """
    for field in ("event.id", "event.sequence", "event.ingested", "@timestamp"):
        if field not in event:
            return f"'{field}' is missing: it did not come through the journal"
    known = event["event.id"]
    if not isinstance(known, str) or not 0 < len(known.encode("utf-8", "replace")) <= LONGEST_ID:
        return f"'event.id' is not a text of 1 to {LONGEST_ID} bytes"
    if not isinstance(event["event.sequence"], int):
        return "'event.sequence' is not a whole number"
    for field in ("event.ingested", "@timestamp"):
        moment = terms.moment_of(event[field])
        if moment is None or not FIRST_MOMENT <= moment <= LAST_MOMENT:
            return f"'{field}' is not a time between 1970 and 2262"
    return ""


def day_of(event: Event) -> str:
    """The ingest day, `2026-11-22`, of an event that was let in."""
    return str(terms.moment_of(event["event.ingested"]))[:10]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """An event that may come in, and its JSON."""

    event: Event
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An event that may not, and why."""

    event: Event
    reason: str

    @property
    def id(self) -> str:
        known = str(self.event.get("event.id", "")).encode("utf-8", "replace")[:LONGEST_ID]
        return known.decode("utf-8", "ignore") or "without id"

    @property
    def printed(self) -> str:
        return repr(self.event)[:LONGEST_PRINT].encode("utf-8", "replace").decode()


def sift(events: Iterable[Event]) -> tuple[list[Taken], list[Refused]]:
    """Tell what may come in from what may not."""
    taken: list[Taken] = []
    refused: list[Refused] = []
    for event in events:
        reason = refusal(event)
        if reason:
            refused.append(Refused(event=event, reason=reason))
            continue
        try:
            taken.append(Taken(event=event, raw=orjson.dumps(event)))
        except TypeError as error:
            refused.append(Refused(event=event, reason=f"it is not JSON: {error}"))
    return taken, refused
