"""How does a playbook lay a draft of a form ready for the person who signs it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from citywatch.clock import Clock, stamp
from citywatch.errors import ActionFailed, CityWatchError
from citywatch.model import Change, Evidence, Ticket
from citywatch.ports import Effect, Order, Store
from citywatch.respond.lifecycle import change_ticket, noted
from citywatch.respond.run import run_of

Draft = Callable[[str, str, str], bytes]
"""Makes a form (`mau03`) of a ticket in a format (`pdf`, `docx`)."""
Keep = Callable[[bytes, str], str]

_MEDIA: Final = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftReport:
    """`report.draft`: `form` (mau03, mau04, progress), `format` (pdf, docx), attached to the run's ticket."""

    store: Store
    clock: Clock
    draft: Draft | None
    keep: Keep | None

    name: str = "report.draft"
    effect: Effect = "notify"
    repeats_safely: bool = True
    remote: bool = True

    def act(self, order: Order) -> Mapping[str, Any]:
        run = run_of(self.store, order)
        form = str(order.inputs.get("form") or "mau03")
        kind = str(order.inputs.get("format") or "pdf")
        if self.draft is None or self.keep is None:
            return {"drafted": False, "note": "forms are not made here"}
        if not run.ticket_id or kind not in _MEDIA:
            raise ActionFailed(
                self.name, "it needs a ticket opened before, and a format of pdf or docx", again=False
            )
        try:
            raw = self.draft(run.ticket_id, form, kind)
        except CityWatchError as error:
            raise ActionFailed(self.name, str(error)[:300], again=False) from error
        at, what = stamp(self.clock()), f"{form} ({kind}, draft)"
        made = Evidence(
            sha256=self.keep(raw, _MEDIA[kind]),
            media_type=_MEDIA[kind],
            size=len(raw),
            taken_at=at,
            source=order.key,
            what=what,
        )
        line = Change(
            at=at, by=f"{run.playbook} v{run.version}", what="attached", note=f"{what} · {order.key}"
        )

        def attach(ticket: Ticket) -> Ticket:
            if any(one.source == order.key for one in ticket.evidence):
                return ticket
            return replace(noted(ticket, line), evidence=(*ticket.evidence, made)[:200])

        change_ticket(self.store, run.ticket_id, attach)
        return {"drafted": True, "sha256": made.sha256, "size": made.size, "note": f"{what} is attached"}
