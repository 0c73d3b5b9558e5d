"""Is a list of people told from a page of contacts?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.portal.leak import find_leak, is_cccd, is_tax_code, mask

PEOPLE = "\n".join(f"Nguyễn Văn {n} 0010850{10000 + n * 17} 09{12345678 + n}" for n in range(12))


def test_a_list_of_people_is_a_leak_and_masked() -> None:
    found = find_leak([f"Họ và tên, số CCCD, điện thoại\n{PEOPLE}"])
    assert found.kinds == ("cccd", "phone")
    assert found.count == 24
    assert not any(sample.split(":")[1].isdigit() for sample in found.samples)


@pytest.mark.parametrize(
    "text",
    [
        "Điện thoại: 024 3825 1234, email: vanthu@hanoi.gov.vn",
        "Mã số thuế 0100109106, số 12/2026/QĐ-UBND ngày 01/02/2026",
        "Lượt truy cập 001199012345678 và 20261122080500",
        "Tài khoản đấu giá 12345678901234567890",
    ],
)
def test_a_contact_page_is_none(text: str) -> None:
    assert find_leak([text]).count < 5


def test_numbers_follow_their_rules() -> None:
    assert is_cccd("079301000123")
    assert not is_cccd("079901000123")
    assert not is_cccd("003085012345")
    assert is_tax_code("0101243150")
    assert not is_tax_code("0101243151")


@given(st.text(max_size=400))
def test_no_text_makes_it_raise(text: str) -> None:
    assert find_leak([text]).count >= 0
    assert isinstance(mask(text), str)
