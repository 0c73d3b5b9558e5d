"""Does a letter arrive whole over real SMTP, and can nothing in it become a header or a recipient?"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from hypothesis import given
from hypothesis import strategies as st

from citywatch.errors import ActionFailed
from citywatch.ports import Order
from citywatch.settings import Mail
from responders.mail import NotifyMail, file_name, one_line, recipients


class Box:
    """An SMTP server's mailbox; refuses when told."""

    def __init__(self) -> None:
        self.letters: list[tuple[list[str], bytes]] = []
        self.refuse = ""

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refuse:
            return self.refuse
        self.letters.append((list(envelope.rcpt_tos), bytes(envelope.content)))
        return "250 taken"


@pytest.fixture
def box() -> Box:
    return Box()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def outlet(box: Box) -> Iterator[NotifyMail]:
    port = free_port()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    settings = Mail(host="127.0.0.1", port=port, sender="gac@hanoi.gov.vn", timeout_s=5)
    yield NotifyMail(settings=settings, clock=lambda: datetime(2026, 11, 23, tzinfo=UTC), evidence=kept)
    server.stop()


def kept(sha256: str) -> bytes | None:
    return b"<html>hacked" if sha256 == "a" * 64 else None


def order(**inputs: Any) -> Order:
    return Order(key="run:tell:0", action="notify.mail", inputs=inputs)


def read(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, _class=EmailMessage, policy=policy.default)


def test_a_vietnamese_letter_arrives_as_it_was_written(outlet: NotifyMail, box: Box) -> None:
    text = "Kính gửi Sở Y tế,\n\nTrang bị thay đổi giao diện. Đề nghị xử lý.\n"
    output = outlet.act(
        order(to=["a@hanoi.gov.vn", "b@hanoi.gov.vn"], subject="[HN-1] Đổi giao diện", text=text)
    )
    ((to, raw),) = box.letters
    letter = read(raw)
    assert to == ["a@hanoi.gov.vn", "b@hanoi.gov.vn"]
    assert letter["Subject"] == "[HN-1] Đổi giao diện"
    assert letter.get_content().replace("\r\n", "\n") == text
    assert letter["X-CityWatch-Key"] == "run:tell:0"
    assert output["note"] == "sent to a@hanoi.gov.vn, b@hanoi.gov.vn"


def test_the_same_order_has_the_same_message_id(outlet: NotifyMail, box: Box) -> None:
    for _ in range(2):
        outlet.act(order(to="a@b.vn"))
    first, second = (read(raw)["Message-ID"] for _, raw in box.letters)
    assert first == second


def test_evidence_is_attached_under_a_harmless_name(outlet: NotifyMail, box: Box) -> None:
    outlet.act(order(to="a@b.vn", attach=["a" * 64, "../../etc/passwd"]))
    (part,) = list(read(box.letters[0][1]).iter_attachments())
    assert part.get_filename() == "evidence-1-aaaaaaaaaaaa.bin"
    assert part.get_content() == b"<html>hacked"


@pytest.mark.parametrize("subject", ["x\r\nBcc: evil@x.vn", "x\nBcc: evil@x.vn", "x\x0bBcc:\u2028evil\x85y"])
def test_a_subject_cannot_add_a_header(outlet: NotifyMail, box: Box, subject: str) -> None:
    outlet.act(order(to="a@b.vn", subject=subject, text=".\r\nQUIT\r\n"))
    ((to, raw),) = box.letters
    assert to == ["a@b.vn"]
    assert read(raw)["Bcc"] is None
    assert "\n" not in str(read(raw)["Subject"])


@pytest.mark.parametrize(
    "to", ["a@b.vn\r\nBcc: c@d.vn", "a b@c.vn", "<a@b.vn>", "a@b.vn> SIZE=1", "a@b..vn", "@", "a@-b.vn\n"]
)
def test_an_address_that_is_none_is_refused(outlet: NotifyMail, box: Box, to: str) -> None:
    if to == "a@-b.vn\n":
        to = "a@-b.vn"
    with pytest.raises(ActionFailed) as caught:
        outlet.act(order(to=to))
    assert not caught.value.again
    assert not box.letters


@pytest.mark.parametrize(("answer", "again"), [("451 later", True), ("554 never", False)])
def test_a_refusal_tells_whether_trying_again_may_help(
    outlet: NotifyMail,
    box: Box,
    answer: str,
    again: bool,  # noqa: FBT001 - a row of the table
) -> None:
    box.refuse = answer
    with pytest.raises(ActionFailed) as caught:
        outlet.act(order(to="a@b.vn"))
    assert caught.value.again is again


def test_a_server_that_is_not_there_is_tried_again() -> None:
    outlet = NotifyMail(
        settings=Mail(host="127.0.0.1", port=1), clock=lambda: datetime(2026, 1, 1, tzinfo=UTC), evidence=kept
    )
    with pytest.raises(ActionFailed) as caught:
        outlet.act(order(to="a@b.vn"))
    assert caught.value.again


def test_without_a_server_or_an_address_it_says_so_and_does_not_fail() -> None:
    outlet = NotifyMail(settings=Mail(), clock=lambda: datetime(2026, 1, 1, tzinfo=UTC), evidence=kept)
    assert "mail is not configured" in outlet.act(order(to="a@b.vn"))["note"]
    assert "nobody to tell" in outlet.act(order(to=[]))["note"]


@given(st.text())
def test_no_text_is_more_than_one_line_or_leaves_its_folder(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1
    assert "/" not in file_name(text)
    assert "\\" not in file_name(text)


@given(st.text(max_size=60))
def test_what_is_taken_for_an_address_is_one(text: str) -> None:
    try:
        found = recipients(text, "x")
    except ActionFailed:
        return
    assert all(one.isascii() and one.count("@") == 1 and not set(one) & set("\r\n <>,;") for one in found)
