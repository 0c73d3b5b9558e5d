"""Which little city does the demo attack, and by whom?

Everything here is made up: the names are those of kinds of offices, the addresses are private or set aside
for documentation (RFC 1918, RFC 5737), the domains end in `.example`.
"""

from __future__ import annotations

from dataclasses import dataclass

from citywatch.model import Agency

AGENCIES = (
    Agency(
        id="so-tttt",
        name="Sở Thông tin và Truyền thông",
        name_en="Department of Information and Communications",
        email="anninh@so-tttt.city.example",
        networks=("10.20.1.0/24",),
        domains=("so-tttt.city.example",),
    ),
    Agency(
        id="so-y-te",
        name="Sở Y tế",
        name_en="Department of Health",
        email="cntt@so-y-te.city.example",
        networks=("10.20.2.0/24",),
        domains=("so-y-te.city.example",),
    ),
    Agency(
        id="so-gddt",
        name="Sở Giáo dục và Đào tạo",
        name_en="Department of Education and Training",
        email="cntt@so-gddt.city.example",
        networks=("10.20.3.0/24",),
        domains=("so-gddt.city.example",),
        hosts=("gddt-pc-07",),
    ),
    Agency(
        id="phuong-hoan-kiem",
        name="UBND phường Hoàn Kiếm",
        name_en="Hoan Kiem Ward People's Committee",
        kind="commune",
        email="vanphong@phuong-hoan-kiem.city.example",
        networks=("10.20.4.0/24",),
        domains=("phuong-hoan-kiem.city.example",),
    ),
    Agency(
        id="xa-dong-anh",
        name="UBND xã Đông Anh",
        name_en="Dong Anh Commune People's Committee",
        kind="commune",
        email="vanphong@xa-dong-anh.city.example",
        networks=("10.20.5.0/24",),
        domains=("xa-dong-anh.city.example",),
    ),
    Agency(
        id="xa-soc-son",
        name="UBND xã Sóc Sơn",
        name_en="Soc Son Commune People's Committee",
        kind="commune",
        email="vanphong@xa-soc-son.city.example",
        networks=("10.20.6.0/24",),
        domains=("xa-soc-son.city.example",),
    ),
    Agency(
        id="phuong-lang",
        name="UBND phường Láng",
        name_en="Lang Ward People's Committee",
        kind="commune",
        email="vanphong@phuong-lang.city.example",
        networks=("10.20.7.0/24",),
        domains=("phuong-lang.city.example",),
    ),
    Agency(
        id="xa-bat-trang",
        name="UBND xã Bát Tràng",
        name_en="Bat Trang Commune People's Committee",
        kind="commune",
        email="vanphong@xa-bat-trang.city.example",
        networks=("10.20.8.0/24",),
        domains=("xa-bat-trang.city.example",),
        hosts=("cam-0412",),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One attack of the demo: what is done to whom, and which tickets that must give."""

    what: str
    what_vi: str
    agency: str
    categories: tuple[str, ...]
    """A ticket of this agency in one of these categories answers it."""


DEFACED = Deed(
    what="home page replaced by an attacker's",
    what_vi="trang chủ bị thay bằng trang của kẻ tấn công",
    agency="phuong-hoan-kiem",
    categories=("defacement",),
)
HIDDEN_SPAM = Deed(
    what="gambling links that only a search visitor sees",
    what_vi="liên kết cờ bạc chỉ hiện với người đến từ trang tìm kiếm",
    agency="so-gddt",
    categories=("spam", "defacement"),
)
EXPOSED = Deed(
    what=".git/ and a database dump left open",
    what_vi="để lộ thư mục .git và bản sao cơ sở dữ liệu",
    agency="xa-dong-anh",
    categories=("exposure",),
)
SCANNED = Deed(
    what="server scanned for open ports",
    what_vi="máy chủ bị dò quét cổng",
    agency="so-y-te",
    categories=("network_attack", "scanning"),
)
GUESSED = Deed(
    what="SSH passwords guessed",
    what_vi="dò mật khẩu SSH",
    agency="so-tttt",
    categories=("network_attack", "account_guessing"),
)
TUNNELED = Deed(
    what="data carried out inside DNS queries",
    what_vi="dữ liệu bị tuồn ra trong truy vấn DNS",
    agency="phuong-lang",
    categories=("network_attack", "malware", "leak"),
)
BOT = Deed(
    what="camera turned into a bot that scans for Telnet",
    what_vi="camera thành bot đi dò quét Telnet",
    agency="xa-bat-trang",
    categories=("network_attack", "camera", "malware"),
)
WEB_ATTACKED = Deed(
    what="SQL injection and a web shell in the web server's log",
    what_vi="chèn mã SQL và web shell trong nhật ký máy chủ web",
    agency="xa-soc-son",
    categories=("web_attack", "leak"),
)
HOST_ATTACKED = Deed(
    what="Windows workstation: shadow copies deleted, event log cleared",
    what_vi="máy trạm Windows: xóa bản sao lưu bóng, xóa nhật ký",
    agency="so-gddt",
    categories=("host_attack", "loss"),
)
DEEDS = (
    DEFACED,
    HIDDEN_SPAM,
    EXPOSED,
    SCANNED,
    GUESSED,
    TUNNELED,
    BOT,
    WEB_ATTACKED,
    HOST_ATTACKED,
)
