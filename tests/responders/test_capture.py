"""Is what a portal shows now kept, and hung on the run's ticket once?"""

from __future__ import annotations

import pytest

from citywatch.clock import system_clock
from citywatch.errors import ActionFailed
from citywatch.model import Ticket, from_doc
from citywatch.store.sqlite import SqliteStore
from responders.capture import CaptureEvidence
from tests.responders.conftest import an_order

HASH = "a" * 64


def test_a_page_is_hung_on_the_ticket_once_and_an_absent_one_may_come_later(case_store: SqliteStore) -> None:
    seen = {"kept": [HASH], "url": "https://p.vn/"}
    capture = CaptureEvidence(
        store=case_store, clock=system_clock, capture=lambda _: seen, describe=lambda _: None
    )
    assert capture.act(an_order("evidence.capture", portal="p"))["kept"] == [HASH]
    capture.act(an_order("evidence.capture", portal="p"))
    record = case_store.get("ticket", "HN-2026-000001")
    assert record
    held = from_doc(record.doc, Ticket).evidence
    assert [(one.sha256, one.source, one.what) for one in held] == [(HASH, "https://p.vn/", "page")]
    seen.clear()
    with pytest.raises(ActionFailed) as failed:
        capture.act(an_order("evidence.capture", portal="p"))
    assert failed.value.again
    assert capture.act(an_order("evidence.capture"))["kept"] == []
