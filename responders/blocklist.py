"""How does an attacker's address or domain come onto the list that firewalls fetch?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from citywatch.errors import ActionFailed
from citywatch.ports import Effect, Order
from citywatch.respond.blocklist import BlockList, NeverBlocked


@dataclass(frozen=True, slots=True, kw_only=True)
class AddBlock:
    """`block.add`: `value` (address, network or domain), `hours`, `reason`. What is never barred is told."""

    blocks: BlockList
    hours: int

    name: str = "block.add"
    effect: Effect = "change"
    repeats_safely: bool = True
    remote: bool = False

    def act(self, order: Order) -> Mapping[str, Any]:
        value = str(order.inputs.get("value") or "").strip()
        if not value:
            return {"blocked": False, "note": "nothing to bar: the alert names no address"}
        try:
            hours = float(order.inputs.get("hours") or self.hours)
        except ValueError as error:
            raise ActionFailed(self.name, f"hours: {error}", again=False) from error
        reason = str(order.inputs.get("reason") or "")
        try:
            block = self.blocks.add(value, hours=hours, by=order.key, reason=reason, run_id=order.run_id)
        except NeverBlocked as error:
            return {"blocked": False, "note": str(error)}
        return {
            "blocked": True,
            "until": block.until,
            "note": f"{block.value} is barred until {block.until[:16]}Z",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveBlock:
    """`block.remove`: takes `value` off the list."""

    blocks: BlockList

    name: str = "block.remove"
    effect: Effect = "change"
    repeats_safely: bool = True
    remote: bool = False

    def act(self, order: Order) -> Mapping[str, Any]:
        value = str(order.inputs.get("value") or "").strip()
        try:
            removed = bool(value) and self.blocks.remove(value)
        except NeverBlocked as error:
            raise ActionFailed(self.name, str(error), again=False) from error
        return {"removed": removed, "note": f"{value} is {'off the list' if removed else 'not on the list'}"}
