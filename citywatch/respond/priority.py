"""How urgent is a ticket, and how does that number come about?

Points for severity, level of the asset, confidence (different rules that agree), spread (how many of ours)
and threat match (a warning names what was seen), by a table. The parts are shown with the sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from citywatch.errors import ContentError
from citywatch.model import Alert, Severity, Ticket
from citywatch.respond.catalogue import values_of
from citywatch.respond.house_table import house_table, read_toml

MOST: Final = 100
OURS: Final = ("host.name", "destination.ip", "citywatch.portal.id")
"""Fields that count as ours, of which the widest is the spread."""
_STEPS: Final = ("asset_level", "confidence", "spread")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One addend: what, how much, and of what it follows."""

    name: str
    points: int
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Priority:
    """The sum and its parts."""

    total: int
    parts: tuple[Part, ...]

    @property
    def sum(self) -> str:
        """As people read it: `36 severity (high) + 9 asset_level (3) = 45`."""
        told = " + ".join(f"{part.points} {part.name} ({part.because})" for part in self.parts)
        return f"{told} = {self.total}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The table."""

    severity: Mapping[str, int]
    steps: Mapping[str, Mapping[int, int]]
    named: int

    def of(
        self, ticket: Ticket, alerts: Sequence[Alert], *, level: int = 0, confidence: int | None = None
    ) -> Priority:
        """The priority of a ticket.

        Args:
            ticket: what is ranked.
            alerts: its alerts, or the first of them.
            level: of its asset; the alerts' own when 0.
            confidence: of the best warning that names something of it, in per cent; None: none does.
        """
        level = level or max((alert.asset_level for alert in alerts), default=0)
        rules, wide = len(set(ticket.rule_ids)), spread_of(alerts)
        threat = round(self.named * (confidence or 0) / 100)
        parts = (
            Part(name="severity", points=self.severity[ticket.severity.name], because=ticket.severity.name),
            self._step("asset_level", level),
            self._step("confidence", rules),
            self._step("spread", wide),
            Part(name="threat", points=threat, because="–" if confidence is None else f"{confidence} %"),
        )
        return Priority(total=min(sum(part.points for part in parts), MOST), parts=parts)

    def _step(self, name: str, value: int) -> Part:
        """The points of the highest step that the value reaches."""
        reached = [points for least, points in sorted(self.steps[name].items()) if value >= least]
        return Part(name=name, points=reached[-1] if reached else 0, because=str(value))


def spread_of(alerts: Iterable[Alert]) -> int:
    """How many different ones of ours: of hosts, addresses, portals the most.

    >>> spread_of([])
    0
    """
    seen: dict[str, set[str]] = {name: set() for name in OURS}
    for alert in alerts:
        for name, held in seen.items():
            held.update(values_of(alert, name))
    return max(len(held) for held in seen.values())


def load_weights(data: Path) -> Weights:
    """The house's own table, or ours.

    Raises:
        ContentError: it lacks something, or a value is no number.
    """
    file = house_table(data, "priority.toml")
    raw = read_toml(file)
    try:
        severity = {level.name: int(raw["severity"][level.name]) for level in Severity}
        steps = {
            name: {int(least): int(points) for least, points in cast("Mapping[str, Any]", raw[name]).items()}
            for name in _STEPS
        }
        return Weights(severity=severity, steps=steps, named=int(raw["threat"]["named"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else f"a value is no number: {error}"
        raise ContentError(
            str(file), None, what, f"sections: severity, {', '.join(_STEPS)}, threat"
        ) from error
