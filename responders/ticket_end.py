"""How does a playbook close a run's ticket?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from citywatch.clock import Clock, stamp
from citywatch.errors import ActionFailed
from citywatch.model import Ticket
from citywatch.ports import Effect, Order, Store
from citywatch.respond.lifecycle import CLOSED, NotAllowed, change_ticket, move
from citywatch.respond.run import run_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseTicket:
    """`ticket.close`: moves the run's ticket `as` closed, false_positive or duplicate, with a `reason`."""

    store: Store
    clock: Clock

    name: str = "ticket.close"
    effect: Effect = "notify"
    repeats_safely: bool = True
    remote: bool = False

    def act(self, order: Order) -> Mapping[str, Any]:
        run = run_of(self.store, order)
        if not run.ticket_id:
            raise ActionFailed(order.action, "it needs a ticket opened before", again=False)
        to = str(order.inputs.get("as") or "closed")
        reason = str(order.inputs.get("reason") or "playbook")[:500]
        if to not in CLOSED:
            raise ActionFailed(self.name, f"'{to}' is not one of {', '.join(sorted(CLOSED))}", again=False)

        def close(ticket: Ticket) -> Ticket:
            if ticket.state in CLOSED:
                return ticket
            by = f"{run.playbook} v{run.version}"
            return move(ticket, to, by=by, at=stamp(self.clock()), note=reason)

        try:
            changed = change_ticket(self.store, run.ticket_id, close)
        except NotAllowed as error:
            raise ActionFailed(self.name, str(error), again=False) from error
        return {"ticket_id": run.ticket_id, "state": changed.state if changed else ""}
