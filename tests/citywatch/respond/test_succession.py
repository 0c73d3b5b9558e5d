"""Do portals, systems, people and open tickets follow when agencies are renamed, merged or split?"""

from __future__ import annotations

import pytest

from citywatch.model import Agency, Portal, Severity, System, Ticket, from_doc, to_doc
from citywatch.ports import Store
from citywatch.respond.catalogue import Catalogue
from citywatch.respond.succession import AgencyChange, Succession, WrongChange, takes_of
from tests.citywatch.respond.conftest import Watch, an_alert


@pytest.fixture
def city(store: Store, watch: Watch) -> Succession:
    agencies = [
        Agency(id="so-tttt", name="Sở TT&TT", networks=("10.8.0.0/16",), domains=("tttt.gov.vn",)),
        Agency(id="so-khcn", name="Sở KH&CN"),
        Agency(id="so-moi", name="Sở mới"),
        Agency(id="phong", name="Phòng", parent="so-tttt"),
    ]
    store.put_many("agency", {one.id: to_doc(one) for one in agencies})
    portals = [
        Portal(id=name, url=f"https://{name}.gov.vn/", name=name, agency="so-tttt") for name in ("p1", "p2")
    ]
    store.put_many("portal", {one.id: to_doc(one) for one in portals})
    store.put_many("system", {"s1": to_doc(System(id="s1", name="S", agency="so-tttt"))})
    tickets = [
        Ticket(id="HN-1", key="1", title="t", severity=Severity.high, agency="so-tttt", asset="p2"),
        Ticket(id="HN-2", key="2", title="t", severity=Severity.high, agency="so-tttt", state="closed"),
        Ticket(id="HN-3", key="3", title="t", severity=Severity.high, agency="so-khcn"),
    ]
    store.put_many("ticket", {one.id: to_doc(one) for one in tickets})
    store.put_many("user", {"lan": {"id": "lan", "agency": "so-tttt"}})
    return Succession(store=store, clock=watch)


def ticket(store: Store, ticket_id: str) -> Ticket:
    record = store.get("ticket", ticket_id)
    assert record
    return from_doc(record.doc, Ticket)


def agency(store: Store, agency_id: str) -> Agency:
    record = store.get("agency", agency_id)
    assert record
    return from_doc(record.doc, Agency)


def test_a_merger_waits_for_its_day_and_then_everything_open_follows(city: Succession, store: Store) -> None:
    change = city.note(
        AgencyChange(id="", kind="merge", day="2026-12-01", of=("so-tttt",), into=("so-khcn",), by="lan")
    )
    assert city.step("2026-11-30") == 0
    assert ticket(store, "HN-1").agency == "so-tttt"
    assert city.step("2026-12-01") == 1
    assert city.step("2026-12-01") == 0
    assert ticket(store, "HN-1").agency == "so-khcn"
    assert ticket(store, "HN-1").history[-1].note == "so-tttt → so-khcn (merge, 2026-12-01)"
    assert ticket(store, "HN-2").agency == "so-tttt"
    old, heir = agency(store, "so-tttt"), agency(store, "so-khcn")
    assert (old.ended_on, old.successors) == ("2026-12-01", ("so-khcn",))
    assert heir.networks == ("10.8.0.0/16",)
    assert agency(store, "phong").parent == "so-khcn"
    user = store.get("user", "lan")
    assert user
    assert user.doc["agency"] == "so-khcn"
    assert city.all()[0].moved == {"portals": 2, "systems": 1, "tickets": 1, "accounts": 1, "agencies": 1}
    assert change.id == city.all()[0].id
    alert = an_alert(subject_fields={"destination.ip": "10.8.1.1"})
    assert Catalogue(store).own(alert).agency == "so-khcn"


def test_a_kill_amid_a_merger_is_made_good_when_it_is_done_again(city: Succession, store: Store) -> None:
    change = city.note(
        AgencyChange(id="", kind="merge", day="2026-11-01", of=("so-tttt",), into=("so-khcn",), by="lan")
    )
    city.step("2026-11-01")
    undone = to_doc(city.all()[0]) | {"done_at": ""}
    store.put_many("agency_change", {change.id: undone})
    before = ticket(store, "HN-1")
    city.step("2026-11-02")
    assert ticket(store, "HN-1") == before
    assert agency(store, "so-khcn").networks == ("10.8.0.0/16",)


def test_of_a_split_each_asset_and_its_tickets_go_to_whom_it_is_given(city: Succession, store: Store) -> None:
    takes = dict(takes_of(["p2=so-moi"]))
    city.note(
        AgencyChange(
            id="", kind="split", day="2026-11-01", of=("so-tttt",), into=("so-khcn", "so-moi"), takes=takes
        )
    )
    city.step("2026-11-23")
    owners = {one: store.get("portal", one) for one in ("p1", "p2")}
    assert {name: record.doc["agency"] for name, record in owners.items() if record} == {
        "p1": "so-khcn",
        "p2": "so-moi",
    }
    assert ticket(store, "HN-1").agency == "so-moi"


def test_a_renamed_agency_keeps_its_id_and_its_former_name(city: Succession, store: Store) -> None:
    city.note(AgencyChange(id="", kind="rename", day="2026-11-01", of=("so-tttt",), name="Sở Số hóa"))
    city.step("2026-11-23")
    now = agency(store, "so-tttt")
    assert (now.name, now.former_names) == ("Sở Số hóa", ("until 2026-11-01: Sở TT&TT",))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (AgencyChange(id="", kind="merge", day="2026-11-01", of=("x",), into=("so-moi",)), "no agency 'x'"),
        (AgencyChange(id="", kind="merge", day="2026-11-01", of=("so-moi",), into=("so-moi",)), "itself"),
        (AgencyChange(id="", kind="rename", day="2026-11-01", of=("so-moi",)), "new name"),
        (
            AgencyChange(
                id="", kind="split", day="2026-11-01", of=("so-moi",), into=("so-khcn",), takes={"p": "x"}
            ),
            "not among",
        ),
    ],
)
def test_a_change_that_cannot_be_is_refused(city: Succession, change: AgencyChange, why: str) -> None:
    with pytest.raises(WrongChange, match=why):
        city.note(change)


def test_a_system_is_more_exact_than_its_agency_and_is_found_by_network_domain_and_camera_id(
    city: Succession, store: Store
) -> None:
    assert city
    system = System(
        id="camera",
        name="Camera",
        agency="so-moi",
        level=3,
        networks=("10.8.7.0/24",),
        domains=("cam.tttt.gov.vn",),
        hosts=("CAM-0017",),
    )
    store.put_many("system", {system.id: to_doc(system)})
    catalogue = Catalogue(store)
    for fields in (
        {"destination.ip": "10.8.7.9"},
        {"url.domain": "a.cam.tttt.gov.vn"},
        {"host.name": "cam-0017"},
    ):
        owned = catalogue.own(an_alert(subject_fields=fields))
        assert (owned.agency, owned.asset, owned.asset_level) == ("so-moi", "camera", 3)
