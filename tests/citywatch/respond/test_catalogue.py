"""Does an alert find its owner, by each of the ways there are?"""

from __future__ import annotations

from typing import Any

import pytest

from citywatch.model import Agency, Alert, Portal, Severity, to_doc
from citywatch.ports import Store
from citywatch.respond.catalogue import Catalogue

AGENCIES = (
    Agency(id="city", name="Thành phố", email="soc@hanoi.gov.vn", networks=("10.0.0.0/8",)),
    Agency(
        id="so-y-te",
        name="Sở Y tế",
        parent="city",
        networks=("10.1.0.0/16", "2001:db8:1::/48"),
        domains=("soyte.hanoi.gov.vn",),
        hosts=("CAM-0017", "kiosk.benh-vien.vn"),
    ),
    Agency(id="phuong", name="Phường", email="a@p.vn; b@p.vn", networks=("10.1.2.0/24",)),
)
PORTAL = Portal(id="p1", url="https://www.soyte.hanoi.gov.vn/", name="Cổng", agency="so-y-te", level=3)


def alert(subject: dict[str, str] | None = None, **values: Any) -> Alert:
    return Alert(
        id="a",
        rule_id="r",
        title="t",
        severity=Severity.high,
        subject="s",
        subject_fields=subject or {},
        first_seen="",
        last_seen="",
        count=1,
        values={name.replace("__", "."): [value] for name, value in values.items()},
    )


@pytest.fixture
def catalogue(store: Store) -> Catalogue:
    store.put_many("agency", {one.id: to_doc(one) for one in AGENCIES})
    store.put_many("portal", {PORTAL.id: to_doc(PORTAL)})
    return Catalogue(store)


@pytest.mark.parametrize(
    ("given", "agency", "asset"),
    [
        (alert(citywatch__portal__id="p1"), "so-y-te", "p1"),
        (alert(source__ip="8.8.8.8", destination__ip="10.1.9.9"), "so-y-te", "10.1.9.9"),
        (alert(destination__ip="10.1.2.3"), "phuong", "10.1.2.3"),
        (alert(destination__ip="10.77.0.1"), "city", "10.77.0.1"),
        (alert(destination__ip="2001:db8:1::5"), "so-y-te", "2001:db8:1::5"),
        (alert(host__name="cam-0017"), "so-y-te", "cam-0017"),
        (alert(host__name="CAM-0017.local"), "so-y-te", "CAM-0017.local"),
        (alert(url__domain="db.soyte.hanoi.gov.vn"), "so-y-te", "db.soyte.hanoi.gov.vn"),
        (alert(url__full="https://www.soyte.hanoi.gov.vn/x.php"), "so-y-te", "p1"),
        (alert(destination__ip="8.8.8.8"), "", ""),
        (alert(url__domain="notsoyte.hanoi.gov.vn"), "", ""),
        (alert(destination__ip="not an address"), "", ""),
        (alert(citywatch__portal__id="gone", citywatch__portal__agency="so-x"), "so-x", "gone"),
    ],
)
def test_an_alert_finds_its_owner(catalogue: Catalogue, given: Alert, agency: str, asset: str) -> None:
    owned = catalogue.own(given)
    assert (owned.agency, owned.asset) == (agency, asset)


def test_what_the_alert_is_about_comes_before_what_else_it_names(catalogue: Catalogue) -> None:
    inner = alert({"source.ip": "10.1.2.9"}, source__ip="10.1.2.9", destination__ip="10.77.0.1")
    assert catalogue.own(inner).agency == "phuong"


def test_the_level_of_a_portal_is_the_level_of_its_alert(catalogue: Catalogue) -> None:
    assert catalogue.own(alert(citywatch__portal__id="p1")).asset_level == 3


def test_an_agency_without_contacts_is_told_through_the_one_above(catalogue: Catalogue) -> None:
    assert catalogue.contacts("phuong") == ("a@p.vn", "b@p.vn")
    assert catalogue.contacts("so-y-te") == ("soc@hanoi.gov.vn",)
    assert catalogue.contacts("unknown") == ()


def test_a_newcomer_is_found_soon_and_a_spoiled_record_hides_nobody(store: Store) -> None:
    now = [0.0]
    catalogue = Catalogue(store, ticking=lambda: now[0])
    assert catalogue.own(alert(citywatch__portal__id="p1")).agency == ""
    store.put_many("portal", {"bad": {"id": 7}, PORTAL.id: to_doc(PORTAL)})
    now[0] = 2.0
    assert catalogue.own(alert(citywatch__portal__id="p1")).agency == "so-y-te"


def test_agencies_that_are_each_others_parents_do_not_hold_the_search(store: Store) -> None:
    ring = (Agency(id="a", name="A", parent="b"), Agency(id="b", name="B", parent="a"))
    store.put_many("agency", {one.id: to_doc(one) for one in ring})
    assert Catalogue(store).contacts("a") == ()
