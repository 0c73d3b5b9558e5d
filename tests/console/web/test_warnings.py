"""Can an analyst paste a warning in, and is what it names shown as text and nothing else?"""

from __future__ import annotations

import pytest

from citywatch.model import Event
from tests.console.web.conftest import Browser, SmallHouse

pytestmark = pytest.mark.usefixtures("city")
HOSTILE = "<script>alert(1)</script>"


def met(house: SmallHouse) -> Event:
    event: Event = {
        "@timestamp": "2026-11-21T08:00:00.000000Z",
        "event.id": "1" * 32,
        "event.kind": "event",
        "event.category": ["network"],
        "event.dataset": "network.flow",
        "event.module": "network",
        "event.sequence": 900_001,
        "event.ingested": "2026-11-21T08:00:00.000000Z",
        "source.ip": "10.9.9.9",
        "destination.ip": "198.51.100.177",
    }
    house.store.append([event])
    return event


def test_a_warning_is_kept_and_who_was_in_contact_is_shown(browser: Browser, house: SmallHouse) -> None:
    met(house)
    browser.log_in("lan")
    page = browser.submit(
        "/indicators",
        page="/indicators",
        warning="198.51.100.177\n999.1.1.1\n203.0.113.241\n",
        source=HOSTILE,
        tlp="RED",
        days="30",
        reference="7/CB",
    ).text
    assert "10.9.9.9" in page
    assert "2 indicators were named" in page
    assert "1 contact is being judged now" in page
    assert HOSTILE not in page
    kept = house.warnings.indicators.find("ip", "198.51.100.177")
    assert [(one.source, one.tlp, one.reference) for one in kept] == [(HOSTILE, "RED", "7/CB")]
    assert kept[0].valid_until.startswith("2026-12-22")
    assert house.warnings.journal.health().last == 1


def test_a_warning_without_a_sender_or_of_nonsense_is_refused_with_words(
    browser: Browser, house: SmallHouse
) -> None:
    browser.log_in("lan")
    page = browser.submit("/indicators", page="/indicators", warning="198.51.100.177", source="").text
    assert "Paste a warning, and say who sent it." in page
    page = browser.submit("/indicators", page="/indicators", warning='{"a": ', source="A05").text
    assert "This warning cannot be read." in page
    page = browser.submit("/indicators", page="/indicators", warning="1.2.3.4", source="A05", tlp="BLUE").text
    assert "This warning cannot be read." in page
    assert len(house.warnings.indicators) == 0


def test_a_source_is_taken_out_and_a_value_is_found_by_what_holds_it(
    browser: Browser, house: SmallHouse
) -> None:
    browser.log_in("lan")
    browser.submit("/indicators", page="/indicators", warning="evil.example\n", source="A05")
    assert "evil.example" in browser.get("/indicators?q=hxxp://a.evil[.]example/").text
    page = browser.submit("/indicators/remove", page="/indicators", source="A05").text
    assert "1 indicators were taken out." in page
    assert len(house.warnings.indicators) == 0
