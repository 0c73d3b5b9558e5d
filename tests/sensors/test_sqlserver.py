"""Does SQL Server's audit event tell who asked for what?"""

from __future__ import annotations

from citywatch.model import Event
from sensors.sqlserver import enrich, pairs_of
from sensors.winlog import Winlog
from tests.sensors.expected import fits, sample


def test_logins_and_statements_of_the_application_log() -> None:
    refused, asked = sample(Winlog(), "winlog.sqlserver.ndjson")
    fits(refused, {"event.dataset": "database.audit", "event.action": "login", "event.outcome": "failure"})
    assert refused["winlog.channel"] == "Application"
    fits(
        asked,
        {
            "user.name": "CITY\\lan",
            "citywatch.database.name": "HoTich",
            "citywatch.database.object": "dbo.khai_sinh",
            "citywatch.database.statement": "select *\nfrom dbo.khai_sinh",
            "citywatch.database.rows": 250_000,
        },
    )


def test_roles_and_unknown_actions() -> None:
    event: Event = {
        "winlog.event_data.Data": ["action_id:APRL\nsucceeded:true\nstatement:EXEC sp_addrolemember"]
    }
    enrich(event)
    assert (event["event.action"], event["citywatch.database.class"]) == ("add role member", "ROLE")
    event = {"winlog.event_data.Data": "action_id:ZZZ\nsucceeded:false"}
    enrich(event)
    assert (event["event.action"], event["event.outcome"]) == ("zzz", "failure")
    event = {"winlog.event_data.Data": 7}
    enrich(event)
    assert event == {"winlog.event_data.Data": 7}


def test_a_statement_may_hold_lines_that_look_like_fields() -> None:
    assert pairs_of("statement:select 1\nfrom: x\nserver_principal_name:sa") == {
        "statement": "select 1\nfrom: x",
        "server_principal_name": "sa",
    }
