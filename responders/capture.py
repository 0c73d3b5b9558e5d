"""How does a playbook keep what a portal shows at this moment?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

from citywatch.clock import Clock, stamp
from citywatch.errors import ActionFailed
from citywatch.model import Change, Evidence, Ticket
from citywatch.ports import Effect, Order, Store
from citywatch.respond.lifecycle import change_ticket, noted
from citywatch.respond.run import run_of


class Described(Protocol):
    """What is known of kept bytes without reading them."""

    @property
    def media_type(self) -> str: ...
    @property
    def size(self) -> int: ...


Capture = Callable[[str], Mapping[str, Any]]
"""Keeps a portal's first page: `kept` (hashes), `url`, `error`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureEvidence:
    """`evidence.capture`: keeps the first page of `portal`, and hangs it on the run's ticket."""

    store: Store
    clock: Clock
    capture: Capture | None
    describe: Callable[[str], Described | None]

    name: str = "evidence.capture"
    effect: Effect = "notify"
    repeats_safely: bool = True
    remote: bool = True

    def act(self, order: Order) -> Mapping[str, Any]:
        run, portal = run_of(self.store, order), str(order.inputs.get("portal") or "")
        if self.capture is None or not portal:
            return {"kept": [], "note": "nothing kept: no portal, or portals are not visited here"}
        seen = self.capture(portal)
        kept = [str(one) for one in cast("Sequence[object]", seen.get("kept") or ())]
        if not kept:
            raise ActionFailed(
                self.name, f"{portal}: nothing to keep: {seen.get('error') or 'no page'}"[:300]
            )
        at = stamp(self.clock())
        pieces = tuple(self._piece(one, at, str(seen.get("url") or portal)) for one in kept)
        if run.ticket_id:
            self._hang(run.ticket_id, pieces, f"{run.playbook} v{run.version}", at)
        return {"kept": kept, "url": seen.get("url", ""), "note": f"{portal}: {len(kept)} pages kept"}

    def _piece(self, sha256: str, at: str, url: str) -> Evidence:
        held = self.describe(sha256)
        return Evidence(
            sha256=sha256,
            media_type=held.media_type if held else "",
            size=held.size if held else 0,
            taken_at=at,
            source=url[:500],
            what="page",
        )

    def _hang(self, ticket_id: str, pieces: Sequence[Evidence], by: str, at: str) -> None:
        line = Change(at=at, by=by, what="attached", note=", ".join(one.sha256[:16] for one in pieces))

        def hang(ticket: Ticket) -> Ticket:
            known = {one.sha256 for one in ticket.evidence}
            fresh = [one for one in pieces if one.sha256 not in known]
            return (
                replace(noted(ticket, line), evidence=(*ticket.evidence, *fresh)[:200]) if fresh else ticket
            )

        change_ticket(self.store, ticket_id, hang)
