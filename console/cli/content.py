"""Which rules and playbooks are there, and are they sound?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from console.cli import say
from console.cli.options import Data, Json, StoreUrl

rules = typer.Typer(
    no_args_is_help=True, help="Sigma and YARA rules: list, show, check, test, import, match."
)
playbooks = typer.Typer(no_args_is_help=True, help="Playbooks: list, check, dry-run, runs, approve.")

Folder = Annotated[Path | None, typer.Argument(help="A file or folder; the installation's own when absent.")]


@rules.command("list")
def list_rules(
    text: Annotated[str, typer.Argument(help="Only those with this in title, id or tags.")] = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """List the rules that are loaded."""
    from console.content import rule_rows

    columns = (("severity", "Severity"), ("category", "Category"), ("title", "Title"), ("id", "Id"))
    rows, errors = rule_rows(data, text)
    say.rows(rows, columns, json=json, empty="No rule matches.")
    _tell(errors)


@rules.command("show")
def show_rule(rule_id: str, data: Data = None, json: Json = False) -> None:
    """Show one rule: what it says, where it stands, its guide."""
    from console.content import rule_detail

    doc = rule_detail(data, rule_id)
    if json:
        say.line(doc)
        return
    for key in ("id", "title", "title_vi", "severity", "category", "tags", "source", "falsepositives"):
        say.out().print(f"{key:<15}", say.cell(doc.get(key, "")), sep="")
    say.out().print("\n", say.cell(doc["text"]), sep="")


@rules.command("check")
def check_rules(folder: Folder = None, data: Data = None, json: Json = False) -> None:
    """Check rules like a compiler does: file, line, what is wrong, what to do. Exit code 1 on any."""
    from console.content import check_rules as check

    errors, count = check(data, folder)
    if json:
        for error in errors:
            say.line({"file": error.file, "line": error.line, "what": error.what, "hint": error.hint})
    else:
        _tell(errors)
        say.out().print(f"{count} rules are sound, {len(errors)} are not", markup=False)
    if errors:
        raise typer.Exit(1)


@rules.command("test")
def run_samples(folder: Folder = None, data: Data = None, json: Json = False) -> None:
    """Run each rule on its samples: those that must fire, and those that must stay silent."""
    from console.content import run_samples as run

    results = run(data, folder)
    wrong = [row for row in results if not row["ok"]]
    columns = (("rule", "Rule"), ("line", "Sample"), ("expect", "Expected"), ("because", "Because"))
    if json:
        say.rows(results, columns, json=True, empty="")
    else:
        if wrong:
            say.rows(wrong, columns, json=False, empty="", title="Not as expected")
        say.out().print(f"{len(results)} samples, {len(wrong)} not as expected", markup=False)
    if wrong or not results:
        raise typer.Exit(1)


@rules.command("import")
def import_rules(
    archive: Annotated[Path, typer.Argument(help="SigmaHQ's release zip, or a zip of YARA rules, as it is.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Take other people's rules in; each is loaded, not for our events, or refused, and told why."""
    from console.content import import_archive

    rows = import_archive(data, archive)
    if json:
        say.rows(rows, (), json=True, empty="")
        return
    counts: dict[str, int] = {}
    for row in rows:
        counts[str(row["verdict"])] = counts.get(str(row["verdict"]), 0) + 1
    say.rows(
        [row for row in rows if row["verdict"] == "refused"],
        (("file", "File"), ("why", "Why it was refused")),
        json=False,
        empty="None was refused.",
    )
    say.out().print(", ".join(f"{number} {word}" for word, number in sorted(counts.items())), markup=False)


@rules.command("match")
def match_rules(
    rules_at: Annotated[Path, typer.Option("--rules", help="A rule file, a folder or a zip.")],
    events: Annotated[Path, typer.Option("--events", help="NDJSON (flat or Winlogbeat) or .evtx.")],
    json: Json = False,
) -> None:
    """Match rules against events: the rule's id and the number of the event, for each hit."""
    from console.content import match_file

    problems: list[str] = []
    columns = (("rule_id", "Rule"), ("event", "Event"), ("title", "Title"))
    say.rows(match_file(rules_at, events, problems.append), columns, json=json, empty="No rule matched.")
    for problem in problems:
        say.err().print(problem, markup=False)
    if problems:
        raise typer.Exit(3)


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
