"""Does the console do the same with a million alerts as with ten thousand: small pages, nothing lost?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import httpx2 as httpx
import pytest

from benchmarks.console_pages import CLOSED, Sizes, fill, questions
from citywatch.clock import system_clock
from citywatch.ports import Is, Query
from citywatch.settings import load_settings
from console.house import House
from console.web import sessions, shots
from console.web.accounts import User, add_user
from console.web.app import HouseView, make_app
from console.web.door import COOKIE

LARGEST_PAGE = 100 * 1024
SMALL = Sizes(alerts=12_000, events=12_000, tickets=600, requests=3)
WHOLE = Sizes(alerts=1_000_000, events=1_000_000, tickets=50_000, requests=3)


@dataclass(frozen=True)
class Full:
    """A console with much in it, and somebody who is logged in."""

    house: House
    client: httpx.Client
    sizes: Sizes

    def state(self, name: str) -> int:
        query = Query(where=Is("state", name), order="changed_at", limit=0)
        return self.house.store.find("alert_state", query).total

    def submit(self, path: str, **form: str) -> httpx.Response:
        token = re.search(r'name="csrf" value="([^"]+)"', self.client.get("/alerts").text)
        assert token
        return self.client.post(path, data={**form, "csrf": token[1]}, follow_redirects=True)


@pytest.fixture(
    scope="module", params=[SMALL, pytest.param(WHOLE, marks=pytest.mark.long)], ids=["small", "whole"]
)
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Full]:
    sizes: Sizes = request.param
    house = House(load_settings(tmp_path_factory.mktemp("full"), environ={}), system_clock)
    fill(house.store, sizes)
    user = User(id="lan", name="Lan", role="admin", language="en")
    add_user(house.store, system_clock, user, "x" * 12)
    with shots.listening(make_app(cast("HouseView", house))) as address:
        token, _ = sessions.open_session(house.store, system_clock, user, "test")
        with httpx.Client(base_url=address, cookies={COOKIE: token}, timeout=120) as client:
            yield Full(house, client, sizes)
    house.close()


def test_every_page_is_whole_and_small(full: Full) -> None:
    for name, address in questions(full.house.store).items():
        for number in range(full.sizes.requests):
            with full.client.stream("GET", address(number)) as answer:
                size = sum(len(part) for part in answer.iter_raw())
            assert answer.status_code == 200, name
            assert 500 < size < LARGEST_PAGE, f"{name}: {size}"


def test_the_store_holds_all_that_was_put_in(full: Full) -> None:
    health = full.house.store.health()
    assert (health.events, health.refused) == (full.sizes.events, 0)
    assert health.records["alert"] == full.sizes.alerts
    assert health.records["ticket"] == full.sizes.tickets


def test_ten_thousand_are_closed_at_once_found_as_closed_and_opened_again(full: Full) -> None:
    before = full.state("closed")
    form = {"deed": "close", "reason": "measured", "scope": "all", "state": "new"}
    told = full.submit("/alerts/do", **form)
    assert f"{CLOSED:,} alerts closed" in told.text
    assert full.state("closed") == before + CLOSED
    page = full.client.get("/alerts?state=closed")
    assert page.text.count("<tr data-id=") == 50
    undo = re.search(r'name="undo" value="([^"]+)"', told.text)
    assert undo
    assert f"Undone for {CLOSED:,} alerts" in full.submit("/alerts/undo", undo=undo[1]).text
    assert full.state("closed") == before


def test_every_open_alert_is_listed_once_over_the_pages(full: Full) -> None:
    seen: set[str] = set()
    path = "/alerts?state=new"
    for _ in range(12):
        page = full.client.get(path).text
        ids = re.findall(r'<tr data-id="([0-9a-f]+)"', page)
        assert ids
        assert not seen & set(ids)
        seen |= set(ids)
        following = re.search(r'<a href="([^"]+)" rel="next">', page)
        assert following
        path = following[1].replace("&amp;", "&")
    assert len(seen) > 500
