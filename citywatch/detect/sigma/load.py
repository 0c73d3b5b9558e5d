"""Which rules does this folder hold, and what is wrong with the others?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from citywatch.detect.sigma.tree import Tree
from citywatch.model import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """A rule's logsource as it stands in the rule."""

    product: str = ""
    category: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRule:
    """A rule that one event can answer."""

    rule: Rule
    name: str
    logs: Logs
    tree: Tree
    """The detection alone; which events it is for is in `gate`."""
    gate: Tree
    """Which events the logsource means, from `tables/logsources.tsv`."""
    subject: tuple[str, ...] = ()
    """Fields that the alert is about; empty: by the event's module."""
    window: str = ""
    """Fold window that the rule's `citywatch:` block asks for, e.g. `1h`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationRule:
    """A Sigma correlation, with every name resolved: rules by id, fields by our names."""

    rule: Rule
    name: str
    type: str
    """event_count, value_count, temporal, temporal_ordered, value_sum, value_avg, value_percentile,
    value_median."""
    base_ids: tuple[str, ...]
    """Rules it counts hits of, in the order of the rule (temporal_ordered); may be correlations too."""
    group_by: tuple[str, ...]
    """Names in `aliases`, else ECS fields."""
    timespan_s: int
    op: str = "gte"
    """lt, lte, gt, gte, eq, neq."""
    count: int = 1
    expression: Tree | None = None
    """Extended condition of temporal types: And, Or, Not over Ref(rule_id); then op and count do not hold."""
    fields: tuple[str, ...] = ()
    """What value_* looks at: names in `aliases`, else ECS fields."""
    percentile: int = 0
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """Alias -> {id of the base rule: its ECS field}, also for names that mean different fields per rule."""
    generate: bool = False
    """True: the base rules alert by themselves too."""
    subject: tuple[str, ...] = ()
    """Fields that the alert is about; empty: the group-by fields."""
    window: str = ""
