"""What does a playbook's ticket say of the bytes that prove it?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from citywatch.clock import system_clock
from citywatch.model import Ticket, from_doc, to_doc
from citywatch.ports import Order
from citywatch.respond.lifecycle import Numbering
from citywatch.respond.run import Run
from citywatch.store.evidence import EvidenceFolder
from citywatch.store.sqlite import SqliteStore
from responders.ticket import OpenTicket
from tests.citywatch.respond.conftest import an_alert


def test_evidence_of_a_ticket_has_its_type_and_size_and_what_is_gone_says_neither(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.sqlite", clock=system_clock)
    folder = EvidenceFolder(tmp_path / "evidence")
    kept, gone = folder.keep(b"<h1>Hacked</h1>", "text/html"), "0" * 64
    alert = an_alert()
    alert = replace(
        alert,
        event=alert.event | {"citywatch.evidence.sha256": [kept, gone], "citywatch.evidence.what": ["page"]},
    )
    run = Run(
        id="r", playbook="p", version=1, digest="d", alert=alert, alert_id=alert.id, group=alert.subject,
        group_id="g", state="running", started_at=alert.first_seen, updated_at=alert.first_seen, steps=(),
    )  # fmt: skip
    store.put_many("run", {run.id: to_doc(run)})
    opener = OpenTicket(store=store, clock=system_clock, numbering=Numbering(), describe=folder.describe)
    given = opener.act(Order(key="r:t:0", action="ticket.open", inputs={}, run_id="r"))
    record = store.get("ticket", str(given["ticket_id"]))
    assert record
    found = [
        (one.sha256, one.media_type, one.size, one.what) for one in from_doc(record.doc, Ticket).evidence
    ]
    assert found == [(kept, "text/html", 15, "page"), (gone, "", 0, "")]
    store.close()
