"""Is anything lost or doubled when the service is killed, whenever that is?"""

from __future__ import annotations

import random
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from citywatch.model import Ticket, from_doc
from citywatch.ports import Query
from console.city import AGENCIES
from console.house import House, open_house
from console.registry import put_agency
from console.sources import make_sources
from tests.acceptance.conftest import CITYWATCH

STARTED = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def watch(data: Path, inputs: Path) -> subprocess.Popen[bytes]:
    command = [CITYWATCH, "watch", "--until-idle", "--no-console", "--data", data, "--input", inputs]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def installation(folder: Path) -> Path:
    folder.mkdir()
    with open_house(folder) as house:
        for agency in AGENCIES:
            put_agency(house, agency)
    return folder


def snapshot(data: Path) -> dict[str, Any]:
    """Everything that was kept, without what may differ by right: ingest times and ticket numbers."""
    with open_house(data) as house:
        events = all_events(house)
        assert len({event["event.id"] for event in events}) == len(events), "an event is stored twice"
        alerts = all_docs(house, "alert")
        tickets = [from_doc(doc, Ticket) for doc in all_docs(house, "ticket").values()]
        runs = all_docs(house, "run")
    keys = [ticket.key for ticket in tickets]
    assert len(set(keys)) == len(keys), "a ticket was opened twice"
    return {
        "events": {event["event.id"]: without(event, "event.ingested") for event in events},
        "alerts": {key: without(doc, "event") for key, doc in alerts.items()},
        "tickets": {t.key: (t.title, t.agency, t.severity, t.state, sorted(t.alert_ids)) for t in tickets},
        # A run is told by its playbook and group: its id follows from the alert that reached it first.
        "runs": sorted((doc["playbook"], doc["group_id"], doc["state"]) for doc in runs.values()),
    }


def without(doc: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in doc.items() if key not in names}


def all_events(house: House) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while page := house.store.scan(int(found[-1]["event.sequence"]) if found else 0, 5000):
        found.extend(page)
    return found


def all_docs(house: House, kind: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    after: str | None = None
    while True:
        page = house.store.find(kind, Query(order="id", limit=1000, after=after))
        found.update({record.id: record.doc for record in page.records})
        after = page.next
        if after is None:
            return found


def check_kills(tmp_path: Path, kills: int, seed: int) -> None:
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    make_sources(inputs, STARTED)
    undisturbed = installation(tmp_path / "undisturbed")
    began = time.monotonic()
    assert watch(undisturbed, inputs).wait(timeout=120) == 0
    took = time.monotonic() - began
    expected = snapshot(undisturbed)
    assert expected["events"]
    assert expected["alerts"]
    assert expected["tickets"]
    chance = random.Random(seed)  # noqa: S311 - a seed makes a failing run repeatable
    killed = installation(tmp_path / "killed")
    struck = 0
    for _ in range(kills):
        service = watch(killed, inputs)
        time.sleep(chance.uniform(0.3, took))
        struck += service.poll() is None
        service.send_signal(signal.SIGKILL)
        service.wait(timeout=30)
    assert struck > 0, "no kill met a running service"
    assert watch(killed, inputs).wait(timeout=120) == 0
    found = snapshot(killed)
    for part in ("events", "alerts", "tickets", "runs"):
        assert found[part] == expected[part], part


def test_five_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path) -> None:
    check_kills(tmp_path, kills=5, seed=1)


@pytest.mark.long
def test_fifty_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path) -> None:
    check_kills(tmp_path, kills=50, seed=2)
