"""Does a rule come into force only when it holds and a second person has looked at it?"""

from __future__ import annotations

import re

import pytest

from citywatch.detect.rulebook import Rulebook
from citywatch.model import Alert
from citywatch.ports import Query
from console import drafts
from tests.console.test_bench import RULE, SAMPLES
from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.test_access import enter


@pytest.fixture
def lan(browser: Browser, house: SmallHouse, city: list[Alert]) -> Browser:
    assert city
    enter(browser, house, "lan")
    return browser


def begun(lan: Browser) -> str:
    """The path of a new draft."""
    page = lan.submit("/rules/drafts", page="/rules")
    found = re.search(r'action="(/rules/drafts/[a-z0-9_]+)"', page.text)
    assert found
    return found[1]


def tried(lan: Browser, path: str, text: str) -> str:
    """The bench after a trial."""
    values = {"text": text, "samples": SAMPLES, "days": "7", "try": "1"}
    return lan.submit(path, page=path, **values).text


def held(house: SmallHouse, path: str) -> drafts.Draft:
    found = drafts.read(house.store, path.rsplit("/", 1)[1])
    assert found
    return found[0]


def test_a_rule_is_written_tried_looked_at_by_another_and_in_force(lan: Browser, house: SmallHouse) -> None:
    path = begun(lan)
    first = lan.submit(f"{path}/ask", page=path)
    assert "First check and run it" in first.text
    page = tried(lan, path, RULE.replace("startswith", "startwith"))
    assert "rule:6</span> Unknown modifier &#39;startwith&#39;" in page
    page = tried(lan, path, RULE.replace("\n", "\r\n"))
    assert "The rule holds." in page
    assert held(house, path).sound
    assert "A second person can now look at it." in lan.submit(f"{path}/ask", page=path).text
    enter(lan, house, "lead")
    done = lan.submit(f"{path}/decide", page=path, answer="enable", note="good")
    assert "The rule is in force" in done.text
    folder = house.settings.data / "rules"
    book = Rulebook.load(folder)
    assert "0d0fe4e2-6a3f-4a33-8a62-54e1f7d1c0ff" in book.rules
    assert [one.name for one in (folder / drafts.FOLDER).iterdir() if one.name.startswith(".")] == []
    assert "out of force" in lan.submit(f"{path}/decide", page=path, answer="off").text
    assert not list((folder / drafts.FOLDER).iterdir())
    events = [record.doc["what"] for record in house.store.find("audit", Query(order="at")).records]
    assert {"rule_begun", "rule_saved", "rule_asked", "rule_enabled", "rule_off"} <= set(events)


def test_nobody_enables_what_they_had_a_hand_in(lan: Browser, house: SmallHouse) -> None:
    path = begun(lan)
    enter(lan, house, "lead")
    tried(lan, path, RULE)
    lan.submit(f"{path}/ask", page=path)
    assert "Approval needs a second person." in lan.submit(f"{path}/decide", page=path, answer="enable").text
    enter(lan, house, "admin")
    lan.submit(path, page=path, text=RULE + "# later\n", samples=SAMPLES)
    assert held(house, path).state == "draft"
    assert "First check and run it" in lan.submit(f"{path}/decide", page=path, answer="enable").text
    assert not (house.settings.data / "rules").exists()


def test_a_rule_in_force_is_copied_under_an_id_of_its_own(lan: Browser, house: SmallHouse) -> None:
    rule = next(iter(house.rules.values()))
    page = lan.get(f"/rules/{rule.id}").text
    assert rule.title in page
    lan.submit("/rules/drafts", page=f"/rules/{rule.id}", **{"from": rule.id})
    (draft,) = drafts.drafts(house.store)
    assert rule.id not in draft.text
    assert "Written here" in lan.get("/rules?q=shell").text


def test_text_of_a_draft_is_never_markup(lan: Browser, house: SmallHouse) -> None:
    path = begun(lan)
    lan.submit(path, page=path, text="</textarea><script>alert(1)</script>", samples=SAMPLES)
    assert "<script>alert(1)" not in lan.get(path).text
    assert held(house, path).text == "</textarea><script>alert(1)</script>"
