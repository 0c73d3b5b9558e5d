"""How does a playbook let one ticket go on for another?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from citywatch.clock import Clock, stamp
from citywatch.errors import ActionFailed
from citywatch.ports import Effect, Order, Store
from citywatch.respond import casework
from citywatch.respond.run import run_of


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeTicket:
    """`ticket.merge`: the run's ticket goes on in ticket `into`; both say so, once."""

    store: Store
    clock: Clock

    name: str = "ticket.merge"
    effect: Effect = "notify"
    repeats_safely: bool = True
    remote: bool = False

    def act(self, order: Order) -> Mapping[str, Any]:
        run, into = run_of(self.store, order), str(order.inputs.get("into") or "").strip()
        if not run.ticket_id or not into:
            raise ActionFailed(self.name, "it needs 'into', and a ticket opened before", again=False)
        by, at = f"{run.playbook} v{run.version}", stamp(self.clock())
        try:
            merged = casework.merge(self.store, run.ticket_id, into, by=by, at=at)
        except casework.Refused as error:
            raise ActionFailed(self.name, str(error), again=False) from error
        return {"ticket_id": merged.id, "merged": run.ticket_id, "note": f"{run.ticket_id} → {merged.id}"}
