"""Which document is wanted: a form of a ticket, or the report of a week or month?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.cli import say
from console.cli.options import Data, StoreUrl, Who


def report(
    ticket_id: Annotated[
        str, typer.Argument(metavar="[TICKET]", help="A ticket, for one of its forms.")
    ] = "",
    form: Annotated[
        str, typer.Option("--form", help="mau03 (initial), mau04 (final) or progress.")
    ] = "progress",
    period: Annotated[str, typer.Option("--period", help="A week (2026-W47) or month (2026-11).")] = "",
    agency: Annotated[
        str, typer.Option("--agency", metavar="CODE", help="The scorecard of one agency.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Ends in .pdf, .docx or .png.")
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=TEXT", help="A fact that the store does not know: extra.os=…"),
    ] = None,
    who: Who = "",
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Make a draft of a form, or of a weekly, monthly or agency report, as PDF or DOCX."""
    from citywatch.errors import SettingsError
    from citywatch.respond import audit
    from citywatch.respond.report import FORMATS
    from console.cases import read_ticket
    from console.house import open_house
    from console.reports import Source, print_period, print_ticket

    if bool(ticket_id) == bool(period):
        raise SettingsError("name a ticket, or give --period 2026-W47 or 2026-11")
    name = form if ticket_id else "-".join(part for part in ("report", period, agency) if part)
    file = out or Path(f"{ticket_id or 'citywatch'}-{name}.pdf")
    ending = file.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise SettingsError(f"{file}: a report ends in .{', .'.join(FORMATS)}")
    with open_house(data, store=store) as house:
        source = Source(
            settings=house.settings, clock=house.clock, store=house.store, sla=house.sla, law=house.law
        )
        if ticket_id:
            more = dict(pair.split("=", 1) for pair in given or () if "=" in pair)
            made = print_ticket(source, read_ticket(house, ticket_id), form, ending, more)
        else:
            made = print_period(source, period, ending, agency)
        file.write_bytes(made)
        audit.append(
            house.store, house.clock, by=who, what="report_read", about=f"{ticket_id} {name} (terminal)"
        )
    say.err().print(f"{file}: written, {len(made)} bytes; a draft: read, complete and sign it", markup=False)
