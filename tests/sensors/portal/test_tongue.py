"""Is the language of a line told, and is what is not clear left open?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.portal.tongue import tongue_of, tongues_of


@pytest.mark.parametrize(
    ("text", "tongue"),
    [
        ("Lịch tiếp công dân của xã", "vi"),
        ("Nguyễn Văn Minh", ""),
        ("anh em nhan vien xin chao moi nguoi", "plain"),
        ("The office is open", "en"),
        ("Situs ini tidak bisa dibuka oleh kami", "id"),
        ("Сайт администрации", "ru"),
        ("政府网站通知", "zh"),
        ("図書館のおしらせです", "ja"),
        ("홈페이지 안내", "ko"),
        ("Microsoft Word 2019", ""),
        ("", ""),
    ],
)
def test_a_line_has_the_language_that_is_clear(text: str, tongue: str) -> None:
    assert tongue_of(text) == tongue


@given(st.text(max_size=500))
def test_any_text_has_one_language_or_none(text: str) -> None:
    assert tongue_of(text) in tongues_of([text]) | {""}
