"""Can a hostile page hurt who takes its picture?"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from citywatch.settings import Pictures
from sensors.portal.picture.camera import Camera, NoCameraError, Shot, missing
from sensors.portal.picture.likeness import open_picture
from tests.conftest import absent
from tests.sensors.portal.hostile import answer, serving
from tests.sensors.portal.picture.conftest import SETTINGS

PAGES = {
    "/": b"<title>ok</title><body style='background:#0a0'><h1>Xin chao</h1>",
    "/endless": b"<h1>x</h1><script>for(;;){}</script>",
    "/later": b"<h1>x</h1><script>setTimeout(()=>{for(;;){}},50)</script>",
    "/alerts": b"<script>alert(1);confirm(2);prompt(3)</script><h1>after</h1>",
    "/leave": b"<script>onbeforeunload=()=>'stay'</script><h1>stay</h1>",
    "/popups": b"<script>for(let i=0;i<5;i++)open('/?'+i)</script><h1>p</h1>",
    "/tall": b"<div style='height:1000000px;background:red'>tall</div>",
    "/nodes": b"<b>" + b"<i>x</i>" * 50_000,
    "/inner": b"<img src=http://169.254.169.254/a><iframe src=http://10.1.2.3/></iframe><h1>inner</h1>",
    "/file": b"<script>location='file:///etc/passwd'</script><h1>here</h1>",
    "/memory": b"<script>let a=[];for(let i=0;i<1e4;i++)a.push(new Array(1e5).fill(i))</script><h1>x</h1>",
}


async def _talk(line: str, writer: asyncio.StreamWriter) -> None:
    path = line.split(" ")[1].partition("?")[0]
    if path == "/download":
        name = 'Content-Disposition: attachment; filename="a.exe"'
        writer.write(answer(b"MZ" * 100, "Content-Type: application/octet-stream", name))
    elif path.startswith("/deep"):
        number = int(path.removeprefix("/deep"))
        inside = f"<p>{number}</p><iframe src=/deep{number + 1}></iframe>" if number < 100 else "bottom"
        writer.write(answer(inside.encode(), "Content-Type: text/html"))
    else:
        writer.write(answer(PAGES.get(path, b"no"), "Content-Type: text/html"))


def shoot(camera: Camera, *paths: str) -> list[Shot]:
    async def script() -> list[Shot]:
        async with serving(_talk) as port:
            return [
                await camera.shoot(
                    f"http://127.0.0.1:{port}{path}" if path[:1] == "/" else path, pins={}, agent=""
                )
                for path in paths
            ]

    return asyncio.run(script())


@pytest.mark.chromium
def test_the_browser_is_not_root_and_a_page_shows(camera: Camera) -> None:
    (shot,) = shoot(camera, "/")
    assert (shot.error, shot.detail) == ("", "")
    image = open_picture(shot.raw)
    assert image.size == (1280, 800)
    red, green, blue = image.crop((600, 600, 601, 601)).tobytes()
    assert green > red + 100
    assert green > blue + 100
    assert camera.uid not in {0, -1}
    assert os.geteuid() != 0 or camera.uid != os.geteuid()


@pytest.mark.chromium
def test_a_script_that_never_ends_ends_with_its_tab_and_the_next_page_shows(camera: Camera) -> None:
    endless, after = shoot(camera, "/endless", "/")
    assert endless.error in {"script_never_ends", "timeout"}
    assert after.error == ""


@pytest.mark.chromium
@pytest.mark.parametrize(
    ("path", "trick"),
    [("/alerts", "dialogs"), ("/popups", "popups"), ("/deep0", "frames"), ("/download", "downloads")],
)
def test_what_a_page_does_by_itself_is_counted_and_stopped(camera: Camera, path: str, trick: str) -> None:
    shot, after = shoot(camera, path, "/")
    assert getattr(shot, trick) > 0
    assert shot.frames <= 100
    assert after.error == ""
    assert (shot.error == "download") == (path == "/download")


@pytest.mark.chromium
def test_the_browser_obeys_the_address_guard(camera: Camera) -> None:
    inner, direct, after = shoot(camera, "/inner", "http://169.254.169.254/latest/", "/")
    assert {place.partition(":")[0] for place in inner.refused} == {"169.254.169.254", "10.1.2.3"}
    assert direct.refused
    assert after.error == ""


@pytest.mark.chromium
def test_pages_too_large_too_many_and_pages_that_want_files_are_bounded(camera: Camera) -> None:
    tall, nodes, leave, file, after = shoot(camera, "/tall", "/nodes", "/leave", "/file", "/")
    assert tall.height >= 1_000_000
    assert open_picture(tall.raw).size == (1280, 4000)
    assert nodes.error in {"", "script_never_ends", "timeout"}  # slow where the machine is busy, and bounded
    assert leave.error == ""
    assert b"root:" not in file.raw
    assert after.error == ""


@pytest.mark.chromium
def test_what_is_no_web_address_is_not_opened(camera: Camera) -> None:
    shots = shoot(camera, "file:///etc/passwd", "chrome://settings", "data:text/html,x", "view-source:x")
    assert {shot.error for shot in shots} == {"bad_url"}


@pytest.mark.chromium
@pytest.mark.long
def test_a_page_that_hangs_later_or_eats_memory_harms_no_other(camera: Camera) -> None:
    _, after, _, last = shoot(camera, "/later", "/", "/memory", "/")
    assert after.error == ""
    assert last.error == ""


@pytest.mark.chromium
def test_a_camera_that_was_closed_starts_again_and_leaves_nothing_behind(tmp_path: Path) -> None:
    lacking = missing(SETTINGS)
    if lacking:
        absent(f"no pictures: {lacking}")
    made = Camera(SETTINGS, allow_loopback=True)
    try:
        (first,) = shoot(made, "/")
        home = Path(made.home)
        assert home.is_dir()
        made.close()
        assert not home.exists()
        (second,) = shoot(made, "/")
    finally:
        made.close()
    assert (first.error, second.error) == ("", "")
    assert not list(tmp_path.iterdir())


def test_without_a_browser_it_says_what_to_do(tmp_path: Path) -> None:
    assert "switched off" in missing(Pictures())
    assert "install Chromium" in missing(Pictures(chromium=str(tmp_path / "none")))
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 1\n", "utf-8")
    broken.chmod(0o755)
    tmp_path.chmod(0o755)
    made = Camera(Pictures(chromium=str(broken), user="no-such-user-here" if os.geteuid() == 0 else "nobody"))
    for _ in range(5):
        with pytest.raises(NoCameraError, match=r"did not start|failed to start"):
            asyncio.run(made.shoot("http://127.0.0.1:1/", pins={}, agent=""))
    made.close()
