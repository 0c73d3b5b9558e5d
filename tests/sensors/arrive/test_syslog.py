"""Is every message that comes over the network kept, whatever it says?"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import Event
from sensors.arrive.receiver import Message
from sensors.arrive.syslog import Arrived
from tests.sensors.reading import misfits

NOW = datetime(2026, 12, 31, 16, 59, 59, tzinfo=UTC).timestamp()


def arrived(text: bytes, at: float = NOW) -> Event:
    (event,) = Arrived("Asia/Ho_Chi_Minh")(Message(text, "10.0.0.1", at, "udp 0.0.0.0:514"))
    assert misfits(event) == []
    return event


def test_a_message_with_a_header_says_when_and_where() -> None:
    event = arrived(
        b"<38>Dec 31 23:59:58 web1 sshd[7]: Failed password for root from 203.0.113.9 port 22 ssh2"
    )
    assert (event["@timestamp"], event["host.name"]) == ("2026-12-31T16:59:58.000000Z", "web1")
    assert (event["source.ip"], event["event.outcome"]) == ("203.0.113.9", "failure")
    assert event["log.source.address"] == "10.0.0.1"


ROWS = [
    (b"<38>Jan  1 00:00:01 web1 app: ahead of us", "2026-12-31T17:00:01.000000Z"),
    (b"<38>Dec 31 23:59:59 web1 app: now", "2026-12-31T16:59:59.000000Z"),
    (b"<38>1 - web1 app - - - no time", "2026-12-31T16:59:59.000000Z"),
]


@pytest.mark.parametrize(("text", "at"), ROWS)
def test_the_year_is_that_of_the_arrival_also_over_new_year(text: bytes, at: str) -> None:
    assert arrived(text)["@timestamp"] == at


@pytest.mark.parametrize(
    "text", [b"<38>just words", b"words", b"<38>Foo 40 10:00:00 web1 x", b"<999>x", b"\xff\xfe"]
)
def test_a_message_without_a_header_is_kept_with_its_sender_and_arrival(text: bytes) -> None:
    event = arrived(text)
    assert (event["@timestamp"], event["log.source.address"]) == ("2026-12-31T16:59:59.000000Z", "10.0.0.1")
    assert event["message"]


def test_what_follows_a_missing_header_is_read_all_the_same() -> None:
    event = arrived(b"<134>filterlog[1]: hello")
    assert (event["process.name"], event["host.name"]) == ("filterlog", "10.0.0.1")


@given(st.binary(max_size=80))
def test_no_message_is_refused(text: bytes) -> None:
    arrived(text)
