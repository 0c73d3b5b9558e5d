"""Which alerts and tickets are there, and what is done with them?"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli import say
from console.cli.options import SERVER, Data, Json, Limit, StoreUrl, Who

if TYPE_CHECKING:
    from console.cases import Here
    from console.remote import Remote

alerts = typer.Typer(
    no_args_is_help=True, help="What the rules said, folded: list, show, acknowledge, close."
)
tickets = typer.Typer(no_args_is_help=True, help="What people work on: list, show, move on, comment.")

_ALERT_COLUMNS = (
    ("severity", "Severity"),
    ("last_seen", "Last seen"),
    ("count", "Count"),
    ("title", "Title"),
    ("subject", "Subject"),
    ("agency", "Agency"),
    ("state", "State"),
    ("id", "Id"),
)
_TICKET_COLUMNS = (
    ("id", "Ticket"),
    ("severity", "Severity"),
    ("state", "State"),
    ("opened_at", "Opened"),
    ("agency", "Agency"),
    ("title", "Title"),
    ("alerts", "Alerts"),
)

Severity = Annotated[
    str, typer.Option("--severity", help="At least this: informational, low, medium, high, critical.")
]
Agency = Annotated[str, typer.Option("--agency", metavar="ID", help="Of this agency only.")]
State = Annotated[str, typer.Option("--state", help="In this state only.")]
Note = Annotated[str, typer.Option("--note", help="What stands in the history.")]


@contextmanager
def _at(data: Data, store: StoreUrl) -> Generator[Here | Remote]:
    """Where the work is done: the console that the first options name, else the installation here."""
    server, token = SERVER.get()
    if server:
        from console.remote import remote_of

        yield remote_of(server, token)
        return
    from console.cases import Here
    from console.house import open_house

    with open_house(data, store=store) as house:
        yield Here(house)


@alerts.command("list")
def list_alerts(
    severity: Severity = "",
    agency: Agency = "",
    state: State = "",
    limit: Limit = 50,
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """List alerts, newest first."""
    with _at(data, store) as place:
        when = say.local(place.timezone)
        found = place.alert_rows(severity=severity, agency=agency, state=state, limit=limit)
        if not json:
            found = [row | {"last_seen": when(str(row["last_seen"]))} for row in found]
        say.rows(
            found, _ALERT_COLUMNS, json=json, empty="No alerts match. Look at all: citywatch alerts list"
        )


@alerts.command("show")
def show_alert(alert_id: str, data: Data = None, store: StoreUrl = None, json: Json = False) -> None:
    """Show one alert: why it fired, on what, and what to do."""
    with _at(data, store) as place:
        doc = place.alert_detail(alert_id)
        if json:
            say.line(doc)
            return
        _show(
            doc,
            ("title", "severity", "state", "subject", "agency", "asset", "count", "first_seen", "last_seen"),
        )
        say.out().print("\nWhy it fired", style="bold")
        say.rows(
            doc["explanation"],
            (("field", "Field"), ("value", "Value"), ("pattern", "Pattern")),
            json=False,
            empty="The rule gave no reasons.",
        )
        _show_text("What to do", doc.get("guide_en") or "")
        _show_text("Hướng dẫn", doc.get("guide_vi") or "")


def _show(doc: dict[str, Any], keys: tuple[str, ...]) -> None:
    for key in keys:
        say.out().print(f"{key.replace('_', ' '):<12} ", say.cell(doc.get(key, "")), sep="")


def _show_text(heading: str, text: str) -> None:
    if text:
        say.out().print(f"\n{heading}", style="bold")
        say.out().print(say.cell(text))


def _set_state(alert_ids: list[str], to: str, who: str, note: str, data: Data, store: StoreUrl) -> None:
    with _at(data, store) as place:
        for alert_id in alert_ids:
            place.set_alert_state(alert_id, to, by=who, note=note)
            say.err().print(f"{alert_id}: {to}", markup=False)


@alerts.command("ack")
def acknowledge(
    alert_ids: list[str], note: Note = "", who: Who = "", data: Data = None, store: StoreUrl = None
) -> None:
    """Tell the others that somebody looks at these alerts."""
    _set_state(alert_ids, "acknowledged", who, note, data, store)


@alerts.command("close")
def close(
    alert_ids: list[str],
    note: Note = "",
    false_positive: Annotated[bool, typer.Option("--false-positive", help="It was no attack.")] = False,
    who: Who = "",
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Close alerts."""
    _set_state(alert_ids, "false_positive" if false_positive else "closed", who, note, data, store)


@alerts.command("reopen")
def reopen(
    alert_ids: list[str], note: Note = "", who: Who = "", data: Data = None, store: StoreUrl = None
) -> None:
    """Take alerts up again that were closed or acknowledged."""
    _set_state(alert_ids, "new", who, note, data, store)


@tickets.command("list")
def list_tickets(
    agency: Agency = "",
    state: State = "",
    limit: Limit = 50,
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """List tickets, last changed first."""
    with _at(data, store) as place:
        when = say.local(place.timezone)
        found = place.ticket_rows(agency=agency, state=state, limit=limit)
        if not json:
            found = [
                row | {"opened_at": when(str(row["opened_at"])), "alerts": len(row["alert_ids"])}
                for row in found
            ]
        say.rows(found, _TICKET_COLUMNS, json=json, empty="No tickets match.")


@tickets.command("rank")
def rank_tickets(
    agency: Agency = "", limit: Limit = 50, data: Data = None, store: StoreUrl = None, json: Json = False
) -> None:
    """List open tickets, the most urgent first; `tickets show` tells how the number comes about."""
    from console.cases import ranked_rows
    from console.house import open_house

    with open_house(data, store=store) as house:
        when = say.local(house.settings.timezone)
        found = ranked_rows(house, agency=agency, limit=limit)
        if not json:
            found = [
                row | {"opened_at": when(str(row["opened_at"])), "alerts": len(row["alert_ids"])}
                for row in found
            ]
        columns = (("priority", "Priority"), *_TICKET_COLUMNS)
        say.rows(found, columns, json=json, empty="No ticket is open.")


@tickets.command("show")
def show_ticket(ticket_id: str, data: Data = None, store: StoreUrl = None, json: Json = False) -> None:
    """Show one ticket with its history and guidance."""
    with _at(data, store) as place:
        doc = place.ticket_detail(ticket_id)
        if json:
            say.line(doc)
            return
        _show(
            doc,
            ("id", "title", "severity", "state", "agency", "asset", "tlp", "assignee", "opened_at", "due_at"),
        )
        if "priority_sum" in doc:
            say.out().print("priority     ", say.cell(doc["priority_sum"]), sep="")
        say.out().print(f"may move to  {', '.join(doc['moves']) or '(nowhere)'}", markup=False)
        _show_story(doc)
        say.out().print("\nHistory", style="bold")
        say.rows(
            doc["history"],
            (("at", "When"), ("by", "Who"), ("what", "What"), ("note", "Note")),
            json=False,
            empty="Nothing happened yet.",
        )
        _show_text("What to do", doc.get("guide_en") or "")
        _show_text("Hướng dẫn", doc.get("guide_vi") or "")


def _show_story(doc: dict[str, Any]) -> None:
    """What joined the ticket because of a value that both hold, and its campaign."""
    if doc.get("campaign"):
        say.out().print(f"campaign     {doc['campaign']}", markup=False)
    if doc.get("strands"):
        say.out().print("\nOne attack: also in this ticket", style="bold")
        columns = (("title", "What"), ("category", "Category"), ("because", "Both hold"), ("run_id", "Run"))
        say.rows(doc["strands"], columns, json=False, empty="")


@tickets.command("split")
def split_ticket(
    ticket_id: str,
    run: Annotated[str, typer.Argument(help="The run that brought it; `tickets show` lists them.")],
    who: Who = "",
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Give something that joined a ticket a ticket of its own."""
    from console.cases import split
    from console.house import open_house

    with open_house(data, store=store) as house:
        say.line({"id": split(house, ticket_id, run, by=who).id})


@tickets.command("leave")
def leave_campaign(ticket_id: str, who: Who = "", data: Data = None, store: StoreUrl = None) -> None:
    """Take a ticket out of its campaign."""
    from console.cases import leave_campaign as left
    from console.house import open_house

    with open_house(data, store=store) as house:
        left(house, ticket_id, by=who)
        say.err().print(f"{ticket_id}: is in no campaign", markup=False)


@tickets.command("move")
def move_ticket(
    ticket_id: str,
    to: Annotated[str, typer.Argument(help="The state to move to; `tickets show` lists those allowed.")],
    note: Note = "",
    who: Who = "",
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Move a ticket to another state."""
    with _at(data, store) as place:
        state = place.move(ticket_id, to, by=who, note=note)
        say.err().print(f"{ticket_id}: {state}", markup=False)


@tickets.command("comment")
def comment_ticket(
    ticket_id: str, text: str, who: Who = "", data: Data = None, store: StoreUrl = None
) -> None:
    """Write a line into a ticket's history."""
    with _at(data, store) as place:
        place.comment(ticket_id, text, by=who)
        say.err().print(f"{ticket_id}: noted", markup=False)
