"""Do pages in files get the verdict that they deserve?"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.errors import InputError
from citywatch.model import Problem, Severity
from sensors.portal.judge import compare_files, compare_pair, judge_files, judge_page
from sensors.portal.model.made import defaced_pages, honest_pages
from sensors.portal.range import KINDS, Site
from sensors.portal.range.attack import Asked
from sensors.portal.range.site import STYLES, render

SITES = [
    Site(id=f"s{number}", name=f"Xã {number}", agency="a", style=style) for number, style in enumerate(STYLES)
]


def _front(site: Site, day: int = 0, hit: int = 0) -> bytes:
    page = render(site, "/", day=day, hit=hit)
    assert page is not None
    return page.encode()


@pytest.mark.parametrize("site", SITES, ids=STYLES)
def test_an_honest_portal_is_clean_and_changes_quietly(site: Site) -> None:
    assert judge_page(_front(site)).label == "clean"
    for day in range(1, 10):
        verdict = compare_pair(_front(site), _front(site, day, day * 13))
        assert verdict.severity <= Severity.low, verdict


@pytest.mark.parametrize("site", SITES, ids=STYLES)
def test_each_attack_on_a_page_is_above_low(site: Site) -> None:
    missed: list[str] = []
    for kind, attack in KINDS.items():
        if attack.change is None:
            continue
        after = attack.change(_front(site, 1, 5).decode(), Asked(path="/")).encode()
        if after != _front(site, 1, 5) and compare_pair(_front(site), after).severity <= Severity.low:
            missed.append(kind)
    assert missed == []


def test_our_own_vietnamese_defaced_pages_are_called_defaced() -> None:
    verdicts = [judge_page(body.encode()).label for body, _ in defaced_pages(40)]
    assert verdicts.count("defaced") >= 38


def test_short_honest_vietnamese_pages_are_clean() -> None:
    verdicts = [judge_page(body.encode()).label for body, _ in honest_pages(60)]
    assert verdicts.count("clean") == 60


@pytest.mark.parametrize(
    "page", [b"", b"<h1>x", b"<title>OK</title>OK", "<p>Xin ch\u00e0o".encode(), b"<img src=a.png>"]
)
def test_a_page_of_a_few_letters_is_not_called_anything(page: bytes) -> None:
    assert judge_page(page).label == "clean"
    assert judge_page(b"<title>hacked by x</title>").label == "defaced"


def test_folders_are_judged_recursively_and_a_bad_file_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.html").write_bytes(b"<h1>Hacked by X Crew</h1>")
    (tmp_path / "b.htm").write_bytes(b"<p>Xin ch\xc3\xa0o</p>")
    problems: list[Problem] = []
    found = {
        path.name: verdict.label
        for path, verdict in judge_files([tmp_path, tmp_path / "no"], problems.append)
    }
    assert found["b.htm"] == "clean"
    assert set(found) == {"a.html", "b.htm"}
    assert [problem.source for problem in problems] == [str(tmp_path / "no")]


def test_pairs_are_read_beside_their_table(tmp_path: Path) -> None:
    (tmp_path / "k.a.html").write_bytes(_front(SITES[0]))
    (tmp_path / "k.b.html").write_bytes(_front(SITES[0]).replace(b"</h1>", b"</h1><p>Hacked by X Crew</p>"))
    table = tmp_path / "pairs.tsv"
    table.write_text("key\trepo\nk\tx\nmissing\ty\n../etc\tz\n", encoding="utf-8")
    problems: list[Problem] = []
    found = dict(compare_files(table, problems.append))
    assert found["k"].severity >= Severity.high
    assert "text.defaced" in found["k"].changes
    assert len(problems) == 1


@settings(max_examples=60)
@given(st.binary(max_size=400), st.binary(max_size=400))
def test_no_bytes_make_it_raise(before: bytes, after: bytes) -> None:
    assert judge_page(before).label in {"defaced", "spam", "clean"}
    assert compare_pair(before, after).severity in set(Severity)
    assert compare_pair(before, before).severity <= Severity.low


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (None, "pairs.tsv: cannot be read: No such file or directory"),
        (b"\xff\xff", "pairs.tsv: is not UTF-8"),
        (b"abc\n", "pairs.tsv: line 1: there is no column 'key'"),
    ],
    ids=["none", "other letters", "no key"],
)
def test_a_table_of_pairs_that_cannot_be_read_says_why(
    table: bytes | None, says: str, tmp_path: Path
) -> None:
    if table is not None:
        (tmp_path / "pairs.tsv").write_bytes(table)
    with pytest.raises(InputError) as raised:
        list(compare_files(tmp_path / "pairs.tsv", lambda _: None))
    assert says in str(raised.value)
