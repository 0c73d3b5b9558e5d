"""How does an installation begin, and is it well?"""

from __future__ import annotations

from typing import Annotated

import typer

from console.cli import say
from console.cli.options import Data, Json, StoreUrl


def init(data: Data = None, store: StoreUrl = None) -> None:
    """Make an installation: its folder, a settings file with every setting explained, the store."""
    from console.installation import make

    for told in make(data, store):
        say.out().print(told, markup=False)


def doctor(data: Data = None, store: StoreUrl = None, json: Json = False) -> None:
    """Check the installation part by part and say what to do. Exit code 1 when something is wrong."""
    from console.installation import examine

    findings = examine(data, store)
    rows = [
        {"what": item.what, "state": item.state, "told": item.told, "advice": item.advice}
        for item in findings
    ]
    columns = (("what", "What"), ("state", "State"), ("told", "Found"), ("advice", "What to do"))
    say.rows(rows, columns, json=json, empty="")
    if any(item.state == "wrong" for item in findings):
        raise typer.Exit(1)


def demo(
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="End after the table; do not start the console.")
    ] = False,
    clean: Annotated[bool, typer.Option("--clean", help="Remove everything the demo made.")] = False,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the console.")] = 8780,
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Attack a little city on loopback, and see the attacks become tickets."""
    from console.demo import clean_demo, run_demo

    if clean:
        say.err().print(clean_demo(data, store), markup=False)
        return
    run_demo(data, store, serve=not no_serve, port=port, json=json)
