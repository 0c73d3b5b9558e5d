"""Is what a portal looked like before found, compared, and shown only to whom it may be?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import Alert
from citywatch.ports import Is, Query
from console.web import showcase
from console.web.before import differ, lines_of, picture_type
from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.test_access import enter


@pytest.fixture
def defaced(browser: Browser, house: SmallHouse, city: list[Alert]) -> Alert:
    """A defacement alert with a page and a picture of before and of now, and an analyst who looks."""
    showcase.deface(house.store, house.evidence.keep)
    enter(browser, house, "lan")
    return next(one for one in city if one.category == "defacement")


def read_by(house: SmallHouse, what: str) -> list[str]:
    page = house.store.find("audit", Query(where=Is("what", what), order="seq", limit=100))
    return [str(record.doc["about"]) for record in page.records]


def test_the_alert_has_both_pictures_and_a_way_to_the_difference(browser: Browser, defaced: Alert) -> None:
    page = browser.get(f"/alerts/{defaced.id}").text
    assert page.count("?as=picture") == 2
    assert f"/alerts/{defaced.id}/difference" in page


def test_a_picture_of_before_is_shown_as_what_its_bytes_are_and_noted(
    browser: Browser, house: SmallHouse, defaced: Alert
) -> None:
    kept = next(name for name, raw in house.evidence.held.items() if raw == showcase.drawing(changed=False))
    path = f"/alerts/{defaced.id}/evidence/{kept}"
    answer = browser.get(path + "?as=picture")
    assert answer.headers["content-type"] == "image/png"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert path in read_by(house, "evidence_read")
    page = next(name for name, raw in house.evidence.held.items() if raw == showcase.PAGE_NOW)
    assert (
        browser.get(f"/alerts/{defaced.id}/evidence/{page}?as=picture")
        .headers["content-type"]
        .startswith("text/plain")
    )


def test_the_difference_names_what_is_gone_and_new_and_runs_nothing(
    browser: Browser, house: SmallHouse, defaced: Alert
) -> None:
    page = browser.get(f"/alerts/{defaced.id}/difference").text
    assert "<ins>&lt;marquee&gt;your security is low&lt;/marquee&gt;</ins>" in page
    assert "Lịch tiếp công dân" in page
    assert "<script>alert(1)" not in page
    assert any(f"/alerts/{defaced.id}/difference" in about for about in read_by(house, "evidence_read"))


def test_another_agency_sees_neither(browser: Browser, house: SmallHouse, defaced: Alert) -> None:
    other = "yte" if defaced.agency != "so-y-te" else "giaoduc"
    enter(browser, house, other)
    kept = next(iter(house.evidence.held))
    assert browser.get(f"/alerts/{defaced.id}/difference").status_code == 404
    assert browser.get(f"/alerts/{defaced.id}/evidence/{kept}").status_code == 404


def test_an_alert_about_no_page_has_no_before(browser: Browser, city: list[Alert], defaced: Alert) -> None:
    assert defaced
    scan = next(one for one in city if one.category == "network_attack")
    assert "difference" not in browser.get(f"/alerts/{scan.id}").text
    assert browser.get(f"/alerts/{scan.id}/difference").status_code == 404


@pytest.mark.parametrize(
    "raw", [b"<svg onload=alert(1)>", b"GIF89a<script>", b"\x89PNG", b"", b"RIFFxxxxWAVE"]
)
def test_what_is_no_picture_by_its_first_bytes_is_none(raw: bytes) -> None:
    assert not picture_type(raw)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_a_difference_holds_every_line_of_now(before: bytes, now: bytes) -> None:
    found = differ(before, now)
    left = sum(
        int(piece.text) if piece.kind == "cut" else piece.kind in {"same", "new"} for piece in found.pieces
    )
    assert left == len(lines_of(now)[0])
    assert (found.gone + found.new == 0) == (lines_of(before)[0] == lines_of(now)[0])


def test_a_huge_page_is_compared_as_far_as_the_bound() -> None:
    found = differ(b"<p>a</p>\n" * 200_000, b"<p>b</p>\n" * 200_000)
    assert not found.whole
    assert found.gone == found.new == 1_500
