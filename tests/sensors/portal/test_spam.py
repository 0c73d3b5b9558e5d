"""Is spam told from news about it, and seen in any disguise?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.portal.page import Page
from sensors.portal.spam import Spam, find_spam, is_spam_domain
from sensors.portal.spelling import fold, is_disguised, unleet
from sensors.portal.walk import parse_page

NEWS = (
    "<h1>Công an triệt phá đường dây đánh bạc nghìn tỷ</h1><p>Cơ quan cảnh sát điều tra đã khởi tố vụ án, "
    "bắt giữ 12 đối tượng tổ chức cá độ bóng đá và đánh bạc qua mạng. Người dân cần cảnh giác với quảng cáo "
    "nhà cái.</p><p>Theo luật, hành vi tổ chức đánh bạc bị xử phạt nghiêm. Công an đề nghị tố giác.</p>"
)


def _page(body: str) -> Page:
    return parse_page(
        f"<html><head><title>Trang</title></head><body>{body}</body></html>".encode(), "https://a.gov.vn/"
    )


def _spam(body: str) -> Spam:
    return find_spam(_page(body))


@pytest.mark.parametrize(
    "body",
    [
        "<p>Nhà cái uy tín, nổ hũ đổi thưởng, tài xỉu online. Đăng ký nhận 100k</p>",
        "<p>nha cai uy tin no hu doi thuong tai xiu online dang ky nhan</p>",
        "<p>ＮＨÀ ＣÁＩ ＵＹ ＴÍＮ, ｎổ ｈũ, tài xỉu</p>",
        "<p>n\u200bhà cái u\u200by tín, n\u200bổ hũ, tài xỉu</p>",
        "<a href=https://kubet88.vip/>Kubet</a><a href=https://nohu.club/>Nổ hũ</a>",
        "<p>situs slot gacor maxwin</p><p>judi online togel</p>",
        "<p>激安 スーパーコピー 送料無料</p>",
    ],
)
def test_spam_is_seen_however_it_is_written(body: str) -> None:
    assert _spam(body).score >= 0.7


def test_news_about_betting_is_no_spam() -> None:
    assert _spam(NEWS).score < 0.5


def test_hidden_spam_is_told_to_be_hidden() -> None:
    found = _spam(
        "<div style='left:-9999px;position:absolute'><a href=https://kubet.vip/>nhà cái, nổ hũ</a></div>"
    )
    assert found.hidden
    assert found.score >= 0.8
    assert found.domains == ("kubet.vip",)


def test_an_ordinary_page_has_none() -> None:
    assert _spam("<p>Thông báo lịch tiếp công dân tháng 11 của Chủ tịch xã</p>") == Spam()


@pytest.mark.parametrize("domain", ["fb88vip.com", "casino-x.com", "nhacai.top", "789bet.win", "gacor.xyz"])
def test_betting_domains_are_known_by_their_names(domain: str) -> None:
    assert is_spam_domain(domain)


@pytest.mark.parametrize(
    "domain", ["hanoi.gov.vn", "windows.com", "alphabet.com", "clubmed.fr", "slotervaart.nl", ""]
)
def test_other_domains_are_not(domain: str) -> None:
    assert not is_spam_domain(domain)


def test_disguise_is_told_from_other_scripts() -> None:
    assert is_disguised("cаsinо")
    assert not is_disguised("Пример обычного текста и English words")


@given(st.text(max_size=300))
def test_folding_is_stable_and_never_raises(text: str) -> None:
    assert isinstance(unleet(fold(text)), str)
    assert isinstance(is_disguised(text), bool)
    assert find_spam(_page(text)).score <= 1
