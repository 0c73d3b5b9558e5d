"""What did the network do in the last day that no program of yesterday did? Once a night, over stored events.

Regular calls (beacons) over all flows of the day, whatever sensor saw them, and what was seen for the first
time or is rare. All of it goes into the journal as events, where rules judge it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address, ip_network
from itertools import islice
from typing import TYPE_CHECKING

from citywatch.clock import EPOCH, stamp
from citywatch.model import Agency, from_doc
from citywatch.ports import Query
from sensors.network.beacon import Beacons
from sensors.network.habit import Day, Memory, day_of

if TYPE_CHECKING:
    from console.house import House

KIND = "habit"
"""Record kind: how far the stored events were read."""
_MOST_EVENTS = 5_000_000
_PAGE = 2000
_BATCH = 1000
_MOST_AGENCIES = 5000
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")


def look_back(house: House) -> dict[str, int]:
    """Read the events that were stored since the last time, and tell of habits; give the counts."""
    record = house.store.get(KIND, "place")
    after = int(record.doc["sequence"]) if record else 0
    since = stamp(house.clock() - timedelta(days=1))
    day, beacons = Day(_own(house)), Beacons()
    seen = 0
    while seen < _MOST_EVENTS and (events := house.store.scan(after, _PAGE)):
        for event in events:
            if str(event["@timestamp"]) >= since:
                day.add(event)
                beacons.add_event(event)
        seen += len(events)
        after = int(events[-1]["event.sequence"])
    told = _tell(house, day, beacons)
    house.store.put_many(KIND, {"place": {"sequence": after, "at": stamp(house.clock())}})
    return {"read": seen, "told": told, "left_out": day.left_out}


def _tell(house: House, day: Day, beacons: Beacons) -> int:
    today = day_of(int((house.clock() - EPOCH).total_seconds() * 1_000_000))
    memory = Memory(house.settings.data / "habits.db")
    told = 0
    try:
        rows = iter([*memory.events(day, today=today), *beacons.events("")])
        while batch := list(islice(rows, _BATCH)):
            told += house.journal.append(batch)
        # Only now: a night that is killed before this line tells the same again, with the same ids.
        memory.learn(day, today=today)
    finally:
        memory.close()
    return told


def _own(house: House) -> Callable[[str], bool]:
    """Private addresses and the networks of the agencies are our own."""
    page = house.store.find("agency", Query(order="id", limit=_MOST_AGENCIES))
    named = [text for record in page.records for text in from_doc(record.doc, Agency).networks]
    wanted = [*_PRIVATE, *named]
    networks = [network for text in wanted if (network := ip_network(text, strict=False)).prefixlen]
    known: dict[str, bool] = {}

    def is_own(text: str) -> bool:
        if text not in known:
            address = ip_address(text)
            known[text] = any(address in network for network in networks)
        return known[text]

    return is_own
