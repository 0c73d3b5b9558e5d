"""How is a result shown: as a table to a person, as JSON lines to a program?

What comes from outside (titles, names, paths) is hostile: control characters are shown as `·` and never reach
the terminal, and no markup in it is obeyed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.text import Text

_STYLES = {
    "critical": "bold white on red",
    "high": "bold red",
    "medium": "yellow",
    "low": "cyan",
    "informational": "dim",
}


def out() -> Console:
    """The terminal, standard output."""
    from rich.console import Console

    # Into a file or a pipe there is no screen to fit: columns stay whole.
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def err() -> Console:
    """The terminal, standard error: progress, problems, hints."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def progress() -> Progress:
    """A bar on standard error: what is being done, how many of how many, how long it takes still."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        console=err(),
        transient=True,
    )


def clean(value: object) -> str:
    r"""Text that is safe to print.

    >>> clean("a\x1b[31mb")
    'a·[31mb'
    """
    text = "" if value is None else str(value)
    return "".join(character if character.isprintable() else "·" for character in text)


def cell(value: object, *, style: str = "") -> Text:
    """A table cell that no markup in the value can change; severities are colored."""
    from rich.text import Text

    text = clean(value)
    return Text(text, style=style or _STYLES.get(text, ""), overflow="fold")


def line(doc: Mapping[str, Any]) -> None:
    """One JSON object on a line of its own."""
    sys.stdout.buffer.write(orjson.dumps(doc, option=orjson.OPT_APPEND_NEWLINE, default=str))
    sys.stdout.buffer.flush()


def rows(
    docs: Iterable[Mapping[str, Any]],
    columns: Sequence[tuple[str, str]],
    *,
    json: bool,
    empty: str,
    title: str = "",
) -> int:
    """Show documents; give how many there were.

    Args:
        docs: one mapping a row.
        columns: key and heading of each column of the table.
        json: JSON lines with all keys instead of a table.
        empty: what to tell a person when there are none, with what to do next.
        title: over the table.
    """
    if json:
        count = 0
        for count, doc in enumerate(docs, 1):  # noqa: B007 - the last number is the answer
            line(doc)
        return count
    from rich.table import Table

    table = Table(title=title or None, header_style="bold", box=None, pad_edge=False, title_justify="left")
    for _, heading in columns:
        table.add_column(heading, overflow="fold")
    count = 0
    for doc in docs:
        count += 1
        table.add_row(*(cell(doc.get(key, "")) for key, _ in columns))
    out().print(table if count else empty, markup=False)
    return count


def local(timezone: str) -> Callable[[str], str]:
    """Gives a function that shows an event time in a time zone, to the second."""
    from zoneinfo import ZoneInfo

    from citywatch.clock import parse_stamp

    zone = ZoneInfo(timezone)

    def show(text: str) -> str:
        return parse_stamp(text).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if text else ""

    return show
