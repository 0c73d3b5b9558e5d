"""Which rules are there, are they sound, what do they cost, and who switched what off?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli import say
from console.cli.options import Data, Json, Limit, Who

if TYPE_CHECKING:
    from citywatch.detect.importer import Verdict

rules = typer.Typer(
    no_args_is_help=True,
    help="Sigma and YARA rules: list, check, test, import, update, switch on and off, measure.",
)
Folder = Annotated[Path | None, typer.Argument(help="A file or folder; the installation's own when absent.")]
Archive = Annotated[Path, typer.Argument(help="SigmaHQ's release zip, or a zip of YARA rules, as it is.")]


@rules.command("list")
def list_rules(
    text: Annotated[str, typer.Argument(help="Only those with this in title, id or tags.")] = "",
    off: Annotated[bool, typer.Option("--off", help="Those that were switched off here.")] = False,
    exceptions: Annotated[
        bool, typer.Option("--exceptions", help="Exceptions to rules: whose, why, until when.")
    ] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """List the rules that are loaded."""
    from console.rules import exception_rows, off_rows, rule_rows

    if exceptions:
        names = ("title", "rules", "owner", "reason", "expires", "holds")
        columns = tuple((name, name.capitalize()) for name in names)
        say.rows(exception_rows(data), columns, json=json, empty="There is no exception.")
        return

    if off:
        columns = (("id", "Id"), ("title", "Title"), ("what", "Why"))
        say.rows(off_rows(data), columns, json=json, empty="No rule is switched off.")
        return
    columns = (("severity", "Severity"), ("category", "Category"), ("title", "Title"), ("id", "Id"))
    rows, errors = rule_rows(data, text)
    say.rows(rows, columns, json=json, empty="No rule matches.")
    _tell(errors)


@rules.command("show")
def show_rule(rule_id: str, data: Data = None, json: Json = False) -> None:
    """Show one rule: what it says, where it stands, its guide."""
    from console.rules import rule_detail

    doc = rule_detail(data, rule_id)
    if json:
        say.line(doc)
        return
    for key in ("id", "title", "title_vi", "severity", "category", "tags", "source", "falsepositives"):
        say.out().print(f"{key:<15}", say.cell(doc.get(key, "")), sep="")
    say.out().print("\n", say.cell(doc["text"]), sep="")


@rules.command("check")
def check_rules(
    folder: Folder = None,
    strict: Annotated[bool, typer.Option("--strict", help="What is doubtful counts as wrong.")] = False,
    attack: Annotated[
        Path | None,
        typer.Option(
            "--attack", metavar="FILE", help="A copy of enterprise-attack.json to check tags against."
        ),
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Check rules like a compiler does: file, line, what is wrong, what to do. Exit code 1 on any."""
    from console.rules import check_rules as check

    errors, doubts, count = check(data, folder, attack)
    for error, kind in [*((each, "error") for each in errors), *((each, "warning") for each in doubts)]:
        if json:
            say.line(
                {"kind": kind, "file": error.file, "line": error.line, "what": error.what, "hint": error.hint}
            )
        else:
            say.err().print(str(error) if kind == "error" else f"warning: {error}", markup=False)
    if not json:
        say.out().print(
            f"{count} rules are sound, {len(errors)} are not; {len(doubts)} warnings", markup=False
        )
    if errors or (strict and doubts):
        raise typer.Exit(1)


@rules.command("test")
def run_samples(folder: Folder = None, data: Data = None, json: Json = False) -> None:
    """Run each rule on its samples: those that must fire, and those that must stay silent."""
    from console.rules import run_samples as run

    results, failures = run(data, folder)
    wrong = [row for row in results if not row["ok"]]
    columns = (("rule", "Rule"), ("line", "Sample"), ("expect", "Expected"), ("because", "Because"))
    if json:
        say.rows(results, columns, json=True, empty="")
    else:
        if wrong:
            say.rows(wrong, columns, json=False, empty="", title="Not as expected")
        say.out().print(f"{len(results)} samples, {len(wrong)} not as expected", markup=False)
    _tell(failures)
    if wrong or not results:
        raise typer.Exit(1)


@rules.command("import")
def import_rules(
    archive: Archive,
    name: Annotated[str, typer.Option("--name", help="What the collection is called here.")] = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Take other people's rules in; each is loaded, not for our events, or refused, and told why."""
    from console.rules import import_archive

    _tell_verdicts(import_archive(data, archive, name), json=json)


@rules.command("update")
def update_rules(archive: Archive, data: Data = None, json: Json = False) -> None:
    """Take a newer release over what was imported before; what was changed or switched off here stays."""
    from console.rules import update_archive

    name, verdicts = update_archive(data, archive)
    if not json:
        changes = [each for each in verdicts if each.change]
        columns = (("change", "Change"), ("title", "Title"), ("file", "File"))
        rows = ({"change": each.change, "title": each.title, "file": each.file} for each in changes)
        say.rows(
            rows, columns, json=False, empty=f"{name}: nothing is different.", title=f"Collection {name}"
        )
    _tell_verdicts(verdicts, json=json)


def _tell_verdicts(verdicts: Sequence[Verdict], *, json: bool) -> None:
    from citywatch.model import to_doc

    rows = [to_doc(each) for each in verdicts]
    if json:
        say.rows(rows, (), json=True, empty="")
        return
    counts: dict[str, int] = {}
    for each in verdicts:
        counts[each.verdict] = counts.get(each.verdict, 0) + 1
    say.rows(
        [row for row in rows if row["verdict"] == "refused"],
        (("file", "File"), ("why", "Why it was refused")),
        json=False,
        empty="None was refused.",
    )
    say.out().print(", ".join(f"{number} {word}" for word, number in sorted(counts.items())), markup=False)


@rules.command("disable")
def disable(
    rule_id: str,
    who: Who,
    reason: Annotated[str, typer.Option("--reason", help="Why it does not hold here.")] = "",
    data: Data = None,
) -> None:
    """Switch a rule off for this team; an import or update never switches it on again."""
    from console.rules import switch

    title = switch(data, rule_id, on=False, by=who, reason=reason)
    say.err().print(f"off: {title} ({rule_id})", markup=False)


@rules.command("enable")
def enable(rule_id: str, who: Who, data: Data = None) -> None:
    """Switch a rule on again."""
    from console.rules import switch

    title = switch(data, rule_id, on=True, by=who, reason="")
    say.err().print(f"on: {title} ({rule_id})", markup=False)


@rules.command("coverage")
def coverage(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Standard output when absent.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What the layer is called.")] = "CityWatch",
    data: Data = None,
) -> None:
    """Write a layer for ATT&CK Navigator: which techniques the rules look for, and with how many rules."""
    import orjson

    from console.rule_use import coverage_layer

    layer = coverage_layer(data, name)
    if out is None:
        say.line(layer)
        return
    out.write_bytes(orjson.dumps(layer, option=orjson.OPT_INDENT_2))
    say.err().print(f"{len(layer['techniques'])} techniques -> {out}", markup=False)


@rules.command("bench")
def bench(
    events: Annotated[
        Path, typer.Option("--events", help="A log, capture or NDJSON file; its first 5,000 events.")
    ],
    limit: Limit = 20,
    data: Data = None,
    json: Json = False,
) -> None:
    """Tell what each rule costs on these events, dearest first."""
    from console.rule_use import bench as run

    columns = (
        ("us", "µs an event"),
        ("worst_ms", "Worst ms"),
        ("events", "Asked"),
        ("fired", "Fired"),
        ("title", "Title"),
        ("source", "File"),
    )
    problems: list[str] = []
    rows = run(data, events, problems.append)
    say.rows(rows[:limit], columns, json=json, empty="None of these events is meant by a rule.")
    _tell(problems)


@rules.command("match")
def match_rules(
    rules_at: Annotated[Path, typer.Option("--rules", help="A rule file, a folder or a zip.")],
    events: Annotated[Path, typer.Option("--events", help="NDJSON (flat or Winlogbeat) or .evtx.")],
    json: Json = False,
) -> None:
    """Match rules against events: the rule's id and the number of the event, for each hit."""
    from console.rule_use import match_file

    problems: list[str] = []
    columns = (("rule_id", "Rule"), ("event", "Event"), ("title", "Title"))
    notes: list[str] = []
    hits = match_file(rules_at, events, problems.append, notes.append)
    say.rows(hits, columns, json=json, empty="No rule matched.")
    _tell(notes)
    _tell(problems)
    if problems:
        raise typer.Exit(3)


def _tell(errors: Iterable[object]) -> None:
    for error in errors:
        say.err().print(str(error), markup=False)
