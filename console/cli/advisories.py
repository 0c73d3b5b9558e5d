"""What do police, ministry and makers warn of, whom does it concern, and who has fixed what?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli import say
from console.cli.options import Data, Json, Limit, StoreUrl, Who

if TYPE_CHECKING:
    from citywatch.respond.advisory import Advisory, AffectedAsset

advisories = typer.Typer(
    no_args_is_help=True,
    help="Warnings of police, ministry and makers: whom they concern, the campaign, and who has fixed what.",
)

_LISTED = (
    ("id", "Advisory"),
    ("number", "Number"),
    ("source", "From"),
    ("severity", "Severity"),
    ("title", "Title"),
    ("assets", "Concerns"),
    ("done", "Done"),
    ("state", "State"),
)
_TRACKED = (
    ("agency", "Agency"),
    ("ticket", "Ticket"),
    ("assets", "Assets"),
    ("open", "Open"),
    ("still_affected", "Still affected"),
    ("said_fixed", "Said fixed"),
    ("proven", "Proven"),
    ("not_affected", "Not affected"),
)
_ASSETS = (
    ("asset", "Asset"),
    ("agency", "Agency"),
    ("product", "Runs"),
    ("version", "Version"),
    ("sure", "Sure"),
    ("state", "State"),
    ("version_now", "Now"),
    ("note", "Note"),
    ("id", "Id"),
)
Named = Annotated[str, typer.Argument(metavar="ADVISORY", help="Its id, or its sender's number.")]


@advisories.command("import")
def import_files(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", help="CSAF 2.0, PDF, DOCX, text, HTML, a letter (.eml); - is input."),
    ],
    source: Annotated[str, typer.Option("--source", help="Who warns, where the file does not say it.")] = "",
    watch: Annotated[
        bool, typer.Option("--watch/--no-watch", help="Watch for the indicators that it names.")
    ] = True,
    who: Who = "",
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Take warnings in and match them with the catalogue. Nobody is told before `start`.

    Exit code 3: one could not be read.
    """
    from citywatch.errors import InputError
    from console.house import open_house
    from console.settle import settle

    broken = 0
    with open_house(data, store=store) as house:
        for file in files:
            name = "standard input" if str(file) == "-" else file.name
            try:
                came = house.advisories.take_in(
                    _bytes(file), name, by=who or "cli", source=source, watch=watch
                )
            except InputError as error:
                say.err().print(str(error), markup=False)
                broken += 1
                continue
            if json:
                say.line(_row(came.advisory, came.assets) | {"known": came.known, "told": came.told})
                continue
            one = came.advisory
            known = " (was known)" if came.known else ""
            say.out().print(f"{one.id}{known}: {say.clean(one.number)} {say.clean(one.title)}", markup=False)
            say.out().print(
                f"  {len(one.products)} products, {len(one.cves)} CVEs, {one.indicators} indicators; "
                f"concerns {len(came.assets)} assets of {_agencies(came.assets)} agencies",
                markup=False,
            )
            for doubt in one.doubts:
                say.err().print(f"  {say.clean(doubt)}", markup=False)
        settle(house, lambda text: say.err().print(text, style="dim", markup=False))
    if broken:
        raise typer.Exit(3)


def _bytes(file: Path) -> bytes:
    from citywatch.errors import CityWatchError
    from citywatch.respond.letter import LARGEST

    if str(file) == "-":
        return sys.stdin.buffer.read(LARGEST + 1)
    try:
        return file.read_bytes()
    except OSError as error:
        raise CityWatchError(f"{file}: cannot be read: {error.strerror}") from error


def _agencies(assets: tuple[AffectedAsset, ...]) -> int:
    return len({one.agency for one in assets})


def _row(one: Advisory, assets: tuple[AffectedAsset, ...]) -> dict[str, Any]:
    from citywatch.model import to_doc
    from console.campaign import DONE

    done = sum(held.state in DONE for held in assets)
    return to_doc(one) | {
        "severity": one.severity.name,
        "assets": len(assets),
        "agencies": _agencies(assets),
        "done": f"{done}/{len(assets)}" if assets else "",
    }


@advisories.command("list")
def list_advisories(
    state: Annotated[str, typer.Option("--state", help="new, campaign or closed.")] = "",
    limit: Limit = 100,
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """List warnings, the last received first."""
    from citywatch.model import from_doc
    from citywatch.ports import Everything, Is, Query
    from citywatch.respond.advisory import Advisory
    from console.house import open_house

    with open_house(data, store=store) as house:
        where = Is("state", state) if state else Everything()
        page = house.store.find("advisory", Query(where=where, order="received_at", limit=limit))
        found = [from_doc(record.doc, Advisory) for record in page.records]
        say.rows(
            (_row(one, house.advisories.assets(one.id)) for one in found),
            _LISTED,
            json=json,
            empty="No warning yet. Bring one in: citywatch advisories import FILE",
        )


@advisories.command("show")
def show(named: Named, data: Data = None, store: StoreUrl = None, json: Json = False) -> None:
    """Show a warning: what it says, which products it means, what of ours it concerns."""
    from citywatch.model import to_doc
    from console.house import open_house

    with open_house(data, store=store) as house:
        one = house.advisories.read(named)
        assets = house.advisories.follow(one.id)
        if json:
            say.line(_row(one, assets) | {"affected": [to_doc(held) for held in assets]})
            return
        for name in ("id", "number", "title", "source", "published", "received_by", "tlp", "state"):
            say.out().print(f"{name:<12} ", say.cell(getattr(one, name)), sep="")
        say.out().print(f"{'severity':<12} ", say.cell(one.severity.name), sep="")
        say.out().print(f"{'CVEs':<12} ", say.cell(", ".join(one.cves)), sep="")
        say.out().print(
            f"{'indicators':<12} {one.indicators}{'' if one.watched else ' (not watched for yet)'}"
        )
        say.out().print("\nProducts", style="bold")
        columns = (("vendor", "Maker"), ("name", "Product"), ("versions", "Versions"), ("fixed", "Fixed in"))
        say.rows([to_doc(product) for product in one.products], columns, json=False, empty="It names none.")
        say.out().print("\nOurs", style="bold")
        say.rows(
            [to_doc(held) for held in assets],
            _ASSETS,
            json=False,
            empty="Nothing in the catalogue runs what it names.",
        )
        for doubt in one.doubts:
            say.err().print(say.clean(doubt), markup=False)


@advisories.command("product")
def put_product(
    named: Named,
    name: Annotated[str, typer.Option("--name", help="The software.")],
    vendor: Annotated[str, typer.Option("--vendor", help="Its maker.")] = "",
    versions: Annotated[str, typer.Option("--versions", help="'< 2.4.51', '7.0 - 7.0.11', vers:…")] = "",
    fixed: Annotated[str, typer.Option("--fixed", help="The version to move to.")] = "",
    who: Who = "",
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Say which product a warning means, where it could not be read, or correct its versions."""
    from citywatch.errors import SettingsError
    from citywatch.respond.advisory import Product
    from citywatch.respond.version import spans_of
    from console.house import open_house

    if versions and spans_of(versions) is None:
        raise SettingsError(
            f"'{versions}' names no versions; write '< 2.4.51', '>= 7.0, < 7.0.12' or '2.4.49, 2.4.50'"
        )
    with open_house(data, store=store) as house:
        one = house.advisories.read(named)
        product = Product(vendor=vendor, name=name, versions=versions, fixed=fixed)
        house.advisories.put_product(one.id, product, by=who)
        say.err().print(f"{one.id}: concerns {len(house.advisories.assets(one.id))} assets", markup=False)


@advisories.command("watch")
def watch(named: Named, who: Who = "", data: Data = None, store: StoreUrl = None) -> None:
    """Put the indicators that it names in force, and ask the past for them (of letters it waits for this)."""
    from console.house import open_house
    from console.settle import settle

    with open_house(data, store=store) as house:
        one, told = house.advisories.watch(house.advisories.read(named).id, by=who)
        settle(house, lambda text: say.err().print(text, style="dim", markup=False))
        say.err().print(
            f"{one.id}: {one.indicators} indicators watched for, {told} contacts found", markup=False
        )


@advisories.command("start")
def start(named: Named, who: Who = "", data: Data = None, store: StoreUrl = None) -> None:
    """Begin the campaign: a ticket and a letter for each agency; again: for what was matched since."""
    from console.house import open_house

    with open_house(data, store=store) as house:
        one = house.advisories.read(named)
        begun = house.advisories.start(one.id, house.runner, by=who)
        while house.runner.tick():
            pass
        house.advisories.follow(one.id)
        say.err().print(
            f"{one.id}: {begun} agencies are told now; follow: citywatch advisories track {one.id}",
            markup=False,
        )


@advisories.command("track")
def track(named: Named, data: Data = None, store: StoreUrl = None, json: Json = False) -> None:
    """Show who has fixed what, by agency."""
    from console.campaign import progress
    from console.house import open_house

    with open_house(data, store=store) as house:
        assets = house.advisories.follow(house.advisories.read(named).id)
        say.rows(progress(assets), _TRACKED, json=json, empty="It concerns nobody in the catalogue.")


@advisories.command("check")
def check(
    named: Named,
    asset: Annotated[str, typer.Option("--asset", help="Only this portal or system.")] = "",
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Look at what it concerns now: is it proven to be fixed, or still affected?"""
    from citywatch.model import to_doc
    from console.house import open_house

    with open_house(data, store=store) as house:
        one = house.advisories.read(named)
        house.advisories.follow(one.id)
        rows = [to_doc(held) for held in house.advisories.prove(one.id, only=asset)]
        say.rows(rows, _ASSETS, json=json, empty="Nothing of it is open.")


@advisories.command("say")
def say_of(
    asset_id: Annotated[str, typer.Argument(metavar="ID", help="Of the affected asset; `show` lists them.")],
    state: Annotated[str, typer.Argument(help="said_fixed, proven, not_affected, open.")],
    version: Annotated[str, typer.Option("--version", help="Which version runs now.")] = "",
    note: Annotated[str, typer.Option("--note", help="What was looked at, and what was seen.")] = "",
    who: Who = "",
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Write down what is said of an asset; `proven` needs a second person and a note."""
    from console.house import open_house

    with open_house(data, store=store) as house:
        one = house.advisories.say(asset_id, state, by=who, version=version, note=note)
        say.err().print(f"{one.asset}: {one.state}", markup=False)


@advisories.command("close")
def close(
    named: Named,
    note: Annotated[str, typer.Option("--note", help="Why, where not all is proven.")] = "",
    who: Who = "",
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """End a campaign."""
    from console.house import open_house

    with open_house(data, store=store) as house:
        one = house.advisories.close(house.advisories.read(named).id, by=who, note=note)
        say.err().print(f"{one.id}: {one.state}", markup=False)
