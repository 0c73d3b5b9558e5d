"""Which ticket comes first? The priority of each, with what a warning says of what was seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from citywatch.detect.indicators import Indicator
from citywatch.model import Alert, Ticket, from_doc
from citywatch.ports import Store
from citywatch.respond.observables import is_foreign, observables_of
from citywatch.respond.priority import Priority, Weights, load_weights

ASKED = 20
"""So many values of a ticket are held against the warnings."""
READ = 100
"""So many of its alerts are looked at."""

About = Callable[[str], Sequence[Indicator]]


@lru_cache(maxsize=4)
def _weights(data: Path) -> Weights:
    return load_weights(data)


def priority_of(
    store: Store, about: About, data: Path, ticket: Ticket, alerts: Sequence[Alert] | None = None
) -> Priority:
    """A ticket's priority.

    Args:
        store: where its alerts and assets are.
        about: what warnings say of a value.
        data: the installation's folder, for its own table.
        ticket: what is ranked.
        alerts: its alerts, where they were read already.
    """
    if alerts is None:
        records = store.get_many("alert", ticket.alert_ids[:READ])
        alerts = [from_doc(record.doc, Alert) for record in records.values()]
    return _weights(data).of(
        ticket, alerts, level=_level(store, ticket.asset), confidence=_named(about, ticket, alerts)
    )


def _level(store: Store, asset: str) -> int:
    for kind in ("portal", "system") if asset else ():
        record = store.get(kind, asset)
        if record is not None:
            return int(record.doc.get("level", 0))
    return 0


def _named(about: About, ticket: Ticket, alerts: Sequence[Alert]) -> int | None:
    """How sure the best warning is that names something of it; None when none does."""
    seen = dict.fromkeys((*ticket.observables, *(one for alert in alerts for one in observables_of(alert))))
    values = [one.value for one in seen if is_foreign(one)][:ASKED]
    found = [indicator.confidence for value in values for indicator in about(value)]
    return max(found, default=None)
