"""Which of the city's portals and systems run what a warning names?

What runs is known from the catalogue (systems: vendor, product, version) and from what portals say of
themselves on each visit. A version that is not known makes a hit that is not sure, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from citywatch.model import Portal, System, repeatable_id
from citywatch.ports import Store
from citywatch.respond.advisory import Advisory, AffectedAsset, Product
from citywatch.respond.every import every
from citywatch.respond.products import is_telling, key_of
from citywatch.respond.version import affects

MOST: Final = 20_000
AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """One software on one portal or system."""

    kind: str
    """portal or system."""
    asset: str
    name: str
    agency: str
    product: str
    """As it is told."""
    vendor: str = ""
    version: str = ""
    seen: str = ""
    """catalogue, or the time of the visit that saw it."""

    @property
    def key(self) -> str:
        return key_of(self.product, self.vendor)


def software_of_system(system: System) -> Iterator[Installed]:
    """What the catalogue says that it runs."""
    if system.product or system.vendor:
        yield Installed(
            kind="system",
            asset=system.id,
            name=system.name,
            agency=system.agency,
            vendor=system.vendor,
            product=system.product or system.vendor,
            version=system.version,
            seen="catalogue",
        )


def software_of_portal(portal: Portal, told: Iterable[str], seen: str) -> Iterator[Installed]:
    """What it said of itself: `nginx/1.18.0`, `WordPress/6.4.2`."""
    for one in told:
        name, _, version = one.partition("/")
        yield Installed(
            kind="portal",
            asset=portal.id,
            name=portal.name,
            agency=portal.agency,
            product=name,
            version=version,
            seen=seen,
        )


def inventory(store: Store) -> Iterator[Installed]:
    """Everything that is known to run, of what is in use."""
    for system in every(store, "system", System):
        if system.active:
            yield from software_of_system(system)
    waiting: list[Portal] = []
    for portal in every(store, "portal", Portal):
        if portal.active:
            waiting.append(portal)
        if len(waiting) >= AT_ONCE:
            yield from _of_portals(store, waiting)
            waiting = []
    yield from _of_portals(store, waiting)


def _of_portals(store: Store, portals: Sequence[Portal]) -> Iterator[Installed]:
    visits = store.get_many("software", [portal.id for portal in portals]) if portals else {}
    for portal in portals:
        record = visits.get(portal.id)
        if record is not None:
            told = [str(one) for one in record.doc.get("software", [])]
            yield from software_of_portal(portal, told, str(record.doc.get("at", "")))


def names_of(store: Store) -> tuple[Product, ...]:
    """Products that the catalogue's systems run: what to look for in running text."""
    found = {(one.vendor, one.product): one for one in every(store, "system", System) if one.product}
    return tuple(Product(vendor=one.vendor, name=one.product) for one in found.values())


def affected(advisory: Advisory, installed: Iterable[Installed]) -> tuple[AffectedAsset, ...]:
    """Assets that it concerns, each product of theirs once; what is sure comes first."""
    named: dict[str, list[Product]] = {}
    for product in advisory.products:
        for key in dict.fromkeys((key_of(product.name, product.vendor), *_alone(product.name))):
            named.setdefault(key, []).append(product)
    found: dict[str, AffectedAsset] = {}
    for one in installed:
        for product in named.get(one.key) or [
            named_so for key in _alone(one.product) for named_so in named.get(key, ())
        ]:
            hit = _hit(advisory, one, product)
            if hit is not None and (hit.id not in found or hit.sure):
                found[hit.id] = hit
            if len(found) >= MOST:
                break
    return tuple(sorted(found.values(), key=lambda hit: (hit.agency, not hit.sure, hit.name, hit.id)))


def _alone(name: str) -> tuple[str, ...]:
    """A name that says enough without its maker's."""
    return (key_of(name),) if is_telling(name) else ()


def _hit(advisory: Advisory, one: Installed, product: Product) -> AffectedAsset | None:
    lies = affects(product.versions, one.version)
    if lies is False:
        return None
    told = f"{product.vendor} {product.name} {product.versions}".strip()
    runs = f"{one.vendor} {one.product} {one.version}".strip()
    doubt = "" if lies else " (version not known)" if not one.version else " (range not told)"
    return AffectedAsset(
        id=repeatable_id("affected", advisory.id, one.kind, one.asset, one.key)[:24],
        advisory=advisory.id,
        kind=one.kind,
        asset=one.asset,
        name=one.name,
        agency=one.agency,
        product=f"{one.vendor} {one.product}".strip(),
        version=one.version,
        sure=lies is True,
        because=f"{runs} ~ {told}{doubt}"[:500],
    )


def still(product: str, asset: AffectedAsset, advisory: Advisory, now: str) -> bool | None:
    """With the version that runs now, does the warning still concern it? None: cannot be told.

    Args:
        product: what runs, as key.
        asset: what was matched.
        advisory: the warning.
        now: the version that runs now.
    """
    verdicts = [
        affects(one.versions, now) for one in advisory.products if key_of(one.name, one.vendor) == product
    ]
    if not verdicts or asset.advisory != advisory.id or None in verdicts:
        return True if True in verdicts else None
    return any(verdicts)
