"""Where does a name lead, by the resolver that the settings name?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import dns.exception
import dns.resolver
import dns.reversename

from citywatch.errors import ActionFailed
from citywatch.ports import Effect, Order
from citywatch.settings import LookUp

TYPES: Final = ("A", "AAAA", "NS", "MX", "TXT")
LISTED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpDns:
    """`lookup.dns`: `value` (a name, or an address for its names); gives `found` by record type."""

    settings: LookUp

    name: str = "lookup.dns"
    effect: Effect = "read_only"
    repeats_safely: bool = True
    remote: bool = True

    def act(self, order: Order) -> Mapping[str, Any]:
        value = str(order.inputs.get("value") or "").strip()[:253]
        if not value or not self.settings.resolver:
            return {"found": {}, "note": "not asked: no name, or no resolver (settings: [lookup] resolver)"}
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [self.settings.resolver]
        resolver.port = self.settings.resolver_port
        resolver.lifetime = self.settings.timeout_s
        try:
            return self._ask(resolver, value)
        except dns.resolver.NXDOMAIN:
            return {"found": {}, "exists": False, "note": f"{value} does not exist"}
        except dns.exception.DNSException as error:
            raise ActionFailed(self.name, f"{value}: {type(error).__name__}: {error}"[:300]) from error

    def _ask(self, resolver: dns.resolver.Resolver, value: str) -> Mapping[str, Any]:
        try:
            name, types = dns.reversename.from_address(value), ("PTR",)
        except dns.exception.SyntaxError:
            name, types = value, TYPES
        found: dict[str, list[str]] = {}
        for kind in types:
            try:
                answer = resolver.resolve(name, kind)
            except dns.resolver.NoAnswer:
                continue
            found[kind] = sorted(record.to_text()[:300] for record in answer)[:LISTED]
        addresses = [*found.get("A", ()), *found.get("AAAA", ())]
        told = "; ".join(f"{kind} {', '.join(held[:5])}" for kind, held in found.items())
        return {
            "found": found,
            "exists": True,
            "addresses": addresses,
            "note": f"{value}: {told or 'nothing'}",
        }
