"""Can a face that was accepted be told from the ones before, and taken back?"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from citywatch.errors import CityWatchError
from citywatch.model import Agency
from citywatch.settings import Fetch, Pictures
from console.cli.portal_care import preview as show
from console.house import House, open_house
from console.portals import accept, preview, recheck, scan
from console.registry import put_agency, register_portal
from console.versions import KEPT, OLD, differences, key, put, revert, rows
from sensors.portal.baseline import Baseline
from sensors.portal.picture.camera import missing
from sensors.portal.range import PortalRange
from tests.conftest import absent


@pytest.fixture
def house(tmp_path: Path) -> Generator[House]:
    with open_house(tmp_path / "data", make=True) as opened:
        opened.settings = replace(opened.settings, fetch=Fetch(allow_loopback=True, timeout_s=5, retries=0))
        put_agency(opened, Agency(id="a", name="A"))
        yield opened


def versions(house: House) -> list[int]:
    return [int(row["version"]) for row in rows(house, "p")]


def test_each_accepted_face_is_a_version_and_the_last_ten_stay(house: House) -> None:
    put(house, "p", Baseline(portal="p", version=1))
    for number in range(2, KEPT + 5):
        assert put(house, "p", Baseline(portal="p", version=number, visits=number)).version == number
    assert versions(house) == list(range(KEPT + 4, 3, -1))
    assert house.store.get(OLD, key("p", 3)) is None


def test_a_version_is_taken_back_as_a_new_one(house: House) -> None:
    put(house, "p", Baseline(portal="p", version=1, visits=11))
    put(house, "p", Baseline(portal="p", version=2, visits=22))
    again = revert(house, "p", by="an")
    assert (again.version, again.visits, again.accepted_by) == (3, 11, "an")
    assert versions(house) == [3, 2, 1]
    assert revert(house, "p", by="an", to=2).visits == 22


def test_a_version_that_is_not_kept_is_told_with_those_that_are(house: House) -> None:
    with pytest.raises(CityWatchError, match="no face yet"):
        revert(house, "p", by="an")
    put(house, "p", Baseline(portal="p", version=1))
    put(house, "p", Baseline(portal="p", version=2))
    with pytest.raises(CityWatchError, match="version 9 is not kept; there are: 1"):
        revert(house, "p", by="an", to=9)


def test_a_redesign_is_shown_accepted_and_taken_back(house: House) -> None:
    with PortalRange.demo() as city:
        portal = city.portals()[0]
        register_portal(house, url=portal.url, name="P", agency="a", portal_id="p")
        for _ in range(3):
            scan(house, ["p"], deep=False, tell=lambda _: None)
        assert all(not item.dangerous for item in preview(house, "p"))
        city.attack(city.sites[0].id, "iframe_full")
        shown = preview(house, "p")
        assert shown[0].dangerous == ("frame.foreign",)
        assert "iframes" in shown[0].changed
        kept = Path(shown[0].files["page"])
        assert kept.name == shown[0].evidence["page"]
        assert b"<iframe" in kept.read_bytes()
        before = versions(house)
        assert recheck(house, "p")["alerting"]
        assert versions(house) == before
        assert accept(house, "p", by="an") == "accepted as version 2"
        assert not recheck(house, "p")["alerting"]
        revert(house, "p", by="an")
        assert recheck(house, "p")["alerting"]


def test_a_portal_that_does_not_answer_cannot_be_accepted(house: House) -> None:
    with PortalRange.demo() as city:
        portal = city.portals()[0]
        register_portal(house, url=portal.url, name="P", agency="a", portal_id="p")
    with pytest.raises(CityWatchError, match="cannot be accepted now"):
        accept(house, "p")
    with pytest.raises(CityWatchError, match="did not answer"):
        preview(house, "p")


def test_what_did_not_change_is_no_difference() -> None:
    assert differences([{"event.dataset": "portal.page"}, {"event.dataset": "portal.probe"}]) == []


@pytest.mark.chromium
def test_a_preview_names_the_files_of_its_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lacking = missing(Pictures(chromium="/usr/bin/chromium"))
    if lacking:
        absent(f"no pictures: {lacking}")
    data = tmp_path / "data"
    data.mkdir()
    settings = '[fetch]\nallow_loopback = true\n[pictures]\nchromium = "/usr/bin/chromium"\n'
    (data / "citywatch.toml").write_text(settings, "utf-8")
    with PortalRange.demo() as city, open_house(data, make=True) as house:
        put_agency(house, Agency(id="a", name="A"))
        register_portal(house, url=city.portals()[0].url, name="P", agency="a", portal_id="p")
        for _ in range(3):
            scan(house, ["p"], deep=False, tell=lambda _: None)
        city.attack(city.sites[0].id, "defacement")
        show("p", data=data, json=True)
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    picture = Path(first["files"]["picture_after"])
    assert picture.name == first["evidence"]["picture_after"]
    assert picture.read_bytes().startswith(b"\xff\xd8\xff"), "a JPEG"
    assert b"<" in Path(first["files"]["page"]).read_bytes()
