"""Where can CityWatch be tried and measured without harm?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from console.cli import say
from console.cli.options import Json

testcity = typer.Typer(
    no_args_is_help=True,
    help="A test city on loopback: thousands of portals that change, ail, and can be attacked.",
)

Port = Annotated[
    int,
    typer.Option("--port", min=0, max=65_535, help="Port of the portals and of the control page; 0: any."),
]


By = Literal["address", "name", "port"]


def _say(text: str) -> None:
    say.err().print(say.cell(text))


@testcity.command("portals")
def serve_portals(
    count: Annotated[int, typer.Option("--count", min=1, help="How many portals.")] = 100,
    port: Port = 8090,
    by: Annotated[
        By,
        typer.Option(
            "--by", help="Tell portals apart by loopback address, by name (Host), or by port (few)."
        ),
    ] = "address",
    https: Annotated[
        bool, typer.Option("--https", help="Speak TLS: good, expired, self-signed, misnamed, old ones.")
    ] = False,
    changing: Annotated[
        float, typer.Option("--changing", min=0, max=1, help="Share of portals that change with each look.")
    ] = 1.0,
    well: Annotated[bool, typer.Option("--well", help="No slow, broken or badly certified portals.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another city.")] = 1,
    attacks: Annotated[
        int, typer.Option("--attacks", min=0, help="Attack so many portals from the start.")
    ] = 0,
    day_every: Annotated[
        float,
        typer.Option("--day-every", min=0, metavar="SECONDS", help="A day goes by each so many seconds."),
    ] = 0,
    seconds: Annotated[float, typer.Option("--seconds", min=0, help="End after so long; 0: on Ctrl-C.")] = 0,
    folder: Annotated[
        Path | None,
        typer.Option("--write", metavar="DIR", help="Write portals.csv, agencies.csv, ca.pem there."),
    ] = None,
) -> None:
    """Serve a city of different Vietnamese portals on loopback, until Ctrl-C."""
    from console.testcity import Wanted, serve

    wanted = Wanted(
        count=count,
        port=port,
        by=by,
        https=https,
        changing=changing,
        well=well,
        seed=seed,
        attacks=attacks,
        day_every_s=day_every,
        seconds=seconds,
        folder=folder,
    )
    serve(wanted, _say)


@testcity.command("kinds")
def list_kinds(json: Json = False) -> None:
    """List the kinds of attack that can be played."""
    from sensors.portal.range import KINDS

    rows = ({"kind": each.kind, "category": each.category, "for": each.for_whom} for each in KINDS.values())
    columns = (("kind", "Kind"), ("category", "Category"), ("for", "Shown to"))
    say.rows(rows, columns, json=json, empty="No attacks.")


@testcity.command("attack")
def attack_portal(portal: str, kind: str, port: Port = 8090) -> None:
    """Attack a portal of the running city (ids: its control page; kinds: citywatch range kinds)."""
    from console.testcity import command

    _say(command(port, "attack", portal=portal, kind=kind))


@testcity.command("heal")
def heal_portal(
    portal: Annotated[str, typer.Argument(help="Its id; all when absent.")] = "", port: Port = 8090
) -> None:
    """Undo the attacks on a portal of the running city, or on all."""
    from console.testcity import command

    _say(command(port, "heal", portal=portal))


@testcity.command("next-day")
def next_day(port: Port = 8090) -> None:
    """Let a day go by in the running city: news, dates, counters and banners change."""
    from console.testcity import command

    _say(command(port, "day"))
