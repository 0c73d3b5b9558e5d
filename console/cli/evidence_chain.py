"""Which evidence is there, is it whole, and how does it get to others?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from console.cli import say
from console.cli.options import Data, Json, StoreUrl

_SHOWN = (
    ("seq", "Line"),
    ("at", "Taken (UTC)"),
    ("what", "What"),
    ("size", "Bytes"),
    ("state", "State"),
    ("address", "From"),
    ("source", "Source"),
    ("sha256", "SHA-256"),
)
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Id of an alert, event, ticket or portal, or a SHA-256.")
]


def show(name: Name, data: Data = None, store: StoreUrl = None, json: Json = False) -> None:
    """Show what was kept: what, when, from which address, and whether its bytes are whole."""
    from citywatch.model import to_doc
    from console.evidence import find, shown
    from console.house import open_house

    with open_house(data, store=store) as house:
        found: list[dict[str, Any]] = [
            to_doc(one.entry.piece) | {"seq": one.entry.seq, "hash": one.entry.hash, "state": one.state}
            for one in shown(house, find(house, name))
        ]
    if not json:
        found = [row | {"at": row["at"][:19].replace("T", " ")} for row in found]
    say.rows(found, _SHOWN, json=json, empty="No evidence was taken.")


def export(
    name: Name,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.zip", help="The ZIP to write.")],
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Write evidence as a ZIP with SHA256SUMS and the lines of the chain."""
    from citywatch.errors import CityWatchError
    from console.evidence import export as run
    from console.house import open_house

    with open_house(data, store=store) as house:
        try:
            pieces, broken = run(house, name, out)
        except OSError as error:
            raise CityWatchError(f"{out}: cannot be written: {error.strerror or error}") from error
    if json:
        say.line({"file": str(out), "pieces": pieces, "not_whole": broken})
    else:
        left = f"; {broken} are not whole and were left out" if broken else ""
        say.err().print(f"{out}: {pieces - broken} pieces{left}", markup=False)
    if broken:
        raise typer.Exit(3)


def verify(data: Data = None, store: StoreUrl = None, json: Json = False) -> None:
    """Walk the chain of evidence, hold it against the audit, and check every kept byte.

    Exit code 0 when all is as it was written, 3 when something was changed, taken out or added.
    """
    from citywatch.model import to_doc
    from console.evidence import verify as run
    from console.house import open_house

    with open_house(data, store=store) as house:
        verdict = run(house)
    if json:
        say.line(to_doc(verdict))
    else:
        for place in verdict.wrong:
            say.err().print(say.cell(place), style="red")
        word = f"{len(verdict.wrong)} places are wrong" if verdict.wrong else "all is as it was written"
        gone = f"; {verdict.gone} pieces are not kept any more" if verdict.gone else ""
        say.err().print(f"{verdict.lines} lines, {word}{gone}; newest line {verdict.head}", markup=False)
    if verdict.wrong:
        raise typer.Exit(3)


def warc(
    portal_id: str,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.warc.gz", help="The archive to write.")],
    since: Annotated[str, typer.Option("--since", help="From this day on: 2026-11-22.")] = "",
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Write the kept pages of a portal as a web archive (WARC) that other tools read."""
    from citywatch.errors import CityWatchError
    from console.house import open_house
    from console.warc import write

    with open_house(data, store=store) as house:
        try:
            count = write(house, portal_id, out, since=since)
        except OSError as error:
            raise CityWatchError(f"{out}: cannot be written: {error.strerror or error}") from error
    if json:
        say.line({"file": str(out), "pages": count})
    else:
        say.err().print(f"{out}: {count} pages", markup=False)
