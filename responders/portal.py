"""Does a portal still show what it was reported for?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from citywatch.errors import ActionFailed
from citywatch.ports import Effect, Order


@dataclass(frozen=True, slots=True, kw_only=True)
class RecheckPortal:
    """`portal.recheck`: visits `portal` again; gives what the visit gives, and `checked`."""

    recheck: Callable[[str], Mapping[str, Any]] | None

    name: str = "portal.recheck"
    effect: Effect = "read_only"
    repeats_safely: bool = True
    remote: bool = True

    def act(self, order: Order) -> Mapping[str, Any]:
        portal = str(order.inputs.get("portal") or "")
        if self.recheck is None or not portal:
            return {"checked": False, "note": "not checked again: no portal, or portals are not visited here"}
        try:
            return {"checked": True, **self.recheck(portal)}
        except LookupError as error:
            raise ActionFailed(self.name, f"portal '{portal}': {error}", again=False) from error
