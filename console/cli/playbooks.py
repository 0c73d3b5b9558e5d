"""Which playbooks are there, are they sound, what would they do, and what do they wait for?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from console.cli import say
from console.cli.options import Data, Json, StoreUrl

playbooks = typer.Typer(
    no_args_is_help=True, help="Playbooks: check, test, dry-run, run, approve, retry, diff, export."
)

Folder = Annotated[Path | None, typer.Argument(help="A file or folder; the installation's own when absent.")]
Who = Annotated[str, typer.Option("--as", metavar="NAME", envvar="USER", help="Who says so.")]
Named = Annotated[str, typer.Argument(metavar="PLAYBOOK", help="Its name, or a file.")]
OfAlert = Annotated[
    str, typer.Argument(metavar="ALERT", help="The id of an alert, or a file with one as JSON.")
]


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


@playbooks.command("test")
def try_samples(
    names: Annotated[list[str] | None, typer.Argument(metavar="PLAYBOOK...", help="All when absent.")] = None,
    data: Data = None,
) -> None:
    """Try the samples beside the playbooks; nothing is sent. Exit code 1 when one is not as expected."""
    from console.playbooks import Tested, test_samples
    from console.rules import house_of

    well, wrong = 0, 0
    for tested in test_samples(house_of(data), names or ()):
        if not isinstance(tested, Tested):
            wrong += 1
            _tell([tested])
        elif tested.verdict.wrong:
            wrong += 1
            told = "; ".join(tested.verdict.wrong)
            say.err().print(f"{tested.place}: {told} (because: {tested.sample.because})", markup=False)
        else:
            well += 1
    say.out().print(f"{well} samples are as expected, {wrong} are not", markup=False)
    if wrong:
        raise typer.Exit(1)


@playbooks.command("dry-run")
def dry_run(
    name: Named, alert: OfAlert, data: Data = None, store: StoreUrl = None, json: Json = False
) -> None:
    """Show what a playbook would do about an alert. Only read-only actions are done."""
    from console.house import open_house
    from console.playbooks import dry_run as rehearse
    from console.playbooks import rehearsal_rows

    columns = (
        ("step", "Step"),
        ("item", "Item"),
        ("action", "Action"),
        ("effect", "Effect"),
        ("state", "State"),
        ("approval", "Approval by"),
        ("why", "Why"),
        ("asked", "Asked"),
    )
    with open_house(data, store=store) as house:
        rehearsal = rehearse(house, name, alert)
        say.rows(rehearsal_rows(rehearsal), columns, json=json, empty="It has no steps.")
        say.err().print(
            f"{rehearsal.playbook}: {rehearsal.state} {rehearsal.error}; 'shown' was not done", markup=False
        )


@playbooks.command("run")
def run(
    name: Named,
    alert: OfAlert,
    who: Who,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", metavar="NAME=VALUE", help="May be given several times.")
    ] = None,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Run a playbook on an alert now, whether or not its trigger wants it."""
    from console.house import open_house
    from console.playbooks import start

    with open_house(data, store=store) as house:
        say.out().print(start(house, name, alert, who, inputs or ()), markup=False)


@playbooks.command("runs")
def list_runs(
    run_id: Annotated[str, typer.Argument(metavar="[RUN]", help="One run, with its steps.")] = "",
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """List what the playbooks did and what they wait for, newest first; or the steps of one run."""
    from console.content import run_rows
    from console.house import open_house
    from console.playbooks import run_detail

    columns = (
        ("id", "Run"),
        ("playbook", "Playbook"),
        ("state", "State"),
        ("waits_for", "Waits for"),
        ("alert", "Alert"),
    )
    steps = (
        ("step", "Step"),
        ("item", "Item"),
        ("state", "State"),
        ("attempts", "Tries"),
        ("error", "Error"),
    )
    with open_house(data, store=store) as house:
        if run_id:
            say.rows(run_detail(house, run_id)["steps"], steps, json=json, empty="No step was begun.")
        else:
            say.rows(run_rows(house), columns, json=json, empty="No playbook has run yet.")


@playbooks.command("approve")
def approve(
    run_id: str,
    step: str,
    who: Who,
    item: Annotated[int, typer.Option("--item", help="Which item of its 'each'.")] = 0,
    refuse: Annotated[bool, typer.Option("--refuse", help="Say no.")] = False,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Approve (or refuse) a step that waits for a second person, who has the role it asks for."""
    from console.house import open_house
    from console.playbooks import note

    answer = "refused" if refuse else "approved"
    with open_house(data, store=store) as house:
        house.runner.approve(run_id, step, by=who, yes=not refuse, item=item)
        note(house, who, answer, f"{run_id} {step} {item}")
        house.runner.tick()
        say.err().print(f"{run_id}: {step} {answer} by {who}", markup=False)


@playbooks.command("retry")
def retry(run_id: str, step: str, who: Who, data: Data = None, store: StoreUrl = None) -> None:
    """Try a failed step again with the same key, and go on with what was left out after it."""
    _steer("retry", run_id, who, data, store, step)


@playbooks.command("replay")
def replay(run_id: str, step: str, who: Who, data: Data = None, store: StoreUrl = None) -> None:
    """Do a step and all after it again, as new effects."""
    _steer("replay", run_id, who, data, store, step)


@playbooks.command("pause")
def pause(run_id: str, who: Who, data: Data = None, store: StoreUrl = None) -> None:
    """Do nothing more of a run until it is resumed."""
    _steer("pause", run_id, who, data, store)


@playbooks.command("resume")
def resume(run_id: str, who: Who, data: Data = None, store: StoreUrl = None) -> None:
    """Go on with a paused run."""
    _steer("resume", run_id, who, data, store)


@playbooks.command("cancel")
def cancel(run_id: str, who: Who, data: Data = None, store: StoreUrl = None) -> None:
    """End a run; what was done stays done."""
    _steer("cancel", run_id, who, data, store)


@playbooks.command("diff")
def diff(name: Named, against: str, data: Data = None, store: StoreUrl = None) -> None:
    """Show what changed since a file, or since the version a run began with. Exit code 1 if anything did."""
    from console.house import open_house
    from console.playbooks import diff as compare

    with open_house(data, store=store) as house:
        changed = compare(house, name, against)
    if changed:
        for line in changed.splitlines():
            typer.echo(say.clean(line))
        raise typer.Exit(1)


@playbooks.command("export")
def export(
    name: Named,
    form: Annotated[
        Literal["cacao", "yaml"], typer.Option("--format", help="cacao (2.0) or yaml.")
    ] = "cacao",
    data: Data = None,
) -> None:
    """Write a playbook as CACAO 2.0 (JSON), for other tools, or as plain YAML."""
    from citywatch.respond.cacao import to_cacao
    from console.playbooks import find_playbook, text_of
    from console.rules import house_of

    playbook = find_playbook(house_of(data), name)
    if form == "yaml":
        typer.echo(text_of(playbook), nl=False)
    else:
        say.line(to_cacao(playbook))


@playbooks.command("import")
def import_cacao(
    file: Path, out: Annotated[Path, typer.Option("--out", help="The YAML file to write.")]
) -> None:
    """Turn a CACAO 2.0 playbook into ours; what does not map is told. Commands become notes, never run."""
    from citywatch.respond.cacao import from_cacao
    from console.playbooks import text_of

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file} cannot be read: {error}") from error
    playbook, errors = from_cacao(text, str(file))
    _tell(errors)
    if playbook is None:
        raise typer.Exit(1)
    with out.open("x", encoding="utf-8") as made:
        made.write(text_of(playbook))
    say.err().print(f"{out}: playbook '{playbook.playbook}' with {len(playbook.steps)} steps", markup=False)


@playbooks.command("schema")
def schema() -> None:
    """Print the JSON Schema of playbooks, for editors."""
    from citywatch.respond.playbook import schema as json_schema

    say.line(json_schema())


def _steer(what: str, run_id: str, who: str, data: Path | None, store: str | None, step: str = "") -> None:
    from console.house import open_house
    from console.playbooks import steer

    with open_house(data, store=store) as house:
        say.err().print(f"{run_id}: {steer(house, what, run_id, who, step).state}", markup=False)


def _tell(errors: Sequence[object]) -> None:
    for error in errors:
        say.err().print(str(error), markup=False)
