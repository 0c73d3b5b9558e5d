"""Which searches does the house repeat by itself, and what did they find that is new?

A hunt is a search that somebody kept. One that is repeated looks at what the store took since the last time,
by the events' own sequence, so that what arrives late is not passed over; what it finds becomes one alert.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from citywatch.clock import Clock, parse_stamp, stamp
from citywatch.errors import Conflict
from citywatch.model import Alert, Event, Reason, Severity, from_doc, repeatable_id, to_doc
from citywatch.ports import All, Everything, Query, Range, Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from citywatch.ports import Condition

KIND = "hunt"
EVERY = {"": timedelta(0), "hour": timedelta(hours=1), "day": timedelta(days=1)}
"""How often a hunt is repeated; the empty name: only when somebody opens it."""
MOST = 200
LONGEST_NAME = 80
LATE = timedelta(days=2)
"""Events older than this are not looked at again, whenever they arrive."""
_MOST_EVENTS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunt:
    """A search under a name."""

    id: str
    name: str
    q: str = ""
    range: str = "24h"
    by: str = ""
    every: str = ""
    severity: Severity = Severity.medium
    """Of the alert that new finds become."""
    owner: str = ""
    made_at: str = ""
    at: str = ""
    """When it was last repeated."""
    sequence: int = 0
    """Events up to this one were looked at."""
    found: int = 0
    """How many events the last time found."""
    error: str = ""


def read_all(store: Store) -> list[Hunt]:
    """Every kept hunt, by name."""
    page = store.find(KIND, Query(order="name", newest_first=False, limit=MOST))
    return [from_doc(record.doc, Hunt) for record in page.records]


def keep(store: Store, hunt: Hunt) -> bool:
    """Keep a hunt; false when there are as many as may be."""
    if store.get(KIND, hunt.id) is None and len(read_all(store)) >= MOST:
        return False
    store.put_many(KIND, {hunt.id: to_doc(hunt)})
    return True


def newest_sequence(store: Store) -> int:
    """The highest sequence among the events that came last."""
    events = store.search(Query(limit=200, count_to=1)).events
    return max((int(event.get("event.sequence", 0)) for event in events), default=0)


class Standing:
    """Repeats the hunts whose time has come."""

    def __init__(self, store: Store, clock: Clock, read: Callable[[str], Condition]) -> None:
        """Take the store, the time, and what turns a query's text into a condition."""
        self._store, self._clock, self._read = store, clock, read

    def step(self) -> int:
        """Repeat what is due; give how many were."""
        now = self._clock()
        due = [hunt for hunt in read_all(self._store) if is_due(hunt, now)]
        for hunt in due:
            self._repeat(hunt, now)
        return len(due)

    def _repeat(self, hunt: Hunt, now: datetime) -> None:
        record = self._store.get(KIND, hunt.id)
        if record is None:
            return
        upto = newest_sequence(self._store)
        try:
            events, total = self._look(hunt, upto)
            done = replace(hunt, at=stamp(now), sequence=max(upto, hunt.sequence), found=total, error="")
        except Exception as error:  # noqa: BLE001 - one hunt that cannot be read stops no other; it is shown there
            events, total = (), 0
            done = replace(hunt, at=stamp(now), error=str(error)[:300])
        if events:  # before the hunt moves on: after a kill the same finds give the same alert
            alert = alert_of(hunt, events, total)
            self._store.put_many("alert", {alert.id: to_doc(alert)})
        # whoever was faster moved on already, or changed the hunt: the next step looks again
        with suppress(Conflict):
            self._store.put_if(KIND, hunt.id, to_doc(done), record.version)

    def _look(self, hunt: Hunt, upto: int) -> tuple[Sequence[Event], int]:
        """What the store took since the last time; the first time only marks where it begins."""
        if not hunt.at:
            return (), 0
        asked = self._read(hunt.q) if hunt.q.strip() else Everything()
        fresh = Range("event.sequence", hunt.sequence + 1, max(upto, hunt.sequence + 1))
        start = stamp(parse_stamp(hunt.at) - LATE)
        query = Query(where=All((asked, fresh)), start=start, limit=_MOST_EVENTS, count_to=10_000)
        page = self._store.search(query)
        return page.events, page.total


def is_due(hunt: Hunt, now: datetime) -> bool:
    """Its time has come."""
    every = EVERY.get(hunt.every, timedelta(0))
    return bool(every) and (not hunt.at or parse_stamp(hunt.at) + every <= now)


def alert_of(hunt: Hunt, events: Sequence[Event], total: int) -> Alert:
    """What a hunt found, as an alert: the same finds give the same alert."""
    times = sorted(str(event["@timestamp"]) for event in events)
    first = min(events, key=lambda event: str(event["@timestamp"]))
    agencies = {str(event.get("citywatch.portal.agency", "")) for event in events}
    return Alert(
        id=repeatable_id(KIND, hunt.id, hunt.sequence),
        rule_id=f"hunt:{hunt.id}",
        title=hunt.name,
        title_vi=hunt.name,
        severity=hunt.severity,
        subject=hunt.name,
        subject_fields={},
        first_seen=times[0],
        last_seen=times[-1],
        count=total,
        explanation=(Reason(field="event.id", value=str(first["event.id"]), pattern=hunt.q),),
        tags=("citywatch.hunt",),
        event_ids=tuple(str(event["event.id"]) for event in events),
        event=first,
        agency=next(iter(agencies)) if len(agencies) == 1 else "",
    )
