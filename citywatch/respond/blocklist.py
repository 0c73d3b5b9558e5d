"""What shall the city's firewalls and resolvers bar, until when, and what must they never bar?

An entry is a record (`block`), asked for by a playbook step that a second person approved, or by a
person; it ends by itself. Firewalls fetch the list in their own form. Never on it: private and reserved
addresses, the city's own networks, domains and portals, what the settings name, and whatever is so wide
that it would hit bystanders.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, Literal
from urllib.parse import urlsplit

from citywatch.clock import Clock, parse_stamp, stamp
from citywatch.errors import CityWatchError
from citywatch.model import Agency, Portal, System, from_doc, repeatable_id, to_doc
from citywatch.ports import Query, Range, Store
from citywatch.respond.catalogue import host_of
from citywatch.respond.every import every

KIND: Final = "block"
MOST: Final = 100_000
LONGEST: Final = timedelta(days=90)
WIDEST: Final[Mapping[int, int]] = {4: 24, 6: 48}
"""No network wider than this, by IP version."""

_NAME = re.compile(r"(?=.{4,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_SHARED: Final = frozenset(
    {"com", "net", "org", "gov", "edu", "info", "ac", "co", "name", "health", "int", "pro"}
)
"""Second labels under which strangers register names: `com.vn` is nobody's own."""

Network = IPv4Network | IPv6Network


class NeverBlocked(CityWatchError):  # noqa: N818 - what the caller shows as it is
    """This must not be barred; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One entry. Addresses are networks of one; times are `clock.stamp`."""

    id: str
    type: Literal["network", "domain"]
    value: str
    added_at: str
    until: str
    by: str
    reason: str = ""
    run_id: str = ""


class Never:
    """What must never be barred: the city's own, and what the settings name."""

    def __init__(
        self,
        settings: Sequence[str],
        agencies: Iterable[Agency],
        portals: Iterable[Portal],
        systems: Iterable[System] = (),
    ) -> None:
        self._networks: list[tuple[Network, str]] = []
        self._domains: dict[str, str] = {}
        for text in settings:
            self._take(text, "the settings ([blocking] never)")
        for agency in agencies:
            for text in (*agency.networks, *agency.domains):
                self._take(text, f"agency '{agency.id}'")
        for portal in portals:
            self._take(urlsplit(portal.url).hostname or "", f"portal '{portal.id}'")
        for system in systems:
            for text in (*system.networks, *system.domains, host_of(system.url)):
                self._take(text, f"system '{system.id}'")

    @classmethod
    def of(cls, store: Store, settings: Sequence[str]) -> Never:
        """As the settings and the catalogue have it now."""
        return cls(
            settings,
            every(store, "agency", Agency),
            every(store, "portal", Portal),
            every(store, "system", System),
        )

    def _take(self, text: str, whose: str) -> None:
        network = _network(text)
        if network is not None:
            self._networks.append((network, whose))
        elif text:
            self._domains[text.casefold().strip(".")] = whose

    def refuse(self, kind: str, value: str) -> str:
        """Why this must not be barred; empty when it may."""
        return self._refuse_domain(value) if kind == "domain" else self._refuse_network(ip_network(value))

    def _refuse_network(self, network: Network) -> str:
        if network.prefixlen < WIDEST[network.version]:
            return f"it is wider than /{WIDEST[network.version]}"
        if not network.is_global or network.is_multicast or network.is_reserved:
            return "it is private or reserved"
        for own, whose in self._networks:
            if isinstance(network, IPv4Network) and isinstance(own, IPv4Network):
                hit = network.overlaps(own)
            else:
                hit = (
                    isinstance(network, IPv6Network)
                    and isinstance(own, IPv6Network)
                    and network.overlaps(own)
                )
            if hit:
                return f"{own} belongs to {whose}"
        return ""

    def _refuse_domain(self, domain: str) -> str:
        labels = domain.split(".")
        if len(labels) == len(("second", "top")) and labels[0] in _SHARED:
            return "strangers register names under it"
        for own, whose in self._domains.items():
            if own == domain or own.endswith(f".{domain}") or domain.endswith(f".{own}"):
                return f"'{own}' belongs to {whose}"
        return ""


def _network(text: str) -> Network | None:
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def entry_of(text: str) -> tuple[Literal["network", "domain"], str]:
    """What kind of entry a value is, and how it is written.

    Raises:
        NeverBlocked: it is neither an address, a network nor a domain.

    >>> entry_of("203.0.113.9"), entry_of("Bad.Example.COM.")
    (('network', '203.0.113.9/32'), ('domain', 'bad.example.com'))
    """
    network = _network(text)
    if network is not None:
        return "network", str(network)
    try:
        name = text.strip().strip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    if not _NAME.fullmatch(name):
        raise NeverBlocked(f"'{text[:100]}' is neither an address, a network nor a domain")
    return "domain", name


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockList:
    """The list of one installation."""

    store: Store
    clock: Clock
    never: Sequence[str] = ()

    def add(self, text: str, *, hours: float, by: str, reason: str = "", run_id: str = "") -> Block:
        """Put a value on the list, or keep it there longer. Asked again, nothing is doubled.

        Raises:
            NeverBlocked: it must not be barred.
        """
        kind, value = entry_of(text)
        why = Never.of(self.store, self.never).refuse(kind, value)
        if why:
            raise NeverBlocked(f"'{value}' is never barred: {why}")
        self.expire()
        if self.store.find(KIND, Query(order="id", limit=0)).total >= MOST:
            raise NeverBlocked(f"the list holds {MOST} entries; take some off first")
        now = self.clock()
        span = min(timedelta(hours=max(hours, 0.1)), LONGEST)
        block = Block(
            id=repeatable_id("block", kind, value),
            type=kind,
            value=value,
            added_at=stamp(now),
            until=stamp(now + span),
            by=by[:200],
            reason=" ".join(reason.split())[:300],
            run_id=run_id,
        )
        record = self.store.get(KIND, block.id)
        if record is not None:
            known = from_doc(record.doc, Block)
            if known.until > stamp(now):
                block = replace(known, until=max(known.until, block.until))
        self.store.put_many(KIND, {block.id: to_doc(block)})
        return block

    def remove(self, text: str) -> bool:
        """Take a value off; False when it was not on the list."""
        return self.store.delete(KIND, repeatable_id("block", *entry_of(text)))

    def expire(self) -> int:
        """Forget what has ended; give how many that were."""
        now = stamp(self.clock())
        page = self.store.find(KIND, Query(where=Range("until", None, now), order="until", limit=1000))
        return sum(self.store.delete(KIND, record.id) for record in page.records)

    def current(self) -> list[Block]:
        """What is to be barred now. What became the city's own since is left out, whoever put it there."""
        now = stamp(self.clock())
        never = Never.of(self.store, self.never)
        found = (block for block in every(self.store, KIND, Block) if block.until > now)
        kept = [block for block in found if not never.refuse(block.type, block.value)]
        return sorted(kept, key=lambda block: (block.type, block.value))


# -- in the words of each receiver -----------------------------------------------------------------------


def _plain(blocks: Sequence[Block], _: datetime) -> Iterator[str]:
    return (_short(block) for block in blocks)


def _of(kind: str) -> Callable[[Sequence[Block], datetime], Iterator[str]]:
    def lines(blocks: Sequence[Block], _: datetime) -> Iterator[str]:
        return (_short(block) for block in blocks if block.type == kind)

    return lines


def _short(block: Block) -> str:
    """An address without the length of its network, as all receivers take it."""
    return block.value.removesuffix("/32").removesuffix("/128") if block.type == "network" else block.value


def _wildcards(blocks: Sequence[Block], _: datetime) -> Iterator[str]:
    """Palo Alto: a domain stands for itself only, so its sub-domains are named as well."""
    for block in blocks:
        if block.type == "domain":
            yield from (block.value, f"*.{block.value}")


def _nftables(blocks: Sequence[Block], now: datetime) -> Iterator[str]:
    yield "table inet citywatch {"
    for version, kind in ((4, "ipv4_addr"), (6, "ipv6_addr")):
        members = [block for block in blocks if block.type == "network" and _version(block) == version]
        yield f"  set blocked{version} {{"
        yield f"    type {kind}; flags interval, timeout; auto-merge"
        if members:
            timed = (f"{_short(block)} timeout {_left(block, now)}s" for block in members)
            yield f"    elements = {{ {', '.join(timed)} }}"
        yield "  }"
    yield "  chain forward {"
    yield "    type filter hook forward priority -10; policy accept;"
    for version, word in ((4, "ip"), (6, "ip6")):
        yield f"    {word} saddr @blocked{version} counter drop"
        yield f"    {word} daddr @blocked{version} counter drop"
    yield "  }"
    yield "}"


def _version(block: Block) -> int:
    return ip_network(block.value).version


def _left(block: Block, now: datetime) -> int:
    return max(1, int((parse_stamp(block.until) - now).total_seconds()))


def _rpz(blocks: Sequence[Block], now: datetime) -> Iterator[str]:
    yield "$TTL 300"
    yield f"@ SOA localhost. citywatch.localhost. {int(now.timestamp())} 300 60 86400 300"
    yield "@ NS localhost."
    for block in blocks:
        if block.type == "domain":
            yield f"{block.value} CNAME ."
            yield f"*.{block.value} CNAME ."
        else:
            yield f"{_rpz_address(ip_network(block.value))}.rpz-ip CNAME ."


def _rpz_address(network: Network) -> str:
    """As RPZ writes addresses: the length, then the parts backwards (`zz` for the zeros of IPv6)."""
    if isinstance(network, IPv4Network):
        parts = str(network.network_address).split(".")
    else:
        text = str(network.network_address).replace("::", ":zz:").strip(":")
        parts = [part for part in text.split(":") if part]
    return ".".join((str(network.prefixlen), *reversed(parts)))


FORMS: Final[Mapping[str, Callable[[Sequence[Block], datetime], Iterator[str]]]] = {
    "plain": _plain,
    "fortigate-ip": _of("network"),
    "fortigate-domain": _of("domain"),
    "paloalto-ip": _of("network"),
    "paloalto-domain": _wildcards,
    "nftables": _nftables,
    "rpz": _rpz,
}
"""How the list is written for each receiver."""


def written(blocks: Sequence[Block], form: str, now: datetime) -> str:
    """The list as a receiver reads it.

    Raises:
        KeyError: there is no such form.
    """
    return "".join(f"{line}\n" for line in FORMS[form](blocks, now))
