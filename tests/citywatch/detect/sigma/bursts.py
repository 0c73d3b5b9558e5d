"""Hits of rules, and what correlations make of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from citywatch.clock import stamp_us
from citywatch.detect.fold import Fold
from citywatch.detect.sigma.correlate import Correlator
from citywatch.detect.sigma.load import CorrelationRule
from citywatch.model import Alert, Event, Match, Rule, Severity, repeatable_id

T0 = 1_700_000_000_000_000
BASE = "base-1"


def rule(kind: str = "event_count", rule_id: str = "c-1", **more: Any) -> CorrelationRule:
    made: dict[str, Any] = {
        "base_ids": (BASE,),
        "group_by": ("source.ip",),
        "timespan_s": 60,
        "count": 3,
        **more,
    }
    return CorrelationRule(
        rule=Rule(id=rule_id, title="A burst", severity=Severity.high), name=rule_id, type=kind, **made
    )


def event(seconds: float, source: str = "10.0.0.1", **more: Any) -> Event:
    fields = {name.replace("_", "."): value for name, value in more.items()}
    moment = stamp_us(T0 + round(seconds * 1_000_000))
    return {
        "@timestamp": moment,
        "event.id": repeatable_id(moment, source, *map(str, fields.values())),
        "source.ip": source,
        **fields,
    }


def run(
    correlator: Correlator, hits: Sequence[tuple[str, Event]], batch: int = 1000
) -> tuple[list[Match], list[Alert]]:
    fold = Fold()
    matches: list[Match] = []
    alerts: dict[str, Alert] = {}
    for start in range(0, len(hits), batch):
        out: list[Match] = []
        for base, one in hits[start : start + batch]:
            out += correlator.feed(base, one)
        out += correlator.settle()
        matches += out
        alerts.update({alert.id: alert for alert in fold.add(out)})
    return matches, list(alerts.values())


def hits(events: Sequence[Event], base: str = BASE) -> list[tuple[str, Event]]:
    return [(base, one) for one in events]
