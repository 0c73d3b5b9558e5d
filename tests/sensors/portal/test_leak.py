"""Is a list of people told from a page of contacts?"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.portal.leak import (
    _ACCOUNT,  # pyright: ignore[reportPrivateUsage]
    _CARD,  # pyright: ignore[reportPrivateUsage]
    _DIGITS,  # pyright: ignore[reportPrivateUsage]
    find_leak,
    is_cccd,
    is_tax_code,
    mails_in,
    mask,
)

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


def lines(form: str, count: int = 40, step: int = 1) -> str:
    """A line a number."""
    return "\n".join(form.format(n=n, big=n * step) for n in range(10, 10 + count))


HARD = {
    "decisions": lines("Quyết định số {n}/2026/QĐ-UBND ngày {n}/03/2026, hồ sơ 000.{n}.12.H26-2600{n}", 18),
    "prices": "Họ và tên chủ đầu tư\n" + lines("Gói thầu {n}: {n}.234.567.890 đồng, 1234567{n}đ"),
    "parcels": "Mã vận đơn\n" + lines("VN1000{n}731VN 8936000000{n}"),
    "contacts": "Danh bạ: họ và tên, chức vụ, điện thoại, email\n"
    + lines("Nguyễn Văn {n}, Trưởng phòng, 024.3825.10{n}, 09123456{n}, vp{n}@hanoi.gov.vn"),
    "companies": "Doanh nghiệp: tên, mã số thuế, điện thoại\n" + lines("Công ty {n} 01000{n}137", 60),
    "accounts": "Nộp phí: số tài khoản 3511.0.1234567, 1020100012345, 21510000123456 tại Kho bạc",
    "stamps": lines("Lượt xem 202610101{n}00, mã 17000{n}400"),
    "barcodes": lines("89360000{n}791"),
    "masked": "Họ tên, số CCCD\n" + lines("Trần B 0010***{n}45"),
}


@pytest.mark.parametrize("kind", HARD)
def test_numbers_that_are_nobodys_are_silent(kind: str) -> None:
    assert find_leak([HARD[kind]]).count < 5, find_leak([HARD[kind]])


LISTS = {
    "cmnd": "Họ và tên, số CMND\n" + lines("Lê C {n} 0129{n}037"),
    "bhxh": "Họ và tên, mã số BHXH\n" + lines("Lê C {n} 0120{n}7919"),
    "card": "4111 1111 1111 1111\n5500 0000 0000 0004\n9704000000000018\n4012888888881881\n4012001037141112",
    "account": "Họ và tên, số tài khoản\n" + lines("Lê C {n}\t1920{n}7919012"),
    "tax_code": "Họ và tên, ngày sinh, mã số thuế\n"
    + "\n".join(filter(is_tax_code, lines("800{big:07d}", 300, 7919).split())),
    "email": lines("nguoi{n}@gmail.com", 60),
}


@pytest.mark.parametrize("kind", LISTS)
def test_each_kind_is_found_in_a_list(kind: str) -> None:
    found = find_leak([LISTS[kind]])
    assert kind in found.kinds
    assert found.count >= (4 if kind == "card" else 5)


def test_numbers_follow_their_rules() -> None:
    assert is_cccd("079301000123")
    assert not is_cccd("079901000123")
    assert not is_cccd("003085012345")
    assert not is_cccd("001299012345")
    assert not is_cccd("001005012345")
    assert is_tax_code("0101243150")
    assert not is_tax_code("0101243151")


@given(st.text(max_size=400))
def test_no_text_makes_it_raise(text: str) -> None:
    assert find_leak([text]).count >= 0
    assert isinstance(mask(text), str)


@given(text=st.text(alphabet="aZ0_.+-@ ,é\n", max_size=150))
def test_mails_are_found_as_by_one_pattern(text: str) -> None:
    plain = re.compile(r"[A-Za-z0-9_.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}")
    assert mails_in(text) == {mail.lower() for mail in plain.findall(text)}


@given(text=st.text(alphabet="0123456789 -/.,a\n", max_size=80))
def test_numbers_are_found_as_with_the_look_behind_first(text: str) -> None:
    rows = (
        (_DIGITS, r"(?<![\w./-])\d{9,13}(?:-\d{3})?(?![\w/-])"),
        (_ACCOUNT, r"(?<![\d./,-])\d{8,16}(?![\d/,-])"),
        (_CARD, r"(?<![\d./-])(?:\d{4}[ -]?){4}(?:\d{3})?(?![\d/-])"),
    )
    for quick, plain in rows:
        assert quick.findall(text) == re.findall(plain, text)
