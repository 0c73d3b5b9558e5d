"""Does the terminal do on a console elsewhere what it does here, and keep its token to itself?"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from citywatch.errors import CityWatchError, SettingsError
from citywatch.model import Alert
from citywatch.ports import Query
from console.cli.app import app
from console.remote import remote_of
from console.web import accounts, sessions, shots
from console.web.app import make_app
from tests.console.web.conftest import SmallHouse
from tests.console.web.conftest import city as city  # noqa: PLC0414 - a fixture, taken over
from tests.console.web.conftest import house as house  # noqa: PLC0414 - a fixture, taken over
from tests.console.web.conftest import small_city as small_city  # noqa: PLC0414 - a fixture, taken over


@pytest.fixture
def server(house: SmallHouse, city: list[Alert]) -> Iterator[str]:
    assert city
    with shots.listening(make_app(house)) as address:
        yield address


def token(house: SmallHouse, name: str = "lan", scope: str = "write") -> str:
    user = accounts.get_user(house.store, name)
    assert user
    return sessions.new_token(house.store, house.clock, user, "t", scope=scope, days=1)


def run(server: str, secret: str, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["--server", server, "--token", secret, *words])
    assert done.exception is None, done.exception
    return done.exit_code, done.output


def test_alerts_are_listed_shown_and_closed(server: str, house: SmallHouse, city: list[Alert]) -> None:
    secret = token(house)
    _, out = run(server, secret, "alerts", "list", "--json", "--limit", "600")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["id"] for row in rows] == [one.id for one in city]
    _, out = run(server, secret, "alerts", "list", "--json", "--agency", "so-y-te", "--severity", "high")
    severe = [one.id for one in city if one.agency == "so-y-te" and one.severity >= 3]
    assert [json.loads(line)["id"] for line in out.splitlines()] == severe
    assert city[0].title in run(server, secret, "alerts", "show", city[0].id)[1]
    assert run(server, secret, "alerts", "close", city[0].id, "--note", "planned")[0] == 0
    record = house.store.get("alert_state", city[0].id)
    assert record
    assert (record.doc["state"], record.doc["changed_by"], record.doc["reason"]) == (
        "closed",
        "lan",
        "planned",
    )


def test_tickets_are_listed_commented_and_moved(server: str, house: SmallHouse) -> None:
    secret = token(house)
    _, out = run(server, secret, "tickets", "list", "--json", "--state", "new")
    ticket = json.loads(out.splitlines()[0])["id"]
    assert "may move to" in run(server, secret, "tickets", "show", ticket)[1]
    assert run(server, secret, "tickets", "comment", ticket, "đã gọi")[0] == 0
    assert run(server, secret, "tickets", "move", ticket, "triage")[0] == 0
    record = house.store.get("ticket", ticket)
    assert record
    assert record.doc["state"] == "triage"
    assert "đã gọi" in [line["note"] for line in record.doc["history"]]


def test_a_token_gives_what_its_account_may(server: str, house: SmallHouse) -> None:
    own = remote_of(server, token(house, "yte")).ticket_rows(agency="", state="", limit=100)
    assert {row["agency"] for row in own} <= {"so-y-te"}
    with pytest.raises(CityWatchError, match="token"):
        remote_of(server, "cw_wrong").ticket_rows(agency="", state="", limit=1)
    other = house.store.find("ticket", Query(order="id", limit=1)).records[0].id
    with pytest.raises(CityWatchError, match="token is needed"):
        remote_of(server, token(house, scope="read")).comment(other, "x", by="")


@pytest.mark.parametrize(
    ("server", "token"),
    [("http://soc.example", "t"), ("ftp://x", "t"), ("soc.example", "t"), ("https://x", "")],
)
def test_a_token_never_goes_over_a_network_in_the_clear(server: str, token: str) -> None:
    with pytest.raises(SettingsError):
        remote_of(server, token)


def test_what_is_no_console_is_told() -> None:
    with pytest.raises(CityWatchError, match="does not answer"):
        remote_of("http://127.0.0.1:9", "t").ticket_rows(agency="", state="", limit=1)
