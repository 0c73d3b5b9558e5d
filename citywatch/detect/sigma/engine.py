"""Which rules say yes to this event?"""

from __future__ import annotations

from collections.abc import Sequence

from citywatch.detect.sigma import oracle
from citywatch.detect.sigma.load import EventRule
from citywatch.model import Event


class Engine:
    """Rules made ready to be asked event by event."""

    def __init__(self, rules: Sequence[EventRule]) -> None:
        self._rules = tuple(rules)

    def hits(self, event: Event) -> list[EventRule]:
        """The rules that say yes, in the order of the rule set."""
        return [
            rule
            for rule in self._rules
            if oracle.matches(rule.gate, event) and oracle.matches(rule.tree, event)
        ]
