"""Is a mapping read, and is what is wrong in it named with its line?"""

from __future__ import annotations

from pathlib import Path

import pytest

from citywatch.errors import ContentError
from sensors.mapping import load_mapping

GOOD = """\
name: parking
timezone: Asia/Ho_Chi_Minh
columns:
  Thời điểm: {field: "@timestamp", format: "%d/%m/%Y %H:%M:%S"}
  Cổng: observer.name
  Kết quả: {field: event.outcome, map: {OK: success, Lỗi: failure}}
  Biển số: labels.plate
  Số xe: source.packets
constants: {event.dataset: city.parking, event.category: [host]}
"""
BAD = [
    ("colums: {}", 1, "there is no 'colums'"),
    ("name: x", 1, "no 'columns'"),
    ("columns:\n  a: url.paht\n", 2, "field 'url.paht' is not in the event schema; did you mean 'url.path'?"),
    ("columns:\n  a: user.name\n", 1, "no column is '@timestamp'"),
    ('columns:\n  a: {field: "@timestamp",\n      formt: x}\n', 3, "there is no 'formt'"),
    ("columns:\n  a: {field: source.ip, type: long}\n", 2, "'source.ip' is a ip, not a long"),
    ('columns:\n  a: {field: "@timestamp", timezone: Mars}\n', 2, "no time zone is called 'Mars'"),
    ("delimiter: ab\ncolumns:\n  a: '@timestamp'\n", 1, "the delimiter 'ab' is not one character"),
    ("encoding: klingon\ncolumns:\n  a: '@timestamp'\n", 1, "no encoding is called 'klingon'"),
    (
        "columns:\n  a: '@timestamp'\nconstants:\n  source.ip: here\n",
        4,
        "constant 'source.ip': 'here' is not an IP",
    ),
    ("columns: [", 1, "not YAML"),
    ("- a\n- b\n", 1, "a mapping has 'name' and 'columns'"),
]


def test_a_mapping_is_read(tmp_path: Path) -> None:
    (tmp_path / "m.yml").write_text(GOOD, encoding="utf-8")
    plan = load_mapping(tmp_path / "m.yml")
    assert (plan.name, [column.field for column in plan.columns][:2]) == (
        "parking",
        ["@timestamp", "observer.name"],
    )
    assert plan.columns[0].read("22/11/2026 10:00:00") == "2026-11-22T03:00:00.000000Z"
    assert plan.constants == {"event.dataset": "city.parking", "event.category": ["host"]}


@pytest.mark.parametrize(("text", "line", "what"), BAD)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, line: int, what: str) -> None:
    (tmp_path / "m.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ContentError) as told:
        load_mapping(tmp_path / "m.yml")
    assert what in str(told.value)
    assert told.value.line == line


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"none\.yml: cannot be read"):
        load_mapping(tmp_path / "none.yml")
