"""What is read, from whom does it come, and is a mapping right?"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from console.cli import say
from console.cli.options import Data, Json, StoreUrl

sensors = typer.Typer(no_args_is_help=True, help="Logs and flow records: which are known, who sends them.")

_LISTENING = (
    ("protocol", "Protocol"),
    ("where", "Where"),
    ("messages", "Messages"),
    ("connections", "Open"),
    ("refused", "Not allowed"),
    ("too_many", "Too many"),
    ("too_long", "Cut"),
    ("cut_off", "Broken off"),
    ("too_slow", "Too slow"),
    ("no_handshake", "No handshake"),
    ("kernel_dropped", "Kernel dropped"),
    ("lost", "Lost on the way"),
    ("undecoded", "Unreadable"),
)


@sensors.command("list")
def listed(json: Json = False) -> None:
    """Show which formats are known; files are told apart by content."""
    import sensors as known
    from citywatch.ports import Follower

    rows = [
        {
            "name": sensor.name,
            "reads": (sys.modules[type(sensor).__module__].__doc__ or "").partition("\n")[0],
            "follows": "yes" if isinstance(sensor, Follower) else "",
        }
        for sensor in known.ALL
    ]
    say.rows(rows, (("name", "Sensor"), ("reads", "Answers"), ("follows", "Follows")), json=json, empty="")


@sensors.command("check-mapping")
def check_mapping(
    mapping: Annotated[Path, typer.Argument(help="YAML file of the mapping.")],
    sample: Annotated[Path | None, typer.Argument(help="A CSV file to try it on.")] = None,
    json: Json = False,
) -> None:
    """See that a mapping of a CSV file can be used, and what the first rows of a file become."""
    from console.mappings import check

    columns = (("column", "Column"), ("field", "Field"))
    say.rows(check(mapping, sample), columns, json=json, empty="No row could be read.")


@sensors.command()
def listening(data: Data = None, store: StoreUrl = None, json: Json = False) -> None:
    """Show for every endpoint what other machines sent, and what of it was refused or lost."""
    from console.house import open_house
    from console.listeners import status_of_all

    with open_house(data, store=store) as house:
        rows = [row | {"lost": _lost(row)} for row in status_of_all(house)]
        say.rows(
            rows,
            _LISTENING,
            json=json,
            empty="Nobody has sent anything. Name endpoints under [listen] in citywatch.toml.",
        )


def _lost(row: Mapping[str, Any]) -> int:
    return sum(int(row.get(key, 0)) for key in ("lost_flows", "lost_datagrams", "cut_flows"))
