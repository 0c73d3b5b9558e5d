"""Is a defacement seen that only the eye can see, and is daily change not?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest

from citywatch import schema
from citywatch.detect.rulebook import Rulebook
from citywatch.model import Event, Portal
from citywatch.settings import Fetch, Pictures
from sensors.portal.baseline import Baseline
from sensors.portal.picture.camera import Camera
from sensors.portal.picture.eye import Eye
from sensors.portal.picture.likeness import open_picture
from sensors.portal.view import DESKTOP
from sensors.portal.visit import Budget, PortalSensor, Visit, accept
from tests.sensors.portal.hostile import answer, serving

ROOT = Path(__file__).parents[4]
DAY = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass
class Site:
    """A portal whose HTML never changes but for the date and the news; its picture may."""

    day: int = 0
    picture: str = "honest"
    html: str = ""

    async def talk(self, line: str, writer: asyncio.StreamWriter) -> None:
        path = line.split(" ")[1]
        if path == "/bia.png":
            writer.write(answer(_painting(self.picture), "Content-Type: image/png"))
        elif path == "/":
            page = self.html or _page(self.day)
            writer.write(answer(page.encode(), "Content-Type: text/html; charset=utf-8"))
        else:
            writer.write(answer(b"no", status="404 Not Found"))


def _page(day: int) -> str:
    news = "".join(f"<li>Tin số {day * 7 + n} ngày {1 + day}/11/2026</li>" for n in range(5))
    return (
        "<title>Sở Y tế</title><body style='margin:0'><img src=/bia.png width=1280 height=640>"
        f"<h1>Cổng thông tin Sở Y tế</h1><ul style='float:left;width:600px'>{news}</ul>"
        "<div style='background:#c00;color:#ff0;height:200px'>Điện thoại: 024 3825 1234</div></body>"
    )


def _painting(kind: str) -> bytes:
    from PIL import Image, ImageDraw  # noqa: PLC0415 - only where Pillow is there

    image = Image.new("RGB", (1280, 500), "navy" if kind == "honest" else "black")
    pen = ImageDraw.Draw(image)
    for number in range(60):
        if kind == "honest":
            pen.ellipse(
                (number * 21, 100 + number * 5, number * 21 + 90, 260 + number * 3),
                fill=(200, 220, 60 + number),
            )
        else:
            pen.line((640, 250, (number * 97) % 1280, (number * 61) % 500), fill="red", width=9)
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


class Keeper:
    """Evidence in memory."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def keep(self, raw: bytes, _media_type: str) -> str:
        name = sha256(raw).hexdigest()
        self.held[name] = raw
        return name


async def _visits(camera: Camera, site: Site, keeper: Keeper, *steps: str) -> list[Visit]:
    """Visit once a step; a step names the picture or gives the HTML from then on. `accept` takes the last."""
    eye = Eye(camera=camera, get=keeper.held.get, pause_s=0)
    budget = Budget(
        views=(DESKTOP,), inner_pages=0, probes=False, recheck_s=0, witnesses=(eye,), ask_all=True
    )
    sensor = PortalSensor(
        Fetch(allow_loopback=True, timeout_s=5),
        lambda: DAY + timedelta(days=site.day),
        keep=keeper.keep,
        budget=budget,
    )
    visits: list[Visit] = []
    baseline: Baseline | None = None
    async with serving(site.talk) as port:
        portal = Portal(id="so-y-te", url=f"http://127.0.0.1:{port}/", name="Sở Y tế", agency="so-y-te")
        for step in steps:
            if step == "accept":
                baseline = accept(visits[-1], by="lan", at="2026-11-27T00:00:00.000000Z")
                continue
            site.day += 1
            site.html = step if step.startswith("<") else ""
            site.picture = site.picture if step.startswith("<") else step
            done = await sensor.visit(portal, baseline)
            baseline = done.baseline
            visits.append(done)
    await sensor.close()
    return visits


def _pictures(visits: list[Visit]) -> list[Event]:
    return [event for done in visits for event in done.events if event["event.dataset"] == "portal.picture"]


@pytest.mark.chromium
def test_a_swapped_image_under_intact_html_is_seen_shown_and_can_be_accepted(camera: Camera) -> None:
    keeper = Keeper()
    steps = ["honest"] * 4 + ["defaced", "defaced", "accept", "defaced"]
    events = _pictures(asyncio.run(_visits(camera, Site(), keeper, *steps)))
    quiet, seen, again, accepted = events[3:4], events[4], events[5], events[6]
    assert [event["citywatch.portal.picture.change"] for event in quiet] == [0.0]
    assert seen["citywatch.portal.picture.change"] >= 0.6
    assert again["citywatch.portal.picture.change"] >= 0.6, "a change that was not accepted is not learned"
    assert "citywatch.portal.picture.change" not in accepted
    assert seen["citywatch.evidence.what"] == ["picture_before", "picture_after", "picture_difference"]
    for digest in seen["citywatch.evidence.sha256"]:
        assert open_picture(keeper.held[digest]).width == 1280
    for name, value in seen.items():
        field = schema.resolve(name)
        assert field is not None, name
        assert field.many == isinstance(value, list), name
    fired = Rulebook.load(ROOT / "rules" / "sigma" / "portal").judge([seen | {"event.sequence": 1}])
    assert "A portal looks like another page" in {match.rule.title for match in fired}


@pytest.mark.chromium
def test_a_page_that_is_one_picture_is_seen_and_never_learned(camera: Camera) -> None:
    keeper = Keeper()
    whole = "<title>Sở Y tế</title><body style='background:#000'><img src=/bia.png>"
    visits = asyncio.run(_visits(camera, Site(), keeper, "honest", "honest", "honest", "defaced", whole))
    change = _pictures(visits)[-1]["citywatch.portal.picture.change"]
    assert change >= 0.6
    assert visits[-1].baseline.heard["picture"].learned["visits"] == 3


@pytest.mark.chromium
def test_a_browser_that_is_missing_costs_the_picture_and_nothing_else(tmp_path: Path) -> None:
    camera = Camera(Pictures(chromium=str(tmp_path / "none")))
    (done,) = asyncio.run(_visits(camera, Site(), Keeper(), "honest"))
    assert done.available
    assert "install Chromium" in done.heard[0].error
    assert done.heard[0].said.counts == {"failed": 1}
