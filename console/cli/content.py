"""Which playbooks are there, are they sound, and what do they wait for?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from console.cli import say
from console.cli.options import Data, Json, StoreUrl

playbooks = typer.Typer(no_args_is_help=True, help="Playbooks: list, check, dry-run, runs, approve.")

Folder = Annotated[Path | None, typer.Argument(help="A file or folder; the installation's own when absent.")]


@playbooks.command("list")
def list_playbooks(data: Data = None, json: Json = False) -> None:
    """List playbooks and what starts them."""
    from console.content import playbook_rows

    columns = (
        ("playbook", "Playbook"),
        ("version", "Version"),
        ("risk", "Risk"),
        ("name", "Name"),
        ("steps", "Steps"),
    )
    rows, errors = playbook_rows(data)
    say.rows(rows, columns, json=json, empty="No playbooks.")
    _tell(errors)


@playbooks.command("check")
def check_playbooks(folder: Folder = None, data: Data = None) -> None:
    """Check playbooks like a compiler does. Exit code 1 when anything is wrong."""
    from console.content import check_playbooks as check

    errors, count = check(data, folder)
    _tell(errors)
    say.out().print(f"{count} playbooks are sound, {len(errors)} are not", markup=False)
    if errors:
        raise typer.Exit(1)


@playbooks.command("runs")
def list_runs(data: Data = None, store: StoreUrl = None, json: Json = False) -> None:
    """List what the playbooks did and what they wait for, newest first."""
    from console.content import run_rows
    from console.house import open_house

    columns = (
        ("id", "Run"),
        ("playbook", "Playbook"),
        ("state", "State"),
        ("waits_for", "Waits for"),
        ("alert", "Alert"),
    )
    with open_house(data, store=store) as house:
        say.rows(run_rows(house), columns, json=json, empty="No playbook has run yet.")


@playbooks.command("approve")
def approve(
    run_id: str,
    step: str,
    who: Annotated[str, typer.Option("--as", metavar="NAME", envvar="USER", help="Who approves.")],
    refuse: Annotated[bool, typer.Option("--refuse", help="Say no.")] = False,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Approve (or refuse) a step that waits for a second person."""
    from console.house import open_house

    with open_house(data, store=store) as house:
        house.runner.approve(run_id, step, by=who, yes=not refuse)
        house.runner.tick()
        say.err().print(f"{run_id}: {step} {'refused' if refuse else 'approved'} by {who}", markup=False)


def _tell(errors: Sequence[object]) -> None:
    for error in errors:
        say.err().print(str(error), markup=False)
