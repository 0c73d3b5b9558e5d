"""Are the lines of GlobalProtect read, and do the rules for VPN logins hold for them?"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.detect.fold import Fold
from citywatch.detect.rulebook import Rulebook
from sensors.globalprotect import SHORTEST, fields, is_login
from sensors.syslog import Lines, Syslog
from tests.sensors.expected import fits, sample
from tests.sensors.reading import misfits

ROOT = Path(__file__).parents[2]
PLACES = {
    "serial": 2, "type": 3, "event": 8, "user": 12, "region": 13, "public": 15, "public6": 16, "error": 26,
    "description": 27, "status": 28,
}  # fmt: skip


def line(**told: str) -> str:
    row = ["x"] * SHORTEST
    row[PLACES["type"]] = "GLOBALPROTECT"
    for name, value in told.items():
        row[PLACES[name]] = value
    return ",".join(row)


def test_logins_are_told_as_those_of_other_firewalls_and_the_rest_under_its_own_name() -> None:
    *_, refused, came, connected = sample(Syslog(), "syslog.paloalto.log")
    login = {"event.dataset": "vpn.auth", "event.action": "vpn_login", "event.category": ["authentication"]}
    fits(
        refused,
        login
        | {
            "event.outcome": "failure",
            "user.name": "an.nv",
            "user.domain": "city",
            "source.ip": "203.0.113.66",
            "source.geo.country_iso_code": "VN",
            "event.reason": "Authentication failed: invalid username or password",
        },
    )
    fits(came, login | {"event.outcome": "success", "user.name": "an.nv", "source.ip": "2001:db8::7"})
    fits(
        connected,
        {"event.dataset": "vpn.session", "event.action": "gateway-connected", "event.outcome": "success"},
    )


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        pytest.param({"public": "0.0.0.0", "public6": "::"}, {"source.ip": None}, id="no address"),  # noqa: S104
        pytest.param({"public": "nowhere"}, {"source.ip": None}, id="an address that is none"),
        pytest.param({"status": "SUCCESS"}, {"event.outcome": "success"}, id="a status in capitals"),
        pytest.param({"status": "maybe"}, {"event.outcome": None}, id="a status that nobody knows"),
        pytest.param({"user": "a\\b\\c"}, {"user.name": "c", "user.domain": "a\\b"}, id="two backslashes"),
        pytest.param(
            {"region": "10.0.0.0-10.255.255.255"}, {"source.geo.country_iso_code": None}, id="a range"
        ),
    ],
)
def test_what_is_unset_or_odd_is_left_out(told: dict[str, str], wanted: dict[str, Any]) -> None:
    found = fields(line(**told).split(","))
    assert {name: found.get(name) for name in wanted} == wanted


def test_guessing_over_globalprotect_is_told_by_the_rule_for_all_firewalls() -> None:
    lines = Lines(datetime(2026, 12, 1, tzinfo=UTC), "Asia/Ho_Chi_Minh")
    refused = line(event="portal-auth", user="an.nv", public="203.0.113.9", status="failure")
    events = [lines(f"Nov 22 10:00:{turn:02d} pa1 {refused}".encode()) for turn in range(12)]
    for number, event in enumerate(events):
        event |= {
            "event.id": f"{number:032x}",
            "event.sequence": number + 1,
            "event.ingested": event["@timestamp"],
        }
    book = Rulebook.load(ROOT)
    assert {alert.title for alert in Fold(book.windows).add(book.judge(events))} == {
        "VPN passwords are guessed"
    }


@given(st.lists(st.text(max_size=20), min_size=SHORTEST, max_size=60))
def test_no_values_break_it_or_leave_the_schema(row: list[str]) -> None:
    found = fields(row)
    assert misfits(found) == []
    assert is_login(row) == (row[8] in {"portal-auth", "gateway-auth"})
