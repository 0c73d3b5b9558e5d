"""Is the audit's newest line written down each night, and does the terminal find what was tampered with?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from citywatch.errors import InputError
from citywatch.model import Severity, Ticket, to_doc
from citywatch.ports import Query
from citywatch.respond.audit import KIND, append, line_id, read_head
from console import cases
from console.audit import anchor, anchor_file, read_anchors, verify
from console.cli.app import app
from console.house import House, open_house
from console.nightly import Night
from tests.console.mailbox import mailbox


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path / "home", make=True) as made:
        yield made


def acts(house: House, count: int = 3) -> None:
    for number in range(count):
        append(house.store, house.clock, by="lan", what="login", about=f"10.0.0.{number}")


def at_three() -> datetime:
    """Three in the morning, local time."""
    return datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


def run(house: House, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, [*words, "--data", str(house.settings.data)])
    return done.exit_code, done.stdout


def test_what_was_written_down_is_read_again_and_held_against(house: House) -> None:
    acts(house)
    assert anchor(house) == "line 3"
    acts(house)
    anchor(house)
    assert [head.seq for head in read_anchors(anchor_file(house))] == [3, 6]
    verdict, held = verify(house)
    assert (verdict.wrong, verdict.lines, held) == ((), 6, 2)


def test_an_anchor_file_with_something_else_in_it_is_told_with_its_line(house: House) -> None:
    acts(house)
    anchor(house)
    with anchor_file(house).open("a", encoding="utf-8") as file:
        file.write("hello\n")
    with pytest.raises(InputError, match="line 2"):
        verify(house)


def test_the_anchor_goes_by_mail_to_who_was_named(tmp_path: Path) -> None:
    with mailbox() as box:
        given = {
            "mail": {"host": "127.0.0.1", "port": box.port},
            "audit": {"mail_to": ["trust@example.gov.vn"]},
        }
        with open_house(tmp_path / "home", make=True, overrides=given) as house:
            acts(house)
            assert anchor(house) == "line 3; sent to trust@example.gov.vn"
            head = read_head(house.store)
    ((to, letter),) = box.letters
    assert to == ["trust@example.gov.vn"]
    assert str(head) in letter.get_content()


def test_a_mail_server_that_refuses_does_not_stop_the_writing_down(tmp_path: Path) -> None:
    with mailbox() as box:
        box.refuse = "554 no"
        given = {
            "mail": {"host": "127.0.0.1", "port": box.port},
            "audit": {"mail_to": ["trust@example.gov.vn"]},
        }
        with open_house(tmp_path / "home", make=True, overrides=given) as house:
            acts(house)
            assert "not mailed" in anchor(house)
            assert len(read_anchors(anchor_file(house))) == 1


@pytest.mark.parametrize(("writable", "told"), [(True, "line 4"), (False, "failed")])
def test_the_night_writes_it_down_and_goes_on_when_it_cannot(
    tmp_path: Path, *, writable: bool, told: str
) -> None:
    with open_house(tmp_path / "home", make=True, clock=at_three) as house:
        acts(house)  # three lines; the night adds the head of the evidence's chain
        if not writable:
            anchor_file(house).mkdir()
        assert Night(house).tick() == 1
        (night,) = house.store.find("night", Query(order="day")).records
        assert (night.doc["state"], told in night.doc["audit"]) == ("done", True)


def test_the_terminal_lists_and_verifies_and_says_where(house: House) -> None:
    acts(house)
    anchor(house)
    good, told = run(house, "audit", "verify")
    assert (good, "3 lines, held against 1 heads" in told) == (0, True)
    record = house.store.get(KIND, line_id(2))
    assert record
    house.store.put_many(KIND, {line_id(2): record.doc | {"by": "nobody"}})
    bad, told = run(house, "audit", "verify", "--json")
    verdict = json.loads(told)
    assert (bad, verdict["ok"]) == (1, False)
    assert [(place["seq"], place["kind"]) for place in verdict["wrong"]] == [(2, "edited")]
    assert "line 2: was edited" in run(house, "audit", "verify")[1]
    lines = [
        json.loads(line) for line in run(house, "audit", "list", "--json", "--by", "lan")[1].splitlines()
    ]
    assert [line["seq"] for line in lines] == [3, 1]


def test_a_head_from_a_letter_finds_an_audit_that_was_made_anew(house: House) -> None:
    acts(house)
    code, told = run(house, "audit", "verify", "--head", "2:" + "0" * 64)
    assert (code, "line 2: is not the one that was written down" in told) == (1, True)


def test_what_is_done_at_the_terminal_is_in_the_audit(house: House) -> None:
    ticket = Ticket(id="HN-2026-000001", key="k", title="t", severity=Severity.high)
    house.store.put_if("ticket", ticket.id, to_doc(ticket), 0)
    cases.comment(house, ticket.id, "called", by="lan")
    cases.move(house, ticket.id, "triage", by="lan", note="")
    page = house.store.find(KIND, Query(order="seq", newest_first=False))
    assert [(record.doc["by"], record.doc["what"]) for record in page.records] == [
        ("lan", "ticket_commented"),
        ("lan", "ticket_moved"),
    ]
