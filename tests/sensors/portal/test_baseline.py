"""Does a baseline learn what changes by itself, and keep nothing that it should not?"""

from __future__ import annotations

from citywatch.model import from_doc, to_doc
from sensors.portal.baseline import Baseline, Face, face_of, grow, new_baseline
from sensors.portal.compare import compare
from sensors.portal.page import Page
from sensors.portal.walk import parse_page

AT = "2026-11-22T08:00:00.000000Z"


def _page(ticker: str, about: str = "Giới thiệu về xã") -> Page:
    html = f"<title>Xã</title><div class=ticker><p>{ticker}</p></div><div class=about><p>{about}</p></div>"
    return parse_page(html.encode(), "https://xa.gov.vn/")


def _grown(tickers: list[str]) -> Face:
    face = face_of(_page(tickers[0]), path="/", view="desktop")
    for ticker in tickers[1:]:
        page = _page(ticker)
        face = grow(face, face_of(page, path="/", view="desktop"), page)
    return face


def test_a_place_that_changes_each_day_counts_no_more() -> None:
    learned = _grown(["tin một", "tin hai", "tin ba"])
    young = _grown(["tin ba"])
    fresh = _page("tin bốn hoàn toàn mới")
    assert compare(learned, fresh).text < compare(young, fresh).text


def test_a_place_that_never_changed_still_counts() -> None:
    learned = _grown(["tin một", "tin hai", "tin ba"])
    assert compare(learned, _page("tin ba", "Một đoạn giới thiệu khác hẳn")).text > 0.5


def test_numbers_and_tokens_are_no_change() -> None:
    face = _grown(["Lượt xem 1.204"])
    assert compare(face, _page("Lượt xem 99.817")).changed == ()


def test_a_defacer_signs_even_where_all_changes_daily() -> None:
    learned = _grown(["tin một", "tin hai", "tin ba"])
    assert "text.defaced" in compare(learned, _page("Hacked by Bóng Đêm Crew")).dangerous


def test_a_baseline_comes_back_from_a_store_as_it_went() -> None:
    face = _grown(["tin một", "tin hai"])
    baseline = new_baseline("xa", at=AT).learn([face], at=AT, certificate="ab", issuer="CN=x")
    assert from_doc(to_doc(baseline), Baseline) == baseline
    assert (baseline.visits, baseline.version, baseline.state) == (1, 1, "learning")


def test_an_accepted_face_takes_the_place_of_all_views_of_its_page() -> None:
    old = new_baseline("xa", at=AT).learn([_grown(["a"])], at=AT)
    fresh = face_of(_page("b"), path="/", view="search")
    accepted = old.accept([fresh], by="analyst", at=AT)
    assert list(accepted.faces) == ["search /"]
    assert (accepted.version, accepted.state, accepted.accepted_by) == (2, "accepted", "analyst")


def test_a_face_stays_bounded() -> None:
    html = "".join(
        f"<p>đoạn {'x' * (number % 50)} {chr(97 + number % 26)}{'y' * (number // 26)}</p>"
        for number in range(6000)
    )
    face = face_of(parse_page(html.encode(), "https://xa.gov.vn/"), path="/", view="desktop")
    assert len(face.blocks) <= 3000
