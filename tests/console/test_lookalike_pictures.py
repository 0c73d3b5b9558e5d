"""Is a page that only looks like the portal seen by its picture, and one that does not left alone?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from citywatch.model import Agency, Portal
from citywatch.settings import Fetch, Pictures
from console.faces import to_record
from console.house import House, open_house
from console.lookalike_pictures import Glances
from console.registry import put_agency, register_portal
from sensors.portal.baseline import Baseline, Memory
from sensors.portal.imitation import Imitation
from sensors.portal.picture.camera import missing
from sensors.portal.picture.likeness import learn, marks_of, open_picture, pack
from tests.conftest import absent
from tests.sensors.portal.hostile import answer, serving

PORTAL = Portal(id="dvc", url="https://dvc.gov.vn/", name="A", agency="a")
SETTINGS = Pictures(chromium="/usr/bin/chromium", tabs=1)
LINES = "".join(f"<p>Mục {n}: thủ tục hành chính số {n * 7} của thành phố</p>" for n in range(12))
GENUINE = f"<body style='font-size:28px'><h1>Cổng dịch vụ công thành phố</h1>{LINES}</body>"
LEADS = "<script>location.replace('/')</script>"
DRAWN = "<title>x</title><body style='margin:0'><img src=/shot.jpg width=1280></body>"
OTHER = "<body style='font-size:22px;margin:90px'><h2>Giày dép</h2>" + "<p>Giày da thật giá rẻ nhất</p>" * 14


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    lacking = missing(SETTINGS)
    if lacking:
        absent(f"no pictures: {lacking}")
    with open_house(tmp_path / "data", make=True) as opened:
        opened.settings = replace(
            opened.settings, pictures=SETTINGS, fetch=Fetch(allow_loopback=True, timeout_s=10)
        )
        put_agency(opened, Agency(id="a", name="A"))
        register_portal(opened, url="https://dvc.gov.vn/", name="A", agency="a", portal_id="dvc")
        yield opened


async def glances(
    house: House, paths: list[str], most: int, portal: Portal = PORTAL, *, spoil: bool = False
) -> list[Imitation]:
    """Learn the genuine page's picture, then look at these pages."""
    camera, shot = house.camera, [b""]
    assert camera is not None

    async def talk(line: str, writer: Any) -> None:
        path = line.split(" ")[1]
        if path == "/shot.jpg":
            writer.write(answer(shot[0], "Content-Type: image/jpeg"))
            return
        page = {"/": GENUINE, "/drawn": DRAWN, "/leads": LEADS}.get(path, OTHER)
        writer.write(answer(page.encode(), "Content-Type: text/html; charset=utf-8"))

    async with serving(talk) as port:
        here = f"http://127.0.0.1:{port}"
        taken = await camera.shoot(f"{here}/", pins={}, agent="test")
        shot[0] = taken.raw
        habits = pack(learn((), marks_of(open_picture(taken.raw))))
        learned = {"picture": house.evidence.keep(taken.raw, "image/jpeg"), "habits": habits, "days": 1}
        heard = {"picture": Memory(at="2026-11-27T00:00:00.000000Z", learned=learned)}
        record = to_record(Baseline(portal="dvc", heard=heard))
        house.store.put_many("baseline", {"dvc": record})
        if spoil:
            place = house.evidence.file_of(str(learned["picture"]))
            assert place is not None
            place.write_bytes(b"x")
        looker = Glances(house, {"User-Agent": "test"}, most=most)
        seen = [
            Imitation(domain="dvc.top", resolves=True, url=f"{here}{path}", address="127.0.0.1")
            for path in paths
        ]
        return [(await looker.at(one, portal))[0] for one in seen]


@pytest.mark.chromium
def test_a_page_that_is_a_picture_of_the_portal_imitates_it_and_a_shop_does_not(house: House) -> None:
    drawn, shop, late = asyncio.run(glances(house, ["/drawn", "/shop", "/drawn"], most=2))
    assert drawn.signs == ("picture",)
    assert drawn.likeness >= 0.5
    assert (shop.signs, shop.likeness) == ((), 0.0)
    assert shop.picture < 0.3
    assert drawn.picture > 0.6
    assert (late.signs, late.picture) == ((), 0.0), "only so many pictures are taken"


@pytest.mark.chromium
def test_a_page_whose_script_leads_to_the_portal_itself_imitates_nothing(house: House) -> None:
    itself = replace(PORTAL, url="http://127.0.0.1/")
    (led,) = asyncio.run(glances(house, ["/leads"], 1, itself))
    assert (led.signs, led.picture) == ((), 0.0)
    (framed,) = asyncio.run(glances(house, ["/leads"], 1))
    assert framed.signs == ("picture",), "led to the same page under a name that is not the portal's"


@pytest.mark.chromium
def test_a_kept_picture_whose_bytes_were_changed_is_told_and_stops_nothing(house: House) -> None:
    (seen,) = asyncio.run(glances(house, ["/drawn"], 1, spoil=True))
    assert (seen.signs, seen.picture) == ((), 0.0)
    house.pulse.write()
    told = house.store.get("health", "portal.lookalike")
    assert told is not None
    assert "no longer those of that hash" in told.doc["error"]


def test_without_a_browser_nothing_is_looked_at(tmp_path: Path) -> None:
    with open_house(tmp_path / "data", make=True) as opened:
        seen = Imitation(
            domain="dvc.top", resolves=True, url="http://192.0.2.1/", likeness=0.4, signs=("title",)
        )
        assert asyncio.run(Glances(opened, {}).at(seen, PORTAL)) == (seen, b"")
