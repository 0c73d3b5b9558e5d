"""Which systems do the agencies run besides their portals, and on which software?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.cli import say
from console.cli.options import Data, Json, Limit, StoreUrl
from console.cli.register import Many, export, report_import

systems = typer.Typer(
    no_args_is_help=True,
    help="What agencies run: databases, one-stop systems, cameras, devices, with their software.",
)

_COLUMNS = (
    ("id", "System"),
    ("name", "Name"),
    ("agency", "Agency"),
    ("kind", "Kind"),
    ("level", "Level"),
    ("software", "Software"),
    ("where", "Where"),
)


@systems.command("add")
def add_system(
    system_id: Annotated[str, typer.Argument(metavar="ID", help="A short code, e.g. mot-cua-01.")],
    name: Annotated[str, typer.Option("--name", help="Its name.")],
    agency: Annotated[str, typer.Option("--agency", metavar="ID", help="Who owns it.")],
    kind: Annotated[str, typer.Option("--kind", help="one_stop, core_database, camera …")] = "other",
    level: Annotated[int, typer.Option("--level", min=1, max=5, help="Level 1-5 after ND 85/2016.")] = 2,
    vendor: Annotated[str, typer.Option("--vendor", help="Who makes its software.")] = "",
    product: Annotated[str, typer.Option("--product", help="Which software it runs.")] = "",
    version: Annotated[str, typer.Option("--version", help="In which version.")] = "",
    network: Many = None,
    domain: Many = None,
    host: Many = None,
    url: Annotated[str, typer.Option("--url", help="Where it answers by HTTP.")] = "",
    contact: Annotated[str, typer.Option("--contact", help="Who is called.")] = "",
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Add a system, or change one."""
    from citywatch.errors import SettingsError
    from citywatch.model import System
    from citywatch.respond.register import system_kinds
    from console.house import open_house
    from console.registry import put_system

    if kind not in system_kinds():
        raise SettingsError(f"there is no kind '{kind}'; kinds are: {', '.join(system_kinds())}")
    with open_house(data, store=store) as house:
        system = System(
            id=system_id,
            name=name,
            agency=agency,
            kind=kind,
            level=level,
            vendor=vendor,
            product=product,
            version=version,
            networks=tuple(network or ()),
            domains=tuple(domain or ()),
            hosts=tuple(host or ()),
            url=url,
            contact=contact,
        )
        say.err().print(f"{system_id}: {put_system(house, system)}", markup=False)


@systems.command("list")
def list_systems(
    agency: Annotated[str, typer.Option("--agency", metavar="ID", help="Of this agency only.")] = "",
    limit: Limit = 1000,
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """List systems."""
    from console.house import open_house
    from console.registry import system_rows

    with open_house(data, store=store) as house:
        rows = system_rows(house, limit, agency=agency)
        if not json:
            rows = [
                row
                | {
                    "software": " ".join(row[name] for name in ("vendor", "product", "version") if row[name]),
                    "where": " ".join([*row["networks"], *row["domains"], *row["hosts"]][:6]),
                }
                for row in rows
            ]
        say.rows(
            rows,
            _COLUMNS,
            json=json,
            empty="No systems yet. Add one: citywatch systems add ID --name NAME --agency ID",
        )


@systems.command("import")
def import_systems(file: Path, data: Data = None, store: StoreUrl = None) -> None:
    """Import systems from CSV or XLSX: id, name, agency; `systems export` shows the other columns."""
    from console.house import open_house
    from console.registry import import_table

    with open_house(data, store=store) as house:
        report_import(*import_table(house, file, "system"))


@systems.command("export")
def export_systems(file: Path, data: Data = None, store: StoreUrl = None) -> None:
    """Write all systems into FILE.csv or FILE.xlsx, as `import` takes them."""
    export("system", file, data, store)
