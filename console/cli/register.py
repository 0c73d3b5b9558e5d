"""Which agencies and portals does the city have, and how do they change?"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from console.cli import say
from console.cli.look import Problems
from console.cli.options import Data, Json, Limit, StoreUrl, Who

portals = typer.Typer(
    no_args_is_help=True, help="The city's web portals: register, list, accept a new face, judge."
)
agencies = typer.Typer(
    no_args_is_help=True, help="Who owns what: agencies with their contacts, networks, domains."
)

_PORTALS = (
    ("id", "Portal"),
    ("url", "URL"),
    ("name", "Name"),
    ("agency", "Agency"),
    ("level", "Level"),
    ("baseline", "Baseline"),
    ("active", "Watched"),
)
_AGENCIES = (
    ("id", "Agency"),
    ("name", "Name"),
    ("kind", "Kind"),
    ("email", "Mail"),
    ("networks", "Networks"),
    ("domains", "Domains"),
)
Many = Annotated[list[str] | None, typer.Option(metavar="VALUE", help="May be given several times.")]


@agencies.command("add")
def add_agency(
    agency_id: Annotated[str, typer.Argument(metavar="ID", help="A short code, e.g. so-tttt.")],
    name: Annotated[str, typer.Option("--name", help="Its name.")],
    name_en: Annotated[str, typer.Option("--name-en", help="Its English name.")] = "",
    kind: Annotated[str, typer.Option("--kind", help="department, district, commune …")] = "department",
    email: Annotated[str, typer.Option("--email", help="Who is written to.")] = "",
    phone: Annotated[str, typer.Option("--phone", help="Who is called.")] = "",
    parent: Annotated[str, typer.Option("--parent", help="Id of the agency above it.")] = "",
    network: Many = None,
    domain: Many = None,
    host: Many = None,
    contact: Annotated[
        list[str] | None,
        typer.Option("--contact", help="role|name|e-mail|telephone|hours; may be given several times."),
    ] = None,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Add an agency, or change one."""
    from citywatch.errors import InputError
    from citywatch.model import Agency
    from citywatch.respond.duty import read_contacts
    from console.house import open_house
    from console.registry import put_agency

    try:
        contacts = read_contacts(";".join(contact or ()))
    except ValueError as error:
        raise InputError("--contact", "", str(error)) from error
    with open_house(data, store=store) as house:
        agency = Agency(
            id=agency_id,
            name=name,
            name_en=name_en,
            kind=kind,
            email=email,
            phone=phone,
            parent=parent,
            networks=tuple(network or ()),
            domains=tuple(domain or ()),
            hosts=tuple(host or ()),
            contacts=contacts,
        )
        say.err().print(f"{agency_id}: {put_agency(house, agency)}", markup=False)


@agencies.command("list")
def list_agencies(limit: Limit = 1000, data: Data = None, store: StoreUrl = None, json: Json = False) -> None:
    """List agencies."""
    from console.house import open_house
    from console.registry import agency_rows

    with open_house(data, store=store) as house:
        rows = agency_rows(house, limit)
        if not json:
            rows = [
                row | {"networks": " ".join(row["networks"]), "domains": " ".join(row["domains"])}
                for row in rows
            ]
        say.rows(
            rows,
            _AGENCIES,
            json=json,
            empty="No agencies yet. Add one: citywatch agencies add ID --name NAME",
        )


@agencies.command("called")
def who_is_called(
    agency_id: Annotated[str, typer.Argument(metavar="ID")],
    category: Annotated[str, typer.Option("--category", help="Of the incident, e.g. leak.")] = "",
    at: Annotated[str, typer.Option("--at", help="When, e.g. 2026-11-28T02:00+07:00.")] = "",
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Tell who of an agency is called, now or at another time."""
    from citywatch.clock import parse_stamp
    from citywatch.errors import CityWatchError, SettingsError
    from citywatch.model import to_doc
    from console.house import open_house

    try:
        moment = parse_stamp(at) if at else None
    except ValueError as error:
        raise SettingsError(f"--at: '{at}' is not a time: {error}") from error
    with open_house(data, store=store) as house:
        agency = house.catalogue.agency(agency_id)
        if agency is None:
            raise CityWatchError(f"there is no agency '{agency_id}'; list them: citywatch agencies list")
        rows = [to_doc(one) for one in house.catalogue.called(agency, category, moment)]
        columns = (("role", "Role"), ("name", "Name"), ("phone", "Telephone"), ("email", "E-mail"))
        say.rows(rows, (*columns, ("hours", "Hours")), json=json, empty="Nobody: no contact is written down.")


@agencies.command("import")
def import_agencies(file: Path, data: Data = None, store: StoreUrl = None) -> None:
    """Import agencies from CSV or XLSX; `agencies export` shows the columns."""
    from console.house import open_house
    from console.registry import import_table

    with open_house(data, store=store) as house:
        report_import(*import_table(house, file, "agency"))


@agencies.command("export")
def export_agencies(file: Path, data: Data = None, store: StoreUrl = None) -> None:
    """Write all agencies into FILE.csv or FILE.xlsx, as `import` takes them."""
    export("agency", file, data, store)


Day = Annotated[
    datetime,
    typer.Option("--on", formats=["%Y-%m-%d"], help="From which day on; a coming day is waited for."),
]


@agencies.command("rename")
def rename_agency(
    agency_id: Annotated[str, typer.Argument(metavar="ID")],
    name: Annotated[str, typer.Option("--name", help="Its new name.")],
    on: Day,
    name_en: Annotated[str, typer.Option("--name-en", help="Its new English name.")] = "",
    who: Who = "",
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Give an agency another name from a day on; the old one stays in its record."""
    _change(
        data, store, kind="rename", of=(agency_id,), name=name, name_en=name_en, day=f"{on:%Y-%m-%d}", by=who
    )


@agencies.command("merge")
def merge_agencies(
    agency_ids: Annotated[list[str], typer.Argument(metavar="ID…", help="Those that end.")],
    into: Annotated[str, typer.Option("--into", metavar="ID", help="Who goes on.")],
    on: Day,
    who: Who = "",
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Merge agencies into another on a day: portals, systems, accounts and open tickets follow."""
    _change(data, store, kind="merge", of=tuple(agency_ids), into=(into,), day=f"{on:%Y-%m-%d}", by=who)


@agencies.command("split")
def split_agency(
    agency_id: Annotated[str, typer.Argument(metavar="ID", help="The one that ends.")],
    into: Annotated[list[str], typer.Option("--into", metavar="ID", help="Who goes on; several times.")],
    on: Day,
    takes: Annotated[
        list[str] | None,
        typer.Option(
            "--takes", metavar="ASSET=AGENCY", help="Who gets a portal or system; the rest goes to the first."
        ),
    ] = None,
    who: Who = "",
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Split an agency on a day: portals, systems and open tickets go to whom they belong."""
    from citywatch.respond.succession import takes_of

    given = dict(takes_of(takes or ()))
    _change(
        data,
        store,
        kind="split",
        of=(agency_id,),
        into=tuple(into),
        takes=given,
        day=f"{on:%Y-%m-%d}",
        by=who,
    )


@agencies.command("changes")
def list_changes(data: Data = None, store: StoreUrl = None, json: Json = False) -> None:
    """List renames, mergers and splits, done and coming."""
    from citywatch.model import to_doc
    from citywatch.respond.succession import Succession
    from console.house import open_house

    columns = (
        ("day", "Day"),
        ("kind", "What"),
        ("of", "Of"),
        ("into", "Into"),
        ("name", "Name"),
        ("done_at", "Done"),
        ("moved", "Moved"),
    )
    with open_house(data, store=store) as house:
        rows = [to_doc(one) for one in Succession(store=house.store, clock=house.clock).all()]
        if not json:
            rows = [
                row
                | {"of": " ".join(row["of"]), "into": " ".join(row["into"]), "moved": _moved(row["moved"])}
                for row in rows
            ]
        say.rows(rows, columns, json=json, empty="No agency was renamed, merged or split.")


def _moved(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def _change(data: Data, store: StoreUrl, **told: Any) -> None:
    from citywatch.respond.succession import AgencyChange
    from console.house import open_house
    from console.registry import change_agencies

    with open_house(data, store=store) as house:
        change, done = change_agencies(house, AgencyChange(id="", **told))
        text = (
            f"done: {_moved(change.moved) or 'nothing else had to move'}"
            if done
            else f"waits for {change.day}"
        )
        say.err().print(f"{change.kind} of {', '.join(change.of)}: {text}", markup=False)


@portals.command("add")
def add_portal(
    url: str,
    name: Annotated[str, typer.Option("--name", help="What people call it.")],
    agency: Annotated[str, typer.Option("--agency", metavar="ID", help="Who owns it.")],
    portal_id: Annotated[
        str, typer.Option("--id", help="A short code; made from the host name if absent.")
    ] = "",
    level: Annotated[int, typer.Option("--level", min=1, max=5, help="Level 1-5 after ND 85/2016.")] = 2,
    tag: Many = None,
    page: Many = None,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Register a portal, or change one. --tag lottery, news …; --page /inner-page to visit too."""
    from console.house import open_house
    from console.registry import register_portal

    with open_house(data, store=store) as house:
        portal, word = register_portal(
            house,
            url=url,
            name=name,
            agency=agency,
            portal_id=portal_id,
            level=level,
            tags=tuple(tag or ()),
            pages=tuple(page or ()),
        )
        say.err().print(f"{portal.id}: {word}. Visit it now: citywatch scan {portal.id}", markup=False)


@portals.command("list")
def list_portals(limit: Limit = 5000, data: Data = None, store: StoreUrl = None, json: Json = False) -> None:
    """List registered portals."""
    from console.house import open_house
    from console.registry import portal_rows

    with open_house(data, store=store) as house:
        say.rows(
            portal_rows(house, limit),
            _PORTALS,
            json=json,
            empty="No portals yet. Register one: citywatch portals add URL --name NAME --agency ID",
        )


@portals.command("remove")
def remove_portal(portal_id: str, data: Data = None, store: StoreUrl = None) -> None:
    """Stop watching a portal; its history and tickets stay. `portals add` takes it up again."""
    from console.house import open_house
    from console.registry import retire_portal

    with open_house(data, store=store) as house:
        retire_portal(house, portal_id)
        say.err().print(f"{portal_id}: no longer watched", markup=False)


@portals.command("import")
def import_portals(file: Path, data: Data = None, store: StoreUrl = None) -> None:
    """Import portals (CSV, XLSX): url, name, agency, and if you like id, level, tags, inner_pages, active."""
    from console.house import open_house
    from console.registry import import_table

    with open_house(data, store=store) as house:
        report_import(*import_table(house, file, "portal"))


@portals.command("export")
def export_portals(file: Path, data: Data = None, store: StoreUrl = None) -> None:
    """Write all portals into FILE.csv or FILE.xlsx, as `import` takes them."""
    export("portal", file, data, store)


@portals.command("accept")
def accept_face(portal_id: str, data: Data = None, store: StoreUrl = None) -> None:
    """Accept the portal's present face as its new baseline (after a redesign)."""
    from console.house import open_house
    from console.portals import accept

    with open_house(data, store=store) as house:
        say.err().print(f"{portal_id}: {accept(house, portal_id)}", markup=False)


@portals.command("judge")
def judge_pages(paths: list[Path], json: Json = False) -> None:
    """Judge stored pages without fetching: defaced, spam or clean, with the score and the witnesses."""
    from console.portals import judge_rows

    problems = Problems()
    columns = (("label", "Label"), ("score", "Score"), ("file", "File"), ("witnesses", "Witnesses"))
    rows = judge_rows(paths, problems)
    if not json:
        rows = (row | {"witnesses": " ".join(row["witnesses"])} for row in rows)
    say.rows(rows, columns, json=json, empty="No pages there.")
    problems.end()


@portals.command("compare")
def compare_pages(
    pairs: Annotated[
        Path, typer.Option("--pairs", help="TSV with a column `key`; KEY.a.html, KEY.b.html beside it.")
    ],
    json: Json = False,
) -> None:
    """Compare pairs of pages, before and after: how severe is what changed, and what is it?"""
    from console.portals import compare_rows

    problems = Problems()
    columns = (("key", "Pair"), ("severity", "Severity"), ("changes", "Changes"))
    rows = compare_rows(pairs, problems)
    if not json:
        rows = (row | {"changes": " ".join(row["changes"])} for row in rows)
    say.rows(rows, columns, json=json, empty="No pairs there.")
    problems.end()


def export(kind: str, file: Path, data: Data, store: StoreUrl) -> None:
    """Write everything of a kind into a file."""
    from console.house import open_house
    from console.registry import export_table

    with open_house(data, store=store) as house:
        say.err().print(f"{export_table(house, kind, file)} written to {file}", markup=False)


def report_import(done: int, errors: list[str]) -> None:
    """Tell what came of a table; exit code 3 when something was refused."""
    for error in errors:
        say.err().print(error, markup=False)
    say.err().print(f"{done} taken, {len(errors)} refused", markup=False)
    if errors:
        raise typer.Exit(3)
