"""How fast do the alerts of a storm become the right tickets?

10,000 alerts of 40 sources at 1,000 a second (in batches, as the judge hands them on), on SQLite with our own
playbooks. An oracle says which tickets there must be: one for each source, with all its alerts.
Prints the time from an alert's arrival to its source's ticket, and how long the whole took.

    .venv/bin/python benchmarks/respond.py [--alerts 10000] [--one-by-one]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
from collections import Counter
from pathlib import Path
from statistics import quantiles
from time import monotonic, sleep

import responders
from citywatch.clock import stamp_us, system_clock
from citywatch.model import Alert, Severity, Ticket, from_doc, to_doc
from citywatch.ports import Query
from citywatch.respond.catalogue import Catalogue
from citywatch.respond.playbook import load_playbooks
from citywatch.respond.runner import Runner
from citywatch.settings import Settings
from citywatch.store.evidence import EvidenceFolder
from citywatch.store.sqlite import SqliteStore

SOURCES = 40
RATE = 1000
BATCH = 200
HOUSE = Path(__file__).resolve().parents[1]


def alert(number: int) -> Alert:
    """Every alert is another rule or target of one of the sources."""
    source = f"203.0.113.{number % SOURCES}"
    at = stamp_us(1_790_000_000_000_000 + number * 1000)
    return Alert(
        id=f"alert-{number:06d}",
        rule_id=f"rule-{number % 7}",
        title="Port scan",
        severity=Severity.high,
        subject=f"{source} · 10.0.{number // 250}.{number % 250}",
        subject_fields={"source.ip": source, "destination.ip": f"10.0.{number // 250}.{number % 250}"},
        first_seen=at,
        last_seen=at,
        count=1,
        category="network_attack",
        values={"source.ip": [source]},
    )


def main() -> None:
    """Run the storm and print one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--one-by-one", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(storm(Path(folder), given.alerts, one_by_one=given.one_by_one)))


def storm(folder: Path, count: int, *, one_by_one: bool) -> dict[str, object]:
    """Hand the alerts on at the rate while a second thread ticks; compare with the oracle."""
    store = SqliteStore(folder / "store.sqlite", clock=system_clock)
    made = responders.build(Settings(data=folder), store, system_clock, EvidenceFolder(folder / "evidence"))
    playbooks, _ = load_playbooks(HOUSE / "playbooks")
    runner = Runner(store, playbooks, made, Catalogue(store), system_clock)
    alerts = [alert(number) for number in range(count)]
    opened: dict[str, float] = {}
    stop = threading.Event()
    thread = threading.Thread(target=respond, args=(runner, stop, opened))
    thread.start()
    began = monotonic()
    arrived = hand_on(store, runner, alerts, began, one_by_one=one_by_one)
    handed_on = monotonic() - began
    stop.set()
    thread.join()
    while runner.tick():
        pass
    done = monotonic() - began
    waits = [
        max(0.0, opened.get(one.subject_fields["source.ip"], began + done) - arrived[one.id])
        for one in alerts
    ]
    runner.close()
    outcome = compared(store, alerts) | {
        "p95 alert to ticket s": round(quantiles(waits, n=20)[-1], 3),
        "longest alert to ticket s": round(max(waits), 3),
        "handed on s": round(handed_on, 1),
        "all linked s": round(done, 1),
    }
    store.close()
    return outcome


def respond(runner: Runner, stop: threading.Event, opened: dict[str, float]) -> None:
    """Tick until told to stop, and note when each source's ticket was there."""
    while not stop.is_set():
        if not runner.tick():
            sleep(0.05)
        for run in runner.runs(limit=SOURCES * 2):
            if run.ticket_id:
                opened.setdefault(run.alert.subject_fields["source.ip"], monotonic())


def hand_on(
    store: SqliteStore, runner: Runner, alerts: list[Alert], began: float, *, one_by_one: bool
) -> dict[str, float]:
    """Give the alerts to the store and the runner at the rate; tell when each arrived."""
    arrived: dict[str, float] = {}
    for start in range(0, len(alerts), BATCH):
        sleep(max(0.0, began + start / RATE - monotonic()))
        some = alerts[start : start + BATCH]
        arrived.update({one.id: monotonic() for one in some})
        store.put_many("alert", {one.id: to_doc(one) for one in some})
        for group in [[one] for one in some] if one_by_one else [some]:
            runner.start_many(group)
    return arrived


def compared(store: SqliteStore, alerts: list[Alert]) -> dict[str, object]:
    """What there is beside what the oracle says there must be."""
    page = store.find("ticket", Query(order="opened_at", limit=1000))
    tickets = [from_doc(record.doc, Ticket) for record in page.records]
    oracle = Counter(one.subject_fields["source.ip"] for one in alerts)
    found = {ticket.key.partition(":")[2]: ticket.alert_count for ticket in tickets}
    return {
        "alerts": len(alerts),
        "tickets": len(tickets),
        "as the oracle says": found == dict(oracle),
        "alerts linked": sum(store.get("alert_state", one.id) is not None for one in alerts),
    }


if __name__ == "__main__":
    main()
