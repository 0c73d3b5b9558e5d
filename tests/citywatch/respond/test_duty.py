"""Who is called by day, by night, on a holiday's eve, and about a leak?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.errors import ContentError
from citywatch.model import Agency, Contact, to_doc
from citywatch.respond.catalogue import Catalogue
from citywatch.respond.duty import called, is_on_duty, read_contacts, spans_of, told_contacts
from citywatch.respond.register import read_agencies, write_agencies
from citywatch.store.sqlite import SqliteStore

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
CELL = (
    "lead|An|an@a.vn;technical|Bình|binh@a.vn|0901 234 567|mon-fri 08:00-17:00;"
    "on_call|Trực|truc@a.vn|0912|17:00-08:00, sat-sun 08:00-17:00;data_protection|Dung|dung@a.vn"
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=HANOI)


@pytest.mark.parametrize(
    ("when", "category", "names"),
    [
        ("2026-11-27T10:00", "", ["Bình"]),  # a Friday
        ("2026-11-27T17:00", "", ["Trực"]),
        ("2026-11-28T02:00", "", ["Trực"]),  # the night before Saturday is Friday's
        ("2026-11-28T10:00", "", ["Trực"]),
        ("2026-11-30T07:59", "", ["Trực"]),
        ("2026-11-30T08:00", "", ["Bình"]),
        ("2026-11-30T08:00", "leak", ["Bình", "Dung"]),
    ],
)
def test_who_is_called(when: str, category: str, names: list[str]) -> None:
    assert [one.name for one in called(read_contacts(CELL), at(when), category)] == names


def test_where_nobody_is_on_duty_the_lead_is_called_and_else_anybody() -> None:
    day = "technical|Bình|binh@a.vn||mon 08:00-09:00"
    night = at("2026-11-28T02:00")
    assert [one.name for one in called(read_contacts(f"{day};lead|An|an@a.vn"), night)] == ["An"]
    assert [one.name for one in called(read_contacts(day), night)] == ["Bình"]
    assert called((), night) == []


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        ("boss|An|an@a.vn", "'boss' is not a role"),
        ("lead|An", "neither e-mail nor telephone"),
        ("lead|An|an", "'an' is not a mail address"),
        ("lead|An||abc", "'abc' is not a telephone number"),
        ("lead|An|an@a.vn||8-17", "no time of duty"),
        ("lead|An|an@a.vn||08:00-25:00", "no time of duty"),
        ("lead|An|an@a.vn||mon-fry 08:00-17:00", "no time of duty"),
        ("lead|An|an@a.vn|0901|24/7|x", "has 6 parts"),
        (";".join(["lead|An|an@a.vn"] * 21), "more than 20"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_column(tmp_path: Path, cell: str, what: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f'id,name,contacts\na,A,"{CELL}"\nb,B,"{cell}"\n', encoding="utf-8")
    told: list[ContentError] = []
    (one,) = read_agencies(file, told.append)
    assert one.id == "a"
    assert "a.csv:3: C3 (contacts): " in str(told[0])
    assert what in str(told[0])


def test_a_table_comes_back_as_it_went_out(tmp_path: Path) -> None:
    agency = Agency(id="a", name="A", contacts=read_contacts(CELL))
    file = tmp_path / "out.csv"
    file.write_text(write_agencies([agency]), encoding="utf-8")
    (again,) = read_agencies(file, lambda error: pytest.fail(str(error)))
    assert again == agency


@given(st.text(max_size=80))
def test_any_cell_is_contacts_that_come_back_or_told_of(text: str) -> None:
    try:
        contacts = read_contacts(text)
    except ValueError:
        return
    assert read_contacts(told_contacts(contacts)) == contacts


@given(
    st.sampled_from(["", "mon-fri ", "sat ", "sun-tue "]),
    st.integers(0, 1439),
    st.integers(1, 1439),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)),  # noqa: DTZ001 - the city's own clock
)
def test_duty_and_the_rest_of_the_day_cover_it_once(
    days: str, begin: int, length: int, when: datetime
) -> None:
    def said(minute: int) -> str:
        return f"{minute % 1440 // 60:02}:{minute % 60:02}"

    here = Contact(role="on_call", hours=f"{days}{said(begin)}-{said(begin + length)}")
    (_, start, span), *_ = list(spans_of(here.hours))
    assert (start, span) == (begin, length)
    if not days:
        rest = Contact(role="on_call", hours=f"{said(begin + length)}-{said(begin)}")
        assert is_on_duty(here, when) != is_on_duty(rest, when)


def test_the_catalogue_tells_whom_by_the_city_s_clock_and_goes_up_where_there_is_nobody(
    tmp_path: Path,
) -> None:
    now = [datetime(2026, 11, 27, 3, 0, tzinfo=UTC)]  # ten in the morning in Hà Nội
    store = SqliteStore(tmp_path / "s.sqlite", clock=lambda: now[0])
    above = Agency(id="a", name="A", email="chung@a.vn", contacts=read_contacts(CELL))
    store.put_many("agency", {"a": to_doc(above), "b": to_doc(Agency(id="b", name="B", parent="a"))})
    catalogue = Catalogue(store, clock=lambda: now[0], timezone="Asia/Ho_Chi_Minh")
    assert catalogue.contacts("b") == ("chung@a.vn", "binh@a.vn")
    assert catalogue.contacts("a", "leak") == ("chung@a.vn", "binh@a.vn", "dung@a.vn")
    now[0] += timedelta(hours=12)
    assert catalogue.contacts("b") == ("chung@a.vn", "truc@a.vn")
    store.close()
