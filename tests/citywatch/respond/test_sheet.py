"""Does a table come in from CSV and XLSX alike, each error with its sheet, row and column?"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from citywatch.errors import ContentError
from citywatch.respond.register import SYSTEM_COLUMNS, read_systems
from citywatch.respond.sheet import read_rows


def workbook(path: Path, *rows: tuple[Any, ...], title: str = "Hệ thống") -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(row)
    book.save(path)
    return path


def test_a_workbook_is_read_as_csv_is(tmp_path: Path) -> None:
    file = workbook(
        tmp_path / "s.xlsx",
        ("id", "name", "agency", "level", "version", "active"),
        ("mot-cua", "Một cửa", "so-a", 3.0, "7.0.11", True),
        (None, None, None, None, None, None),
        ("csdl", "CSDL đất đai", "so-a", "9", "1", False),
        ("camera", "Camera", "so-b", 2, 1.5, None),
    )
    errors: list[ContentError] = []
    found = [system for _, system in read_systems(file, errors.append)]
    assert [(one.id, one.level, one.version, one.active) for one in found] == [
        ("mot-cua", 3, "7.0.11", True),
        ("camera", 2, "1.5", True),
    ]
    assert [str(error).removeprefix(f"{tmp_path}/") for error in errors] == [
        "s.xlsx[Hệ thống]:4: D4 (level): '9' is not 1 to 5; levels are those of Nghị định 85/2016/NĐ-CP"
    ]


def bomb() -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * (200 * 1024 * 1024))
    return raw.getvalue()


def entities() -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("xl/workbook.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    return raw.getvalue()


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (bomb(), "swells to more than"),
        (entities(), "declares entities"),
        (b"PK\x03\x04 and nothing more", "cannot be read as a workbook"),
    ],
)
def test_a_hostile_workbook_is_refused_with_words(tmp_path: Path, raw: bytes, what: str) -> None:
    (tmp_path / "x.xlsx").write_bytes(raw)
    errors: list[ContentError] = []
    assert not list(read_rows(tmp_path / "x.xlsx", SYSTEM_COLUMNS, {"id"}, errors.append))
    assert what in str(errors[0])


@given(st.binary(max_size=400))
def test_any_bytes_are_told_of_or_read(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.xlsx"
    file.write_bytes(raw)
    list(read_rows(file, SYSTEM_COLUMNS, {"id"}, lambda _: None))
