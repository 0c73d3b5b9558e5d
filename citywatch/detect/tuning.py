"""Which rules has this team switched off, who did it, and why?

One line a rule in `switched-off.tsv` in the team's own rule folder: id, who, day, reason. An import or update
of rules never touches it. Exceptions that are finer than off are Sigma filters, in files of their own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

FILE = "switched-off.tsv"
_HEAD = "rule_id\tby\tday\treason\n"
_FIELDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Off:
    """A rule that does not hold here."""

    rule_id: str
    by: str
    day: str
    reason: str


def read_off(folder: Path) -> dict[str, Off]:
    """The rules that are switched off, by id; nothing where there is no such file."""
    try:
        text = (folder / FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    rows = [line.split("\t", _FIELDS - 1) for line in text.splitlines()[1:] if line.strip()]
    return {
        row[0].strip().lower(): Off(rule_id=row[0].strip().lower(), by=row[1], day=row[2], reason=row[3])
        for row in rows
        if len(row) == _FIELDS
    }


def switch_off(folder: Path, rule_id: str, *, by: str, day: str, reason: str) -> None:
    """Switch a rule off; a second time only replaces who, when and why."""
    known = read_off(folder)
    clean = [" ".join(text.split()) for text in (by, day, reason)]
    known[rule_id.lower()] = Off(rule_id=rule_id.lower(), by=clean[0], day=clean[1], reason=clean[2])
    _write(folder, known)


def switch_on(folder: Path, rule_id: str) -> bool:
    """Switch a rule on again; False when it was not off."""
    known = read_off(folder)
    if known.pop(rule_id.lower(), None) is None:
        return False
    _write(folder, known)
    return True


def _write(folder: Path, known: dict[str, Off]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = (f"{each.rule_id}\t{each.by}\t{each.day}\t{each.reason}\n" for each in known.values())
    beside = folder / f"{FILE}.{os.getpid()}"
    beside.write_text(_HEAD + "".join(rows), encoding="utf-8")
    beside.replace(folder / FILE)
