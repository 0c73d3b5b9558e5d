"""What does an honest portal of our own making look like, and how does it change from day to day?

Pages in the manner of the content systems that agencies use; all text is made here, for tests and the demo. A
page follows from its site, the path, the day and the number of the request, so it can be made again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from html import escape
from pathlib import Path
from random import Random

from sensors.portal.range.widget import STEPS, chance_of, honest_steps, menu_of, widgets_of

STYLES = ("nuke", "joom", "dnn", "life", "plain", "share", "word", "drup")
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
_REDESIGN, _UPGRADE, _MOVE = 700, 120, 400
"""Once in so many days a portal gets a new face, its system an upgrade, its pictures a new place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One portal of the range."""

    id: str
    name: str
    agency: str
    style: str = "nuke"
    level: int = 3
    tags: tuple[str, ...] = ()
    rich: bool = False
    """Has widgets of its own choice, a long menu, and a webmaster who changes things now and then."""
    still: bool = False
    """Serves the same bytes at every hour and day."""
    health: str = "ok"
    tls: str = "good"

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


@lru_cache(maxsize=40_000)
def headline(site: Site, number: int) -> str:
    """The site's news item of this number."""
    chance = chance_of(site.id, "news", number)
    ending = chance.choice(("năm 2026", "quý IV", "trên địa bàn", f"đợt {number}"))
    return f"{_sentence(chance)} {ending}"


@lru_cache(maxsize=10_000)
def _story(site: Site, number: int) -> str:
    chance = chance_of(site.id, "story", number)
    lines = [
        f"{_sentence(chance)}, {chance.randint(12, 95)} phần trăm hộ dân hưởng ứng."
        for _ in range(chance.randint(4, 9))
    ]
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def render(site: Site, path: str, *, day: int = 0, hit: int = 0, phone: bool = False) -> str | None:
    """The page at a path, or None where there is none."""
    if site.still:
        day = hit = 0
    if path in {"/", "/index.html"}:
        return _frame(site, site.name, _front(site, day, hit), day=day, hit=hit, phone=phone)
    parts = path.strip("/").split("/")
    if parts[0] == "tin-tuc" and len(parts) == 2 and parts[1].removesuffix(".html").isdigit():  # noqa: PLR2004
        number = int(parts[1].removesuffix(".html")[:9])
        body = f"<h2>{escape(headline(site, number))}</h2>{_story(site, number)}"
        return _frame(site, headline(site, number), body, day=day, hit=hit, phone=phone)
    for label, name in _MENU:
        if parts == [name]:
            body = f"<h2>{label}</h2>{_listing(site, day)}{_story(site, len(name))}"
            return _frame(site, f"{label} - {site.name}", body, day=day, hit=hit, phone=phone)
    return None


def _newest(site: Site, day: int) -> int:
    return 40 + day * 2 + chance_of(site.id, "pace").randint(0, 5)


def _listing(site: Site, day: int) -> str:
    newest = _newest(site, day)
    rows = "".join(
        f'<li class="item"><a href="/tin-tuc/{number}.html">{escape(headline(site, number))}</a> '
        f'<span class="date">{1 + number % 28:02d}/{1 + number // 28 % 12:02d}/2026</span></li>'
        for number in range(newest, newest - 10, -1)
    )
    return f'<ul class="news-list">{rows}</ul>'


def _front(site: Site, day: int, hit: int) -> str:
    newest = _newest(site, day)
    lead = f'<div class="lead"><h2><a href="/tin-tuc/{newest}.html">{escape(headline(site, newest))}</a></h2>'
    picture = f'<img src="{_place(site, day)}/uploads/{newest}.jpg" alt="Ảnh tin nổi bật">'
    banner = f'<div class="banner"><img src="/images/banner{day % 4}.jpg" alt="Banner"></div>'
    documents = "".join(
        f'<li><a href="/van-ban?so={number}">Quyết định số {number}/QĐ-UBND</a></li>'
        for number in range(310, 316)
    )
    beside = _sections(site, day) + widgets_of(site.id, day, hit) + _steps(site, day) if site.rich else ""
    return (
        f"{banner}{lead}{picture}{_story(site, newest)}</div>{_listing(site, day)}"
        f'<div class="documents"><h3>Văn bản mới</h3><ul>{documents}</ul></div>'
        f'<div class="about"><h3>Giới thiệu</h3>{_story(site, 1)}</div>{beside}'
    )


def _sections(site: Site, day: int) -> str:
    """News by subject: each subject of the site gets something new at its own pace."""
    chance = chance_of(site.id, "sections")
    found: list[str] = []
    for number in range(chance.randint(2, 6)):
        pace, rows = chance.randint(1, 12), chance.randint(5, 12)
        newest = 1000 * (number + 1) + day // pace
        items = "".join(
            f'<li><a href="/tin-tuc/{each}.html" title="{escape(headline(site, each))}">'
            f'<img src="/uploads/t{each}.jpg" alt="">{escape(headline(site, each))}</a>'
            f"<p>{escape(headline(site, each + 500))}</p></li>"
            for each in range(newest, newest - rows, -1)
        )
        subject = chance.choice(_MENU)[0]
        found.append(f'<div class="subject s{number}"><h3>{subject}</h3><ul>{items}</ul></div>')
    return "".join(found)


def _steps(site: Site, day: int) -> str:
    return "".join(STEPS[name](site.id, since) for name, since in honest_steps(site.id, day))


def _due(site: Site, day: int, what: str, every: int) -> int:
    """How often a rare thing has happened up to a day."""
    return (day + chance_of(site.id, what).randrange(every)) // every if site.rich else 0


def _place(site: Site, day: int) -> str:
    """Where the pictures lie: with the portal, or, after a move, on a host of its own."""
    return f"https://media.{site.host}" if _due(site, day, "move", _MOVE) else ""


def style_on(site: Site, day: int) -> str:
    """The skin that a site wears on a day; a redesign brings the next one."""
    return STYLES[(STYLES.index(site.style) + _due(site, day, "redesign", _REDESIGN)) % len(STYLES)]


def _menu(site: Site) -> str:
    items = "".join(f'<li><a href="/{name}">{label}</a></li>' for label, name in _MENU)
    own = menu_of(site.id) if site.rich else ""
    return f'<ul id="menu" class="{site.style}-menu">{items}</ul>{own}'


def _frame(site: Site, title: str, body: str, *, day: int, hit: int, phone: bool) -> str:
    chance = chance_of(site.id, day, hit)
    token = f"{chance.getrandbits(128):032x}"
    count = 104_000 + day * 731 + hit
    friends = "".join(f'<a href="{url}">{url.split("/")[2]}</a> ' for url in _FRIENDS)
    online = chance.randint(3, 90)
    upgrade = _due(site, day, "upgrade", _UPGRADE)
    system = f"<p>Phiên bản {4 + upgrade}.{upgrade * 3 % 10}</p>" if site.rich else ""
    footer = (
        f'<div id="footer"><p>{escape(site.name)} - {escape(site.agency)}</p>'
        f"<p>Điện thoại: 024 3825 {1000 + len(site.id)}</p>{system}"
        f'<p class="counter">Lượt truy cập: {count:,} - Đang trực tuyến: {online}</p>{friends}</div>'
    )
    today = f"{1 + day % 28:02d}/{1 + day // 28 % 12:02d}/2026, {hit % 24:02d}:{hit % 60:02d}"
    date = f'<div class="date-line">Ngày {today}</div>'
    secret = f'<input type="hidden" name="_token" value="{token}">'
    search = f'<form action="/tim-kiem" method="get"><input name="q">{secret}</form>'
    view = "mobile" if phone else "desktop"
    top = f'<div id="header" class="{view}"><h1>{escape(site.name)}</h1>{date}{search}</div>{_menu(site)}'
    return _skin(style_on(site, day)).format(
        title=escape(title), top=top, body=body, footer=footer, token=token, name=escape(site.name)
    )
