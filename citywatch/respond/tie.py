"""Which values of an alert would tie it to others of the same attack?

An attacker's address, a host, an account, a hash, a domain of others: what is met by chance at several
unrelated attacks (our own resolver, the domain of the attacked portal, `root`) is no tie. How rare a tie is
cannot be told from one alert: see `story`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any, Final

from citywatch.errors import ContentError
from citywatch.model import Alert, Observable
from citywatch.respond.catalogue import values_of
from citywatch.respond.house_table import house_table, read_toml

FEW: Final = 5
"""Of a field with more values than this none is a tie: a flood of sources, a list of names tried."""
MOST: Final = 40
_OUTBOUND: Final = ("dns.question.registered_domain", "url.domain", "tls.client.server_name")
_HASHES: Final = {"file.hash.sha256": "sha256", "file.hash.md5": "md5"}
_ACCOUNTS: Final = ("user.name", "user.target.name")
_TECHNIQUE: Final = "attack.t"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ties:
    """The table: which values count, how long, and how common they may be."""

    within_h: Mapping[str, float]
    busy_tickets: int
    busy_days: float
    networks: tuple[IPv4Network | IPv6Network, ...]
    domains: frozenset[str]
    accounts: frozenset[str]
    campaign_by: frozenset[str]
    campaign_most: int
    alone: frozenset[str]
    weak: frozenset[str]
    gravity: tuple[str, ...]

    def of(self, alert: Alert) -> list[Observable]:
        """What ties an alert to others, each once; the asset itself, named with its agency, first."""
        found = dict.fromkeys(one for one in self._found(alert) if not self._is_shared(one))
        return list(found)[:MOST]

    def _found(self, alert: Alert) -> Iterator[Observable]:
        if alert.asset:
            yield Observable(type="asset", value=f"{alert.agency}/{alert.asset}"[:500])
        yield from _few("host", values_of(alert, "host.name"))
        sources = _few("ip", values_of(alert, "source.ip"))
        yield from sources
        if is_outbound(alert):
            ends = _few("ip", values_of(alert, "destination.ip"))
            yield from (one for one in ends if _is_public(one.value))
            for name in _OUTBOUND:
                yield from map(_named, _few("domain", values_of(alert, name)))
        for name, kind in _HASHES.items():
            yield from _few(kind, values_of(alert, name))
        for name in _ACCOUNTS:
            yield from _few("account", values_of(alert, name))
        yield from _few("email", values_of(alert, "email.from.address"))
        yield from _few("mac", values_of(alert, "source.mac"))

    def _is_shared(self, tie: Observable) -> bool:
        if tie.type == "ip":
            try:
                address = ip_address(tie.value)
            except ValueError:
                return True
            if address.is_loopback or address.is_unspecified or address.is_multicast:
                return True
            return any(address in network for network in self.networks)
        if tie.type in {"domain", "email"}:
            labels = tie.value.rpartition("@")[2].split(".")
            return any(".".join(labels[start:]) in self.domains for start in range(len(labels)))
        if tie.type == "account":
            name = tie.value.rpartition("\\")[2].partition("@")[0]
            return name in self.accounts or name.endswith("$")
        return False

    def is_weak(self, alert: Alert) -> bool:
        """Seen from outside all day long (a scan, a guess), as far as its rule says."""
        if not foreign(alert):
            return False
        told = [tag.casefold().removeprefix(_TECHNIQUE) for tag in alert.tags]
        techniques = {f"t{one[:4]}" for one in told if one[:4].isdigit()}
        return bool(techniques) and techniques <= self.weak

    def is_graver(self, category: str, than: str) -> bool:
        """This category says more of an attack than that."""
        order = {name: place for place, name in enumerate(self.gravity)}
        return order.get(category, len(order)) < order.get(than, len(order))


def foreign(alert: Alert) -> frozenset[str]:
    """The sources that an alert is about, when they are not the asset itself."""
    source = alert.subject_fields.get("source.ip", "")
    own = {alert.asset, *values_of(alert, "host.ip")}
    return frozenset({source} - own - {""})


def is_outbound(alert: Alert) -> bool:
    """What was seen goes out from one of ours: the other end is a stranger's."""
    sources = values_of(alert, "source.ip")
    return bool(sources) and all(one == alert.asset or _is_private(one) for one in sources)


def _few(kind: str, values: Iterable[str]) -> list[Observable]:
    held = [value.strip().casefold() for value in values]
    held = [value for value in dict.fromkeys(held) if value]
    return [Observable(type=kind, value=value[:500]) for value in held] if len(held) <= FEW else []


def _named(domain: Observable) -> Observable:
    """A domain, or the address that stands where one should."""
    try:
        return Observable(type="ip", value=str(ip_address(domain.value)))
    except ValueError:
        return domain


def _is_private(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return not address.is_global and not _is_example(text)


def _is_public(text: str) -> bool:
    try:
        return ip_address(text).is_global or _is_example(text)
    except ValueError:
        return False


def _is_example(text: str) -> bool:
    """Set aside for documentation (RFC 5737, RFC 3849): stands for a stranger's, as in the demo."""
    return any(ip_address(text) in network for network in _EXAMPLES)


_EXAMPLES: Final = tuple(
    map(ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))
)


def load_ties(data: Path) -> Ties:
    """The house's own table, or ours.

    Raises:
        ContentError: it lacks something, or a value is wrong.
    """
    file = house_table(data, "story.toml")
    raw = read_toml(file)
    try:
        return _parsed(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        hint = "sections: within, busy, shared, campaign, alone, weak, gravity"
        raise ContentError(str(file), None, what, hint) from error


def _parsed(raw: Mapping[str, Any]) -> Ties:
    shared, campaign = raw["shared"], raw["campaign"]
    return Ties(
        within_h={str(kind): float(hours) for kind, hours in raw["within"].items()},
        busy_tickets=int(raw["busy"]["tickets"]),
        busy_days=float(raw["busy"]["days"]),
        networks=tuple(ip_network(str(one), strict=False) for one in shared["networks"]),
        domains=frozenset(str(one).casefold() for one in shared["domains"]),
        accounts=frozenset(str(one).casefold() for one in shared["accounts"]),
        campaign_by=frozenset(map(str, campaign["by"])),
        campaign_most=int(campaign["tickets"]),
        alone=frozenset(map(str, raw["alone"]["categories"])),
        weak=frozenset(str(one).casefold() for one in raw["weak"]["techniques"]),
        gravity=tuple(map(str, raw["gravity"]["categories"])),
    )
