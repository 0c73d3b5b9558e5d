"""Is every change told once, signed, in order, and again until it is taken?"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from citywatch.clock import stamp
from citywatch.errors import ActionFailed
from citywatch.model import AlertState, Severity, Ticket, to_doc
from citywatch.settings import Webhook
from citywatch.store.sqlite import SqliteStore
from console.outbound import Outbound
from tests.console.web.conftest import Ticking


class Receiver:
    """Another system: keeps what it was told, and may be out of order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bool, dict[str, Any]]] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                good = "sha256=" + hmac.new(b"secret", body, "sha256").hexdigest()
                if receiver.status == 200:
                    signed = self.headers["X-CityWatch-Signature"] == good
                    receiver.told.append((self.headers["Idempotency-Key"], signed, json.loads(body)))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def keys(self) -> list[str]:
        return [key for key, _, _ in self.told]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
def store(tmp_path: Path, clock: Ticking) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "s.sqlite", clock=clock)
    yield made
    made.close()


def outbound(store: SqliteStore, clock: Ticking, receiver: Receiver) -> Outbound:
    url = f"http://127.0.0.1:{receiver.server.server_port}/"
    return Outbound(store, clock, Webhook(url=url, secret="secret", allow_loopback=True, timeout_s=2))


def put_ticket(store: SqliteStore, clock: Ticking, name: str, state: str = "new") -> None:
    ticket = Ticket(
        id=name, key=name, title="t", severity=Severity.high, state=state, changed_at=stamp(clock())
    )
    store.put_many("ticket", {name: to_doc(ticket)})


def test_changes_are_told_once_and_signed_and_the_past_is_not(
    store: SqliteStore, clock: Ticking, receiver: Receiver
) -> None:
    put_ticket(store, clock, "old")
    assert outbound(store, clock, receiver).step() == 0
    put_ticket(store, clock, "T1")
    state = AlertState(alert_id="a", state="closed", changed_at=stamp(clock()))
    store.put_many("alert_state", {"a": to_doc(state)})
    store.put_many("alert", {"a": {"id": "a", "severity": 4, "last_seen": stamp(clock()), "event": {"x": 1}}})
    assert outbound(store, clock, receiver).step() == 3
    assert outbound(store, clock, receiver).step() == 0
    put_ticket(store, clock, "T1", "triage")
    assert outbound(store, clock, receiver).step() == 1
    assert receiver.keys == ["ticket:T1:1", "alert_state:a:1", "alert:a:1", "ticket:T1:2"]
    assert all(signed for _, signed, _ in receiver.told)
    alert = receiver.told[2][2]
    assert (alert["kind"], alert["record"]["severity"], "event" in alert["record"]) == (
        "alert",
        "critical",
        False,
    )


def test_what_the_receiver_did_not_take_is_told_again_and_nothing_twice(
    store: SqliteStore, clock: Ticking, receiver: Receiver
) -> None:
    outbound(store, clock, receiver).step()
    for number in range(5):
        put_ticket(store, clock, f"T{number}")
    receiver.status = 503
    with pytest.raises(ActionFailed, match="503"):
        outbound(store, clock, receiver).step()
    receiver.status = 200
    assert outbound(store, clock, receiver).step() == 5
    assert receiver.keys == [f"ticket:T{number}:1" for number in range(5)]


def test_a_change_that_comes_a_little_late_is_told_and_old_keys_are_forgotten(
    store: SqliteStore, clock: Ticking, receiver: Receiver
) -> None:
    sender = outbound(store, clock, receiver)
    sender.step()
    clock.now += timedelta(minutes=1)
    put_ticket(store, clock, "first")
    sender.step()
    late = Ticket(
        id="late",
        key="l",
        title="t",
        severity=Severity.low,
        changed_at=stamp(clock.now - timedelta(seconds=30)),
    )
    store.put_many("ticket", {"late": to_doc(late)})
    assert sender.step() == 1
    for minute in range(1, 6):
        clock.now += timedelta(minutes=minute)
        for kind in ("alert_state", "alert"):
            at = {"alert_state": "changed_at", "alert": "last_seen"}[kind]
            store.put_many(kind, {f"{kind}{minute}": {"id": "x", at: stamp(clock())}})
        put_ticket(store, clock, f"M{minute}")
        sender.step()
    record = store.get("outbound", "cursor")
    assert record
    assert "first" not in record.doc["keys"]
    assert len(receiver.keys) == len(set(receiver.keys)) == 17
