"""Whose is this address, domain or host?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from citywatch.model import Alert, Severity
from citywatch.ports import Effect, Order
from citywatch.respond.catalogue import Catalogue

_NOBODY = Alert(
    id="", rule_id="", title="", severity=Severity.low, subject="", subject_fields={}, first_seen="",
    last_seen="", count=0,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpAsset:
    """`lookup.asset`: `value` (address, domain or host); gives `known`, `agency`, `asset`, `level`."""

    catalogue: Catalogue

    name: str = "lookup.asset"
    effect: Effect = "read_only"
    repeats_safely: bool = True
    remote: bool = False

    def act(self, order: Order) -> Mapping[str, Any]:
        value = str(order.inputs.get("value") or "").strip()[:255]
        fields = {name: [value] for name in ("destination.ip", "url.domain", "host.name") if value}
        owned = self.catalogue.own(replace(_NOBODY, values=fields))
        agency = self.catalogue.agency(owned.agency) if owned.agency else None
        told = (
            f"{value} belongs to {agency.name if agency else owned.agency}"
            if owned.agency
            else (f"nobody in the catalogue owns {value or 'it'}")
        )
        return {
            "known": bool(owned.agency),
            "agency": owned.agency,
            "agency_name": agency.name if agency else "",
            "asset": owned.asset,
            "level": owned.asset_level,
            "note": told,
        }
