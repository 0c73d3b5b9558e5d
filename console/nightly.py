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

_clocks: dict[int, schedule.Scheduler] = {}


def tick(house: House) -> int:
    """Do the night's work if its time has come; give how many jobs ran."""
    plan = _clocks.get(id(house))
    if plan is None:
        plan = _clocks[id(house)] = _plan(house)
        # What was missed while the service was down is made up for now.
        return _night(house) if _is_late(house) else 0
    before = house.judge.judged
    plan.run_pending()
    return int(house.judge.judged > before)


def _plan(house: House) -> schedule.Scheduler:
    plan = schedule.Scheduler()
    plan.every().day.at(house.settings.watch.nightly_at, house.settings.timezone).do(_night, house)
    return plan


def _is_late(house: House) -> bool:
    now = house.clock().astimezone(ZoneInfo(house.settings.timezone))
    hour, minute = map(int, house.settings.watch.nightly_at.split(":"))
    return now >= now.replace(hour=hour, minute=minute, second=0, microsecond=0)


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
    from console.portals import scan

    rows = scan(house, [], deep=True, tell=lambda _: None)
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
    }
    house.store.put_if("night", day, doc, record.version)
    log.info("night of %s: %d portals, %d events dropped", day, len(rows), dropped)
    return 1
