"""Is a search kept, found again, and forgotten?"""

from __future__ import annotations

from citywatch.model import Alert
from console import standing
from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.test_access import enter


def test_a_search_is_kept_leads_back_and_is_forgotten(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    enter(browser, house, "lan")
    values = {"name": "SSH", "q": "destination.port:22", "range": "7d", "by": "source.ip", "every": "hour"}
    page = browser.submit("/hunts", page="/search?q=destination.port:22", **values).text
    assert "/search?q=destination.port%3A22&amp;range=7d&amp;by=source.ip" in page
    [hunt] = standing.read_all(house.store)
    assert (hunt.owner, hunt.every) == ("lan", "hour")
    browser.submit(f"/hunts/{hunt.id}/drop", page="/hunts")
    assert not standing.read_all(house.store)
    assert browser.submit(f"/hunts/{hunt.id}/drop", page="/hunts").status_code == 404


def test_what_has_no_name_or_cannot_be_read_is_not_kept(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    enter(browser, house, "lan")
    assert "Give the view a name" in browser.submit("/hunts", page="/me", name=" ", q="a").text
    assert "cannot be read" in browser.submit("/hunts", page="/me", name="x", q="no.such:1").text
    assert not standing.read_all(house.store)


def test_who_only_reads_keeps_nothing(browser: Browser, house: SmallHouse, city: list[Alert]) -> None:
    assert city
    enter(browser, house, "viewer")
    assert "Keep this search" not in browser.get("/search").text
    assert browser.submit("/hunts", page="/me", name="x", q="a").status_code == 404
