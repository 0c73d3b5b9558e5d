"""How long is it from an event to its ticket, through journal, rules and playbooks, in a storm?

The service itself (each part in its thread, SQLite, all own rules and playbooks) is fed a journal at a fixed
rate: every third event is an IDS alert of one of 40 sources on one of 250 targets, the rest are quiet flows.
An oracle says which tickets there must be: one for each source, with all its alerts. Prints, from the moment
an event is in the journal, how long it took until its source had a ticket, and until the alert stood in it.

    .venv/bin/python benchmarks/walk.py [--seconds 30] [--rate 1000] [--store URL]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from time import monotonic, process_time, sleep

from citywatch.clock import parse_stamp, stamp
from citywatch.model import Event, Ticket, from_doc, repeatable_id
from citywatch.ports import Query
from citywatch.respond.every import every_record
from citywatch.watch import JUDGE
from console.house import House, open_house
from console.service import Service

SOURCES, TARGETS, BATCH = 40, 250, 50
PATIENCE_S = 240.0


def event(number: int) -> Event:
    """Every third an alert of the IDS on a pair of source and target not seen before, else a quiet flow."""
    at = stamp(datetime.now(UTC))
    if number % 3:
        return {
            "@timestamp": at, "event.id": repeatable_id("quiet", number), "event.kind": "event",
            "event.category": ["network"], "event.dataset": "network.flow", "event.module": "network",
            "source.ip": f"10.9.{number // 250 % 250}.{number % 250}",
            "destination.ip": "10.1.1.1", "destination.port": 443,
            "network.transport": "tcp", "source.bytes": 900, "destination.bytes": 4000,
        }  # fmt: skip
    pair = number // 3
    return {
        "@timestamp": at, "event.id": repeatable_id("storm", number), "event.kind": "alert",
        "event.category": ["network", "intrusion_detection"], "event.dataset": "network.alert",
        "event.module": "eve", "event.severity": 1, "rule.name": "ET EXPLOIT test",
        "rule.category": "Attempted Administrator Privilege Gain", "source.ip": f"203.0.113.{pair % SOURCES}",
        "destination.ip": f"10.{pair // SOURCES // TARGETS % 200}.4.{pair // SOURCES % TARGETS}",
        "destination.port": 445,
    }  # fmt: skip


def feed(house: House, seconds: int, rate: int) -> dict[tuple[str, str], datetime]:
    """Put the events into the journal at the rate; tell when each pair was in it."""
    arrived: dict[tuple[str, str], datetime] = {}
    began, number = monotonic(), 0
    while number < seconds * rate:
        sleep(max(0.0, began + number / rate - monotonic()))
        some = [event(one) for one in range(number, number + BATCH)]
        house.journal.append(some)
        now = datetime.now(UTC)
        for one in some:
            if one["event.module"] == "eve":
                arrived.setdefault((one["source.ip"], one["destination.ip"]), now)
        number += BATCH
    return arrived


def settled(house: House) -> bool:
    """Everything is judged, and every alert stands in a ticket."""
    last = house.journal.health().last
    return house.journal.cursor(JUDGE) == last and not house.judge.waiting and not house.runner.is_due()


def main() -> None:
    """Run the storm and print one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--store", default=None)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_house(Path(folder), store=given.store) as house:
        print(json.dumps(storm(house, given.seconds, given.rate)))


def storm(house: House, seconds: int, rate: int) -> dict[str, object]:
    """The storm, and what came of it."""
    service = Service(house, [])
    service.start()
    began, cpu, load = monotonic(), process_time(), os.getloadavg()[0]
    arrived = feed(house, seconds, rate)
    fed = monotonic() - began
    while not settled(house) and monotonic() - began < fed + PATIENCE_S:
        sleep(0.2)
    done, used = monotonic() - began, process_time() - cpu
    service.stop()
    events = seconds * rate
    return compared(house, arrived) | {
        "events": events,
        "fed at /s": round(events / fed),
        "all done after s": round(done, 1),
        "CPU s": round(used, 1),
        "load before": round(load, 1),
    }


def compared(house: House, arrived: dict[tuple[str, str], datetime]) -> dict[str, object]:
    """What there is beside what the oracle says there must be, and how long it took."""
    oracle = Counter(source for source, _ in arrived)
    tickets = [from_doc(one.doc, Ticket) for one in every_record(house.store, "ticket", Query(order="id"))]
    found = {ticket.key.partition(":")[2]: ticket.alert_count for ticket in tickets}
    opened = {ticket.key.partition(":")[2]: parse_stamp(ticket.opened_at) for ticket in tickets}
    linked: dict[tuple[str, str], datetime] = {}
    named = {
        one.id: parse_stamp(str(one.doc["changed_at"]))
        for one in every_record(house.store, "alert_state")
        if one.doc.get("ticket_id")
    }
    for one in every_record(house.store, "alert"):
        fields = one.doc["subject_fields"]
        pair = (fields.get("source.ip", ""), fields.get("destination.ip", ""))
        if one.id in named and pair in arrived:
            linked[pair] = named[one.id]
    has = [
        max(0.0, (opened[pair[0]] - at).total_seconds()) for pair, at in arrived.items() if pair[0] in opened
    ]
    stands = [(linked[pair] - at).total_seconds() for pair, at in arrived.items() if pair in linked]
    return {
        "alerts": len(arrived),
        "tickets": len(tickets),
        "as the oracle says": found == dict(oracle),
        "alerts in a ticket": len(linked),
        "event to source's ticket, p50/p95/longest s": told(has),
        "event to alert in the ticket, p50/p95/longest s": told(stands),
    }


def told(times: list[float]) -> list[float]:
    """The median, the 95th of a hundred and the longest."""
    if len(times) < 2:
        return []
    return [round(median(times), 2), round(quantiles(times, n=20)[-1], 2), round(max(times), 2)]


if __name__ == "__main__":
    main()
