"""Does a playbook merge its ticket into another, once?"""

from __future__ import annotations

import pytest

from citywatch.clock import system_clock
from citywatch.errors import ActionFailed
from citywatch.model import Severity, Ticket, from_doc, to_doc
from citywatch.store.sqlite import SqliteStore
from responders.ticket_merge import MergeTicket
from tests.responders.conftest import an_order


def test_a_ticket_goes_on_in_another_and_asked_again_nothing_changes(case_store: SqliteStore) -> None:
    other = Ticket(id="HN-2026-000002", key="o", title="o", severity=Severity.low, state="triage")
    case_store.put_many("ticket", {other.id: to_doc(other)})
    merge = MergeTicket(store=case_store, clock=system_clock)
    assert merge.act(an_order("ticket.merge", into=other.id))["ticket_id"] == other.id
    first = case_store.get("ticket", other.id)
    merge.act(an_order("ticket.merge", into=other.id))
    assert case_store.get("ticket", other.id) == first
    gone = case_store.get("ticket", "HN-2026-000001")
    assert gone
    assert from_doc(gone.doc, Ticket).merged_into == other.id
    for wrong in ("", "HN-2026-000001", "nothing"):
        with pytest.raises(ActionFailed):
            merge.act(an_order("ticket.merge", into=wrong))
