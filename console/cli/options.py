"""Which options does every verb take?"""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        envvar="CITYWATCH_DATA",
        show_envvar=True,
        help="Folder of the installation.",
    ),
]
StoreUrl = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="Where the store is: sqlite:PATH, or http(s)://HOST:9200 for Elasticsearch.",
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="One JSON object a line on standard output, nothing else.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most so many.")]
Who = Annotated[
    str, typer.Option("--as", metavar="NAME", envvar="USER", help="Whose name stands in the history.")
]

SERVER: ContextVar[tuple[str, str]] = ContextVar("server", default=("", ""))
"""The console elsewhere that the first options name, and the token for it."""
