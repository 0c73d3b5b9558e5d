"""Which bytes prove an alert?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.cli import say
from console.cli.options import Data, Json, StoreUrl, Who

evidence = typer.Typer(
    no_args_is_help=True,
    help="What proves an alert: packets, pages, pictures, and the chain that holds them.",
)


@evidence.callback()
def _group() -> None:
    """What proves an alert: packets, pages, pictures, and the chain that holds them."""


@evidence.command()
def pcap(
    alert: Annotated[str, typer.Argument(help="The alert's id.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the packets there too.")
    ] = None,
    captures: Annotated[
        list[Path] | None,
        typer.Option("--capture", help="File or folder where the capture lies that the alert is from."),
    ] = None,
    who: Who = "",
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Keep the packets of an alert as evidence, and write them as a pcap file."""
    from console.house import open_house
    from console.packets import take

    with open_house(data, store=store) as house:
        found = take(house, alert, by=who, captures=captures or [])
        if out is not None:
            out.write_bytes(house.evidence.get(found.sha256) or b"")
    row = {
        "alert": alert,
        "sha256": found.sha256,
        "packets": found.packets,
        "bytes": found.size,
        "left_out": found.left_out,
        "source": found.source,
        "file": str(out or ""),
    }
    say.rows([row], tuple((key, key.replace("_", " ")) for key in row), json=json, empty="")
