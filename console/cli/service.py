"""What runs all day?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.cli.options import Data, StoreUrl

Host = Annotated[
    str,
    typer.Option("--host", help="Address to listen on; stay on localhost unless a TLS proxy is before it."),
]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on.")]


def watch(
    inputs: Annotated[
        list[Path] | None,
        typer.Option("--input", help="File or folder with captures and logs, besides those set."),
    ] = None,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when everything there is has been done.")
    ] = False,
    console: Annotated[
        bool, typer.Option("--console/--no-console", help="Serve the web console too.")
    ] = True,
    host: Host = "127.0.0.1",
    port: Port = 8780,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Run the service: sensors, judge, responders, nightly scans, console. A kill loses nothing."""
    from console.service import serve

    serve(
        data,
        store,
        inputs=inputs or [],
        until_idle=until_idle,
        address=(host, port) if console and not until_idle else None,
    )


def console(host: Host = "127.0.0.1", port: Port = 8780, data: Data = None, store: StoreUrl = None) -> None:
    """Serve the web console alone."""
    from console.house import open_house
    from console.service import serve_console

    with open_house(data, store=store) as house:
        serve_console(house, host, port)
