"""Which portals were scanned deeply tonight, and which are still to come?

Each portal has its own minute of the night, so that no server and no line has them all at once; who is done
stands in the store (records of kind `deep`), so that a night that was killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from citywatch.clock import parse_stamp
from citywatch.model import Portal
from citywatch.ports import Is, Query
from console.cares import all_wishes, may_scan
from console.registry import active_portals

if TYPE_CHECKING:
    from console.house import House
    from console.portals import Make

KIND = "deep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a night's deep scan has come."""

    total: int
    done: int
    failed: int
    waiting: int
    """Whose hours or minute have not come yet."""


class DeepScan:
    """The deep scan of one night.

    Args:
        house: the installation.
        day: the night's local day.
        began: when the night's work began.
        make: makes the sensor; the installation's own when None.
    """

    def __init__(self, house: House, day: str, began: datetime, make: Make | None = None) -> None:
        self._house = house
        self._day = day
        self._began = began
        self._make = make
        self._done = done_on(house, day)
        self._portals: dict[str, Portal] = {portal.id: portal for portal in active_portals(house)}
        self._hours = {wish.id: wish.hours for wish in all_wishes(house.store) if wish.hours}

    def step(self) -> int:
        """Visit everybody whose time has come and who is not done; give how many that were."""
        from console.portals import visit

        due = [portal for portal in self._left() if self._is_due(portal)]
        if not due:
            return 0
        rows = visit(self._house, due, deep=True, make=self._make, night=self._day)
        self._done |= {str(row["portal"]): row for row in rows}
        for portal in due:  # a portal that broke its visit was told, and is not tried again tonight
            self._done.setdefault(portal.id, {"error": "the visit broke"})
        return len(due)

    @property
    def is_over(self) -> bool:
        """Nobody is left, or the night is: who is still to come was not let in."""
        late = self._house.clock() - self._began > timedelta(hours=self._house.settings.watch.nightly_hours)
        return late or not self._left()

    @property
    def progress(self) -> Progress:
        """How far it has come."""
        left = self._left()
        done = [self._done[portal_id] for portal_id in self._portals if portal_id in self._done]
        return Progress(
            total=len(self._portals),
            done=len(done),
            failed=sum(1 for row in done if row.get("error")),
            waiting=sum(1 for portal in left if not self._is_due(portal)),
        )

    def _left(self) -> list[Portal]:
        left = [portal for portal in self._portals.values() if portal.id not in self._done]
        return sorted(left, key=self._offset)

    def _is_due(self, portal: Portal) -> bool:
        now = self._house.clock()
        if not may_scan(self._hours.get(portal.id, ""), now, self._house.settings.timezone):
            return False
        return self._began + self._offset(portal) <= now or bool(self._hours.get(portal.id))

    def _offset(self, portal: Portal) -> timedelta:
        """The portal's own minute of the night, another one every night."""
        spread = max(self._house.settings.watch.nightly_spread_min, 0) * 60
        number = int.from_bytes(blake2b(f"{self._day} {portal.id}".encode(), digest_size=4).digest(), "big")
        return timedelta(seconds=number % (spread + 1))


def done_on(house: House, day: str) -> dict[str, Mapping[str, Any]]:
    """Who was scanned deeply on a day."""
    return {str(doc["portal"]): doc for doc in _records(house, day)}


def done_since(house: House, moment: datetime, portals: Sequence[Portal]) -> set[str]:
    """Who of these was scanned deeply since a moment."""
    held = house.store.get_many(KIND, [portal.id for portal in portals])
    return {key for key, record in held.items() if parse_stamp(str(record.doc["at"])) >= moment}


def _records(house: House, day: str) -> Iterator[Mapping[str, Any]]:
    after: str | None = None
    while True:
        query = Query(where=Is("day", day), order="id", newest_first=False, limit=1000, after=after)
        page = house.store.find(KIND, query)
        yield from (record.doc for record in page.records)
        after = page.next
        if after is None:
            return
