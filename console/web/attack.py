"""Which techniques of ATT&CK do the rules look for?

Made from the rules' own tags (`attack.<tactic>`, `attack.t1234.001`); nothing of MITRE's texts is in here but
the names of the tactics.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from citywatch.model import Rule
from console.web.codes import WORDS
from console.web.door import Visit, Way

_TECHNIQUE = re.compile(r"attack\.(t\d{4}(?:\.\d{3})?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One technique under one tactic, with its rules."""

    technique: str
    rules: tuple[Rule, ...]

    @property
    def shade(self) -> int:
        """1 to 3: one rule, a few, many."""
        return 1 if len(self.rules) == 1 else 2 if len(self.rules) < 6 else 3  # noqa: PLR2004 - shades of a picture


def matrix(rules: Mapping[str, Rule]) -> dict[str, list[Cell]]:
    """Techniques by tactic, in the order of an attack; a rule stands under each of its tactics."""
    found: dict[str, dict[str, list[Rule]]] = {tactic: {} for tactic in WORDS["tactic"]}
    for rule in rules.values():
        tags = [tag.lower().replace("_", "-") for tag in rule.tags]
        techniques = [met[1].upper() for tag in tags if (met := _TECHNIQUE.fullmatch(tag))]
        tactics = [name for name in found if f"attack.{name}" in tags]
        for tactic in tactics:
            for technique in techniques:
                found[tactic].setdefault(technique, []).append(rule)
    return {
        tactic: [Cell(technique=name, rules=tuple(held)) for name, held in sorted(cells.items())]
        for tactic, cells in found.items()
    }


def show_matrix(visit: Visit) -> Response:
    """The matrix, and below it the rules of one technique when it was chosen."""
    made = matrix(visit.house.rules)
    chosen = visit.asked("technique").upper()
    rules = {
        rule.id: rule
        for cells in made.values()
        for cell in cells
        if cell.technique == chosen
        for rule in cell.rules
    }
    return visit.page(
        "attack.html",
        matrix=made,
        chosen=chosen,
        chosen_rules=sorted(rules.values(), key=lambda rule: (-rule.severity, rule.title)),
        total=len(visit.house.rules),
        techniques=len({cell.technique for cells in made.values() for cell in cells}),
    )


WAYS = (Way(path="/attack", handler=show_matrix, name="attack", needs="staff"),)
