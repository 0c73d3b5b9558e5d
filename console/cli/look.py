"""What do captures, logs and portals show?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from citywatch.model import Problem
from console.cli import say
from console.cli.options import Data, Json, Limit, StoreUrl

Paths = Annotated[
    list[Path], typer.Argument(help="Files or folders (a folder means all in it); - is standard input.")
]

Mappings = Annotated[
    list[Path] | None,
    typer.Option("--mapping", help="YAML file that says which column of a CSV file is which field."),
]

_ALERTS = (
    ("severity", "Severity"),
    ("title", "Alert"),
    ("source_ip", "From"),
    ("destination_ip", "To"),
    ("subject", "Subject"),
    ("count", "Count"),
    ("first_seen", "First seen (UTC)"),
)

NO_PORTALS = "No portals yet. Register one: citywatch portals add URL --name NAME --agency ID"

SHOWN_PROBLEMS = 20
"""So many problems of one command are printed one by one; the rest is counted."""


class Problems:
    """Prints the first problems as they come and counts the rest."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, problem: Problem) -> None:
        self.count += 1
        if self.count <= SHOWN_PROBLEMS:
            say.err().print(say.cell(problem), style="yellow")

    def end(self) -> None:
        """Tell how many more there were, and end with exit code 3 when there were any."""
        if self.count > SHOWN_PROBLEMS:
            say.err().print(
                f"… and {self.count - SHOWN_PROBLEMS} more parts that could not be read", markup=False
            )
        if self.count:
            raise typer.Exit(3)


def replay(
    paths: Paths,
    keep: Annotated[
        bool, typer.Option("--keep", help="Also keep events, alerts and tickets in the installation.")
    ] = False,
    mapping: Mappings = None,
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Judge captures and logs: pcap, pcapng, EVE, Zeek, evtx, NDJSON, access logs, told apart by content.

    Exit code 0 when all was read, 3 when part could not be read; that part is named on standard error.
    """
    from console.replay import replay as run

    problems = Problems()
    with say.err().status("reading …", spinner="dots") as status:
        outcome = run(
            paths,
            data=data,
            store=store,
            keep=keep,
            report=problems,
            tell=status.update,
            mappings=mapping or (),
        )
    for error in outcome.rule_errors:
        say.err().print(say.cell(error), style="yellow")
    rows = outcome.rows
    if not json:
        rows = [row | {"first_seen": str(row["first_seen"])[:19].replace("T", " ")} for row in rows]
    say.rows(rows, _ALERTS, json=json, empty=f"No rule matched {outcome.events} events.")
    if not json:
        say.err().print(
            f"{outcome.events} events of {outcome.sources} sources, {len(outcome.rows)} alerts", style="dim"
        )
    problems.end()


def decode(paths: Paths, mapping: Mappings = None, json: Json = True) -> None:  # noqa: ARG001 - every verb takes --json
    """Write the events of captures and logs as NDJSON to standard output, without judging or keeping them."""
    from console.replay import decode as run

    problems = Problems()
    run(paths, problems, mapping or ())
    problems.end()


def scan(
    portals: Annotated[
        list[str] | None, typer.Argument(help="Ids of registered portals; all when none is named.")
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also many inner pages, the site map, probes and every witness.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Leave out who was scanned deeply in the last 12 hours.")
    ] = False,
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Visit portals now, judge what they show, and respond.

    A deep scan that was interrupted goes on with --deep --resume.
    """
    from console.house import open_house
    from console.portals import scan as run

    if resume and not deep:
        raise typer.BadParameter("goes with --deep: a deep scan is resumed", param_hint="--resume")

    columns = (
        ("portal", "Portal"),
        ("state", "State"),
        ("views", "Views"),
        ("changed", "Changed"),
        ("alerts", "Alerts"),
        ("error", "Error"),
    )
    with open_house(data, store=store) as house, say.progress() as bar:
        task = bar.add_task("visiting …", total=None)

        def on(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=say.clean(name)[:40])

        def tell(what: str) -> None:
            bar.update(task, description=say.clean(what)[:60])

        rows: list[dict[str, Any]] = run(house, portals or [], deep=deep, tell=tell, resume=resume, on=on)
    if not json:
        rows = [
            row | {key: " ".join(map(str, row[key])) for key in ("views", "changed", "alerts")}
            for row in rows
        ]
    nobody = "Everybody was scanned deeply in the last 12 hours." if resume else NO_PORTALS
    say.rows(rows, columns, json=json, empty=nobody)


def hunt(
    rule: Annotated[str, typer.Argument(help="The id of a rule, or a file with a Sigma rule.")],
    since: Annotated[
        str, typer.Option("--since", help="From this time on (2026-11-22 or 2026-11-22T08:00:00Z).")
    ] = "",
    until: Annotated[str, typer.Option("--until", help="Up to this time.")] = "",
    limit: Limit = 1000,
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Look for a rule in what is stored; each hit is verified, so that both stores answer alike."""
    from console.house import open_house
    from console.hunts import hunt as run

    columns = (("at", "When"), ("subject", "Subject"), ("reasons", "Why"), ("event_id", "Event"))
    with open_house(data, store=store) as house:
        say.rows(
            run(house, rule, since=since, until=until, limit=limit),
            columns,
            json=json,
            empty="Nothing stored matches.",
        )
