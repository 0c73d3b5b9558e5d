"""Do tables of agencies and systems come in by program, and does each agency see its own?"""

from __future__ import annotations

import pytest

from tests.console.web.conftest import SmallHouse
from tests.console.web.test_counterpart import Asking
from tests.console.web.test_counterpart import asking as asking  # noqa: PLC0414 - a fixture, taken over

SYSTEMS = (
    "id,name,agency,kind\nmot-cua,Một cửa,so-y-te,one_stop\nkho,Kho,so-giao-duc,other\nx,X,nobody,other\n"
)


def test_systems_come_in_line_by_line_and_each_agency_sees_its_own(asking: Asking) -> None:
    told = asking("lan", "systems/list", {"csv": SYSTEMS}).json()
    assert told["taken"] == 2
    assert "nobody" in told["wrong"][0]
    assert "/" not in told["wrong"][0].split(":")[0]
    names = {who: [one["id"] for one in asking(who, "systems").json()["systems"]] for who in ("lan", "yte")}
    assert names == {"lan": ["kho", "mot-cua"], "yte": ["mot-cua"]}
    changed = SYSTEMS.replace("Một cửa", "Một cửa điện tử")
    assert asking("lan", "systems/list", {"csv": changed}).json()["taken"] == 2
    assert asking("yte", "systems").json()["systems"][0]["name"] == "Một cửa điện tử"
    assert asking("ytechinh", "systems/list", {"csv": SYSTEMS}).status_code == 404


def test_agencies_come_in_by_administrators_only(asking: Asking, house: SmallHouse) -> None:
    csv = "id,name,kind\nso-moi,Sở Mới,department\n"
    assert asking("lead", "agencies/list", {"csv": csv}).status_code == 404
    assert asking("admin", "agencies/list", {"csv": csv}).json() == {"taken": 1, "wrong": []}
    record = house.store.get("agency", "so-moi")
    assert record
    assert record.doc["name"] == "Sở Mới"
    told = asking("admin", "agencies/list", {"csv": "colour\nred\n"}).json()
    assert told["taken"] == 0
    assert "there is no column 'colour'" in told["wrong"][0]


def test_a_hunt_is_run_by_program(asking: Asking) -> None:
    key = asking("lan", "hunts", {"name": "all", "q": "", "range": "all"}).json()["id"]
    found = asking("lan", f"hunts/{key}/events", limit=5).json()
    whole = asking("lan", "events", limit=5).json()
    assert found == whole
    assert found["events"]
    assert asking("lan", "hunts/nothing/events").status_code == 404
    assert asking("yte", f"hunts/{key}/events").status_code == 404


@pytest.mark.parametrize("limit", ["0", "501", "-1", "1e2", "²", "٣", "0000019999", "9" * 5000])
@pytest.mark.parametrize("path", ["systems", "portals"])
def test_a_limit_that_is_no_number_from_1_to_500_is_refused(asking: Asking, path: str, limit: str) -> None:
    answer = asking("lan", path, limit=limit)
    assert answer.status_code == 400
    assert "1 to 500" in answer.text
    assert asking("lan", path, limit="500").status_code == 200
