"""What does an honest portal of our own making look like, and how does it change from day to day?

Pages in the manner of the content systems that agencies use; all text is made here, for tests and the demo. A
page follows from its site, the path, the day and the number of the request, so it can be made again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from html import escape
from pathlib import Path
from random import Random

STYLES = ("nuke", "joom", "dnn", "life", "plain")
_HERE = Path(__file__).parent
_MENU = (
    ("Giới thiệu", "gioi-thieu"),
    ("Tin tức", "tin-tuc"),
    ("Văn bản", "van-ban"),
    ("Thủ tục hành chính", "thu-tuc"),
    ("Lịch công tác", "lich"),
    ("Liên hệ", "lien-he"),
)
_FRIENDS = ("https://chinhphu.vn/", "https://dichvucong.gov.vn/", "https://hanoi.gov.vn/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One portal of the range."""

    id: str
    name: str
    agency: str
    style: str = "nuke"
    level: int = 3
    tags: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        return f"{self.id}.city.example"


@cache
def _phrases(part: str) -> tuple[str, ...]:
    lines = (_HERE / "phrases.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return tuple(line.split("\t")[1] for line in lines if line.startswith(f"{part}\t"))


@cache
def _skin(style: str) -> str:
    return (_HERE / "skins" / f"{style}.html").read_text(encoding="utf-8")


def _sentence(chance: Random) -> str:
    return " ".join(chance.choice(_phrases(part)) for part in ("who", "does", "what"))


def _random(*parts: str | int) -> Random:
    seed = blake2b("|".join(map(str, parts)).encode(), digest_size=8).digest()
    return Random(seed)  # noqa: S311 - makes texts, guards nothing


def headline(site: Site, number: int) -> str:
    """The site's news item of this number."""
    chance = _random(site.id, "news", number)
    ending = chance.choice(("năm 2026", "quý IV", "trên địa bàn", f"đợt {number}"))
    return f"{_sentence(chance)} {ending}"


def _story(site: Site, number: int) -> str:
    chance = _random(site.id, "story", number)
    lines = [
        f"{_sentence(chance)}, {chance.randint(12, 95)} phần trăm hộ dân hưởng ứng."
        for _ in range(chance.randint(4, 9))
    ]
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def render(site: Site, path: str, *, day: int = 0, hit: int = 0, phone: bool = False) -> str | None:
    """The page at a path, or None where there is none."""
    if path in {"/", "/index.html"}:
        return _frame(site, site.name, _front(site, day), day=day, hit=hit, phone=phone)
    parts = path.strip("/").split("/")
    if parts[0] == "tin-tuc" and len(parts) == 2 and parts[1].removesuffix(".html").isdigit():  # noqa: PLR2004
        number = int(parts[1].removesuffix(".html"))
        body = f"<h2>{escape(headline(site, number))}</h2>{_story(site, number)}"
        return _frame(site, headline(site, number), body, day=day, hit=hit, phone=phone)
    for label, name in _MENU:
        if parts == [name]:
            body = f"<h2>{label}</h2>{_listing(site, day)}{_story(site, len(name))}"
            return _frame(site, f"{label} - {site.name}", body, day=day, hit=hit, phone=phone)
    return None


def _newest(site: Site, day: int) -> int:
    return 40 + day * 2 + _random(site.id, "pace").randint(0, 5)


def _listing(site: Site, day: int) -> str:
    newest = _newest(site, day)
    rows = "".join(
        f'<li class="item"><a href="/tin-tuc/{number}.html">{escape(headline(site, number))}</a> '
        f'<span class="date">{1 + number % 28:02d}/{1 + number // 28 % 12:02d}/2026</span></li>'
        for number in range(newest, newest - 10, -1)
    )
    return f'<ul class="news-list">{rows}</ul>'


def _front(site: Site, day: int) -> str:
    newest = _newest(site, day)
    lead = f'<div class="lead"><h2><a href="/tin-tuc/{newest}.html">{escape(headline(site, newest))}</a></h2>'
    picture = f'<img src="/uploads/{newest}.jpg" alt="Ảnh tin nổi bật">'
    banner = f'<div class="banner"><img src="/images/banner{day % 4}.jpg" alt="Banner"></div>'
    documents = "".join(
        f'<li><a href="/van-ban?so={number}">Quyết định số {number}/QĐ-UBND</a></li>'
        for number in range(310, 316)
    )
    return (
        f"{banner}{lead}{picture}{_story(site, newest)}</div>{_listing(site, day)}"
        f'<div class="documents"><h3>Văn bản mới</h3><ul>{documents}</ul></div>'
        f'<div class="about"><h3>Giới thiệu</h3>{_story(site, 1)}</div>'
    )


def _menu(site: Site) -> str:
    items = "".join(f'<li><a href="/{name}">{label}</a></li>' for label, name in _MENU)
    return f'<ul id="menu" class="{site.style}-menu">{items}</ul>'


def _frame(site: Site, title: str, body: str, *, day: int, hit: int, phone: bool) -> str:
    chance = _random(site.id, day, hit)
    token = f"{chance.getrandbits(128):032x}"
    count = 104_000 + day * 731 + hit
    friends = "".join(f'<a href="{url}">{url.split("/")[2]}</a> ' for url in _FRIENDS)
    online = chance.randint(3, 90)
    footer = (
        f'<div id="footer"><p>{escape(site.name)} - {escape(site.agency)}</p>'
        f"<p>Điện thoại: 024 3825 {1000 + len(site.id)}</p>"
        f'<p class="counter">Lượt truy cập: {count:,} - Đang trực tuyến: {online}</p>{friends}</div>'
    )
    today = f"{1 + day % 28:02d}/{1 + day // 28 % 12:02d}/2026, {hit % 24:02d}:{hit % 60:02d}"
    date = f'<div class="date-line">Ngày {today}</div>'
    secret = f'<input type="hidden" name="_token" value="{token}">'
    search = f'<form action="/tim-kiem" method="get"><input name="q">{secret}</form>'
    view = "mobile" if phone else "desktop"
    top = f'<div id="header" class="{view}"><h1>{escape(site.name)}</h1>{date}{search}</div>{_menu(site)}'
    return _skin(site.style).format(
        title=escape(title), top=top, body=body, footer=footer, token=token, name=escape(site.name)
    )
