"""Is a defacer's sentence told from a sentence about one?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.portal.danger import SIGNED
from sensors.portal.signs import find_signs


@pytest.mark.parametrize(
    "text",
    [
        "Hacked by Xyz",
        "H4ck3d By Gr4y",
        "H A C K E D B Y G R A Y",
        "0wn3d by gr4y",
        "pwned.",
        "Website này đã bị nhóm Rắn Xanh chiếm quyền",
        "trang web nay da bi hack",
        "Chúng tôi đã vào được máy chủ của các bạn",
        "Bảo mật quá kém, admin ơi",
        "Your security is a joke",
        "All your files are encrypted, pay 1 BTC",
        "Situs ini diretas oleh Macan",
        "Site invadido por Onca",
        "Сайт взломан",
        "此网站已被蓝狐黑了",
        "이 홈페이지는 해킹되었습니다",
        "تم اختراق الموقع بواسطة فلان",
    ],
)
def test_a_signature_is_a_sign(text: str) -> None:
    assert find_signs(text).score >= SIGNED


@pytest.mark.parametrize(
    "text",
    [
        "Công an cảnh báo trang web giả mạo",
        "Theo chuyên gia, kẻ tấn công chiếm quyền điều khiển máy chủ qua lỗ hổng",
        'The page read "Hacked by Xyz", officials said',
        "The house is owned by a family",
        "Projects hacked by students of our school",
        "Data was stolen, police said, and a ransom in bitcoin was demanded",
        "Tuyển dụng quản trị viên hệ thống",
        "Situs pemerintah diretas oleh peretas, polisi menyelidiki",
        "Sitio hackeado por un grupo, informó la policía",
        "",
    ],
)
def test_a_report_of_one_is_none(text: str) -> None:
    assert find_signs(text).score < SIGNED


@given(st.text(max_size=400))
def test_no_text_breaks_the_search(text: str) -> None:
    assert 0 <= find_signs(text).score <= 1
