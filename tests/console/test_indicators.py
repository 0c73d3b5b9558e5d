"""Does a warning that comes in find who was in contact before, and raise it as an alert now?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from citywatch.clock import stamp_us
from citywatch.detect.indicator_import import Defaults
from citywatch.errors import SettingsError
from citywatch.model import Alert, Event, from_doc
from citywatch.ports import Query
from citywatch.settings import load_settings
from console.house import House
from console.indicators import Warnings
from console.settle import settle

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
T0 = 1_790_000_000_000_000
WARNING = "# tin báo 12\n198.51.100.7\nevil.example\n".encode()
FROM = Defaults(source="A05", reference="12/CB")


def contact(number: int, **fields: str) -> Event:
    at = stamp_us(T0 + number * 1_000_000)
    named = {name.replace("__", "."): value for name, value in fields.items()}
    return {
        "@timestamp": at,
        "event.id": f"{number:032x}",
        "event.kind": "event",
        "event.category": ["network"],
        "event.dataset": "network.dns" if "dns__question__name" in fields else "network.flow",
        "event.module": "network",
        **named,
    }


PAST = [
    contact(0, source__ip="10.0.0.5", destination__ip="198.51.100.7"),
    contact(1, source__ip="10.0.0.6", destination__ip="198.51.100.7"),
    contact(2, source__ip="10.0.0.5", destination__ip="198.51.100.7"),
    contact(3, source__ip="10.0.0.7", dns__question__name="a.evil.example"),
    contact(4, source__ip="10.0.0.7", dns__question__name="b.evil.example"),
    contact(5, source__ip="10.0.0.8", destination__ip="198.51.100.8"),
]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    settings = load_settings(tmp_path, environ={})
    with House(settings, lambda: NOW) as made:
        made.journal.append(PAST)
        settle(made, lambda _: None)
        yield made


def alerts(house: House) -> dict[tuple[str, str], Alert]:
    found = [from_doc(record.doc, Alert) for record in house.store.find("alert", Query(order="id")).records]
    return {
        (one.subject_fields.get("source.ip", ""), one.title): one
        for one in found
        if one.rule_id.startswith("indicator:")
    }


def test_contacts_of_the_past_become_one_alert_for_each_of_ours_and_each_thing_named(house: House) -> None:
    assert alerts(house) == {}
    came = house.warnings.take_in(WARNING, "warning", FROM)
    assert (came.form, came.named, came.new, came.passed_over, came.told) == ("list", 2, 2, 0, 3)
    settle(house, lambda _: None)
    found = alerts(house)
    assert {who for who, _ in found} == {"10.0.0.5", "10.0.0.6", "10.0.0.7"}
    domain = next(one for (who, _), one in found.items() if who == "10.0.0.7")
    assert domain.subject_fields["dns.question.name"] == "evil.example"
    assert domain.event["threat.indicator.sightings"] == 2
    assert domain.event["threat.indicator.reference"] == "12/CB"
    assert domain.event["related.events"] == [f"{4:032x}", f"{3:032x}"]


def test_the_same_warning_again_raises_nothing_new(house: House) -> None:
    house.warnings.take_in(WARNING, "warning", FROM)
    settle(house, lambda _: None)
    before = alerts(house)
    again = house.warnings.take_in(WARNING, "warning", FROM)
    assert (again.new, again.told) == (0, 0)
    assert {one.count for one in again.past.sightings} == {1, 2, 3} - {1}
    settle(house, lambda _: None)
    assert alerts(house) == before


def test_a_contact_that_comes_after_the_warning_is_an_alert_of_the_same_story(house: House) -> None:
    house.warnings.take_in(WARNING, "warning", FROM)
    house.journal.append([contact(9, source__ip="10.0.0.9", destination__ip="198.51.100.7")])
    settle(house, lambda _: None)
    assert "10.0.0.9" in {who for who, _ in alerts(house)}


def test_the_past_is_asked_for_defanged_values_without_keeping_them(house: House) -> None:
    past = house.warnings.look_back(["198[.]51[.]100[.]8"])
    assert [(one.who, one.count) for one in past.sightings] == [((("source.ip", "10.0.0.8"),), 1)]
    assert len(house.indicators) == 0
    with pytest.raises(SettingsError, match="'\\?\\?'"):
        house.warnings.look_back(["??"])


def test_what_holds_a_value_is_told_with_it(house: House) -> None:
    warnings: Warnings = house.warnings
    warnings.take_in(b"evil.example\n203.0.113.0/24\n", "warning", FROM)
    assert [one.value for one in warnings.about("hxxp://www.evil[.]example/a")] == ["evil.example"]
    assert [one.value for one in warnings.about("203.0.113.9")] == ["203.0.113.0/24"]
    assert warnings.about("no indicator at all") == []


def test_who_warned_and_how_much_stands_on_the_health_page(house: House) -> None:
    house.warnings.take_in(WARNING, "warning", FROM)
    assert house.health()["indicators"]["by_source"] == {"A05": 2}
