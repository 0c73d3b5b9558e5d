"""What fills the pages of the test city, and which of it changes with every look, hour or day, by right?

Each widget gives HTML for a site, a day and the number of the request. `honest_steps` are the rarer changes
that a webmaster makes: a new banner, statistics, a cookie notice, a new place for pictures, an upgrade.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import blake2b
from html import escape
from pathlib import Path
from random import Random

_TABLE = Path(__file__).parent / "widgets.tsv"

Widget = Callable[[str, int, int], str]
"""A site's id, the day and the number of the request, to HTML."""


def chance_of(*parts: str | int) -> Random:
    """Chance that repeats itself for the same parts."""
    seed = blake2b("|".join(map(str, parts)).encode(), digest_size=8).digest()
    return Random(seed)  # noqa: S311 - makes texts, guards nothing


@cache
def phrases(part: str) -> tuple[str, ...]:
    """The phrases of one part of the table."""
    rows = (line.split("\t") for line in _TABLE.read_text(encoding="utf-8").splitlines()[1:])
    return tuple(row[1] for row in rows if row[0] == part)


def _weather(site: str, day: int, hit: int) -> str:
    chance = chance_of(site, "weather", day, hit // 4)
    sky = chance.choice(("Nhiều mây", "Nắng nhẹ", "Mưa rào", "Âm u", "Sương mù"))
    return f'<div class="weather"><span>{chance.randint(14, 38)}°C</span> <span>{sky}</span></div>'


def _gold(site: str, day: int, hit: int) -> str:
    chance = chance_of("gold", day, hit // 2)
    rows = "".join(
        f"<tr><td>{name}</td><td>{chance.randint(70, 99)}.{chance.randint(100, 999)}</td></tr>"
        for name in ("SJC", "Nhẫn tròn", "USD", "EUR")
    )
    return f'<table class="rates" id="r{len(site)}"><tr><th>Loại</th><th>Giá</th></tr>{rows}</table>'


def _clock(site: str, day: int, hit: int) -> str:
    weekday = ("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ nhật")[day % 7]
    return f'<div class="clock c{len(site) % 7}">{weekday}, {hit % 24}:{hit * 7 % 60:02d}</div>'


def _poll(site: str, day: int, _hit: int) -> str:
    asked = phrases("poll")[(len(site) + day // 9) % len(phrases("poll"))]
    answers = "".join(f'<label><input type="radio" name="p">{word}</label>' for word in ("Tốt", "Khá", "Kém"))
    return f'<div class="poll"><h4>{asked}</h4><form action="/binh-chon" method="post">{answers}</form></div>'


def _slides(site: str, day: int, hit: int) -> str:
    chance = chance_of(site, "slides", day // 2, hit % 5)
    shown = chance.sample(phrases("banner"), 3)
    items = "".join(
        f'<li><img src="/slide/{chance.randint(1, 60)}.jpg" alt=""><span>{escape(text)}</span></li>'
        for text in shown
    )
    return f'<ul class="slides">{items}</ul>'


def _video(site: str, day: int, _hit: int) -> str:
    token = f"{chance_of(site, 'video', day // 5).getrandbits(60):015x}"[:11]
    return f'<div class="video"><iframe src="https://www.youtube.com/embed/{token}"></iframe></div>'


def _agenda(site: str, day: int, _hit: int) -> str:
    chance = chance_of(site, "agenda", day)
    rows = "".join(
        f"<li>{hour}:00 {chance.choice(('Họp giao ban', 'Tiếp công dân', 'Kiểm tra cơ sở', 'Hội nghị'))}"
        f" phòng {chance.randint(1, 9)}0{chance.randint(1, 9)}</li>"
        for hour in (8, 9, 14, 16)
    )
    return f'<div class="agenda"><h4>Lịch làm việc</h4><ul>{rows}</ul></div>'


def _gallery(site: str, day: int, hit: int) -> str:
    chance = chance_of(site, "gallery", day, hit % 3)
    pictures = "".join(f'<img src="/anh/{chance.randint(1, 400)}.jpg" alt="">' for _ in range(6))
    return f'<div class="gallery">{pictures}</div>'


def _processed(site: str, day: int, _hit: int) -> str:
    done = 9_000 + day * 37 + len(site)
    share = f"{90 + day % 9},{day % 10}%"
    return f'<div class="stats"><p>Hồ sơ đã giải quyết: <b>{done}</b></p><p>Đúng hạn: {share}</p></div>'


def _asked(site: str, day: int, _hit: int) -> str:
    chance = chance_of(site, "asked", day // 3)
    who = chance.choice(("Nguyễn Thị H.", "Trần Văn K.", "Lê Minh T.", "Phạm Thu N."))
    what = chance.choice(("cấp lại giấy khai sinh", "đăng ký tạm trú", "miễn giảm học phí", "sang tên đất"))
    return f'<div class="asked"><h4>Hỏi đáp</h4><p>{who} hỏi về thủ tục {what}</p></div>'


def _state(site: str, day: int, hit: int) -> str:
    chance = chance_of(site, "state", day, hit)
    return f'<input type="hidden" name="__VIEWSTATE" value="{chance.getrandbits(800):0200x}">'


WIDGETS: tuple[Widget, ...] = (
    _weather,
    _gold,
    _clock,
    _poll,
    _slides,
    _video,
    _agenda,
    _gallery,
    _processed,
    _asked,
    _state,
)


def widgets_of(site: str, day: int, hit: int) -> str:
    """The widgets that this site chose, in its order."""
    chance = chance_of(site, "widgets")
    chosen = chance.sample(WIDGETS, chance.randint(4, 8))
    shape = chance.choice(("div", "section", "aside"))
    return "".join(
        f'<{shape} class="box b{number} {site[:3]}">{widget(site, day, hit)}</{shape}>'
        for number, widget in enumerate(chosen)
    )


def menu_of(site: str) -> str:
    """A long menu of the site's own."""
    chance = chance_of(site, "menu")
    items = chance.sample(phrases("menu"), chance.randint(8, 20))
    rows = "".join(
        f'<li><a href="/chuyen-muc/{chance.randint(1, 900)}">{escape(text)}</a></li>' for text in items
    )
    return f'<ul class="menu-{chance.randint(1, 99)}">{rows}</ul>'


# -- what a webmaster does now and then ------------------------------------------------------------------

_RARE = 150
"""Each of these steps comes about once in so many days on a site."""


def _notice(site: str, since: int) -> str:
    text = phrases("notice")[chance_of(site, since, "which").randrange(len(phrases("notice")))]
    return f'<div class="notice" style="color:red"><strong>{escape(text)}</strong></div>'


def _cookies(_site: str, _since: int) -> str:
    return (
        '<div id="cookie-bar" style="position:fixed;bottom:0">Trang web dùng cookie để phục vụ tốt hơn. '
        "<button onclick=\"document.getElementById('cookie-bar').remove()\">Đồng ý</button></div>"
    )


def _statistics(site: str, since: int) -> str:
    code = f"G-{chance_of(site, since).getrandbits(40):010X}"
    return (
        f'<script async src="https://www.googletagmanager.com/gtag/js?id={code}"></script>'
        "<script>window.dataLayer=window.dataLayer||[];function gtag(){dataLayer.push(arguments)}"
        f"gtag('js',new Date());gtag('config','{code}');</script>"
    )


def _chat(_site: str, _since: int) -> str:
    return '<div class="fb-like" data-href="/"></div><script async src="https://connect.facebook.net/vi_VN/sdk.js"></script>'


def _survey(site: str, since: int) -> str:
    code = f"{chance_of(site, since, 'survey').getrandbits(80):020x}"
    return f'<iframe src="https://docs.google.com/forms/d/e/{code}/viewform" width="600"></iframe>'


def _partner(_site: str, since: int) -> str:
    return f'<div class="partner"><a href="https://bao-nganh-{since % 50}.com.vn/">Báo ngành</a></div>'


def _popup(site: str, since: int) -> str:
    number = chance_of(site, since, "popup").randint(1, 99)
    return (
        f'<div id="popup" style="display:none"><a href="/su-kien/{number}"><img src="/popup/{number}.png">'
        "</a></div>"
        "<script>setTimeout(function(){document.getElementById('popup').style.display='block'},800)</script>"
    )


def _library(_site: str, since: int) -> str:
    return (
        f'<script src="https://cdn.jsdelivr.net/npm/swiper@{1 + since % 11}/swiper-bundle.min.js"></script>'
    )


STEPS: dict[str, Callable[[str, int], str]] = {
    "notice": _notice,
    "cookie_bar": _cookies,
    "statistics": _statistics,
    "like_button": _chat,
    "survey": _survey,
    "partner_link": _partner,
    "popup": _popup,
    "library": _library,
}
"""Honest changes by name; each gives what is added, from the day on which it came."""


def honest_steps(site: str, day: int) -> list[tuple[str, int]]:
    """What a site's webmaster has added up to a day: name and since when. Notices go again after 5 days."""
    found: list[tuple[str, int]] = []
    for name in STEPS:
        first = 1 + chance_of(site, "step", name).randrange(_RARE)
        every = 40 if name in {"notice", "popup"} else 0
        came = first + (day - first) // every * every if every and day >= first else first
        if came <= day and (not every or day - came <= 5):  # noqa: PLR2004 - days
            found.append((name, came))
    return found
