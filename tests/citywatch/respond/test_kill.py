"""Is each effect there exactly once, whenever the runner is killed?

A playbook of 50 steps speaks in turn to a receiver that drops doubles by the order's key and to one that
cannot. Processes that run it are killed at random moments (seeded) until one comes to the end.
"""

from __future__ import annotations

import multiprocessing
import os
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from time import sleep
from typing import Any

import pytest

from citywatch.clock import system_clock
from citywatch.model import from_doc, to_doc
from citywatch.ports import Effect, Order, Query
from citywatch.respond.catalogue import Catalogue
from citywatch.respond.lifecycle import Numbering
from citywatch.respond.post import Reach, send
from citywatch.respond.run import Run
from citywatch.respond.runner import Runner
from citywatch.store.sqlite import SqliteStore
from responders.ticket import OpenTicket

from .conftest import a_playbook, an_alert

STEPS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Tells the receiver an order's key; with `repeats_safely` the receiver looks at it."""

    name: str
    url: str
    repeats_safely: bool
    effect: Effect = "notify"
    remote: bool = True

    def act(self, order: Order) -> Mapping[str, Any]:
        body = f"{'checked' if self.repeats_safely else 'blind'} {order.key}".encode()
        send(self.url, body, {}, Reach(allow_loopback=True))
        return {}


class Receiver:
    """Counts what arrives; drops a checked key that it has seen."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.effects: Counter[str] = Counter()
        lock = Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                kind, _, key = body.partition(" ")
                with lock:
                    receiver.asked[key] += 1
                    if kind == "blind" or not receiver.effects[key]:
                        receiver.effects[key] += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        Thread(target=self.server.serve_forever, daemon=True).start()


def work(folder: Path, url: str) -> None:
    """What the processes that are killed do: the whole walk of the runner, from a clean start."""
    steps = "  - { id: ticket, do: ticket.open }\n" + "".join(
        f"  - {{ id: step_{n}, do: tell.{'safe' if n % 2 else 'blind'} }}\n" for n in range(STEPS - 1)
    )
    store = SqliteStore(folder / "store.sqlite", clock=system_clock)
    responders = {
        "ticket.open": OpenTicket(store=store, clock=system_clock, numbering=Numbering()),
        "tell.safe": Telling(name="tell.safe", url=url, repeats_safely=True),
        "tell.blind": Telling(name="tell.blind", url=url, repeats_safely=False),
    }
    runner = Runner(store, [a_playbook(steps)], responders, Catalogue(store), system_clock)
    alerts = [an_alert(number) for number in range(3)]
    store.put_many("alert", {alert.id: to_doc(alert) for alert in alerts})
    for alert in alerts:
        runner.start(alert)
    while runner.tick():
        pass
    (folder / "done").touch()
    os._exit(0)


def walk(folder: Path, kills: int, chance: random.Random) -> tuple[Receiver, SqliteStore, int]:
    receiver = Receiver()
    context = multiprocessing.get_context("fork")
    killed = 0
    while not (folder / "done").exists():
        process = context.Process(target=work, args=(folder, receiver.url))
        process.start()
        if killed < kills:
            sleep(chance.uniform(0.005, 0.25))
            process.kill()
            killed += 1
        process.join(60)
    receiver.server.shutdown()
    receiver.server.server_close()
    return receiver, SqliteStore(folder / "store.sqlite", clock=system_clock), killed


def check(receiver: Receiver, store: SqliteStore) -> None:
    page = store.find("run", Query(order="updated_at"))
    (run,) = [from_doc(record.doc, Run) for record in page.records]
    doubted = {run.key(state) for state in run.steps if state.perhaps_twice}
    cut_twice = {run.key(state) for state in run.steps if state.state == "failed"}
    assert {state.state for state in run.steps} <= {"done", "failed"}
    assert len(run.steps) == STEPS
    for state in run.steps[1:]:
        key = run.key(state)
        if int(state.step.partition("_")[2]) % 2:
            assert receiver.effects[key] == 1, key
        else:
            assert receiver.effects[key] <= (2 if key in doubted else 1), key
            assert receiver.effects[key] >= (0 if key in cut_twice else 1), key
    assert cut_twice <= doubted
    assert {record.id for record in store.find("outbox", Query(order="at", limit=999)).records} == doubted
    tickets = store.find("ticket", Query(order="opened_at")).records
    assert [ticket.id[-6:] for ticket in tickets] == ["000001"]
    assert tickets[0].doc["alert_ids"] == ["alert-00000", "alert-00001", "alert-00002"]
    store.close()


def test_killed_at_a_few_random_moments_each_effect_is_there_once(tmp_path: Path) -> None:
    receiver, store, _ = walk(tmp_path, 8, random.Random(7))  # noqa: S311 - a seed to repeat by
    check(receiver, store)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_killed_at_two_hundred_random_moments_each_effect_is_there_once(tmp_path: Path) -> None:
    chance = random.Random(11)  # noqa: S311 - a seed to repeat by
    killed = number = 0
    while killed < 200:
        folder = tmp_path / str(number)
        folder.mkdir()
        receiver, store, more = walk(folder, 200 - killed, chance)
        check(receiver, store)
        killed += more
        number += 1
