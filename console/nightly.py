"""What is done every night, and once only?

`schedule` is a tick: it says that a time of day has come. Whether the night's work is still to be done stands
in the store, as a record per day, so that a restart or a second node neither forgets nor repeats it. The deep
scan goes on from tick to tick (`deepscan`); when it is over, the rest is done and the morning report made.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import schedule

from citywatch.clock import parse_stamp, stamp
from citywatch.errors import Conflict, StoreError
from citywatch.ports import Record
from citywatch.respond.due import Lease
from console.deepscan import DeepScan, Progress
from console.registry import agencies_due

if TYPE_CHECKING:
    from console.house import House
    from console.portals import Make

log = logging.getLogger("citywatch")

EVERY_S = 60


class Night:
    """The nights of one installation: a tick every minute, and the work once a day.

    Args:
        house: the installation.
        make: makes the portal sensor; the installation's own when None.
    """

    def __init__(self, house: House, make: Make | None = None) -> None:
        self._house = house
        self._make = make
        self._lease = Lease(house.store, "night", house.clock)
        self._day = ""
        self._scan: DeepScan | None = None
        self._done = 0
        self._plan = schedule.Scheduler()
        every = self._plan.every(EVERY_S).seconds
        every.do(self._work_if_due)  # pyright: ignore[reportUnknownMemberType] - loosely typed there
        self._begun = False

    def tick(self) -> int:
        """Go on with the night's work if its time has come and it is not done; give how many nights ended."""
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
            self._done += self._go_on(house)

    def _go_on(self, house: House) -> int:
        """Begin the night's work, or go on with it; give 1 when it has ended."""
        day = night_of(house.clock(), house.settings.timezone)
        record = house.store.get("night", day)
        if record is None:
            record = _begin(house, day)
        if record is None or record.doc["state"] == "done" or not self._lease.hold():
            return 0
        if self._scan is None or self._day != day:
            self._day, self._scan = (
                day,
                DeepScan(house, day, parse_stamp(str(record.doc["begun_at"])), self._make),
            )
        self._scan.step()
        progress = self._scan.progress
        house.pulse.gauge(
            "nightly:scan",
            "",
            {"portals": progress.total, "done": progress.done, "failed": progress.failed},
        )
        if not self._scan.is_over:
            return 0
        _end(house, record, progress)
        self._scan = None
        return 1


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


def _begin(house: House, day: str) -> Record | None:
    """Take the night, once a day whatever happens; None when another node was faster."""
    doc = {"day": day, "begun_at": stamp(house.clock()), "state": "scanning"}
    try:
        record = house.store.put_if("night", day, doc, 0)
    except Conflict:
        return None
    return house.store.put_if(
        "night",
        day,
        doc | {"audit": _anchored(house), "agencies_changed": agencies_due(house)},
        record.version,
    )


def _end(house: House, record: Record, progress: Progress) -> None:
    """What is done once everybody was scanned; may be done again after a kill."""
    from console.claims import check_due
    from console.habits import look_back
    from console.lookalikes import look_again
    from console.morning import tell
    from console.web import once

    now = house.clock()
    proven = house.advisories.prove_all()
    asked = check_due(house)
    ended = house.indicators.expire(stamp(now))
    habits = look_back(house)
    alike = look_again(house)
    once.forget(house.store, house.clock)
    oldest = (now - timedelta(days=house.settings.retention.days)).date().isoformat()
    dropped = house.store.drop_before(oldest)
    doc = {
        **record.doc,
        "ended_at": stamp(house.clock()),
        "state": "done",
        "portals": progress.done,
        "total": progress.total,
        "left": progress.total - progress.done,
        "failed": progress.failed,
        "dropped_events": dropped,
        "proofs": asked,
        "advisories_looked_at": proven,
        "indicators_ended": ended,
        "habits": habits,
        "lookalikes": alike,
    }
    doc["morning"] = tell(house, doc)
    house.store.put_if("night", str(doc["day"]), doc, record.version)
    log.info("night of %s: %d portals, %d events dropped", doc["day"], progress.done, dropped)


def _anchored(house: House) -> str:
    """Write the audit's newest line down; a file that cannot be written does not stop the night."""
    from console import evidence
    from console.audit import anchor

    try:
        evidence.anchor(house)
        return anchor(house)
    except (OSError, StoreError) as error:
        house.pulse.failed("audit", error)
        log.error("audit: its newest line could not be written down: %s", error)  # noqa: TRY400 - the cause is known
        return f"failed: {error}"
