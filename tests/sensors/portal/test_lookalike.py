"""Are names that are made to be taken for a portal's told from all others?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import Portal
from sensors.portal.lookalike import Likenesses, guesses, shown_as, skeleton


def portal(name: str, host: str) -> Portal:
    return Portal(id=name, url=f"https://{host}/", name=name, agency="a")


CITY = Likenesses(
    [
        portal("hanoi", "www.hanoi.gov.vn"),
        portal("soyte", "soyte.hanoi.gov.vn"),
        portal("dvc", "dichvucong.hanoi.gov.vn"),
        portal("hoankiem", "hoankiem.hanoi.gov.vn"),
        portal("national", "dichvucong.gov.vn"),
    ],
    own=["hanoiportal.vn"],
)


def punycode(label: str) -> str:
    return "xn--" + label.encode("punycode").decode()


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("hanoi.gov.vn.dang-nhap.top", "front"),
        ("dichvucong.hanoi.gov.vn.top", "front"),
        ("hanoigov.com", "other_ending"),
        ("hanoi-gov.vn", "other_ending"),
        ("dichvucong.top", "other_ending"),
        ("dichvucong.com.vn", "other_ending"),
        ("dichvucomg.vn", "typo"),
        ("dichvucog.vn", "typo"),
        ("dichvuucong.vn", "typo"),
        ("d1chvucong.com", "homoglyph"),
        (punycode("dịchvụcông") + ".com", "homoglyph"),
        (punycode("diсhvuсоng") + ".vn", "homoglyph"),
        ("dichvucong-hanoi.com", "other_ending"),
        ("dangnhap-dichvucong.online", "inside"),
        ("*.dichvucong-vneid.com", "inside"),
        ("soytehanoi.net", "other_ending"),
    ],
)
def test_a_name_made_to_be_mistaken_is_found_with_how(name: str, how: str) -> None:
    found = CITY.of(name)
    assert found is not None
    assert found.how == how


@pytest.mark.parametrize(
    "name",
    [
        "hanoi.gov.vn",
        "tramyte.hanoi.gov.vn",
        "hanoiportal.vn",
        "hanoitourism.com",
        "hanoimoi.vn",
        "khachsanhanoi.com",
        "soyte.namdinh.gov.vn",
        "google.com",
        "vnexpress.net",
        "dichvuvesinh.com",
        "congdoan.vn",
        "hoankiemhotel.com",
        "1.2.3.4",
        "localhost",
        "",
        "a" * 400,
    ],
)
def test_honest_names_are_silent(name: str) -> None:
    assert CITY.of(name) is None


def test_most_guesses_are_found_again_by_the_look_up() -> None:
    made = [name for name in guesses("dichvuconghanoi.gov.vn") if not name.endswith(".gov.vn")]
    city = Likenesses([portal("p", "dichvuconghanoi.gov.vn")])
    found = sum(city.of(name) is not None for name in made)
    assert 100 < len(made) <= 400
    assert found / len(made) > 0.95


def test_names_are_shown_as_a_browser_may() -> None:
    assert shown_as(punycode("hànội") + ".vn") == "hànội.vn"
    assert shown_as("xn--\udcff.vn") == "xn--\udcff.vn"
    assert skeleton("RNOF") == "mof"


@given(st.text(max_size=80))
def test_no_text_makes_it_raise(text: str) -> None:
    CITY.of(text)
    CITY.of(f"{text}.vn")
    shown_as(f"xn--{text}")
