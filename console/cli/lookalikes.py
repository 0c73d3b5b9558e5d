"""Which names on the Internet look like the city's portals?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.cli import say
from console.cli.look import Problems
from console.cli.options import Data, Json, Limit, StoreUrl

lookalikes = typer.Typer(
    no_args_is_help=True,
    help="Names that look like the portals': find them in files, look at what is under them.",
)
_COLUMNS = (
    ("domain", "Name"),
    ("portal", "Portal"),
    ("how", "How"),
    ("state", "State"),
    ("likeness", "Likeness"),
    ("signs", "Signs"),
    ("address", "Address"),
)


@lookalikes.command("import")
def import_names(
    files: Annotated[
        list[Path], typer.Argument(help="crt.sh JSON, certstream NDJSON, zone files, lists; .gz too.")
    ],
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Look through files of names; those that look like a portal's become candidates.

    Exit code 0 when all was read, 3 when part of it could not be; that part is named on standard error.
    """
    from console.house import open_house
    from console.lookalikes import import_files

    problems = Problems()
    with open_house(data, store=store) as house, say.err().status("reading …", spinner="dots") as status:
        told = import_files(house, files, problems, status.update)
    _say(told, json)
    problems.end()


@lookalikes.command("guess")
def guess_names(data: Data = None, store: StoreUrl = None, json: Json = False) -> None:
    """Make candidates of the portals' own names: slips of the fingers, other endings, added words."""
    from console.house import open_house
    from console.lookalikes import guess

    with open_house(data, store=store) as house:
        told = guess(house)
    _say(told, json)


def _say(told: dict[str, int], json: bool) -> None:
    if json:
        say.rows([told], (), json=True, empty="")
        return
    say.err().print(
        f"{told['names']} names, {told['alike']} look like a portal's, {told['new']} new. "
        "Look at them: citywatch portals lookalikes check",
        markup=False,
    )


@lookalikes.command("check")
def check_names(
    names: Annotated[
        list[str] | None, typer.Argument(help="Candidates; those due when none is named.")
    ] = None,
    limit: Limit = 500,
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Look at what is under candidates, hold it against the portal, judge and respond."""
    from console.house import open_house
    from console.lookalikes import check
    from console.settle import settle

    with open_house(data, store=store) as house, say.err().status("looking …", spinner="dots") as status:
        rows = check(house, names or (), limit, status.update)
        settle(house, status.update)
    _rows(rows, json, "No candidates. Find some: citywatch portals lookalikes import FILE")


@lookalikes.command("list")
def list_names(
    everything: Annotated[
        bool, typer.Option("--all", help="Also names that nobody uses and our own.")
    ] = False,
    limit: Limit = 200,
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """List candidates, those that imitate a portal first."""
    from console.house import open_house
    from console.lookalikes import rows

    with open_house(data, store=store) as house:
        _rows(rows(house, limit, all_of_them=everything), json, "No candidates that anybody uses.")


def _rows(held: list[dict[str, object]], json: bool, empty: str) -> None:
    if not json:
        held = [row | {"signs": " ".join(map(str, row["signs"]))} for row in held]  # type: ignore[call-overload] # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType, reportArgumentType] - a list by its name
    say.rows(held, _COLUMNS, json=json, empty=empty)
