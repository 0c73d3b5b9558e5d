"""How is a case shared with other centers as a MISP event?

Only what is foreign is told (never our hosts, users, portals or private addresses), and nothing at all of
a case marked TLP:RED. The event's UUID is made from the order's key, so that MISP knows a second sending.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

from citywatch.clock import Clock
from citywatch.ports import Effect, Order, Store
from citywatch.respond.hand_over import Tool, post_json, sharing_of
from citywatch.respond.observables import is_foreign, observables_of
from citywatch.respond.run import Run, run_of
from citywatch.settings import Handover

_HOME: Final = UUID("6f6b9d3e-2f0e-5b36-8c6f-0b6f0a7a9a10")
_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "ip": ("ip-dst", "Network activity"),
    "domain": ("domain", "Network activity"),
    "url": ("url", "Network activity"),
    "sha256": ("sha256", "Payload delivery"),
    "md5": ("md5", "Payload delivery"),
    "ja3": ("ja3-fingerprint-md5", "Network activity"),
    "email": ("email-src", "Payload delivery"),
}
_THREAT: Final = (4, 3, 2, 1, 1)
"""MISP's threat level by our severity."""
EXISTS: Final = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportMisp:
    """`export.misp`: shares the run's alert; `tlp` (AMBER when absent, RED is refused)."""

    store: Store
    clock: Clock
    settings: Handover

    name: str = "export.misp"
    effect: Effect = "notify"
    repeats_safely: bool = True
    remote: bool = True

    def act(self, order: Order) -> Mapping[str, Any]:
        run = run_of(self.store, order)
        tlp = sharing_of(order, run, self.store)
        tool = Tool(
            action=self.name,
            title="MISP",
            url=self.settings.misp_url,
            headers={"Authorization": self.settings.misp_key},
            settings=self.settings,
        )
        event = misp_event(run, order.key, tlp, self.clock().date().isoformat())
        body = json.dumps({"Event": event}, ensure_ascii=False)
        return post_json(tool, "/events/add", body, known_already=(EXISTS, "already exists")) | {
            "uuid": event["uuid"]
        }


def misp_event(run: Run, key: str, tlp: str, day: str) -> dict[str, Any]:
    """The MISP event of a run's alert."""
    alert = run.alert
    attributes = [
        {
            "uuid": str(uuid5(_HOME, f"{key}/{one.type}/{one.value}")),
            "type": _TYPES[one.type][0],
            "category": _TYPES[one.type][1],
            "value": one.value,
            "to_ids": False,
            "comment": alert.title[:200],
        }
        for one in observables_of(alert)
        if one.type in _TYPES and is_foreign(one)
    ]
    marks = [
        f"tlp:{tlp.lower()}",
        *(f"misp-galaxy:{tag}" for tag in alert.tags if tag.startswith("attack.t")),
    ]
    return {
        "uuid": str(uuid5(_HOME, key)),
        "date": day,
        "info": f"{alert.title} ({alert.category})"[:500],
        "threat_level_id": str(_THREAT[alert.severity]),
        "analysis": "0",
        "distribution": "0",
        "Attribute": attributes,
        "Tag": [{"name": name} for name in marks],
    }
