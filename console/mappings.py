"""Which mappings of CSV files has this installation, and are they right?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from citywatch.model import Event, Problem

if TYPE_CHECKING:
    from citywatch.ports import Report, Sensor

FOLDER = "mappings"
_SHOWN = 3


def own_tables(data: Path | None, report: Report, named: Sequence[Path] = ()) -> list[Sensor]:
    """Readers for the mappings that were named, then those under `DATA/mappings`.

    Raises:
        ContentError: one that was named cannot be used; one of the installation's is only told.
    """
    from sensors.mapping import load_mapping
    from sensors.table import Table, tables

    found: list[Sensor] = [Table(plan=load_mapping(path)) for path in named]
    own, errors = tables(data / FOLDER) if data else ([], [])
    for error in errors:
        report(Problem(sensor="table", source=str(error), position="", what="the mapping is not used"))
    return found + list(own)


def check(mapping: Path, sample: Path | None) -> list[dict[str, Any]]:
    """See that a mapping can be used, and what the first rows of a file become.

    Raises:
        ContentError: the mapping cannot be used.
    """
    from sensors.mapping import load_mapping
    from sensors.table import Table

    plan = load_mapping(mapping)
    if sample is None:
        return [{"column": column.name, "field": column.field} for column in plan.columns]
    problems: list[Problem] = []
    events: list[Event] = list(
        islice(Table(plan=plan).read(sample, problems.append, lambda _data, _kind: ""), _SHOWN)
    )
    rows: list[dict[str, Any]] = [
        {"column": f"row {number + 1}", "field": f"{name} = {value}"}
        for number, event in enumerate(events)
        for name, value in event.items()
    ]
    return rows + [{"column": "problem", "field": str(problem)} for problem in problems]
