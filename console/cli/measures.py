"""How fast is the work, and what does the law want of it?"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from console.cli import say
from console.cli.options import Data, Json, StoreUrl

_METRICS = (
    ("agency", "Agency"),
    ("opened", "Opened"),
    ("closed", "Closed"),
    ("reopened", "Reopened"),
    ("backlog", "Backlog"),
    ("mtta", "MTTA"),
    ("mttc", "MTTC"),
    ("mttr", "MTTR"),
    ("breaches", "Late"),
)
_DUTIES = (
    ("due", "Due"),
    ("title_en", "Duty"),
    ("law", "Law"),
    ("article", "Article"),
    ("recipients", "To"),
    ("verified_by", "Verified by"),
)


def metrics(
    since: Annotated[str, typer.Option("--since", metavar="DAY", help="From this day; 30 days ago.")] = "",
    until: Annotated[str, typer.Option("--until", metavar="DAY", help="Before this day; now.")] = "",
    csv: Annotated[bool, typer.Option("--csv", help="As CSV with a header line.")] = False,
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Time to acknowledge, contain and close, backlog and goals missed, by agency (`*`: all)."""
    from console.house import open_house
    from console.measures import as_csv, metric_rows

    with open_house(data, store=store) as house:
        found = metric_rows(house, since, until)
    if csv:
        typer.echo(as_csv(found), nl=False)
        return
    if not json:
        found = [row | {name: _span(row[f"{name}_s"]) for name in ("mtta", "mttc", "mttr")} for row in found]
    say.rows(found, _METRICS, json=json, empty="There are no tickets.")


def _span(seconds: int | None) -> str:
    if seconds is None:
        return "–"
    hours, rest = divmod(seconds, 3600)
    return f"{hours}h {rest // 60:02d}m" if hours else f"{rest // 60}m"


def law(
    ticket_id: Annotated[str, typer.Argument(help="A ticket; without it, the table in force today.")] = "",
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """What the law wants reported, to whom and until when. To be verified by counsel."""
    from console.house import open_house
    from console.measures import duty_rows

    with open_house(data, store=store) as house:
        when = say.local(house.settings.timezone)
        found: list[dict[str, Any]] = duty_rows(house, ticket_id)
        if not json:
            found = [
                row | {"due": when(row["due"]) or row["within"], "recipients": "; ".join(row["recipients"])}
                for row in found
            ]
        say.rows(found, _DUTIES, json=json, empty="No duty of the table is about it.")
