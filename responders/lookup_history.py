"""What have we had with this value before: which alerts, which tickets?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from citywatch.clock import Clock, stamp
from citywatch.errors import ActionFailed
from citywatch.model import Alert, from_doc
from citywatch.ports import Effect, Either, Is, Order, Query, Store

FIELDS: Final = (
    "subject_fields.source.ip",
    "subject_fields.host.name",
    "subject_fields.url.domain",
    "subject_fields.citywatch.portal.id",
    "subject",
    "asset",
)
LISTED: Final = 20
COUNTED: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpHistory:
    """`lookup.history`: `value`, `days` (30); gives `alerts`, `rules`, `tickets`, `first_seen`."""

    store: Store
    clock: Clock

    name: str = "lookup.history"
    effect: Effect = "read_only"
    repeats_safely: bool = True
    remote: bool = False

    def act(self, order: Order) -> Mapping[str, Any]:
        value = str(order.inputs.get("value") or "").strip()[:500]
        try:
            days = min(max(float(order.inputs.get("days") or 30), 1.0), 3660.0)
        except ValueError as error:
            raise ActionFailed(self.name, f"days: {error}", again=False) from error
        if not value:
            return {"alerts": 0, "tickets": [], "rules": [], "note": "nothing to look up"}
        page = self.store.find(
            "alert",
            Query(
                where=Either(tuple(Is(name, value) for name in FIELDS)),
                start=stamp(self.clock() - timedelta(days=days)),
                order="last_seen",
                limit=200,
                count_to=COUNTED,
            ),
        )
        alerts = [from_doc(record.doc, Alert) for record in page.records]
        states = self.store.get_many("alert_state", [alert.id for alert in alerts])
        named = (str(state.doc.get("ticket_id", "")) for state in states.values())
        tickets = sorted({ticket for ticket in named if ticket})[:LISTED]
        rules = sorted({alert.title for alert in alerts})[:LISTED]
        said = ", ".join(tickets) or "none"
        return {
            "alerts": page.total,
            "tickets": tickets,
            "rules": rules,
            "first_seen": min((alert.first_seen for alert in alerts), default=""),
            "note": f"{value}: {page.total} alerts in {days:.0f} days, tickets: {said}",
        }
