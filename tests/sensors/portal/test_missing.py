"""Is a page told that says "not found" with a good status, and nobody wronged who has pages?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import Portal
from citywatch.settings import Fetch
from sensors.portal.baseline import Baseline
from sensors.portal.memory import NOTHING
from sensors.portal.missing import is_like, mark_of, says_missing
from sensors.portal.range import PortalRange
from sensors.portal.range.site import render
from sensors.portal.view import DESKTOP
from sensors.portal.visit import Budget, PortalSensor, Visit
from sensors.portal.walk import parse_page
from tests.sensors.portal.hostile import answer, serving

URL = "https://xa-a.example/"
MENU = (
    "<header><h2>Xã A</h2><nav><a href=/tin-tuc/1.html>Tin tức</a><a href=/lien-he>Liên hệ</a></nav></header>"
)
STORY = "<h1>Họp dân thôn Đoài</h1>" + "".join(f"<p>Đoạn {word} kể chuyện họp.</p>" for word in "abcdefgh")
SORRY = "<h1>Rất tiếc</h1><p>Đường dẫn quý vị tìm đã đổi chỗ, xin quay về trang đầu.</p>" + "".join(
    f"<p>Mục {word}: thông tin chung của xã, số điện thoại và giờ làm việc.</p>" for word in "abcdef"
)


PATHS = ("/", "/tin-tuc/3.html")


def page(body: str, title: str = "Xã A") -> str:
    return f"<html><head><title>{title}</title></head><body>{MENU}{body}</body></html>"


def parsed(html: str) -> Any:
    return parse_page(html.encode(), URL)


@pytest.mark.parametrize(
    "html",
    [
        page("", "404 Not Found"),
        page("", "Lỗi 404"),
        page("", "Page not found - Sở Y tế"),
        page("", "Không tìm thấy trang | Sở Y tế"),
        page("<h1>Trang bạn yêu cầu không tồn tại</h1>"),
        page("<div class=x><h2>Bài viết không tồn tại hoặc đã bị xóa</h2></div>"),
        page("<h1 class=err>404</h1><p>Xin lỗi</p>"),
    ],
)
def test_a_page_that_says_it_is_not_there_is_believed(html: str) -> None:
    assert says_missing(parsed(html))


@pytest.mark.parametrize(
    "html",
    [
        page(STORY),
        page("<h1>Thông báo số 404/TB-UBND</h1>", "Thông báo 404/TB-UBND"),
        page("<p>Không tìm thấy trang thiết bị nào bị mất</p>"),
        page("<h1>Không tìm thấy nạn nhân mất tích trên sông</h1>"),
        page("<p>404</p>"),
        *(
            render(site, path) or ""
            for site in PortalRange.many(12).sites
            for path in ("/", "/tin-tuc/3.html")
        ),
    ],
)
def test_a_page_that_is_there_is_not_called_missing(html: str) -> None:
    assert not says_missing(parsed(html))


def test_a_hosts_own_page_is_told_again_whatever_path_it_names() -> None:
    sorry = page(f"{SORRY}<p>/khong-co-trang-0123456789ab.html</p>")
    mark = mark_of(parsed(sorry))
    assert is_like(mark, parsed(sorry.replace("0123456789ab", "tin-tuc/7")))
    assert not is_like(mark, parsed(page(STORY)))
    assert not is_like(mark, parsed(page("")))
    assert not is_like((), parsed(sorry))


@given(st.binary(max_size=400))
def test_no_bytes_make_it_raise_and_every_page_is_like_itself(raw: bytes) -> None:
    seen = parse_page(raw, URL)
    mark = mark_of(seen)
    says_missing(seen)
    assert is_like(mark, seen) is bool(seen.text)


Pages = Callable[[str], tuple[str, str]]


def visits(answers: list[Pages], budget: Budget) -> list[Visit]:
    """Visit a host once for each way in which it answers, with what was learned before."""
    now: list[Pages] = [answers[0]]
    at = [datetime(2026, 11, 20, tzinfo=UTC)]

    async def talk(line: str, writer: Any) -> None:
        status, html = now[0](line.split(" ")[1])
        writer.write(answer(html.encode(), "Content-Type: text/html; charset=utf-8", status=status))

    async def run() -> list[Visit]:
        done: list[Visit] = []
        baseline: Baseline | None = None
        memory = NOTHING
        async with serving(talk) as port:
            portal = Portal(
                id="xa-a",
                url=f"http://127.0.0.1:{port}/",
                name="A",
                agency="a",
                inner_pages=("/tin-tuc/1.html",),
            )
            settings = Fetch(allow_loopback=True, timeout_s=5, retries=0, robots=False)
            sensor = PortalSensor(settings, lambda: at[0], budget=budget)
            for each in answers:
                now[0] = each
                done.append(await sensor.visit(portal, baseline, memory))
                baseline, memory = done[-1].baseline, done[-1].memory
                at[0] += timedelta(days=1)
            await sensor.close()
        return done

    return asyncio.run(run())


def well(path: str) -> tuple[str, str]:
    if path == "/":
        return "200 OK", page("<p>Chào mừng</p>")
    return ("200 OK", page(STORY, "Họp dân")) if path == "/tin-tuc/1.html" else ("200 OK", page(SORRY))


def emptied(path: str) -> tuple[str, str]:
    return ("200 OK", page("<p>Chào mừng</p>")) if path == "/" else ("200 OK", page(SORRY))


def one_page(_path: str) -> tuple[str, str]:
    return "200 OK", page("<p>Chào mừng</p>")


def leaky(_path: str) -> tuple[str, str]:
    """Shows the same page for everything, and it reads like what some probes look for."""
    return "200 OK", page("<p>Chào mừng</p><pre>DB_PASSWORD=x\nAPP_KEY=base64:abc\nDB_HOST=a</pre>")


DEEP = Budget(views=(DESKTOP,), inner_pages=2, recheck_s=0)


def inner(visit: Visit) -> list[Any]:
    return [event for event in visit.events if event["url.path"] == "/tin-tuc/1.html"]


def test_an_inner_page_that_turned_into_a_soft_404_is_gone_and_not_learned() -> None:
    *_, quiet, gone, back = visits([well, well, well, well, emptied, well], DEEP)
    [event] = inner(gone)
    assert event["citywatch.portal.soft_404"] is event["citywatch.portal.gone"] is True
    assert "citywatch.portal.change.dangerous" not in event, "a page that was taken down is no defacement"
    assert not any("citywatch.portal.gone" in event for event in quiet.events)
    assert not any("citywatch.portal.changed" in event for event in inner(back)), (
        "what was there is still known"
    )
    assert gone.baseline.faces["desktop /tin-tuc/1.html"].titles[0] == "Họp dân"


def test_a_host_that_shows_one_page_for_everything_has_lost_nothing_and_exposes_nothing() -> None:
    for way in (one_page, leaky):
        for visit in visits([way] * 4, DEEP):
            assert not any("citywatch.portal.gone" in event for event in visit.events)
            assert not [event for event in visit.events if event["event.dataset"] == "portal.probe"]


def test_a_defacer_on_a_page_that_says_404_is_still_seen() -> None:
    def defaced(path: str) -> tuple[str, str]:
        status, html = emptied(path)
        return status, html if path == "/" else page("<h1>404</h1><h1>Hacked by Gh0st Team</h1>", "404")

    *_, last = visits([well, well, well, well, defaced], DEEP)
    [event] = inner(last)
    assert event["citywatch.portal.gone"] is True
    signed = "text.defaced" in event.get("citywatch.portal.change.dangerous", [])
    assert signed or event["citywatch.portal.defaced.score"] >= 0.5


def test_a_picture_under_the_words_not_found_is_still_another_page() -> None:
    def painted(path: str) -> tuple[str, str]:
        if path == "/":
            return well(path)
        return "200 OK", "<title>404 Not Found</title><img src=//x.example/o.gif>"

    *_, last = visits([well, well, well, well, painted], DEEP)
    [event] = inner(last)
    assert event["citywatch.portal.gone"] is True
    assert "page.replaced" in event["citywatch.portal.change.dangerous"]


def test_a_home_page_that_says_not_found_is_told_though_its_status_is_good() -> None:
    def away(_path: str) -> tuple[str, str]:
        return "200 OK", page("<h1>404 - Not Found</h1>", "404 Not Found")

    *_, last = visits([well, well, well, away], DEEP)
    [event] = [event for event in last.events if event["citywatch.portal.page"] == "home"]
    assert event["citywatch.portal.soft_404"] is True
    assert "citywatch.portal.gone" not in event
