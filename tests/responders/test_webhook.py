"""Is a webhook signed, told once by key, and never led where it must not go?"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from citywatch.clock import system_clock
from citywatch.errors import ActionFailed
from citywatch.ports import Order
from citywatch.respond.post import NotSent, Reach, may_reach, send
from citywatch.settings import Webhook
from citywatch.store.sqlite import SqliteStore
from responders.webhook import NotifyWebhook


class Receiver:
    """A receiver on loopback that answers as told."""

    def __init__(self) -> None:
        self.status = 204
        self.location = ""
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.headers.append(dict(self.headers))
                self.send_response(receiver.status)
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?x=1"
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "s.sqlite", clock=system_clock)
    yield made
    made.close()


def outlet(store: SqliteStore, url: str, *, allow_loopback: bool = True) -> NotifyWebhook:
    settings = Webhook(url=url, secret="khóa", timeout_s=2, allow_loopback=allow_loopback)
    return NotifyWebhook(store=store, clock=lambda: datetime(2026, 11, 23, tzinfo=UTC), settings=settings)


ORDER = Order(key="run:pass_on:0", action="notify.webhook", inputs={"event": "Đổi giao diện"})


def test_the_body_is_signed_and_carries_the_key(store: SqliteStore, receiver: Receiver) -> None:
    outlet(store, receiver.url).act(ORDER)
    (body,), (headers,) = receiver.bodies, receiver.headers
    expected = hmac.new("khóa".encode(), body, "sha256").hexdigest()
    assert headers["X-CityWatch-Signature"] == f"sha256={expected}"
    assert headers["Idempotency-Key"] == "run:pass_on:0"
    assert json.loads(body)["event"] == "Đổi giao diện"


@pytest.mark.parametrize(("status", "again"), [(503, True), (429, True), (400, False), (302, False)])
def test_an_answer_that_is_no_success_is_a_failure(
    store: SqliteStore,
    receiver: Receiver,
    status: int,
    again: bool,  # noqa: FBT001 - a row of the table
) -> None:
    receiver.status, receiver.location = status, receiver.url
    with pytest.raises(ActionFailed) as caught:
        outlet(store, receiver.url).act(ORDER)
    assert caught.value.again is again
    assert len(receiver.bodies) == 1


def test_it_does_not_reach_this_machine_unless_it_may(store: SqliteStore, receiver: Receiver) -> None:
    with pytest.raises(ActionFailed, match="may reach"):
        outlet(store, receiver.url, allow_loopback=False).act(ORDER)
    named = receiver.url.replace("127.0.0.1", "localhost")
    with pytest.raises(ActionFailed, match="may reach"):
        outlet(store, named, allow_loopback=False).act(ORDER)
    assert not receiver.bodies


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "192.0.0.192", "168.63.129.16", "224.0.0.1", "255.255.255.255", "198.18.0.1"),
        *("::1", "::", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "fec0::1"),
        *(
            "fd00::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "not an address",
        ),
    ],
)
def test_no_inner_address_is_reached(address: str) -> None:
    assert not may_reach(address, Reach())


def test_a_private_receiver_is_reached_only_when_allowed() -> None:
    assert may_reach("10.0.0.1", Reach(allow_private=True))
    assert may_reach("fd00::1", Reach(allow_private=True))
    assert not may_reach("169.254.169.254", Reach(allow_private=True))
    assert not may_reach("127.0.0.1", Reach(allow_private=True))
    assert may_reach("8.8.8.8", Reach())


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://a/", "gopher://a/", "http://", "//a", "http://[::"]
)
def test_what_is_no_web_address_is_not_sent(url: str) -> None:
    with pytest.raises((NotSent, ValueError)):
        send(url, b"", {}, Reach(allow_loopback=True))


def test_without_an_address_it_says_so_and_does_not_fail(store: SqliteStore) -> None:
    assert "no webhook is configured" in outlet(store, "").act(ORDER)["note"]
