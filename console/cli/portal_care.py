"""How is one portal watched, and what is its right face?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.cli import say
from console.cli.options import Data, Json, StoreUrl, Who

_CARE = (
    ("id", "Portal"),
    ("sensitivity", "Sensitivity"),
    ("ignored", "Ignored blocks"),
    ("inner_pages", "Inner pages"),
    ("hours", "Hours"),
    ("outside", "Outside them"),
    ("windows", "Maintenance (30 days)"),
)


def care(
    portal_id: str,
    sensitivity: Annotated[
        str | None, typer.Option("--sensitivity", help="low, normal or high: which small changes are told.")
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore", metavar="PLACE", help="A block whose text may change: div.news>ul>li; '' for none."
        ),
    ] = None,
    inner_pages: Annotated[
        int | None,
        typer.Option("--inner-pages", min=0, max=200, help="Looked at on each visit; 0: as everywhere."),
    ] = None,
    calendar: Annotated[
        Path | None,
        typer.Option("--calendar", metavar="FILE", help="Maintenance windows as iCalendar (.ics)."),
    ] = None,
    no_calendar: Annotated[
        bool, typer.Option("--no-calendar", help="No maintenance windows any more.")
    ] = False,
    hours: Annotated[
        str | None,
        typer.Option(
            "--hours",
            metavar="22:00-05:00",
            help="When it may be scanned deeply and crawled; '' for any time.",
        ),
    ] = None,
    outside: Annotated[
        str | None,
        typer.Option("--outside", help="home or none: what is looked at outside these hours."),
    ] = None,
    who: Who = "",
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Show or set how a portal is watched: sensitivity, ignored blocks, maintenance windows, hours."""
    from console.cares import change, read_ics, read_wish, rows
    from console.house import open_house
    from console.registry import portal_of

    with open_house(data, store=store) as house:
        portal = portal_of(house, portal_id)
        changes = {
            "sensitivity": sensitivity,
            "ignored": tuple(item for item in ignore if item) if ignore is not None else None,
            "inner_pages": inner_pages,
            "calendar": "" if no_calendar else read_ics(calendar) if calendar is not None else None,
            "hours": hours,
            "outside": outside,
        }
        asked = any(value is not None for value in changes.values())
        wish = change(house, portal, who or "cli", **changes) if asked else read_wish(house, portal_id)
        found = rows(house, wish)
    if not json:
        found = [row | {key: ", ".join(row[key]) for key in ("ignored", "windows")} for row in found]
    say.rows(found, _CARE, json=json, empty="")


def night(
    day: Annotated[str, typer.Argument(help="2026-11-27; the newest when none is named.")] = "",
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Show the morning report of a night: scanned, failed, alerts, who does not answer, certificates."""
    from citywatch.model import to_doc
    from console.house import open_house
    from console.morning import read, text_of

    with open_house(data, store=store) as house:
        found = read(house, day)
    if json:
        say.rows([to_doc(found)] if found is not None else [], (), json=True, empty="")
    elif found is None:
        nobody = f"There is no report of the night of {day}" if day else "No night has ended yet"
        say.out().print(f"{nobody}; the service scans deeply at [watch] nightly_at.", markup=False)
    else:
        for text in text_of(found).splitlines():
            say.out().print(say.cell(text))


_FACES = (
    ("version", "Version"),
    ("stands", "Stands"),
    ("state", "State"),
    ("visits", "Visits learned"),
    ("changed_at", "Changed (UTC)"),
    ("accepted_by", "Accepted by"),
)
_PREVIEW = (
    ("view", "View"),
    ("page", "Page"),
    ("changed", "Changed"),
    ("text", "Text"),
    ("dangerous", "Dangerous"),
    ("added", "New text"),
    ("domains", "New domains"),
)


def faces(portal_id: str, data: Data = None, store: StoreUrl = None, json: Json = False) -> None:
    """List the versions of a portal's face: when each was accepted, and by whom."""
    from console.house import open_house
    from console.registry import portal_of
    from console.versions import rows

    with open_house(data, store=store) as house:
        found = rows(house, portal_of(house, portal_id).id)
    if not json:
        found = [row | {"changed_at": str(row["changed_at"])[:19].replace("T", " ")} for row in found]
    say.rows(found, _FACES, json=json, empty="It has no face yet: citywatch scan PORTAL")


def preview(portal_id: str, data: Data = None, store: StoreUrl = None, json: Json = False) -> None:
    """Look now, and show what accepting the present face would change. Changes nothing."""
    from citywatch.model import to_doc
    from console.house import open_house
    from console.portals import preview as run

    with open_house(data, store=store) as house:
        found = [to_doc(item) for item in run(house, portal_id)]
    if not json:
        lists = ("changed", "dangerous", "added", "domains")
        found = [row | {key: " | ".join(row[key]) for key in lists} for row in found]
    say.rows(found, _PREVIEW, json=json, empty="It looks like its face: there is nothing to accept.")


def revert(
    portal_id: str,
    to: Annotated[int, typer.Option("--to", min=0, help="Which version; the one before when not named.")] = 0,
    who: Who = "",
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Take an accepted face back: an earlier version stands again."""
    from console.house import open_house
    from console.registry import portal_of
    from console.versions import revert as run

    with open_house(data, store=store) as house:
        again = run(house, portal_of(house, portal_id).id, by=who or "cli", to=to)
        say.err().print(f"{portal_id}: stands again, as version {again.version}", markup=False)
