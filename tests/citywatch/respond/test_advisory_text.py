"""What does a warning in Vietnamese or English words say, and which products does it name?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import Severity
from citywatch.respond.advisory import Product, merged
from citywatch.respond.advisory_text import read_text
from citywatch.respond.products import key_of, mentioned

OFFICIAL = """BỘ CÔNG AN
CỤC AN NINH MẠNG
Số: 1234/A05-P5
Hà Nội, ngày 12 tháng 11 năm 2026
V/v: Cảnh báo lỗ hổng nghiêm trọng trong Apache HTTP Server và WordPress

Kính gửi: các cơ quan, đơn vị.
Lỗ hổng CVE-2021-41773 (điểm CVSS: 9.8) ảnh hưởng Apache HTTP Server phiên bản 2.4.49 và 2.4.50.
Lỗ hổng cve-2026-0001 ảnh hưởng WordPress các phiên bản trước 6.4.3.
Một cửa Thăng Long cũng bị ảnh hưởng: từ 3.0 đến 3.2.

3. Khuyến nghị
Nâng cấp lên bản mới nhất.
TLP: AMBER
"""


def test_an_official_letter_gives_number_day_severity_products_and_what_to_do() -> None:
    ours = (Product(vendor="Công ty TL", name="Một cửa Thăng Long"),)
    found = read_text(OFFICIAL, "cb.pdf", ours)
    assert (found.number, found.published[:10], found.severity, found.tlp) == (
        "1234/A05-P5",
        "2026-11-12",
        Severity.critical,
        "AMBER",
    )
    assert found.title == "Cảnh báo lỗ hổng nghiêm trọng trong Apache HTTP Server và WordPress"
    assert found.cves == ("CVE-2021-41773", "CVE-2026-0001")
    told = {one.name: one.versions for one in found.products}
    assert told["HTTP Server"] == "phiên bản 2.4.49 và 2.4.50"
    assert told["WordPress"] == "các phiên bản trước 6.4.3"
    assert "từ 3.0 đến 3.2" in told["Một cửa Thăng Long"]
    assert found.guide.startswith("3. Khuyến nghị")


@pytest.mark.parametrize(
    ("name", "vendor", "key"),
    [
        ("Apache", "", "apache-httpd"),
        ("Apache HTTP Server", "", "apache-httpd"),
        ("httpd", "Apache", "apache-httpd"),
        ("Microsoft-IIS", "", "iis"),
        ("Joomla!", "", "joomla"),
        ("Liferay Community Edition Portal", "", "liferay"),
        ("PHP", "The PHP Group", "php"),
        ("Portal", "Somebody", "somebody portal"),
    ],
)
def test_one_software_has_one_key_however_it_is_called(name: str, vendor: str, key: str) -> None:
    assert key_of(name, vendor) == key


def test_a_name_within_a_word_is_no_product_and_a_year_in_a_cve_is_no_version() -> None:
    assert mentioned("Các phiên bản xyphpz; CVE-2024-1234") == ()
    found = mentioned("PHP CVE-2024-4577 cho phép chạy mã")
    assert [(one.name, one.versions) for one in found] == [("PHP", "")]


def test_two_papers_of_one_warning_are_joined() -> None:
    first, second = read_text("Số: 1/A\nCảnh báo nginx < 1.25.4", "a"), read_text(OFFICIAL, "b")
    both = merged(first, second)
    assert both.number == "1/A"
    assert both.severity is Severity.critical
    assert {"nginx", "WordPress"} <= {one.name for one in both.products}


@given(st.text(max_size=500))
def test_any_text_is_read(text: str) -> None:
    read_text(text, "x")
