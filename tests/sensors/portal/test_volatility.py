"""Does what changes every day by right stay silent over many days, and a defacer's block never?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import Severity
from sensors.portal.baseline import Face, face_of, grow
from sensors.portal.compare import compare
from sensors.portal.danger import worst
from sensors.portal.page import Page
from sensors.portal.walk import parse_page

_LEARNING = 3
_STEADY = "Ủy ban nhân dân xã giải quyết thủ tục hành chính tại bộ phận một cửa trong giờ làm việc"
_WORDS = st.sampled_from(
    [
        "mưa",
        "nắng",
        "họp",
        "dân",
        "giá",
        "lúa",
        "tăng",
        "giảm",
        "tuyển",
        "sinh",
        "lớp",
        "năm",
        "học",
        "khám",
        "bệnh",
        "tiêm",
        "chủng",
        "đường",
        "cầu",
        "kênh",
    ]
)
_LINE = st.lists(_WORDS, min_size=3, max_size=9).map(" ".join)
_DEFACED = st.sampled_from(
    [
        "<h1>Hacked by Gh0st Crew</h1>",
        "<p>Trang này đã bị hack bởi nhóm Bóng Ma</p>",
        "<div>H A C K E D by nobody</div>",
        "<p>Owned by Xin Loi Admin, your security is low</p>",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What a portal shows on one day beside what never changes."""

    ticker: str
    news: tuple[str, ...]
    date: tuple[int, int, int]
    token: bytes
    views: int

    @property
    def page(self) -> Page:
        """The page of the day."""
        day, month, year = self.date
        items = (f"<li><a href=/tin/{number}.html>{text}</a></li>" for number, text in enumerate(self.news))
        html = (
            f"<title>Cổng thông tin xã</title><div id=ticker><marquee>{self.ticker}</marquee></div>"
            f"<div id=date>Hôm nay, ngày {day:02d}/{month:02d}/{year}</div>"
            f"<div id=about><p>{_STEADY}</p></div>"
            f"<form action=/tim><input type=hidden name=__VIEWSTATE value={self.token.hex()}>"
            f"<input type=hidden name=token value={self.token[::-1].hex()}></form>"
            f"<ul id=news>{''.join(items)}</ul>"
            f"<script>var nonce='{self.token.hex()}', at={self.views};</script>"
            f"<div id=counter>Lượt truy cập: {self.views:,}</div>"
        )
        return parse_page(html.encode(), "https://xa.gov.vn/")


_DAY = st.builds(
    Day,
    ticker=_LINE,
    news=st.lists(_LINE, min_size=3, max_size=6).map(tuple),
    date=st.tuples(st.integers(1, 28), st.integers(1, 12), st.integers(2020, 2030)),
    token=st.binary(min_size=16, max_size=64),
    views=st.integers(0, 10**8),
)
_DAYS = st.lists(_DAY, min_size=_LEARNING + 1, max_size=12)


def _learned(face: Face | None, page: Page) -> Face:
    now = face_of(page, path="/", view="desktop")
    return now if face is None else grow(face, now, page)


@given(days=_DAYS)
def test_tickers_dates_tokens_and_counters_are_never_above_low(days: list[Day]) -> None:
    face: Face | None = None
    for number, day in enumerate(days):
        page = day.page
        if face is not None and number >= _LEARNING:
            found = compare(face, page)
            assert not found.dangerous
            assert worst(found.dangerous, found.text) <= Severity.low
        face = _learned(face, page)


@given(
    days=_DAYS, block=_DEFACED, place=st.sampled_from(["<div id=ticker>", "<ul id=news>", "<div id=about>"])
)
def test_a_defacers_block_is_grave_wherever_it_stands(days: list[Day], block: str, place: str) -> None:
    face = reduce(_learned, (day.page for day in days[:-1]), None)
    assert face is not None
    html = days[-1].page.source.replace(place, f"{place}{block}")
    found = compare(face, parse_page(html.encode(), "https://xa.gov.vn/"))
    assert "text.defaced" in found.dangerous
    assert worst(found.dangerous, found.text) >= Severity.high


def _banners(shown: list[int], more: str = "") -> Page:
    items = "".join(f"<a href=/qc/{each}><img src=/banner/{each}.jpg></a>" for each in shown)
    html = f"<title>Cổng thông tin xã</title><p>{_STEADY}</p><div id=banners>{items}{more}</div>"
    return parse_page(html.encode(), "https://xa.gov.vn/")


_SHOWN = st.lists(st.integers(1, 999), min_size=1, max_size=4)


@given(days=st.lists(_SHOWN, min_size=_LEARNING + 1, max_size=8))
def test_banners_that_rotate_are_never_above_low_and_a_strangers_is(days: list[list[int]]) -> None:
    face = reduce(_learned, (_banners(shown) for shown in days[:-1]), None)
    assert face is not None
    found = compare(face, _banners(days[-1]))
    assert worst(found.dangerous, found.text) <= Severity.low
    stranger = '<a href="https://elsewhere.top/"><img src="https://elsewhere.top/b.gif"></a>'
    found = compare(face, _banners(days[-1], stranger))
    assert worst(found.dangerous, found.text) > Severity.low
