"""Do two people on one ticket lose nothing, and is what belongs to it on its page?"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import pytest

from citywatch.model import Alert, Ticket, from_doc
from citywatch.ports import Is, Query
from console.web.app import make_app
from tests.console.web.conftest import PAGE_HASH, Browser, SmallHouse
from tests.console.web.test_access import enter
from tests.console.web.test_pages import one_ticket


@pytest.fixture
def lan(browser: Browser, house: SmallHouse, city: list[Alert]) -> Browser:
    assert city
    enter(browser, house, "lan")
    return browser


@pytest.fixture
def lead(house: SmallHouse, city: list[Alert]) -> Iterator[Browser]:
    """A second person at another browser."""
    assert city
    with Browser(make_app(house), base_url="http://localhost") as made:
        enter(made, house, "lead")
        yield made


def read(house: SmallHouse, ticket: str) -> Ticket:
    record = house.store.get("ticket", ticket)
    assert record
    return from_doc(record.doc, Ticket)


def form_of(browser: Browser, page: str) -> dict[str, str]:
    """What stands in the hidden fields of a page: what this person saw."""
    found = re.findall(r'type="hidden" name="(was_\w+|csrf)" value="([^"]*)"', browser.get(page).text)
    return {name: html.unescape(value) for name, value in found}


def test_of_two_who_move_one_ticket_the_second_is_told_and_loses_nothing_typed(
    lan: Browser, lead: Browser, house: SmallHouse
) -> None:
    page = f"/tickets/{one_ticket(house, 'new')}"
    seen_by_lan, seen_by_lead = form_of(lan, page), form_of(lead, page)
    first = lan.post(f"{page}/move", data=seen_by_lan | {"to": "confirmed", "note": "đúng là tấn công"})
    assert "The ticket was moved on." in first.text
    typed = "đã gọi đơn vị, họ nói là bảo trì <b>"
    second = lead.post(f"{page}/move", data=seen_by_lead | {"to": "false_positive", "note": typed})
    assert second.status_code == 409
    assert "Somebody else was faster" in second.text
    assert html.escape(typed) in second.text  # it stands in the box still
    assert "đúng là tấn công" in second.text  # and what the other did is on the same page
    ticket = read(house, page.rpartition("/")[2])
    assert (ticket.state, len(ticket.history)) == ("confirmed", 1)
    again = lead.post(f"{page}/move", data=form_of(lead, page) | {"to": "contained", "note": typed})
    assert again.status_code == 200
    assert read(house, ticket.id).history[-1].note == typed


def test_comments_of_two_are_both_kept_whatever_page_they_saw(
    lan: Browser, lead: Browser, house: SmallHouse
) -> None:
    page = f"/tickets/{one_ticket(house, 'new')}"
    seen_by_lead = form_of(lead, page)
    lan.post(f"{page}/move", data=form_of(lan, page) | {"to": "confirmed"})
    lead.post(f"{page}/comment", data=seen_by_lead | {"note": "cũng thấy"})
    notes = [line.note for line in read(house, page.rpartition("/")[2]).history]
    assert notes == ["", "cũng thấy"]


@pytest.mark.parametrize(
    ("path", "first", "second"),
    [
        ("assign", {"assignee": "binh"}, {"assignee": "hoa"}),
        ("facts", {"title": "Một"}, {"title": "Hai"}),
        ("facts", {"tlp": "RED"}, {"tlp": "GREEN"}),
        ("facts", {"taxonomy": "phishing"}, {"taxonomy": "dos"}),
    ],
)
def test_a_fact_that_another_changed_is_not_overwritten(
    lan: Browser, lead: Browser, house: SmallHouse, path: str, first: dict[str, str], second: dict[str, str]
) -> None:
    page = f"/tickets/{one_ticket(house, 'triage')}"
    seen_by_lead = form_of(lead, page)
    assert lan.post(f"{page}/{path}", data=form_of(lan, page) | first).status_code == 200
    told = lead.post(f"{page}/{path}", data=seen_by_lead | second)
    assert told.status_code == 409
    typed = next(iter(second.values()))
    assert re.search(rf'value="{typed}"|<option( value="{typed}")? selected', told.text)  # still on the page
    (field, value), ticket = next(iter(first.items())), read(house, page.rpartition("/")[2])
    assert getattr(ticket, field) == value


def test_the_page_has_clocks_duties_type_and_drafts(lan: Browser, house: SmallHouse) -> None:
    ticket = one_ticket(house, "triage")
    text = lan.get(f"/tickets/{ticket}").text
    for wanted in ("Deadlines", "Contain", "to be verified by counsel", "Drafts", "Mẫu 03", "ATT&amp;CK"):
        assert wanted in text, wanted
    lan.submit(f"/tickets/{ticket}/facts", page=f"/tickets/{ticket}", taxonomy="phishing", tlp="AMBER+STRICT")
    text = lan.get(f"/tickets/{ticket}").text
    assert "Fraud: Phishing" in text
    assert "TLP:AMBER+STRICT" in text
    lan.submit(f"/tickets/{ticket}/move", page=f"/tickets/{ticket}", to="on_hold", note="chờ đơn vị")
    assert "on hold" in lan.get(f"/tickets/{ticket}").text


def test_the_list_shows_the_time_that_is_left(lan: Browser, house: SmallHouse) -> None:
    ticket = one_ticket(house, "new")
    record = house.store.get("ticket", ticket)
    assert record
    old = {"opened_at": "2026-11-20T08:00:00.000000Z", "due_at": "", "severity": 4, "state": "new"}
    house.store.put_many("ticket", {ticket: record.doc | old})
    row = re.search(rf'<tr data-id="{ticket}".*?</tr>', lan.get("/tickets").text, re.DOTALL)
    assert row
    assert "overdue 1d 23h" in row[0]  # acknowledge within 15 minutes


def test_tasks_are_added_ticked_and_opened_again(lan: Browser, house: SmallHouse) -> None:
    ticket = one_ticket(house, "triage")
    page = f"/tickets/{ticket}"
    lan.submit(f"{page}/task", page=page, note="Gọi đơn vị", assignee="minh")
    assert "cannot be done" in lan.submit(f"{page}/task", page=page, note=" ").text
    (task,) = read(house, ticket).tasks
    lan.submit(f"{page}/task/done", page=page, task=task.id, done="1")
    assert read(house, ticket).tasks[0].done_by == "lan"
    assert "☑" in lan.get(page).text
    lan.submit(f"{page}/task/done", page=page, task=task.id, done="0")
    assert not read(house, ticket).tasks[0].done_at


def test_tickets_are_linked_and_merged_from_the_page(lan: Browser, house: SmallHouse) -> None:
    first = one_ticket(house, "triage")
    second = next(
        record.id
        for record in house.store.find("ticket", Query(where=Is("state", "confirmed"), limit=9)).records
        if record.id != first
    )
    page = f"/tickets/{first}"
    lan.submit(f"{page}/join", page=page, other=second, deed="link")
    assert f'href="/tickets/{second}"' in lan.get(page).text
    assert f'href="/tickets/{first}"' in lan.get(f"/tickets/{second}").text
    assert "cannot be done" in lan.submit(f"{page}/join", page=page, other="HN-1", deed="merge").text
    lan.submit(f"{page}/join", page=page, other=second, deed="merge")
    assert "This ticket was merged" in lan.get(page).text
    assert read(house, second).alert_count == 2


def test_an_observable_is_added_and_stays_text(lan: Browser, house: SmallHouse) -> None:
    ticket = one_ticket(house, "triage")
    page = f"/tickets/{ticket}"
    lan.submit(f"{page}/observable", page=page, note="https://evil.example/<script>")
    text = lan.get(page).text
    assert "https://evil.example/&lt;script&gt;" in text
    assert "<script>" not in text.replace("<script nonce", "")


def test_who_is_named_in_a_comment_sees_it_and_who_may_not_see_the_ticket_does_not(
    lan: Browser, lead: Browser, house: SmallHouse
) -> None:
    ticket = one_ticket(house, "triage")
    record = house.store.get("ticket", ticket)
    assert record
    house.store.put_many("ticket", {ticket: record.doc | {"agency": "so-y-te"}})
    note = "@lead và @yte xem giúp; @giaoduc thì không, @nobody cũng không"
    lan.submit(f"/tickets/{ticket}/comment", page=f"/tickets/{ticket}", note=note)
    named = {record.doc["user"] for record in house.store.find("mention", Query(order="at")).records}
    assert named == {"lead", "yte"}
    assert "1 comment names you" in lead.get("/tickets").text
    assert "names you" not in lan.get("/tickets").text


def test_custody_says_who_had_the_evidence_in_hand_and_agencies_do_not_see_it(
    lan: Browser, lead: Browser, house: SmallHouse
) -> None:
    ticket = one_ticket(house, "triage")
    assert read(house, ticket).evidence
    lan.get(f"/tickets/{ticket}/evidence/{PAGE_HASH}")
    lan.get(f"/tickets/{ticket}/evidence/{PAGE_HASH}?as=file")
    text = lead.get(f"/tickets/{ticket}").text
    assert re.search(r"<b>lan</b> downloaded it", text)
    assert re.search(r"<b>lan</b> read it", text)
    record = house.store.get("ticket", ticket)
    assert record
    house.store.put_many("ticket", {ticket: record.doc | {"agency": "so-y-te"}})
    enter(lead, house, "yte")
    shown = lead.get(f"/tickets/{ticket}")
    assert (shown.status_code, "Custody" in shown.text) == (200, False)


@pytest.mark.parametrize(("ending", "head"), [("pdf", b"%PDF"), ("docx", b"PK")])
def test_a_draft_is_downloaded_and_the_audit_knows(
    lan: Browser, house: SmallHouse, ending: str, head: bytes
) -> None:
    ticket = one_ticket(house, "triage")
    answer = lan.get(f"/tickets/{ticket}/report?form=mau03&as={ending}")
    assert answer.content.startswith(head)
    assert answer.headers["content-disposition"] == f'attachment; filename="{ticket}-mau03.{ending}"'
    lines = house.store.find("audit", Query(where=Is("what", "report_read"), order="seq")).records
    assert [line.doc["about"] for line in lines] == [f"{ticket} mau03.{ending}"]
    for wrong in ("form=mau05", "as=exe"):
        assert lan.get(f"/tickets/{ticket}/report?{wrong}").status_code == 404


def test_what_joined_a_ticket_and_its_campaign_are_shown_and_can_be_undone(
    lan: Browser, house: SmallHouse
) -> None:
    first = one_ticket(house, "triage")
    found = house.store.find("ticket", Query(order="id", limit=20)).records
    second = next(one.id for one in found if one.id != first)
    record, other = house.store.get("ticket", first), house.store.get("ticket", second)
    assert record
    assert other
    strand = {
        "run_id": "run-1", "key": "loss:pc", "title": "Dữ liệu bị mã hóa", "category": "loss",
        "because": "ip 203.0.113.66", "guide_vi": "Ngắt máy.", "guide_en": "Unplug it.",
    }  # fmt: skip
    line = {
        "at": "2026-11-23T02:00:00.000000Z",
        "by": "x",
        "what": "campaign",
        "note": f"{first}: ip 203.0.113.66",
    }
    joined = {"strands": [strand], "campaign": first, "history": [*record.doc["history"], line]}
    house.store.put_many("ticket", {first: record.doc | joined, second: other.doc | {"campaign": first}})
    page = f"/tickets/{first}"
    text = lan.get(page).text
    for wanted in ("Dữ liệu bị mã hóa", "Unplug it.", "joined, since both hold", "ip 203.0.113.66"):
        assert wanted in text
    assert f'href="/tickets/{second}"' in text.partition('id="campaign"')[2]
    lan.submit(f"{page}/leave", page=page)
    assert read(house, first).campaign == ""
    gone = lan.submit(f"{page}/split", page=page, run="run-1")
    assert "Dữ liệu bị mã hóa" in gone.text
    assert read(house, first).strands == ()
    (fresh,) = read(house, first).links[-1:]
    assert (read(house, fresh).category, read(house, fresh).links) == ("loss", (first,))
    assert "cannot be done" in lan.submit(f"{page}/split", page=page, run="run-1").text
