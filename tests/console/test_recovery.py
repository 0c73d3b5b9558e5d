"""Do those who work on a ticket hear that the portal is well again, once?"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from citywatch.model import Portal, Severity, Ticket, from_doc, to_doc
from console.house import House, open_house
from console.recovery import tell
from sensors.portal.baseline import Baseline
from sensors.portal.visit import Visit

BACK = Visit(
    portal=Portal(id="p", url="https://a.example/", name="A", agency="a"),
    events=(),
    baseline=Baseline(portal="p"),
    recovered=("defaced", "spam"),
)


@pytest.fixture
def house(tmp_path: Path) -> Generator[House]:
    with open_house(tmp_path / "data", make=True) as opened:
        for ticket_id, asset, state in (("T1", "p", "new"), ("T2", "p", "closed"), ("T3", "q", "new")):
            ticket = Ticket(
                id=ticket_id,
                key=ticket_id,
                title="x",
                severity=Severity.high,
                asset=asset,
                state=state,
                opened_at="2026-11-27T08:00:00.000000Z",
            )
            opened.store.put_many("ticket", {ticket_id: to_doc(ticket)})
        yield opened


def history(house: House, ticket_id: str) -> list[str]:
    record = house.store.get("ticket", ticket_id)
    assert record is not None
    return [f"{line.by} {line.what} {line.note}" for line in from_doc(record.doc, Ticket).history]


def test_open_tickets_of_the_portal_get_a_line(house: House) -> None:
    assert tell(house, [BACK]) == 1
    assert history(house, "T1") == ["citywatch recovered defaced, spam · https://a.example/"]
    assert history(house, "T2") == history(house, "T3") == []


def test_a_portal_that_comes_and_goes_is_told_once(house: House) -> None:
    assert [tell(house, [BACK]), tell(house, [BACK])] == [1, 0]
    assert len(history(house, "T1")) == 1


def test_a_portal_that_was_well_is_not_told_of(house: House) -> None:
    assert tell(house, [replace(BACK, recovered=())]) == 0
    assert history(house, "T1") == []
