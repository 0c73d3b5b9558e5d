"""Does a ticket's rank know its asset's level and what warnings name?"""

from __future__ import annotations

from pathlib import Path

from citywatch.clock import system_clock
from citywatch.detect.indicator_import import Defaults
from citywatch.model import Alert, Portal, Severity, Ticket, to_doc
from citywatch.settings import load_settings
from console.cases import ranked, ranked_rows
from console.house import House


def test_a_warning_and_the_assets_level_raise_a_ticket_over_another(tmp_path: Path) -> None:
    with House(load_settings(tmp_path, environ={}), system_clock) as house:
        alert = Alert(
            id="a1",
            rule_id="r1",
            title="t",
            severity=Severity.medium,
            subject="s",
            subject_fields={"destination.ip": "198.51.100.7"},
            first_seen="",
            last_seen="",
            count=1,
            values={"url.domain": ["evil.example"]},
        )
        house.store.put_many("alert", {"a1": to_doc(alert)})
        house.store.put_many(
            "portal", {"p": to_doc(Portal(id="p", url="https://a.vn", name="P", agency="a", level=5))}
        )
        tickets = [
            Ticket(
                id="HN-1",
                key="1",
                title="t",
                severity=Severity.high,
                changed_at="2026-11-22T08:00:00.000000Z",
            ),
            Ticket(
                id="HN-2",
                key="2",
                title="t",
                severity=Severity.medium,
                asset="p",
                alert_ids=("a1",),
                changed_at="2026-11-21T08:00:00.000000Z",
            ),
        ]
        house.store.put_many("ticket", {one.id: to_doc(one) for one in tickets})
        assert ranked(house, tickets[1]).sum.endswith("0 threat (–) = 40")
        house.warnings.take_in(b"evil.example\n", "w", Defaults(source="A05", confidence=100))
        assert ranked(house, tickets[1]).total == 54
        assert [(row["id"], row["priority"]) for row in ranked_rows(house)] == [("HN-2", 54), ("HN-1", 40)]
