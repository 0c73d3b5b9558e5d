"""Does the terminal do on a console elsewhere what it does here, and keep its token to itself?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from citywatch.errors import CityWatchError, SettingsError
from citywatch.model import Alert
from citywatch.ports import Query
from console.cli import far
from console.cli.app import app
from console.remote import remote_of
from console.web import accounts, sessions, shots
from console.web.app import make_app
from tests.console.web.conftest import SmallHouse, waiting_run
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


def test_what_is_known_is_suppressed_and_shown_again(
    server: str, house: SmallHouse, city: list[Alert]
) -> None:
    secret, alert = token(house), next(one for one in city if one.agency)
    same = [one for one in city if (one.rule_id, one.agency) == (alert.rule_id, alert.agency)]
    words = ("alerts", "suppress", alert.id, "--field", "agency", "--reason", "known")
    tried = run(server, secret, *words, "--dry-run")
    assert f"hides {len(same)} past alerts" in tried[1]
    assert run(server, secret, "alerts", "suppressed", "--json")[1] == ""
    assert run(server, secret, *words)[0] == 0
    [row] = [
        json.loads(line) for line in run(server, secret, "alerts", "suppressed", "--json")[1].splitlines()
    ]
    assert row["values"] == {"agency": alert.agency}
    run(server, secret, "alerts", "unsuppress", row["id"])
    assert run(server, secret, "alerts", "suppressed", "--json")[1] == ""


def test_searches_are_kept_and_run_there(server: str, house: SmallHouse) -> None:
    secret = token(house)
    key = run(server, secret, "hunts", "keep", "night", "source.ip:*", "--every", "day")[1].partition(":")[0]
    rows = [json.loads(line) for line in run(server, secret, "hunts", "list", "--json")[1].splitlines()]
    assert [(row["id"], row["every"], row["owner"]) for row in rows] == [(key, "day", "lan")]
    found = run(server, secret, "hunts", "run", key, "--json", "--limit", "3")[1].splitlines()
    assert all(json.loads(line)["source.ip"] for line in found)
    assert run(server, secret, "hunts", "drop", key)[0] == 0
    assert run(server, secret, "hunts", "list", "--json")[1] == ""


def test_portals_are_listed_brought_in_and_looked_at_again(
    server: str, house: SmallHouse, tmp_path: Path
) -> None:
    table = tmp_path / "new.csv"
    table.write_text("url,name\nhttps://moi.soyte.example/,Mới\nhttp://127.0.0.1/,B\n", "utf-8")
    own = token(house, "ytechinh")
    words = ["--server", server, "--token", own, "portals", "import", str(table)]
    told = CliRunner().invoke(app, words)
    assert (told.exit_code, "1 portals taken, 1 lines not" in told.output) == (1, True)
    rows = [json.loads(line) for line in run(server, own, "portals", "list", "--json")[1].splitlines()]
    assert {row["agency"] for row in rows} == {"so-y-te"}
    assert "https://moi.soyte.example/" in {row["url"] for row in rows}
    assert "nothing bad" in run(server, own, "portals", "recheck", "cong-so-y-te")[1]
    assert "right one" in run(server, own, "portals", "accept", "cong-so-y-te")[1]
    with pytest.raises(CityWatchError, match="Not Found"):
        remote_of(server, token(house, "giaoduc")).ask("POST", "portals/cong-so-y-te/recheck", body={})


def test_what_waits_is_approved_there_by_a_second_person(
    server: str, house: SmallHouse, city: list[Alert]
) -> None:
    waiting_run(house, city[0])
    words = ("playbooks", "approve", "run1", "takedown", "--as", "x")
    try:
        [row] = run(server, token(house), "playbooks", "runs", "--json")[1].splitlines()
        assert json.loads(row)["waits_for"] == "takedown"
        told = CliRunner().invoke(app, ["--server", server, "--token", token(house, "lead"), *words])
        assert "second person" in str(told.exception)
        assert run(server, token(house, "admin"), *words)[0] == 0
        assert run(server, token(house, "admin"), "playbooks", "cancel", "run1", "--as", "x")[0] == 0
    finally:
        house.runner.close()
    record = house.store.get("run", "run1")
    assert record
    assert (record.doc["state"], record.doc["steps"][0]["decided_by"]) == ("canceled", "admin")


def test_every_other_verb_refuses_to_work_elsewhere_and_touches_nothing_here(tmp_path: Path) -> None:
    names = [name for name, _ in far.verbs(app)]
    assert {*far.BOTH, *far.FAR, *far.ONLY} <= set(names)
    local = tmp_path / "none"
    for name in ("agencies list", "rules list", "tickets metrics", "portals faces x", "doctor"):
        given = ["--server", "http://127.0.0.1:9", "--token", "t", *name.split(), "--data", str(local)]
        told = CliRunner().invoke(app, given)
        assert "works on this machine only" in str(told.exception), name
    assert not local.exists()
    for name in far.ONLY:
        words = [*name.split(), *(["x", "y"] if name == "hunts keep" else [])]
        words += ["x"] if name.split()[1] in {"run", "drop", "suppress", "unsuppress", "recheck"} else []
        told = CliRunner().invoke(app, words, env={"CITYWATCH_SERVER": ""})
        assert "give --server" in str(told.exception), name


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
