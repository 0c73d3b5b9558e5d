"""How is a case handed over to a team that works with TheHive?

TheHive takes an alert of one `type`, `source` and `sourceRef` once: the reference is made from the
order's key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from citywatch.model import repeatable_id
from citywatch.ports import Effect, Order, Store
from citywatch.respond.hand_over import TLPS, Tool, post_json, sharing_of
from citywatch.respond.observables import observables_of
from citywatch.respond.run import run_of
from citywatch.settings import Handover

_TYPES: Final[Mapping[str, str]] = {
    "ip": "ip", "domain": "domain", "url": "url", "sha256": "hash", "md5": "hash", "email": "mail",
    "host": "hostname",
}  # fmt: skip
_SEVERITY: Final = (1, 1, 2, 3, 4)
_TLP: Final = (0, 1, 2, 3, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandToTheHive:
    """`handover.thehive`: an alert with observables; `tlp`."""

    store: Store
    settings: Handover

    name: str = "handover.thehive"
    effect: Effect = "notify"
    repeats_safely: bool = True
    remote: bool = True

    def act(self, order: Order) -> Mapping[str, Any]:
        run = run_of(self.store, order)
        tlp = _TLP[TLPS.index(sharing_of(order, run, self.store))]
        alert = run.alert
        body = {
            "type": "citywatch",
            "source": "citywatch",
            "sourceRef": repeatable_id("thehive", order.key)[:16],
            "title": (alert.title_vi or alert.title)[:500],
            "description": f"{alert.title}\n{alert.subject}\n\n{alert.guide_vi}"[:10_000],
            "severity": _SEVERITY[alert.severity],
            "tlp": tlp,
            "tags": [*alert.tags, *([run.ticket_id] if run.ticket_id else [])],
            "observables": [
                {"dataType": _TYPES[one.type], "data": one.value, "tlp": tlp}
                for one in observables_of(alert)
                if one.type in _TYPES
            ],
        }
        tool = Tool(
            action=self.name,
            title="TheHive",
            url=self.settings.thehive_url,
            headers={"Authorization": f"Bearer {self.settings.thehive_key}"},
            settings=self.settings,
        )
        said = json.dumps(body, ensure_ascii=False)
        return post_json(tool, "/api/v1/alert", said, known_already=(400, "already exist"))
