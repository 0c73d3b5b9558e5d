"""What is done every night, and once only?

`schedule` is a tick: it says that a time of day has come. Whether the night's work is still to be done stands
in the store, as a record per day, so that a restart or a second node neither forgets nor repeats it.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import schedule

from citywatch.clock import stamp
from citywatch.errors import Conflict

if TYPE_CHECKING:
    from console.house import House

log = logging.getLogger("citywatch")

EVERY_S = 60


class Night:
    """The nights of one installation: a tick every minute, and the work once a day."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._done = 0
        self._plan = schedule.Scheduler()
        every = self._plan.every(EVERY_S).seconds
        every.do(self._work_if_due)  # pyright: ignore[reportUnknownMemberType] - loosely typed there
        self._begun = False

    def tick(self) -> int:
        """Do the night's work if its time has come and it was not begun yet; give how many jobs ran."""
        before = self._done
        if self._begun:
            self._plan.run_pending()
        else:
            # A night that was missed while the service was down is made up for now.
            self._begun = True
            self._work_if_due()
        return self._done - before

    def _work_if_due(self) -> None:
        house = self._house
        if is_due(house.clock(), house.settings.timezone, house.settings.watch.nightly_at):
            self._done += _night(house)


def is_due(now: datetime, timezone: str, nightly_at: str) -> bool:
    """The local time of day has come.

    >>> is_due(datetime.fromisoformat("2026-11-22T20:00:00+00:00"), "Asia/Ho_Chi_Minh", "02:00")
    True
    >>> is_due(datetime.fromisoformat("2026-11-22T18:00:00+00:00"), "Asia/Ho_Chi_Minh", "02:00")
    False
    """
    local = now.astimezone(ZoneInfo(timezone))
    return local.strftime("%H:%M") >= nightly_at


def night_of(now: datetime, timezone: str) -> str:
    """The local day that a night's work belongs to."""
    return now.astimezone(ZoneInfo(timezone)).date().isoformat()


def _night(house: House) -> int:
    """Deep scan, retention; once a day whatever happens: the record is taken before the work begins."""
    now = house.clock()
    day = night_of(now, house.settings.timezone)
    try:
        record = house.store.put_if("night", day, {"day": day, "begun_at": stamp(now), "state": "begun"}, 0)
    except Conflict:
        return 0
    from console.claims import check_due
    from console.habits import look_back
    from console.portals import scan
    from console.registry import agencies_due
    from console.web import once

    anchored = _anchored(house)
    changed = agencies_due(house)
    proven = house.advisories.prove_all()
    rows = scan(house, [], deep=True, tell=lambda _: None)
    asked = check_due(house)
    ended = house.indicators.expire(stamp(now))
    habits = look_back(house)
    once.forget(house.store, house.clock)
    oldest = (now - timedelta(days=house.settings.retention.days)).date().isoformat()
    dropped = house.store.drop_before(oldest)
    doc = {
        "day": day,
        "begun_at": stamp(now),
        "ended_at": stamp(house.clock()),
        "state": "done",
        "portals": len(rows),
        "failed": sum(1 for row in rows if row["error"]),
        "dropped_events": dropped,
        "proofs": asked,
        "agencies_changed": changed,
        "advisories_looked_at": proven,
        "audit": anchored,
        "indicators_ended": ended,
        "habits": habits,
    }
    house.store.put_if("night", day, doc, record.version)
    log.info("night of %s: %d portals, %d events dropped", day, len(rows), dropped)
    return 1


def _anchored(house: House) -> str:
    """Write the audit's newest line down; a file that cannot be written does not stop the night."""
    from console.audit import anchor

    try:
        return anchor(house)
    except OSError as error:
        house.pulse.failed("audit", error)
        log.error("audit: its newest line could not be written down: %s", error)  # noqa: TRY400 - the cause is known
        return f"failed: {error}"
