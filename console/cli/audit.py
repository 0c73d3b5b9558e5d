"""Who did what, and was that record changed?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.cli import say
from console.cli.options import Data, Json, Limit, StoreUrl

audit = typer.Typer(no_args_is_help=True, help="Who did what: list it, and verify that nobody changed it.")

_COLUMNS = (("seq", "Line"), ("at", "When"), ("by", "Who"), ("what", "What"), ("about", "About"))


@audit.command("list")
def list_lines(
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Of this account only.")] = "",
    what: Annotated[
        str, typer.Option("--what", metavar="DEED", help="This deed only: login, ticket_moved …")
    ] = "",
    about: Annotated[str, typer.Option("--about", metavar="TEXT", help="With this text in it.")] = "",
    limit: Limit = 50,
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """List what people did, newest first."""
    from citywatch.ports import All, Condition, Is, Query, Text
    from citywatch.respond.audit import KIND
    from console.house import open_house

    wanted: list[Condition] = [Is(field, value) for field, value in (("by", by), ("what", what)) if value]
    wanted += [Text(about)] if about else []
    with open_house(data, store=store) as house:
        when = say.local(house.settings.timezone)
        page = house.store.find(KIND, Query(where=All(tuple(wanted)), order="seq", limit=limit))
        found = [record.doc for record in page.records]
        if not json:
            found = [doc | {"at": when(str(doc.get("at", "")))} for doc in found]
        say.rows(found, _COLUMNS, json=json, empty="Nothing in the audit matches.")


@audit.command("verify")
def verify_lines(
    anchors: Annotated[
        list[Path] | None,
        typer.Option("--anchors", metavar="FILE", help="A copy of the anchor file from another place."),
    ] = None,
    heads: Annotated[
        list[str] | None, typer.Option("--head", metavar="NUMBER:HASH", help="A head from a letter.")
    ] = None,
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Tell each place where a line was edited, deleted, moved, put in or made anew (exit code 1)."""
    from citywatch.model import to_doc
    from console.audit import verify
    from console.house import open_house

    with open_house(data, store=store) as house:
        verdict, held = verify(house, anchors or (), heads or ())
    if json:
        say.line(to_doc(verdict) | {"anchors": held, "ok": not verdict.wrong})
    else:
        for place in verdict.wrong:
            say.out().print(say.cell(str(place), style="bold red"))
        told = f"{verdict.lines} lines, held against {held} heads that were written down"
        say.out().print(f"{told}: {'NOT AS WRITTEN' if verdict.wrong else 'whole'}", markup=False)
        say.out().print(f"head {verdict.head}", markup=False)
    if verdict.wrong:
        raise typer.Exit(1)


@audit.command("anchor")
def write_anchor(data: Data = None, store: StoreUrl = None) -> None:
    """Write the newest line down now, as the service does every night."""
    from console.audit import anchor, anchor_file
    from console.house import open_house

    with open_house(data, store=store) as house:
        say.err().print(f"{anchor_file(house)}: {anchor(house)}", markup=False)
