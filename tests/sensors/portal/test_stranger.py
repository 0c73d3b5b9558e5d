"""Are lines that a house does not say told from those it says, on a page with a history?"""

from __future__ import annotations

import pytest

from sensors.portal.baseline import Face, face_of, grow
from sensors.portal.compare import compare
from sensors.portal.walk import parse_page

_PAGE = (
    "<html lang=vi><title>Cổng thông tin xã</title><h1>Ủy ban nhân dân xã</h1>"
    "<p>Lịch tiếp công dân của lãnh đạo xã trong tháng này</p><ul id=news>{news}</ul>{more}"
    "<a href=/gt>Giới thiệu chung</a></html>"
)


def _page(more: str = "", news: str = "<li>Hội nghị sơ kết công tác quý ba</li>") -> bytes:
    return _PAGE.format(more=more, news=news).encode()


def _face(*bodies: bytes) -> Face:
    pages = [parse_page(body, "https://xa.gov.vn/") for body in bodies or (_page(),)]
    face = face_of(pages[0], path="/", view="desktop")
    for page in pages[1:]:
        face = grow(face, face_of(page, path="/", view="desktop"), page)
    return face


def _dangers(face: Face, body: bytes) -> set[str]:
    return set(compare(face, parse_page(body, "https://xa.gov.vn/")).dangerous)


@pytest.mark.parametrize(
    ("more", "danger"),
    [
        ("<p>Tụi này vào server của mấy ông dễ như ăn bánh</p>", "text.voice"),
        ("<p>khong ai bao ve trang nay nen toi vao xem thu</p>", "text.tongue"),
        ("<p>We took what we wanted and nobody in your office has noticed it</p>", "text.tongue"),
        ("<p>สล็อตออนไลน์เล่นง่ายได้เงินจริง</p>", "text.tongue"),
        ("<p>𝔗𝔥𝔢 𝔯𝔞𝔳𝔢𝔫</p>", "text.voice"),
        ('<a href="https://t.me/somebody">Giới thiệu chung</a>', "links.turned"),
        ('<img src="/anh/hacked.jpg">', "image.signed"),
        ("<script>document.body.innerHTML = x</script>", "script.rewrites"),
        ('<link rel=canonical href="https://elsewhere.example/">', "canonical.foreign"),
        ('<iframe src="data:text/html,hello"></iframe>', "frame.foreign"),
        ('<meta http-equiv=refresh content="0;data:text/html,x">', "refresh.foreign"),
    ],
)
def test_what_the_house_does_not_say_is_dangerous(more: str, danger: str) -> None:
    assert danger in _dangers(_face(), _page(more))


@pytest.mark.parametrize(
    "more",
    [
        "<p>Thông báo nghỉ lễ Quốc khánh từ ngày 1/9 đến hết ngày 2/9</p>",
        "<p>Kết quả thi tuyển công chức xã đã được niêm yết</p>",
        "<p>Công an xã cảnh báo thủ đoạn giả danh cán bộ để lừa đảo</p>",
        "<p>--------------------</p>",
        "<p>Zalo OA</p>",
        '<a href="https://t.me/xa">Kênh của xã</a>',
        '<img src="/anh/truong-hoc.jpg" alt="Lễ khai giảng của trường tiểu học trong xã">',
    ],
)
def test_what_an_office_says_is_not(more: str) -> None:
    assert not _dangers(_face(), _page(more))


def test_where_new_text_comes_every_day_a_tone_is_no_danger() -> None:
    days = [_page(news=f"<li>Tin số {word} trong ngày</li>") for word in ("một", "hai", "ba", "bốn")]
    taunt = "<li>Tụi này vào server của mấy ông dễ như ăn bánh</li>"
    assert not _dangers(_face(*days), _page(news=taunt))


def test_a_page_whose_languages_are_not_known_has_no_foreign_one() -> None:
    face = face_of(parse_page(b"<p>x</p>", "https://xa.gov.vn/"), path="/", view="desktop")
    body = b"<p>x</p><p>The office is open on all days of the week</p>"
    assert "text.tongue" not in _dangers(face, body)
