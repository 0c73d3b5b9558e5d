"""What do the warnings name, and who of ours was in contact with it?"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli import say
from console.cli.options import Data, Json, Limit, StoreUrl

if TYPE_CHECKING:
    from citywatch.detect.sightings import Past
    from console.house import House
    from console.indicators import TakenIn

indicators = typer.Typer(
    no_args_is_help=True,
    help="What police, ministry and national center warn of: import, look back, list, remove.",
)

_SEEN = (
    ("value", "Indicator"),
    ("who", "Who of ours"),
    ("count", "Events"),
    ("first", "First"),
    ("last", "Last"),
    ("field", "Field"),
)
_LISTED = (
    ("type", "Type"),
    ("value", "Value"),
    ("source", "Source"),
    ("tlp", "TLP"),
    ("confidence", "Confidence"),
    ("valid_until", "Until"),
    ("title", "What"),
)
Since = Annotated[
    datetime | None,
    typer.Option(
        "--since", formats=["%Y-%m-%d"], help="Ask the past from this day on; all of it when absent."
    ),
]


@indicators.command("import")
def import_file(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…", help="CSV, list, STIX 2.1, MISP JSON, text, PDF, DOCX; - is standard input."
        ),
    ],
    source: Annotated[str, typer.Option("--source", help="Who warns, where the file does not say it.")] = "",
    tlp: Annotated[str, typer.Option("--tlp", help="CLEAR, GREEN, AMBER, AMBER+STRICT or RED.")] = "AMBER",
    confidence: Annotated[int, typer.Option("--confidence", min=0, max=100)] = 75,
    days: Annotated[int, typer.Option("--days", min=0, help="In force so long; 0: until taken out.")] = 0,
    reference: Annotated[str, typer.Option("--reference", help="Number or address of the warning.")] = "",
    since: Since = None,
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Take warnings in, and tell at once who has already been in contact.

    Exit code 3: something was passed over.
    """
    from citywatch.detect.indicator_import import Defaults, read_tlp
    from console.house import open_house
    from console.indicators import until
    from console.settle import settle

    passed_over = 0
    with open_house(data, store=store) as house:
        for file in files:
            name = "standard input" if str(file) == "-" else file.name
            defaults = Defaults(
                source=source or (name if str(file) == "-" else file.stem),
                tlp=read_tlp(tlp),
                confidence=confidence,
                valid_until=until(days, house.clock()),
                reference=reference,
            )
            came = house.warnings.take_in(_bytes(file), name, defaults, since=_start(since))
            passed_over += came.passed_over
            _tell_import(house, name, came, json=json)
        settle(house, lambda text: say.err().print(text, style="dim", markup=False))
    if passed_over:
        raise typer.Exit(3)


def _bytes(file: Path) -> bytes:
    from citywatch.errors import CityWatchError

    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise CityWatchError(f"{file}: cannot be read: {error.strerror}") from error


def _start(since: datetime | None) -> str | None:
    return f"{since:%Y-%m-%d}T00:00:00.000000Z" if since else None


def _tell_import(house: House, name: str, came: TakenIn, *, json: bool) -> None:
    for problem in came.problems:
        say.err().print(str(problem), markup=False)
    if not json:
        say.out().print(
            f"{name}: {came.named} indicators ({came.form}), {came.new} of them new, "
            f"{came.passed_over} passed over",
            markup=False,
        )
    _tell_past(
        house, came.past, json=json, empty="Nobody of ours was in contact, as far as the store remembers."
    )


def _tell_past(house: House, past: Past, *, json: bool, empty: str) -> None:
    from console.indicators import sighting_row

    local = say.local(house.settings.timezone)
    rows = [sighting_row(one) for one in past.sightings]
    if not json:
        rows = [
            row
            | {
                "who": " ".join(row["who"][:10]),
                "first": local(row["first_at"]),
                "last": local(row["last_at"]),
            }
            for row in rows
        ]
    say.rows(rows, _SEEN, json=json, empty=empty)
    if not past.complete:
        say.err().print(
            "not all of the past was asked: narrow it with --since, or look at fewer", markup=False
        )


@indicators.command("look")
def look(
    values: Annotated[
        list[str], typer.Argument(metavar="VALUE…", help="Addresses, names, URLs, hashes; defanged ones too.")
    ],
    since: Since = None,
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Tell who of ours was in contact with these values, without keeping them."""
    from console.house import open_house

    with open_house(data, store=store) as house:
        past = house.warnings.look_back(values, _start(since))
        _tell_past(house, past, json=json, empty="Nobody, as far as the store remembers.")


@indicators.command("list")
def list_indicators(
    text: Annotated[str, typer.Argument(help="Only those with this in value, title or source.")] = "",
    source: Annotated[str, typer.Option("--source", help="Only those of this source.")] = "",
    limit: Limit = 100,
    data: Data = None,
    json: Json = False,
) -> None:
    """List the indicators in force."""
    from console.house import open_house
    from console.indicators import indicator_row

    with open_house(data) as house:
        rows = [indicator_row(one) for one in house.indicators.search(text, source=source, limit=limit)]
        say.rows(
            rows,
            _LISTED,
            json=json,
            empty="None. Bring a warning in: citywatch indicators import FILE --source WHO",
        )


@indicators.command("show")
def show(value: str, data: Data = None, json: Json = False) -> None:
    """Show what every source says of one value. Exit code 1 when nobody names it."""
    from console.house import open_house
    from console.indicators import indicator_row

    with open_house(data) as house:
        rows = [indicator_row(one) for one in house.warnings.about(value)]
    if not say.rows(rows, _LISTED, json=json, empty=f"No source names {say.clean(value)}."):
        raise typer.Exit(1)


@indicators.command("sources")
def sources(data: Data = None, json: Json = False) -> None:
    """List who warned of how much, and how full the file is."""
    from console.house import open_house

    with open_house(data) as house:
        health = house.indicators.health()
    rows = [{"source": name, "indicators": count} for name, count in sorted(health.by_source.items())]
    say.rows(rows, (("source", "Source"), ("indicators", "Indicators")), json=json, empty="No warning yet.")
    if not json:
        say.out().print(f"{health.indicators} of at most {health.limit}", markup=False)


@indicators.command("remove")
def remove(
    source: Annotated[str, typer.Argument(help="All of this source; with --value only that one.")],
    value: Annotated[str, typer.Option("--value", help="Only this value.")] = "",
    data: Data = None,
) -> None:
    """Take indicators out again."""
    from console.house import open_house

    with open_house(data) as house:
        gone = house.indicators.remove(source, value=value)
        say.err().print(f"{gone} taken out", markup=False)
    if not gone:
        raise typer.Exit(1)


@indicators.command("expire")
def expire(data: Data = None) -> None:
    """Drop what is no longer in force (the nightly work does it too)."""
    from citywatch.clock import stamp
    from console.house import open_house

    with open_house(data) as house:
        say.err().print(f"{house.indicators.expire(stamp(house.clock()))} dropped", markup=False)
