"""Is a page that only looks like a portal told, and are others not?"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import pytest
from PIL import Image, ImageDraw, ImageOps

from sensors.portal.imitation import Imitation, seen_alike
from sensors.portal.picture.camera import Camera
from sensors.portal.picture.double import alike, share
from sensors.portal.picture.likeness import learn, marks_of, open_picture, pack
from tests.sensors.portal.hostile import answer, serving

HERE = {"127.0.0.1": "127.0.0.1"}


def _portal(color: str, name: str) -> str:
    menu = "".join(f"<a style='padding:14px'>Mục số {n}</a>" for n in range(9))
    news = "".join(f"<li>Tin {name} số {n}: thông báo của cơ quan về thủ tục" for n in range(16))
    return (
        f"<title>{name}</title><body style='margin:0;font:18px serif'>"
        f"<div style='background:{color};color:#fff;height:150px;font-size:44px;padding:30px'>{name}</div>"
        f"<div style='background:#eee'>{menu}</div><ul style='columns:2;font-size:22px'>{news}</ul></body>"
    )


GENUINE = _portal("#a00", "Cổng dịch vụ công thành phố")
OTHERS = {
    "template": _portal("#047", "Cửa hàng giày dép Minh Anh"),
    "parked": "<title>a.top</title><h1 style='text-align:center'>This domain is for sale</h1>",
    "white": "<title>.</title>",
    "text": "<title>t</title>" + "<p>Một bài viết dài về chuyện khác hẳn, không có gì giống. " * 60,
}

PATHS = ("copy", *OTHERS)


@asynccontextmanager
async def _served(pages: Mapping[str, bytes | str]) -> AsyncGenerator[str]:
    async def talk(line: str, writer: asyncio.StreamWriter) -> None:
        page = pages.get(line.split(" ")[1], "")
        if isinstance(page, bytes):
            writer.write(answer(page, "Content-Type: image/jpeg"))
        else:
            writer.write(answer(page.encode(), "Content-Type: text/html; charset=utf-8"))

    async with serving(talk) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.chromium
def test_a_copy_made_of_one_picture_looks_like_the_portal_and_other_pages_do_not(camera: Camera) -> None:
    async def run() -> dict[str, float]:
        pages: dict[str, bytes | str] = {f"/{name}": page for name, page in OTHERS.items()}
        pages |= {"/": GENUINE, "/copy": "<body style='margin:0'><img src=/copy.jpg width=1280>"}
        async with _served(pages) as base:
            own = (await camera.shoot(f"{base}/", pins=HERE, agent="")).raw
            pages["/copy.jpg"] = own
            known = {"days": 1, "habits": pack(learn((), marks_of(open_picture(own))))}
            shots = {path: await camera.shoot(f"{base}/{path}", pins=HERE, agent="") for path in PATHS}
            return {path: share(own, shot.raw, known) for path, shot in shots.items()}

    shares = asyncio.run(run())
    signs = {
        path: seen_alike(Imitation(domain="a.top", resolves=True), one).signs for path, one in shares.items()
    }
    assert signs == {path: ("picture",) if path == "copy" else () for path in PATHS}
    assert shares["copy"] >= 0.9
    assert {shares[path] for path in ("parked", "white", "text")} == {0.0}


def test_even_surfaces_alone_make_no_two_pages_alike() -> None:
    white = Image.new("RGB", (1280, 800), "white")
    assert alike(white, white, range(40)) == 0.0
    assert alike(white, Image.new("RGB", (300, 9000), "white"), range(40)) == 0.0


def test_a_copy_in_other_colors_or_a_negative_is_not_alike() -> None:
    dice = random.Random(1)  # noqa: S311 - a made-up picture
    picture = Image.new("RGB", (1280, 800), (120, 120, 120))
    pen = ImageDraw.Draw(picture)
    for _ in range(600):
        x, y, shade = dice.randrange(1240), dice.randrange(760), dice.randrange(256)
        pen.rectangle((x, y, x + 40, y + 40), fill=(shade, shade, shade))
    assert alike(picture, picture, range(40)) == 1.0
    assert alike(picture, picture, ()) == 0.0
    assert alike(picture, ImageOps.invert(picture), range(40)) == 0.0
    assert alike(picture, ImageOps.colorize(picture.convert("L"), "black", "red"), range(40)) == 0.0
