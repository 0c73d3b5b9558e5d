"""Are the rows of a CSV file read by their mapping, and is what does not fit named with line and column?"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.ports import Place
from sensors.mapping import load_mapping
from sensors.table import Table, tables
from tests.sensors.expected import fits
from tests.sensors.reading import misfits, read
from tests.sensors.test_mapping import GOOD

CSV = """\
Thời điểm,Cổng,Kết quả,Biển số,Số xe,Khác
22/11/2026 10:00:00,A1,OK,29A-12345,3,x
22/11/2026 10:00:01,A1,Lỗi,"29A
12346",nhiều,
never,A1,OK,29A-1,1,
22/11/2026 10:00:02,A1,OK
22/11/2026 10:00:03,A2,,29A-12347,,
"""


@pytest.fixture(name="table")
def _table(tmp_path: Path) -> Table:
    (tmp_path / "m.yml").write_text(GOOD, encoding="utf-8")
    return Table(plan=load_mapping(tmp_path / "m.yml"))


def test_rows_become_events_and_what_does_not_fit_is_named(table: Table, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(CSV, encoding="utf-8")
    (first, second, last), problems = read(table, tmp_path / "x.csv")
    fits(
        first,
        {
            "@timestamp": "2026-11-22T03:00:00.000000Z",
            "event.dataset": "city.parking",
            "event.outcome": "success",
            "observer.name": "A1",
            "labels.plate": ["29A-12345"],
            "source.packets": 3,
        },
    )
    fits(second, {"event.outcome": "failure", "labels.plate": ["29A\n12346"], "labels.số_xe": "nhiều"})
    fits(last, {"observer.name": "A2", "event.outcome": None})
    assert [(problem.position, problem.what) for problem in problems] == [
        ("line 3, column 'Số xe'", "'nhiều' is not a whole number"),
        ("line 5", "column 'Thời điểm': 'never' is no time of the form %d/%m/%Y %H:%M:%S"),
        ("line 6", "3 columns where the first row names 6"),
    ]


def test_a_file_is_known_by_its_first_row_and_taken_up_where_it_ended(table: Table, tmp_path: Path) -> None:
    assert table.recognizes(CSV.encode(), "x")
    assert not table.recognizes(b"a,b\n1,2\n", "x.csv")
    (tmp_path / "x.csv").write_text(CSV, encoding="utf-8")
    place = Place()
    assert len(list(table.read(tmp_path / "x.csv", lambda _: None, lambda _a, _b: "", place=place))) == 3
    (tmp_path / "x.csv").write_text(CSV + "22/11/2026 10:00:09,A3,OK,29A-9,9,\n", encoding="utf-8")
    (more,) = table.read(tmp_path / "x.csv", lambda _: None, lambda _a, _b: "", place=place)
    assert more["observer.name"] == "A3"


def test_a_file_without_the_columns_is_told(table: Table, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    events, problems = read(table, tmp_path / "x.csv")
    assert events == []
    assert [str(problem).partition(": ")[2] for problem in problems] == [
        "line 1: no column is called 'Thời điểm'; see the mapping 'parking'"
    ]


def test_the_mappings_of_an_installation_are_found_and_bad_ones_told(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "b.yml").write_text("name: x\n", encoding="utf-8")
    found, errors = tables(tmp_path)
    assert [each.plan.name for each in found] == ["parking"]
    assert [error.line for error in errors] == [1]
    assert tables(tmp_path / "none") == ([], [])


@given(
    text=st.lists(
        st.sampled_from([",", '"', "\n", "22/11/2026 10:00:00", "9", "ă", "\0", "=cmd"]), max_size=40
    ).map("".join)
)
def test_any_text_gives_fitting_events(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "m.yml").write_text(GOOD, encoding="utf-8")
    (folder / "any.csv").write_text(CSV.partition("\n")[0] + "\n" + text, encoding="utf-8")
    for event in read(Table(plan=load_mapping(folder / "m.yml")), folder / "any.csv")[0]:
        assert misfits(event) == []
