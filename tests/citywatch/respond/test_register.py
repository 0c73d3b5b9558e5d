"""Does a table of agencies and portals come in line by line, and go out as it came?"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.errors import ContentError
from citywatch.model import Agency, Portal
from citywatch.respond.register import (
    guarded,
    read_agencies,
    read_portals,
    write_agencies,
    write_portals,
)
from citywatch.respond.sheet import plain


def agencies_of(path: Path, text: str) -> tuple[list[Agency], list[str]]:
    path.write_text(text, encoding="utf-8")
    errors: list[ContentError] = []
    return list(read_agencies(path, errors.append)), [
        str(error).removeprefix(f"{path.parent}/") for error in errors
    ]


def test_an_agency_of_a_table_has_its_networks_domains_and_hosts(tmp_path: Path) -> None:
    text = (
        "id,name,email,networks,domains,hosts\n"
        'so-y-te,Sở Y tế,"a@hanoi.gov.vn; b@hanoi.gov.vn",'
        "10.1.0.0/16;2001:db8::/32,soyte.hanoi.gov.vn,may-01\n"
    )
    found, errors = agencies_of(tmp_path / "a.csv", text)
    assert not errors
    assert found == [
        Agency(
            id="so-y-te",
            name="Sở Y tế",
            email="a@hanoi.gov.vn; b@hanoi.gov.vn",
            networks=("10.1.0.0/16", "2001:db8::/32"),
            domains=("soyte.hanoi.gov.vn",),
            hosts=("may-01",),
        )
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("id,name,colour\n", "a.csv:1: there is no column 'colour'; columns are: "),
        ("name\nx\n", "a.csv:1: column 'id' is missing; columns are: "),
        ("id,id,name\n", "a.csv:1: column 'id' is there twice"),
        ("id,name\na,A\n\na,B\n", "a.csv:4: A4 (id): 'a' is in line 2 already"),
        ("id,name\n../x,A\n", "a.csv:2: A2 (id): '../x' is not an id; "),
        ("id,name\na,\n", "a.csv:2: B2 (name): the agency has no name; "),
        ("id,name,networks\na,A,10.0.0.0/99\n", "a.csv:2: C2 (networks): '10.0.0.0/99' is not a network; "),
        ("id,name,email\na,A,x\n", "a.csv:2: C2 (email): 'x' is not a mail address; "),
        ('id,name\n"a\nb",A\nb,B,C\n', "a.csv:4: 3 cells where the header has 2; "),
        ('id,name\na,"A\n', "a.csv:2: this line is not CSV: "),
        ("id,name,parent\na,A,a\n", "a.csv:2: C2 (parent): the agency is its own parent; "),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, error: str) -> None:
    _, errors = agencies_of(tmp_path / "a.csv", text)
    assert errors[-1].startswith(error)


def test_a_line_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("id,name\na,A\nb,Sở\n".encode("utf-16-le"))
    errors: list[ContentError] = []
    assert not list(read_agencies(tmp_path / "a.csv", errors.append))
    (tmp_path / "b.csv").write_bytes(b"id,name\na,A\nb,\xff\n")
    assert not list(read_agencies(tmp_path / "b.csv", errors.append))
    assert errors[-1].line == 3


def test_one_wrong_line_does_not_stop_the_others(tmp_path: Path) -> None:
    found, errors = agencies_of(tmp_path / "a.csv", "id,name\na,A\n,x\nb,B\n")
    assert [agency.id for agency in found] == ["a", "b"]
    assert len(errors) == 1


def test_a_portal_needs_a_url_an_agency_and_a_level_of_one_to_five(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(
        "url,name,agency,level,tags\n"
        "https://a.gov.vn/,A,so-a,3,lottery;news\n"
        "ftp://a.gov.vn/,A,so-a,3,\n"
        "https://a.gov.vn/,A,,9,\n",
        encoding="utf-8",
    )
    errors: list[ContentError] = []
    found = [(row.line, portal) for row, portal in read_portals(path, errors.append)]
    assert found == [
        (
            2,
            Portal(
                id="", url="https://a.gov.vn/", name="A", agency="so-a", level=3, tags=("lottery", "news")
            ),
        )
    ]
    assert [error.line for error in errors] == [3, 4, 4]


def test_what_goes_out_comes_in_the_same(tmp_path: Path) -> None:
    agencies = [
        Agency(id="a", name="=cmd|' /C calc'!A0", phone="+84 24 1", networks=("10.0.0.0/8", "10.1.0.0/16")),
        Agency(id="b", name="'quoted", name_en="-dash", hosts=("x", "y")),
    ]
    text = write_agencies(agencies)
    assert "'=cmd" in text
    assert "'+84" in text
    assert agencies_of(tmp_path / "a.csv", text) == (agencies, [])
    portals = [Portal(id="p", url="https://a.vn/", name="A", agency="a", active=False, inner_pages=("/x",))]
    (tmp_path / "p.csv").write_text(write_portals(portals), encoding="utf-8")
    assert [portal for _, portal in read_portals(tmp_path / "p.csv", print)] == portals


@given(st.text())
def test_no_cell_is_a_formula_and_each_is_read_back(cell: str) -> None:
    assert not guarded(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert plain(guarded(cell.strip())) == cell.strip()


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reading(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(b"id,name\n" + data)
    errors: list[ContentError] = []
    for agency in read_agencies(path, errors.append):
        assert agency.id
