"""Does an intruder's line sound stranger than an office's, and is any text judged within bounds?"""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.portal.voice import strangeness

_STRANGE = (
    "Bọn tôi lấy hết dữ liệu trong máy chủ của các ông rồi",
    "Admin ơi mật khẩu kém quá",
    "We own your server and your data, admin",
    "Vay tiền gấp không thế chấp, gọi zalo nhận tiền ngay",
)
_HONEST = (
    "Ủy ban nhân dân phường triển khai kế hoạch tiêm chủng",
    "Thông báo lịch cắt điện khu vực chợ",
    "The council will meet on Tuesday to talk about the new library",
    "Hướng dẫn nộp hồ sơ trực tuyến",
)


@pytest.mark.parametrize(("strange", "honest"), list(product(_STRANGE, _HONEST)))
def test_an_intruder_sounds_stranger_than_an_office(strange: str, honest: str) -> None:
    assert strangeness(strange) > 0.5
    assert strangeness(honest) < 0.2


@given(st.text(max_size=2000))
def test_any_text_has_a_share_between_0_and_1(text: str) -> None:
    assert 0.0 <= strangeness(text) <= 1.0
