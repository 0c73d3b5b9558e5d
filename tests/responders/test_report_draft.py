"""Is a draft of a form hung on the ticket of the run, once?"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest

from citywatch.clock import system_clock
from citywatch.errors import ActionFailed, CityWatchError
from citywatch.model import Ticket, from_doc
from citywatch.store.sqlite import SqliteStore
from responders.report_draft import DraftReport
from tests.responders.conftest import an_order


def keep(raw: bytes, media_type: str) -> str:
    assert media_type == "application/pdf"
    return sha256(raw).hexdigest()


def drafted(ticket_id: str, form: str, kind: str) -> bytes:
    if form != "mau03":
        raise CityWatchError(f"there is no form '{form}'")
    return f"{ticket_id} {form} {kind}".encode()


def ticket(store: SqliteStore) -> Ticket:
    record = store.get("ticket", "HN-2026-000001")
    assert record
    return from_doc(record.doc, Ticket)


def test_a_draft_is_attached_once_for_the_same_step(case_store: SqliteStore) -> None:
    report = DraftReport(store=case_store, clock=system_clock, draft=drafted, keep=keep)
    first: Mapping[str, Any] = report.act(an_order("report.draft", form="mau03"))
    report.act(an_order("report.draft", form="mau03"))
    assert [one.sha256 for one in ticket(case_store).evidence] == [first["sha256"]]
    assert ticket(case_store).history[-1].what == "attached"
    with pytest.raises(ActionFailed, match="no form 'x'"):
        report.act(an_order("report.draft", form="x"))
    with pytest.raises(ActionFailed, match="pdf or docx"):
        report.act(an_order("report.draft", format="exe"))
    absent = DraftReport(store=case_store, clock=system_clock, draft=None, keep=None)
    assert absent.act(an_order("report.draft"))["drafted"] is False
