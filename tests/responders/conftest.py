"""What do the tests of outlets share: a receiver on loopback, and a run in a store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from citywatch.clock import system_clock
from citywatch.model import Alert, Severity, Ticket, to_doc
from citywatch.ports import Order
from citywatch.respond.run import Run
from citywatch.store.sqlite import SqliteStore


class JsonReceiver:
    """A tool on loopback that takes JSON and answers as told."""

    def __init__(self) -> None:
        self.status = 200
        self.answer: dict[str, Any] = {}
        self.got: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.got.append((self.path, dict(self.headers), body))
                self.send_response(receiver.status)
                self.end_headers()
                self.wfile.write(json.dumps(receiver.answer).encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def tool() -> Iterator[JsonReceiver]:
    made = JsonReceiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


ALERT = Alert(
    id="a1",
    rule_id="r1",
    title="Contact with a listed domain",
    title_vi="Liên hệ tên miền xấu",
    severity=Severity.high,
    subject="10.1.2.3 · bad.example",
    subject_fields={"source.ip": "10.1.2.3"},
    first_seen="2026-11-23T01:00:00.000000Z",
    last_seen="2026-11-23T02:00:00.000000Z",
    count=3,
    category="network_attack",
    tags=("attack.t1071",),
    values={
        "destination.ip": ["93.184.216.34"],
        "url.domain": ["it's.bad.example"],
        "host.name": ["pc-17"],
        "user.name": ["lan"],
    },
)


@pytest.fixture
def case_store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A store with a run of that alert, and its ticket."""
    store = SqliteStore(tmp_path / "case.sqlite", clock=system_clock)
    run = Run(
        id="run1", playbook="p", version=1, digest="d", alert=ALERT, alert_id="a1", group="g", group_id="g",
        ticket_id="HN-2026-000001",
    )  # fmt: skip
    ticket = Ticket(id="HN-2026-000001", key="k", title="t", severity=Severity.high, tlp="GREEN")
    store.put_many("run", {"run1": to_doc(run)})
    store.put_many("ticket", {ticket.id: to_doc(ticket)})
    store.put_many("alert", {"a1": to_doc(ALERT)})
    yield store
    store.close()


def an_order(action: str, **inputs: Any) -> Order:
    return Order(key="run1:step:0", action=action, inputs=inputs, run_id="run1")
