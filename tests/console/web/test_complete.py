"""Are values completed that there are, and none that the person could not find?"""

from __future__ import annotations

from urllib.parse import quote_plus

import pytest

from citywatch.clock import stamp
from citywatch.model import Alert, AlertState, to_doc
from console.web.codes import WORDS
from console.web.query import take_states
from tests.console.web.conftest import Browser, SmallHouse
from tests.console.web.test_access import enter
from tests.console.web.test_hostile import ATTACKS, Finder


def lines(browser: Browser, q: str, box: str = "alerts") -> list[str]:
    answer = browser.get("/complete", params={"q": q, "box": box})
    assert answer.status_code == 200
    return [one["line"] for one in answer.json()["lines"]]


def assigned(house: SmallHouse, alert: Alert, who: str, state: str = "acknowledged") -> None:
    made = AlertState(alert_id=alert.id, state=state, assignee=who, changed_at=stamp(house.clock()))
    house.store.put_many("alert_state", {alert.id: to_doc(made)})


def test_values_of_each_field_are_completed(browser: Browser, house: SmallHouse, city: list[Alert]) -> None:
    enter(browser, house, "lan")
    assigned(house, city[0], "huong-ca")
    rule = next(iter(house.rules.values()))
    assert lines(browser, "severity:h") == ["severity:high"]
    assert lines(browser, "-severity:crit") == ["-severity:critical"]
    assert lines(browser, "count:>5 agency:so-y") == ["count:>5 agency:so-y-te"]
    assert "agency:so-y-te" in lines(browser, 'agency:"y tế')  # by its name
    assert lines(browser, "state:false") == ["state:false_positive"]
    assert lines(browser, "assignee:huo") == ["assignee:huong-ca"]
    assert f"rule:{rule.id}" in lines(browser, f'rule:"{rule.title[:20]}')
    kinds = {one.category for one in city if one.category}
    assert {line.removeprefix("category:") for line in lines(browser, "category:")} <= kinds
    assert lines(browser, "source.ip:")
    assert lines(browser, "nofield:x") == []
    assert lines(browser, "plain words") == []
    assert lines(browser, "severity:high wor") == []
    assert len(lines(browser, "title:")) <= 12


def test_each_completed_line_can_be_asked_as_it_stands(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    enter(browser, house, "lan")
    for field in ("title", "subject", "severity", "agency", "state", "rule", "source.ip", "tag"):
        for line in lines(browser, f"{field}:")[:4]:
            page = browser.get("/alerts", params={"q": line, "hidden": "1"}).text
            assert 'class="note bad"' not in page, line


def test_events_are_completed_for_who_may_search_them(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    enter(browser, house, "lan")
    found = lines(browser, "event.dataset:", box="events")
    assert found
    assert all(line.startswith("event.dataset:") for line in found)
    enter(browser, house, "yte")
    assert browser.get("/complete", params={"q": "event.dataset:", "box": "events"}).status_code == 404


@pytest.mark.parametrize("name", ["yte", "giaoduc"])
def test_an_agency_is_offered_nothing_of_another(
    browser: Browser, house: SmallHouse, city: list[Alert], name: str
) -> None:
    own = {"yte": "so-y-te", "giaoduc": "so-giao-duc"}[name]
    for alert in city[:50]:
        assigned(house, alert, "huong-ca")
    enter(browser, house, name)
    assert lines(browser, "agency:") == [f"agency:{own}"]
    assert lines(browser, "assignee:") == []
    mine = [one for one in city if one.agency == own]
    held = {
        "subject": {one.subject for one in mine},
        "asset": {one.asset for one in mine},
        "source.ip": {
            ip
            for one in mine
            for ip in (*one.values.get("source.ip", ()), one.subject_fields.get("source.ip", ""))
        },
    }
    for field, known in held.items():
        assert {line.partition(":")[2].strip('"') for line in lines(browser, f"{field}:")} <= known
    page = browser.get("/alerts/values").text
    foreign = {one.subject for one in city} - held["subject"] - held["source.ip"]
    assert not [one for one in foreign if f">{one}<" in page]
    ids = {one.rule_id for one in mine}
    assert {line.removeprefix("rule:") for line in lines(browser, "rule:")} <= ids


def test_without_a_script_values_are_links_that_extend_the_filter(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assert city
    enter(browser, house, "lan")
    assert "/alerts/values?q=count%3A%3E1" in browser.get("/alerts", params={"q": "count:>1"}).text
    page = browser.get("/alerts/values", params={"q": "count:>1"}).text
    assert 'href="/alerts?q=count%3A%3E1+severity%3Ahigh"' in page
    assert "agency%3Aso-y-te" in page
    field = next(name for one in city for name in one.values)
    one = browser.get("/alerts/values", params={"field": field}).text
    assert f"q={quote_plus(field + ':')}" in one
    assert browser.get("/alerts/values", params={"field": "nothing"}).status_code == 200


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_value_stays_text(
    browser: Browser, house: SmallHouse, city: list[Alert], attack: str
) -> None:
    doc = to_doc(city[0]) | {"category": attack, "asset": attack, "tags": [attack]}
    house.store.put_many("alert", {city[0].id: doc})
    enter(browser, house, "lan")
    answer = browser.get("/alerts/values")
    finder = Finder(answer.text.split('nonce="')[1].split('"')[0])
    finder.feed(answer.text)
    assert not finder.bad
    told = browser.get("/complete", params={"q": "category:", "box": "alerts"})
    assert told.headers["content-type"] == "application/json"
    assert told.headers["x-content-type-options"] == "nosniff"


def test_handling_is_asked_for_in_the_line_too(
    browser: Browser, house: SmallHouse, city: list[Alert]
) -> None:
    assigned(house, city[3], "huong-ca")
    assigned(house, city[4], "huong-ca", "closed")
    assigned(house, city[5], "thu-hai", "closed")
    enter(browser, house, "lan")

    def shown(q: str, **more: str) -> set[str]:
        page = browser.get("/alerts", params={"q": q, "hidden": "1"} | more).text
        return {one.id for one in city if f'data-id="{one.id}"' in page}

    assert shown("assignee:huong-ca") == {city[3].id}
    assert shown("assignee:huong-ca state:any") == {city[3].id, city[4].id}
    assert shown("state:closed") == shown("", state="closed") >= {city[4].id, city[5].id}
    assert shown("state:closed assignee:THU-HAI", state="new") == {city[5].id}
    assert WORDS["query"]["unknown_state"] in browser.get("/alerts", params={"q": "state:gone"}).text
    enter(browser, house, "yte")
    mine = {one.id for one in city[3:6] if one.agency == "so-y-te"}
    assert shown("state:any assignee:huong-ca") == mine & {city[3].id, city[4].id}


@pytest.mark.parametrize(
    ("text", "left", "taken"),
    [
        ("state:open", "", {"state": "open"}),
        ('a state:"closed" b', "a b", {"state": "closed"}),
        ('assignee:lan "state:new"', '"state:new"', {"assignee": "lan"}),
        ("(state:open)", "(state:open)", {}),
        ("-state:open", "-state:open", {}),
        ("a AND state:open", "a AND state:open", {}),
        ("a OR assignee:x", "a OR assignee:x", {}),
        ("state:open state:new", "state:new", {"state": "open"}),
        ("assignee:l*", "assignee:l*", {}),
        ("state:", "state:", {}),
        ("(", "(", {}),
    ],
)
def test_only_what_stands_at_the_top_of_a_line_is_taken_out(
    text: str, left: str, taken: dict[str, str]
) -> None:
    assert take_states(text) == (left, taken)
