"""Is everybody told before a ticket is late, once, by real mail, over restarts and refusals?"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from citywatch.clock import stamp
from citywatch.model import Agency, Severity, Ticket, from_doc, to_doc
from citywatch.respond.lifecycle import change_ticket, move
from console.cases import comment
from console.deadlines import KIND, Deadlines
from console.house import House, open_house
from console.web.accounts import User
from tests.console.mailbox import Box, mailbox

NINE = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NINE

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def box() -> Iterator[Box]:
    with mailbox() as made:
        yield made


@pytest.fixture
def house(tmp_path: Path, hands: Hands, box: Box) -> Iterator[House]:
    mail = {"host": "127.0.0.1", "port": box.port}
    with open_house(tmp_path / "home", make=True, clock=hands, overrides={"mail": mail}) as made:
        people = {"lan": "analyst", "hoa": "lead", "binh": "admin"}
        for name, role in people.items():
            user = User(id=name, name=name, role=role, email=f"{name}@csirt.example.vn")
            made.store.put_if("user", name, to_doc(user), 0)
        agency = Agency(id="so-y-te", name="Sở Y tế", email="it@soyte.example.vn")
        made.store.put_if("agency", agency.id, to_doc(agency), 0)
        yield made


def opened(house: House, number: int = 1, **more: str) -> str:
    at = stamp(house.clock())
    ticket = Ticket(
        id=f"HN-2026-{number:06d}",
        key="k",
        title="Trang bị đổi giao diện",
        severity=Severity.high,
        opened_at=at,
        changed_at=at,
    )
    house.store.put_if("ticket", ticket.id, to_doc(replace(ticket, **more)), 0)  # pyright: ignore[reportArgumentType] - only texts are given
    return ticket.id


def read(house: House, ticket_id: str) -> Ticket:
    record = house.store.get("ticket", ticket_id)
    assert record
    return from_doc(record.doc, Ticket)


def told(box: Box) -> list[tuple[str, str]]:
    """Who got a letter, and which parts of which goals stood in it."""
    found = [
        (to, line.split()[2] + " " + line.split()[3])
        for (recipients, letter) in box.letters
        for to in recipients
        for line in letter.get_content().splitlines()
        if line.startswith("- HN-")
    ]
    box.letters.clear()
    return found


def test_the_assignee_is_reminded_and_then_the_chain_goes_up(house: House, hands: Hands, box: Box) -> None:
    opened(house, assignee="lan")
    deadlines = Deadlines(house)
    deadlines.step()
    assert told(box) == []
    steps: list[list[tuple[str, str]]] = []
    for minutes in (29, 1, 18, 12, 30):
        hands.forward(minutes=minutes)
        deadlines.step()
        deadlines.step()
        steps.append(told(box))
    assert steps[:3] == [
        [],
        [("lan@csirt.example.vn", "acknowledge 50")],
        [("lan@csirt.example.vn", "acknowledge 80")],
    ]
    assert steps[3] == [("hoa@csirt.example.vn", "acknowledge 100")]
    assert sorted(steps[4]) == [
        ("binh@csirt.example.vn", "acknowledge 150"),
        ("hoa@csirt.example.vn", "acknowledge 150"),
    ]


def test_what_was_told_stands_in_the_tickets_history(house: House, hands: Hands) -> None:
    ticket = opened(house)
    deadlines = Deadlines(house)
    hands.forward(minutes=61)
    deadlines.step()
    history = [(line.by, line.what, line.note) for line in read(house, ticket).history]
    assert history == [("sla", "late", "acknowledge 100 % → lead")]


def test_a_second_service_and_a_restart_tell_nothing_twice(house: House, hands: Hands, box: Box) -> None:
    opened(house, assignee="lan")
    hands.forward(minutes=31)
    for _ in range(3):
        Deadlines(house).step()
    assert told(box) == [("lan@csirt.example.vn", "acknowledge 50")]


def test_what_passed_while_the_service_was_down_is_told_once_with_its_last(
    house: House, hands: Hands, box: Box
) -> None:
    opened(house, assignee="lan", agency="so-y-te")
    hands.forward(hours=7)
    deadlines = Deadlines(house)
    deadlines.step()
    assert sorted(told(box)) == [
        ("binh@csirt.example.vn", "acknowledge 150"),
        ("hoa@csirt.example.vn", "acknowledge 150"),
        ("it@soyte.example.vn", "answer 80"),
    ]


def test_many_late_tickets_are_one_letter(house: House, hands: Hands, box: Box) -> None:
    for number in range(1, 31):
        opened(house, number, assignee="lan")
    hands.forward(minutes=31)
    assert Deadlines(house).step() == 30
    assert len(box.letters) == 1
    assert len(told(box)) == 30


def test_on_hold_and_closed_tell_nobody(house: House, hands: Hands, box: Box) -> None:
    held, closed = opened(house, 1), opened(house, 2)
    deadlines = Deadlines(house)
    deadlines.step()
    for ticket_id, to in ((held, "on_hold"), (closed, "false_positive")):
        moved = partial(move, to=to, by="lan", at=stamp(hands()), note="vì")
        change_ticket(house.store, ticket_id, moved)
    hands.forward(days=30)
    deadlines.step()
    assert told(box) == []


def test_a_letter_that_was_refused_is_tried_again_and_then_given_up(
    house: House, hands: Hands, box: Box
) -> None:
    ticket = opened(house, assignee="lan")
    box.refuse = "451 later"
    deadlines = Deadlines(house)
    hands.forward(minutes=31)
    deadlines.step()
    assert read(house, ticket).history == ()
    box.refuse = ""
    hands.forward(minutes=3)
    deadlines.step()
    assert told(box) == [("lan@csirt.example.vn", "acknowledge 50")]
    record = house.store.get(KIND, f"{ticket}:1:acknowledge:50")
    assert record
    assert (record.doc["state"], record.doc["tries"]) == ("sent", 2)


def test_without_mail_the_history_still_says_that_it_is_late(tmp_path: Path, hands: Hands) -> None:
    with open_house(tmp_path / "home", make=True, clock=hands) as house:
        ticket = opened(house)
        hands.forward(hours=1)
        Deadlines(house).step()
        assert [line.what for line in read(house, ticket).history] == ["late"]


def test_who_is_named_in_a_comment_gets_one_letter(house: House, box: Box) -> None:
    for number, user in enumerate(("lan", "lan", "hoa", "nobody")):
        doc = {"user": user, "ticket": "HN-2026-000001", "by": "binh", "at": stamp(NINE)}
        doc |= {"text": "xem giúp\r\nBcc: x@y"}
        house.store.put_many("mention", {f"{user}:{number}": doc | {"state": "new"}})
    deadlines = Deadlines(house)
    deadlines.step()
    deadlines.step()
    assert sorted(to for to, _ in box.letters) == [["hoa@csirt.example.vn"], ["lan@csirt.example.vn"]]
    letter = next(letter for to, letter in box.letters if to == ["lan@csirt.example.vn"])
    assert letter.get_content().count("HN-2026-000001  binh: xem giúp") == 2
    assert letter["Bcc"] is None


def test_two_services_at_once_send_each_notice_once(house: House, hands: Hands, box: Box) -> None:
    for number in range(1, 6):
        opened(house, number, assignee="lan")
    hands.forward(minutes=31)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Deadlines.step, [Deadlines(house, holder=f"node-{n}|x|1|1") for n in "ab"]))
    assert len(told(box)) == 5


def test_a_comment_written_at_the_terminal_names_people_too(house: House, box: Box) -> None:
    ticket = opened(house)
    comment(house, ticket, "@lan và @ke-la xem giúp", by="binh")
    Deadlines(house).step()
    assert [to for to, _ in box.letters] == [["lan@csirt.example.vn"]]
