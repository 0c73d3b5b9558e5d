"""Which versions have known holes, and where do we know it from?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.cli import say
from console.cli.look import Problems
from console.cli.options import Data, Json, Limit, StoreUrl

vulnerabilities = typer.Typer(
    no_args_is_help=True,
    help="Known holes of the software that portals run: import CVE, NVD and KEV files, list.",
)
_COLUMNS = (
    ("product", "Product"),
    ("cve", "CVE"),
    ("exploited", "Exploited"),
    ("score", "CVSS"),
    ("versions", "Versions"),
    ("title", "What"),
)


@vulnerabilities.command("import")
def import_vulnerabilities(
    files: Annotated[
        list[Path], typer.Argument(help="CVE JSON 5, NVD JSON 2.0, KEV JSON; .json, .gz or .zip.")
    ],
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Import holes from files; the next look at each portal is judged by them.

    Exit code 0 when all was read, 3 when part of it could not be; that part is named on standard error.
    """
    from console.house import open_house
    from console.vulnerabilities import import_files

    problems = Problems()
    with open_house(data, store=store) as house, say.err().status("reading …", spinner="dots"):
        told = import_files(house, files, problems)
    if json:
        say.rows([told], (), json=True, empty="")
    else:
        say.err().print(
            f"{told['records']} records read: {told['holes']} holes of software that we know, "
            f"{told['exploited']} CVEs exploited, {told['other_software']} of other software. "
            f"Known now: {told['known']}. Look now: citywatch scan --deep",
            markup=False,
        )
    problems.end()


@vulnerabilities.command("list")
def list_vulnerabilities(
    product: Annotated[
        str, typer.Option("--product", help="Only of this product: wordpress, dnn, nginx …")
    ] = "",
    limit: Limit = 100,
    data: Data = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """List known holes by product, exploited ones first."""
    from console.house import open_house
    from console.vulnerabilities import rows

    with open_house(data, store=store) as house:
        say.rows(
            rows(house, product, limit),
            _COLUMNS,
            json=json,
            empty="None known. Import them: citywatch portals vulnerabilities import FILE",
        )
