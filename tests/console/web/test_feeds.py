"""Do firewalls get the block list with the key, and nobody anything without?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from citywatch.respond.blocklist import FORMS, BlockList
from tests.console.web.conftest import Browser, SmallHouse

KEY = "k:with:colons"


@pytest.fixture
def published(house: SmallHouse) -> SmallHouse:
    house.settings = replace(house.settings, blocking=replace(house.settings.blocking, key=KEY))
    BlockList(store=house.store, clock=house.clock).add("8.8.4.4", hours=1, by="lan")
    return house


def test_each_form_is_fetched_with_the_key(browser: Browser, published: SmallHouse) -> None:
    assert published.settings.blocking.key == KEY
    for form in FORMS:
        answer = browser.get(f"/feeds/block/{form}", auth=("fw", KEY))
        assert answer.status_code == 200, form
        assert answer.headers["content-type"].startswith("text/plain"), form
    assert browser.get("/feeds/block/plain", auth=("fw", KEY)).text == "8.8.4.4\n"
    assert browser.get("/feeds/block/other", auth=("fw", KEY)).status_code == 404


def test_what_has_not_changed_is_not_sent_again(browser: Browser, published: SmallHouse) -> None:
    mark = browser.get("/feeds/block/plain", auth=("fw", KEY)).headers["etag"]
    asked = {"if-none-match": mark}
    assert browser.get("/feeds/block/plain", auth=("fw", KEY), headers=asked).status_code == 304
    BlockList(store=published.store, clock=published.clock).add("9.9.9.9", hours=1, by="lan")
    assert browser.get("/feeds/block/plain", auth=("fw", KEY), headers=asked).status_code == 200


@pytest.mark.parametrize(
    "said", ["", "Basic", "Basic ***", "Basic OmtleQ==", "Bearer k:with:colons", "Basic /w=="]
)
def test_without_the_key_there_is_no_list(browser: Browser, published: SmallHouse, said: str) -> None:
    assert published.settings.blocking.key
    headers = {"authorization": said} if said else {}
    assert browser.get("/feeds/block/plain", headers=headers).status_code == 401


def test_without_a_key_in_the_settings_nothing_is_published(browser: Browser) -> None:
    assert browser.get("/feeds/block/plain", auth=("fw", "")).status_code == 404
