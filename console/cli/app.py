"""Which verbs are there?"""

from __future__ import annotations

from typing import Annotated

import typer

from console.cli import (
    advisories,
    allow,
    audit,
    blocks,
    cases,
    evidence,
    evidence_chain,
    far,
    indicators,
    installation,
    look,
    lookalikes,
    measures,
    network,
    playbooks,
    portal_care,
    register,
    reports,
    rules,
    sensors,
    service,
    systems,
    testcity,
    vulnerabilities,
)
from console.cli.options import SERVER

app = typer.Typer(
    name="citywatch",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="CityWatch (Gác Thành): see early when a city's portals and networks are attacked, and act on it.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from citywatch import __version__

        typer.echo(f"citywatch {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    server: Annotated[
        str,
        typer.Option(
            "--server",
            metavar="URL",
            envvar="CITYWATCH_SERVER",
            help="Work on a console that runs elsewhere: alerts, tickets, portals, playbooks, hunts.",
        ),
    ] = "",
    token: Annotated[
        str,
        typer.Option("--token", envvar="CITYWATCH_TOKEN", help="An API token of that console."),
    ] = "",
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """See early when a city's portals and networks are attacked, and act on it."""
    SERVER.set((server, token))


_START, _LOOK, _WORK, _CONTENT = "Start here", "Look", "Work", "Rules, warnings and playbooks"

app.command(rich_help_panel=_START)(installation.init)
app.command(rich_help_panel=_START)(installation.doctor)
app.command(rich_help_panel=_START)(installation.demo)
app.command(rich_help_panel=_LOOK)(look.replay)
app.command(rich_help_panel=_LOOK)(look.decode)
app.command(rich_help_panel=_LOOK)(look.scan)
app.command(rich_help_panel=_LOOK)(look.hunt)
app.command(rich_help_panel=_LOOK)(service.watch)
app.command(rich_help_panel=_LOOK)(network.capture)
app.add_typer(network.network, name="network", rich_help_panel=_LOOK)
app.add_typer(testcity.testcity, name="range", rich_help_panel=_START)
app.add_typer(sensors.sensors, name="sensors", rich_help_panel=_LOOK)
app.command(rich_help_panel=_WORK)(service.console)
app.add_typer(cases.alerts, name="alerts", rich_help_panel=_WORK)
app.add_typer(cases.tickets, name="tickets", rich_help_panel=_WORK)
evidence.evidence.command("show")(evidence_chain.show)
evidence.evidence.command("export")(evidence_chain.export)
evidence.evidence.command("verify")(evidence_chain.verify)
register.portals.command("warc")(evidence_chain.warc)
app.add_typer(evidence.evidence, name="evidence", rich_help_panel=_WORK)
cases.alerts.command("allow")(allow.allow)
cases.alerts.command("allowed")(allow.allowed)
cases.alerts.command("disallow")(allow.disallow)
cases.tickets.command("metrics")(measures.metrics)
app.command(rich_help_panel=_WORK)(measures.law)
app.command(rich_help_panel=_WORK)(reports.report)
app.add_typer(audit.audit, name="audit", rich_help_panel=_WORK)
app.add_typer(register.portals, name="portals", rich_help_panel=_WORK)
register.portals.command("care")(portal_care.care)
register.portals.add_typer(lookalikes.lookalikes, name="lookalikes")
register.portals.add_typer(vulnerabilities.vulnerabilities, name="vulnerabilities")
register.portals.command("night")(portal_care.night)
register.portals.command("faces")(portal_care.faces)
register.portals.command("preview")(portal_care.preview)
register.portals.command("revert")(portal_care.revert)
app.add_typer(register.agencies, name="agencies", rich_help_panel=_WORK)
app.add_typer(systems.systems, name="systems", rich_help_panel=_WORK)
app.add_typer(advisories.advisories, name="advisories", rich_help_panel=_CONTENT)
app.add_typer(indicators.indicators, name="indicators", rich_help_panel=_CONTENT)
app.add_typer(rules.rules, name="rules", rich_help_panel=_CONTENT)
app.add_typer(blocks.blocks, name="blocks", rich_help_panel=_CONTENT)
app.add_typer(playbooks.playbooks, name="playbooks", rich_help_panel=_CONTENT)
cases.alerts.command("suppress")(far.suppress)
cases.alerts.command("suppressed")(far.suppressed)
cases.alerts.command("unsuppress")(far.unsuppress)
register.portals.command("recheck")(far.recheck)
app.add_typer(far.hunts, name="hunts", rich_help_panel=_WORK)
far.lead(app)
