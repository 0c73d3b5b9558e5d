"""Do those who lead see the city at a glance, and does an agency take away its own table only?"""

from __future__ import annotations

import csv
import io

import pytest

from citywatch.model import Agency, Alert, to_doc
from citywatch.ports import Query
from console.figures import Standing
from console.web.overview import draw_map
from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.test_access import enter


@pytest.mark.usefixtures("city")
def test_the_overview_and_the_wall_show_every_agency(browser: Browser, house: SmallHouse) -> None:
    odd = Agency(id="odd", name="</title><script>alert(1)</script>")
    house.store.put_many("agency", {odd.id: to_doc(odd)})
    enter(browser, house, "lan")
    for path in ("/overview", "/wall"):
        page = browser.get(path).text
        assert page.count('class="tile tile-') == 7
        assert "<script>alert(1)" not in page
    assert 'data-again="30"' in browser.get("/wall").text


def table(browser: Browser, path: str) -> list[list[str]]:
    answer = browser.get(path)
    assert answer.status_code == 200
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_an_agency_takes_away_its_own_tickets_only(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    record = house.store.find("ticket", Query(order="id", limit=1)).records[0]
    title = {"title": "=cmd|' /C calc'!A0", "agency": "so-y-te"}
    house.store.put_many("ticket", {record.id: record.doc | title})
    enter(browser, house, "lan")
    head, *rows = table(browser, "/tables/tickets.csv")
    everybody = {row[head.index("agency")] for row in rows}
    assert len(everybody) > 1
    assert next(row for row in rows if row[0] == record.id)[1].startswith("'=")
    enter(browser, house, "yte")
    head, *rows = table(browser, "/tables/tickets.csv")
    assert {row[head.index("agency")] for row in rows} == {"so-y-te"}
    assert browser.get("/tables/agencies.csv").status_code == 404
    for path in ("/tables/users.csv", "/tables/tickets.exe", "/tables/tickets"):
        assert browser.get(path).status_code == 404


def test_a_place_on_the_map_does_not_depend_on_the_state() -> None:
    names = ("a", "b", "c")
    quiet = [Standing(id=name, name=name) for name in names]
    busy = [Standing(id=name, name=name, open=3, score=0) for name in reversed(names)]
    assert [tile.points for tile in draw_map(quiet).tiles] == [tile.points for tile in draw_map(busy).tiles]
    assert [tile.standing.id for tile in draw_map(busy).tiles] == list(names)
