"""Is a portal watched as its owners wish?"""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from citywatch.errors import InputError, SettingsError
from citywatch.model import Agency, Portal
from console.cares import Cares, Wish, change, may_scan, read_ics, read_wish, rows
from console.house import House, open_house
from console.registry import put_agency, register_portal
from tests.console.test_maintenance import calendar, event


@pytest.fixture
def house(tmp_path: Path) -> Generator[House]:
    with open_house(tmp_path / "data", make=True) as opened:
        put_agency(opened, Agency(id="a", name="A"))
        register_portal(opened, url="https://a.example/", name="A", agency="a", portal_id="p")
        yield opened


PORTAL = Portal(id="p", url="https://a.example/", name="A", agency="a")
ALWAYS = calendar(event(":20200101T000000Z", ":20400101T000000Z", "SUMMARY:works"))


def test_nothing_set_is_as_everywhere(house: House) -> None:
    care = Cares(house).of(PORTAL)
    assert (care.sensitivity, care.ignored, care.in_maintenance) == ("normal", (), False)


def test_what_is_set_counts_and_the_rest_stays(house: House) -> None:
    change(house, PORTAL, "an", sensitivity="low", ignored=("div.ticker",))
    change(house, PORTAL, "an", calendar=ALWAYS)
    care = Cares(house).of(PORTAL)
    assert (care.sensitivity, care.ignored, care.in_maintenance) == ("low", ("div.ticker",), True)
    change(house, PORTAL, "an", calendar="")
    assert not Cares(house).of(PORTAL).in_maintenance
    assert read_wish(house, "p").changed_by == "an"


def test_the_row_shows_the_windows_to_come(house: House) -> None:
    (row,) = rows(house, change(house, PORTAL, "an", calendar=ALWAYS))
    assert row["calendar"] is True
    assert row["windows"][0].endswith(" works")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"sensitivity": "deaf"}, SettingsError),
        ({"hours": "22-05"}, SettingsError),
        ({"outside": "garden"}, SettingsError),
        ({"calendar": "rubbish"}, InputError),
    ],
)
def test_a_wrong_wish_is_refused_and_nothing_changes(
    house: House, changes: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        change(house, PORTAL, "an", **changes)
    assert read_wish(house, "p").changed_at == ""


def test_a_calendar_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.ics: cannot be read: No such file or directory$"):
        read_ics(tmp_path / "none.ics")


def test_a_calendar_file_of_other_letters_is_told(tmp_path: Path) -> None:
    (tmp_path / "odd.ics").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="is not UTF-8"):
        read_ics(tmp_path / "odd.ics")


@pytest.mark.parametrize(
    ("outside", "hour", "home_only", "closed_h"),
    [
        ("home", 20, False, 0),  # 03:00 in Hanoi
        ("home", 3, True, 0),  # 10:00
        ("none", 20, False, 0),
        ("none", 3, True, 12),
        ("none", 23, True, 16),  # 06:00
    ],
)
def test_outside_an_agencys_hours_the_home_page_or_nothing_is_looked_at(
    outside: str, hour: int, *, home_only: bool, closed_h: int
) -> None:
    at = datetime(2026, 11, 27, hour, tzinfo=UTC)
    wish = Wish(id="p", hours="22:00-05:00", outside=outside)
    assert wish.care(at, "Asia/Ho_Chi_Minh").home_only is home_only
    assert wish.closed_s(at, "Asia/Ho_Chi_Minh") == closed_h * 3600


def test_hours_go_over_midnight() -> None:
    at = datetime(2026, 11, 27, 20, tzinfo=UTC)
    assert may_scan("22:00-05:00", at, "Asia/Ho_Chi_Minh")
    assert not may_scan("05:00-22:00", at, "Asia/Ho_Chi_Minh")
    assert may_scan("", at, "Asia/Ho_Chi_Minh")
