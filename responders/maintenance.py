"""How is a portal put behind its maintenance page, and brought back?

CityWatch does not reach into web servers: it tells the hook of the settings, signed, with a key that stays
the same for the same step, and the operator's side does what it has agreed to do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from citywatch.clock import Clock, stamp
from citywatch.errors import ActionFailed
from citywatch.ports import Effect, Order, Store
from citywatch.respond.post import NotSent, Reach, send, signature
from citywatch.settings import Maintenance

_GOOD: Final = range(200, 300)
_TEMPORARY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenancePage:
    """`portal.maintenance`: `portal`, `on` (true), `reason`; tells the hook of `[maintenance]`."""

    store: Store
    clock: Clock
    settings: Maintenance

    name: str = "portal.maintenance"
    effect: Effect = "change"
    repeats_safely: bool = True
    remote: bool = True

    def act(self, order: Order) -> Mapping[str, Any]:
        mine, portal = self.settings, str(order.inputs.get("portal") or "")
        record = self.store.get("portal", portal) if portal else None
        if record is None:
            raise ActionFailed(self.name, f"there is no portal '{portal[:100]}'", again=False)
        if not mine.url:
            return {
                "done": False,
                "note": "no hook is configured (settings: [maintenance] url): call the operator",
            }
        on = str(order.inputs.get("on", True)).strip().lower() not in {"false", "no", "0", "off"}
        body = json.dumps(
            {
                "key": order.key,
                "at": stamp(self.clock()),
                "portal": portal,
                "url": str(record.doc.get("url", "")),
                "maintenance": on,
                "reason": str(order.inputs.get("reason") or "")[:1000],
            },
            ensure_ascii=False,
        ).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "CityWatch",
            "Idempotency-Key": order.key,
            "X-CityWatch-Signature": signature(mine.secret, body),
        }
        reach = Reach(
            allow_private=mine.allow_private,
            allow_loopback=mine.allow_loopback,
            timeout_s=mine.timeout_s,
            ca_file=mine.ca_file,
        )
        try:
            answer = send(mine.url, body, headers, reach)
        except (NotSent, OSError) as error:
            raise ActionFailed(self.name, str(error)[:300]) from error
        if answer.status not in _GOOD:
            again = answer.status in _TEMPORARY
            raise ActionFailed(self.name, f"the hook answered {answer.status}", again=again)
        return {"done": True, "on": on, "note": f"{portal}: maintenance page {'on' if on else 'off'}"}
