"""Which rules fail while they judge, and on what?

A rule that raises stops no other: the event is asked again rule by rule, by the plain evaluator, and the rule
that raised is noted here for the health page.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from citywatch.model import Event, Rule, Severity

MOST_RULES = 100
_MOST_TEXT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A rule that raised."""

    rule_id: str
    title: str
    source: str
    """Its file."""
    error: str
    """What it raised last."""
    event_id: str
    """On which event that was."""
    count: int = 1
    """How often it raised."""


class Failures:
    """The rules that raised since the rules were read; the first hundred."""

    def __init__(self) -> None:
        self._by_rule: dict[str, Failure] = {}

    def __len__(self) -> int:
        """How often rules raised."""
        return sum(one.count for one in self._by_rule.values())

    def note_all(self, error: Exception, event: Event) -> None:
        """All rules together raised on an event, and none of them alone."""
        self.note(Rule(id="*", title="*", severity=Severity.low, source=""), error, event)

    def note(self, rule: Rule, error: Exception, event: Event) -> None:
        """A rule raised on an event."""
        event_id = event.get("event.id", "")
        self.add(
            Failure(
                rule_id=rule.id,
                title=rule.title,
                source=rule.source,
                error=f"{type(error).__name__}: {error}"[:_MOST_TEXT],
                event_id=event_id[:_MOST_TEXT] if isinstance(event_id, str) else "",
            )
        )

    def add(self, failure: Failure) -> None:
        """Take over what another process noted."""
        known = self._by_rule.get(failure.rule_id)
        if known is not None:
            failure = replace(failure, count=known.count + failure.count)
        elif len(self._by_rule) >= MOST_RULES:
            return
        self._by_rule[failure.rule_id] = failure

    def all(self) -> tuple[Failure, ...]:
        """Those that raised most often first."""
        return tuple(sorted(self._by_rule.values(), key=lambda one: (-one.count, one.rule_id)))

    def take(self) -> tuple[Failure, ...]:
        """All, and begin anew."""
        found = self.all()
        self._by_rule.clear()
        return found
