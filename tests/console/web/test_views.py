"""Does the inbox come back as a person left it, for that person only?"""

from __future__ import annotations

import re

import pytest

from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.test_access import enter

pytestmark = pytest.mark.usefixtures("city")


def heads(page: str) -> list[str]:
    table = page.split('<table class="rows inbox">')[1].split("</thead>", maxsplit=1)[0]
    return re.findall(r'<th class="w-([a-z_]+)', table)


def test_chosen_columns_are_remembered_and_none_means_the_usual(browser: Browser, house: SmallHouse) -> None:
    enter(browser, house, "lan")
    usual = heads(browser.get("/alerts").text)
    assert usual[:3] == ["severity", "last_seen", "title"]
    page = browser.submit("/alerts/columns", column=["rule", "severity", "nonsense"]).text
    assert heads(page) == ["severity", "title", "rule"]
    assert page.count('<td class="mono small"') == 50
    enter(browser, house, "lead")
    assert heads(browser.get("/alerts").text) == usual
    enter(browser, house, "lan")
    assert heads(browser.get("/alerts").text) == ["severity", "title", "rule"]
    assert heads(browser.submit("/alerts/columns").text) == usual


def test_a_view_is_kept_written_over_and_forgotten(browser: Browser, house: SmallHouse) -> None:
    enter(browser, house, "lan")
    evil = "<script>alert(1)</script>"
    assert "Give the view a name." in browser.submit("/alerts/views", name="  ", q="a").text
    page = browser.submit("/alerts/views", name=evil, q="severity:high", state="any").text
    assert "<script>alert(1)" not in page
    link = re.search(r'class="tag" href="([^"]+)"', page)
    assert link
    assert link[1].replace("&amp;", "&") == "/alerts?q=severity%3Ahigh&state=any"
    page = browser.submit("/alerts/views", name=evil, q="severity:low", state="any").text
    assert page.count('class="tag" href="/alerts?') == 1
    assert "severity%3Alow" in page
    page = browser.submit("/alerts/views/drop", name=evil).text
    assert 'class="tag" href="/alerts?' not in page
    for number in range(35):
        browser.submit("/alerts/views", name=f"v{number}", q="a")
    assert browser.get("/alerts").text.count('class="tag" href="/alerts?') == 30
