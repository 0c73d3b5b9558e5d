"""How is a case handed over to a team that works with DFIR-IRIS?

IRIS does not tell doubles apart; the order's key is its source reference, by which a person can.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from citywatch.ports import Effect, Order, Store
from citywatch.respond.hand_over import Tool, post_json, sharing_of
from citywatch.respond.observables import observables_of
from citywatch.respond.run import run_of
from citywatch.settings import Handover

_SEVERITY: Final = (2, 3, 1, 5, 6)
"""IRIS's severity ids: informational 2, low 3 (Low), medium 1, high 5, critical 6."""
_STATUS_NEW: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class HandToIris:
    """`handover.iris`: an alert; `tlp` bars what must not leave the house."""

    store: Store
    settings: Handover

    name: str = "handover.iris"
    effect: Effect = "notify"
    repeats_safely: bool = False
    remote: bool = True

    def act(self, order: Order) -> Mapping[str, Any]:
        run = run_of(self.store, order)
        tlp = sharing_of(order, run, self.store)
        alert = run.alert
        seen = "\n".join(f"{one.type}: {one.value}" for one in observables_of(alert))
        body = {
            "alert_title": (alert.title_vi or alert.title)[:500],
            "alert_description": f"{alert.title}\n{alert.subject}\n\n{seen}"[:10_000],
            "alert_source": "CityWatch",
            "alert_source_ref": order.key,
            "alert_severity_id": _SEVERITY[alert.severity],
            "alert_status_id": _STATUS_NEW,
            "alert_source_event_time": alert.last_seen[:26],
            "alert_tags": ",".join((f"tlp:{tlp.lower()}", *alert.tags)),
            "alert_customer_id": self.settings.iris_customer,
        }
        tool = Tool(
            action=self.name,
            title="IRIS",
            url=self.settings.iris_url,
            headers={"Authorization": f"Bearer {self.settings.iris_key}"},
            settings=self.settings,
        )
        return post_json(tool, "/alerts/add", json.dumps(body, ensure_ascii=False))
