"""Is what runs matched with what a warning names: sure, not sure, or not at all?"""

from __future__ import annotations

import pytest

from citywatch.model import Portal, System, to_doc
from citywatch.ports import Store
from citywatch.respond.advisory import Advisory, Product
from citywatch.respond.inventory import Installed, affected, inventory, names_of, still


def hits(installed: Installed, *products: Product) -> list[bool]:
    advisory = Advisory(id="adv", title="t", products=products)
    return [hit.sure for hit in affected(advisory, [installed])]


def runs(product: str, version: str = "", vendor: str = "") -> Installed:
    return Installed(
        kind="portal", asset="p", name="P", agency="a", product=product, version=version, vendor=vendor
    )


@pytest.mark.parametrize(
    ("installed", "product", "sure"),
    [
        (runs("nginx", "1.18.0"), Product(name="nginx", versions="< 1.25.4"), [True]),
        (runs("nginx", "1.26.0"), Product(name="nginx", versions="< 1.25.4"), []),
        (runs("nginx"), Product(name="nginx", versions="< 1.25.4"), [False]),
        (runs("nginx", "1.18.0"), Product(name="nginx"), [False]),
        (runs("Apache", "2.4.49"), Product(vendor="Apache", name="HTTP Server", versions="2.4.49"), [True]),
        (runs("Portal", "1", vendor="Ours"), Product(vendor="Other", name="Portal", versions="1"), []),
        (runs("Một cửa TL", "1", vendor="Công ty TL"), Product(name="Một cửa TL", versions="1"), [True]),
    ],
)
def test_product_and_version_tell_whether_it_concerns(
    installed: Installed, product: Product, sure: list[bool]
) -> None:
    assert hits(installed, product) == sure


def test_what_is_in_use_is_known_from_the_catalogue_and_from_the_last_visit(store: Store) -> None:
    systems = [
        System(id="s1", name="S1", agency="a", vendor="V", product="X", version="1"),
        System(id="s2", name="S2", agency="a", vendor="V", product="X", active=False),
        System(id="s3", name="S3", agency="a"),
    ]
    store.put_many("system", {one.id: to_doc(one) for one in systems})
    portals = [Portal(id=name, url="https://a.vn/", name=name, agency="a") for name in ("p1", "p2")]
    store.put_many("portal", {one.id: to_doc(one) for one in portals})
    store.put_many("software", {"p1": {"portal": "p1", "at": "2026", "software": ["nginx/1.18.0", "PHP"]}})
    found = [(one.asset, one.product, one.version, one.seen) for one in inventory(store)]
    assert found == [
        ("s1", "X", "1", "catalogue"),
        ("p1", "nginx", "1.18.0", "2026"),
        ("p1", "PHP", "", "2026"),
    ]
    assert names_of(store) == (Product(vendor="V", name="X"),)


def test_a_newer_version_is_proof_and_an_unknown_range_is_none() -> None:
    advisory = Advisory(id="adv", title="t", products=(Product(name="nginx", versions="< 1.25.4"),))
    (hit,) = affected(advisory, [runs("nginx", "1.18.0")])
    assert still("nginx", hit, advisory, "1.20.0") is True
    assert still("nginx", hit, advisory, "1.25.4") is False
    assert still("nginx", hit, advisory, "") is None
