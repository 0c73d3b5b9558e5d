"""Who owns what an alert is about: by portal, system, address, network, domain, host name or camera id?

Agencies, systems and portals are records of the store; this holds them in memory, indexed, and reads them
again when they are old or when nothing was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from time import monotonic
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from citywatch.clock import Clock, system_clock
from citywatch.model import Agency, Alert, Contact, Portal, System
from citywatch.ports import Store
from citywatch.respond.duty import called
from citywatch.respond.every import every

FRESH_S: Final = 30.0
"""Read again after this long, seen from the last reading."""
MISS_S: Final = 1.0
"""After a miss, read again when the last reading is older than this."""

ADDRESS_FIELDS: Final = ("destination.ip", "source.ip", "host.ip", "server.ip", "client.ip")
DOMAIN_FIELDS: Final = ("url.domain", "destination.domain", "tls.client.server_name", "host.name")
HOST_FIELDS: Final = ("host.name", "source.domain", "destination.domain", "observer.name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose it is, what it is, and how much it weighs (1 to 5; 0 unknown)."""

    agency: str
    asset: str
    level: int = 0


@dataclass(slots=True)
class _Index:
    agencies: dict[str, Agency] = field(default_factory=dict[str, Agency])
    portals: dict[str, Portal] = field(default_factory=dict[str, Portal])
    portal_hosts: dict[str, Portal] = field(default_factory=dict[str, Portal])
    systems: dict[str, System] = field(default_factory=dict[str, System])
    networks: dict[tuple[int, int], dict[int, Owner]] = field(
        default_factory=dict[tuple[int, int], dict[int, Owner]]
    )
    """(IP version, prefix length) -> network as a number -> whose it is; an owner without
    an asset: what is met is the asset itself."""
    domains: dict[str, Owner] = field(default_factory=dict[str, Owner])
    hosts: dict[str, Owner] = field(default_factory=dict[str, Owner])

    def add_agency(self, agency: Agency) -> None:
        self.agencies[agency.id] = agency
        if not agency.ended_on:
            self._add(agency, Owner(agency=agency.id, asset=""))

    def add_system(self, system: System) -> None:
        """After the agencies: what is written at a system is more exact than what is at its agency."""
        self.systems[system.id] = system
        if system.active:
            self._add(system, Owner(agency=system.agency, asset=system.id, level=system.level))

    def _add(self, holder: Agency | System, owner: Owner) -> None:
        for text in holder.networks:
            network = network_of(text)
            if network is not None:
                size = (network.version, network.prefixlen)
                self.networks.setdefault(size, {})[int(network.network_address)] = owner
        self.domains.update({folded(name): owner for name in holder.domains})
        self.hosts.update({folded(name): owner for name in holder.hosts})

    def add_portal(self, portal: Portal) -> None:
        self.portals[portal.id] = portal
        host = host_of(portal.url)
        if host and (portal.active or host not in self.portal_hosts):
            self.portal_hosts[host] = portal

    def by_address(self, text: str) -> Owner | None:
        try:
            address = ip_address(text)
        except ValueError:
            return None
        number, bits = int(address), address.max_prefixlen
        lengths = (length for version, length in self.networks if version == address.version)
        for length in sorted(lengths, reverse=True):
            start = number >> (bits - length) << (bits - length)
            found = self.networks[address.version, length].get(start)
            if found:
                return found
        return None

    def by_domain(self, name: str) -> Owner | None:
        labels = folded(name).split(".")
        for start in range(len(labels) - 1):
            found = self.domains.get(".".join(labels[start:]))
            if found:
                return found
        return None


class Catalogue:
    """The agencies, systems and portals of the city.

    Args:
        store: where they are kept.
        ticking: a monotonic clock in seconds.
        clock: the time, by which it is told who is on duty.
        timezone: of the city.
    """

    def __init__(
        self,
        store: Store,
        *,
        ticking: Callable[[], float] = monotonic,
        clock: Clock = system_clock,
        timezone: str = "Asia/Ho_Chi_Minh",
    ) -> None:
        self._store = store
        self._clock = clock
        self._zone = ZoneInfo(timezone)
        self._ticking = ticking
        self._index: _Index | None = None
        self._read_at = 0.0

    def reload(self) -> None:
        """Read everything again."""
        index = _Index()
        for agency in every(self._store, "agency", Agency):
            index.add_agency(agency)
        for system in every(self._store, "system", System):
            index.add_system(system)
        for portal in every(self._store, "portal", Portal):
            index.add_portal(portal)
        self._index, self._read_at = index, self._ticking()

    def _known(self, older_than_s: float = FRESH_S) -> _Index:
        if self._index is None or self._ticking() - self._read_at >= older_than_s:
            self.reload()
        index = self._index
        return index if index is not None else _Index()

    def agency(self, agency_id: str) -> Agency | None:
        """An agency by its id."""
        found = self._known().agencies.get(agency_id)
        return found or self._known(MISS_S).agencies.get(agency_id) if agency_id else None

    def portal(self, portal_id: str) -> Portal | None:
        """A portal by its id."""
        found = self._known().portals.get(portal_id)
        return found or self._known(MISS_S).portals.get(portal_id) if portal_id else None

    def system(self, system_id: str) -> System | None:
        """A system by its id."""
        found = self._known().systems.get(system_id)
        return found or self._known(MISS_S).systems.get(system_id) if system_id else None

    def agencies(self) -> tuple[Agency, ...]:
        """All agencies, by id."""
        return tuple(agency for _, agency in sorted(self._known().agencies.items()))

    def contacts(self, agency_id: str, category: str = "") -> tuple[str, ...]:
        """Mail addresses to tell now: the agency's own and of those on duty for a category of incident.

        Where it has none, those of the nearest agency above that has any.
        """
        seen: set[str] = set()
        agency = self.agency(agency_id)
        while agency is not None and agency.id not in seen:
            parts = [part.strip() for part in agency.email.replace(",", ";").split(";")]
            parts += [one.email for one in self.called(agency, category)]
            addresses = tuple(dict.fromkeys(part for part in parts if part))
            if addresses:
                return addresses
            seen.add(agency.id)
            agency = self.agency(agency.parent)
        return ()

    def called(self, agency: Agency, category: str = "", at: datetime | None = None) -> list[Contact]:
        """Who of an agency is called about an incident of a category, now or at another time."""
        return called(agency.contacts, (at or self._clock()).astimezone(self._zone), category)

    def own(self, alert: Alert) -> Alert:
        """The alert with its agency, asset and the asset's level, as far as the catalogue knows them."""
        if alert.agency and alert.asset:
            return alert
        owner = self.owner(alert)
        if owner is None:
            return alert
        return replace(
            alert,
            agency=alert.agency or owner.agency,
            asset=alert.asset or owner.asset,
            asset_level=alert.asset_level or owner.level,
        )

    def owner(self, alert: Alert) -> Owner | None:
        """Whose asset the alert is about; None when the catalogue does not know it."""
        return _owner(self._known(), alert) or _owner(self._known(MISS_S), alert) or _told(alert)


def _owner(index: _Index, alert: Alert) -> Owner | None:
    for portal_id in values_of(alert, "citywatch.portal.id"):
        portal = index.portals.get(portal_id)
        if portal is not None:
            return Owner(agency=portal.agency, asset=portal.id, level=portal.level)
    return _by_host_name(index, alert) or _by_address(index, alert) or _by_domain(index, alert)


def _by_host_name(index: _Index, alert: Alert) -> Owner | None:
    for name in _in_turn(alert, HOST_FIELDS):
        found = index.hosts.get(folded(name)) or index.hosts.get(folded(name).split(".", 1)[0])
        if found:
            return _of(found, name)
    return None


def _by_address(index: _Index, alert: Alert) -> Owner | None:
    for address in _in_turn(alert, ADDRESS_FIELDS):
        found = index.hosts.get(folded(address)) or index.by_address(address)
        if found:
            return _of(found, address)
    return None


def _by_domain(index: _Index, alert: Alert) -> Owner | None:
    names = [*_in_turn(alert, DOMAIN_FIELDS), *(host_of(url) for url in values_of(alert, "url.full"))]
    for name in names:
        portal = index.portal_hosts.get(folded(name))
        if portal is not None:
            return Owner(agency=portal.agency, asset=portal.id, level=portal.level)
        found = index.by_domain(name)
        if found:
            return _of(found, name)
    return None


def _of(owner: Owner, met: str) -> Owner:
    """The owner of what was met: a system of its own, or the very thing."""
    return owner if owner.asset else replace(owner, asset=met)


def _told(alert: Alert) -> Owner | None:
    """What the sensor itself said of the owner, for a portal that has left the catalogue."""
    agency = next(iter(values_of(alert, "citywatch.portal.agency")), "")
    asset = next(iter(values_of(alert, "citywatch.portal.id")), "")
    return Owner(agency=agency, asset=asset) if agency or asset else None


def _in_turn(alert: Alert, names: tuple[str, ...]) -> Iterator[str]:
    """Values of these fields: what the alert is about comes first, then the fields in their order."""
    told = [name for name in names if name in alert.subject_fields]
    for name in dict.fromkeys((*told, *names)):
        yield from values_of(alert, name)


def values_of(alert: Alert, name: str) -> tuple[str, ...]:
    """All values an alert has of an ECS field: its subject's, its events', its opening event's."""
    found: list[str] = []
    if name in alert.subject_fields:
        found.append(alert.subject_fields[name])
    found += alert.values.get(name, [])
    held = alert.event.get(name)
    if isinstance(held, list):
        found += [str(value) for value in held]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - events hold any JSON
    elif held is not None:
        found.append(str(held))
    return tuple(dict.fromkeys(found))


def folded(name: str) -> str:
    """A host or domain name as names are compared.

    >>> folded("WWW.HaNoi.gov.vn.")
    'www.hanoi.gov.vn'
    """
    return name.strip().rstrip(".").lower()


def host_of(url: str) -> str:
    """The host of a URL, or nothing.

    >>> host_of("https://so1.hanoi.gov.vn:8443/tin")
    'so1.hanoi.gov.vn'
    """
    try:
        return folded(urlsplit(url).hostname or "")
    except ValueError:
        return ""


def network_of(text: str) -> IPv4Network | IPv6Network | None:
    """A network in CIDR form (host bits are passed over), or None when it is not one.

    >>> network_of("10.1.2.3/16")
    IPv4Network('10.1.0.0/16')
    """
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        return None
