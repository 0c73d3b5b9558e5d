"""Do letters and webhooks go out over TLS by a city's own authority, and nothing to who cannot show it?"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from citywatch.clock import system_clock
from citywatch.errors import ActionFailed
from citywatch.ports import Order
from citywatch.settings import Mail, Webhook
from citywatch.store.sqlite import SqliteStore
from responders.mail import NotifyMail
from responders.webhook import NotifyWebhook
from tests.responders.test_mail import Box, free_port
from tests.responders.test_webhook import ORDER, Receiver

LETTER = Order(
    key="run:tell:0", action="notify.mail", inputs={"to": "a@hanoi.gov.vn", "subject": "Đổi", "text": "Xử lý"}
)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def context(authority: trustme.CA) -> ssl.SSLContext:
    """A server's, with a certificate of that authority for this machine."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(made)
    return made


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "ca.pem")


@pytest.fixture
def stranger(tmp_path: Path) -> str:
    """Another authority, which signed nothing here."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    return str(tmp_path / "other.pem")


class AfterStart(Controller):
    """A server that speaks nothing but STARTTLS and QUIT before it is encrypted."""

    def __init__(self, box: Box, context: ssl.SSLContext, port: int) -> None:
        self._context = context
        super().__init__(box, hostname="127.0.0.1", port=port)  # pyright: ignore[reportUnknownMemberType] - aiosmtpd tells no types

    def factory(self) -> SMTP:
        return SMTP(self.handler, tls_context=self._context, require_starttls=True)


@pytest.fixture(params=["tls", "starttls"])
def mailing(request: pytest.FixtureRequest, context: ssl.SSLContext) -> Iterator[tuple[Box, dict[str, Any]]]:
    box, port = Box(), free_port()
    if request.param == "tls":
        server: Controller = Controller(box, hostname="127.0.0.1", port=port, ssl_context=context)
    else:
        server = AfterStart(box, context, port)
    server.start()
    yield box, {"host": "127.0.0.1", "port": port, request.param: True}
    server.stop()


def mailer(given: dict[str, Any], ca_file: str = "") -> NotifyMail:
    settings = Mail(sender="gac@hanoi.gov.vn", timeout_s=5, ca_file=ca_file, **given)
    return NotifyMail(
        settings=settings, clock=lambda: datetime(2026, 11, 23, tzinfo=UTC), evidence=lambda _: None
    )


def test_a_letter_goes_out_encrypted(mailing: tuple[Box, dict[str, Any]], ca_file: str) -> None:
    box, given = mailing
    mailer(given, ca_file).act(LETTER)
    ((to, raw),) = box.letters
    assert to == ["a@hanoi.gov.vn"]
    assert b"X-CityWatch-Key: run:tell:0" in raw


def test_a_mail_server_that_another_authority_vouches_for_gets_nothing(
    mailing: tuple[Box, dict[str, Any]], stranger: str
) -> None:
    box, given = mailing
    for known in (stranger, ""):
        with pytest.raises(ActionFailed, match="CERTIFICATE_VERIFY_FAILED"):
            mailer(given, known).act(LETTER)
    assert box.letters == []


def test_a_server_that_wants_encryption_gets_no_letter_in_the_clear(context: ssl.SSLContext) -> None:
    box, port = Box(), free_port()
    server = AfterStart(box, context, port)
    server.start()
    with pytest.raises(ActionFailed, match="STARTTLS"):
        mailer({"host": "127.0.0.1", "port": port}).act(LETTER)
    server.stop()
    assert box.letters == []


@pytest.fixture
def receiver(context: ssl.SSLContext) -> Iterator[Receiver]:
    made = Receiver()
    made.server.socket = context.wrap_socket(made.server.socket, server_side=True)
    made.url = made.url.replace("http:", "https:")
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "s.sqlite", clock=system_clock)
    yield made
    made.close()


def hook(store: SqliteStore, url: str, ca_file: str) -> NotifyWebhook:
    settings = Webhook(url=url, secret="khóa", timeout_s=5, allow_loopback=True, ca_file=ca_file)
    return NotifyWebhook(store=store, clock=system_clock, settings=settings)


def test_a_webhook_goes_out_by_https_with_the_city_s_own_authority(
    store: SqliteStore, receiver: Receiver, ca_file: str
) -> None:
    hook(store, receiver.url, ca_file).act(ORDER)
    assert len(receiver.bodies) == 1
    assert receiver.headers[0]["X-CityWatch-Signature"].startswith("sha256=")


@pytest.mark.parametrize("known", ["stranger", ""])
def test_a_webhook_tells_nothing_to_who_cannot_show_it(
    store: SqliteStore, receiver: Receiver, stranger: str, known: str
) -> None:
    with pytest.raises(ActionFailed, match="CERTIFICATE_VERIFY_FAILED"):
        hook(store, receiver.url, stranger if known else "").act(ORDER)
    assert receiver.bodies == []


def test_a_certificate_for_another_name_is_refused(
    authority: trustme.CA, store: SqliteStore, ca_file: str
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("soc.hanoi.example").configure_cert(context)
    made = Receiver()
    made.server.socket = context.wrap_socket(made.server.socket, server_side=True)
    with pytest.raises(ActionFailed, match="CERTIFICATE_VERIFY_FAILED"):
        hook(store, made.url.replace("http:", "https:"), ca_file).act(ORDER)
    made.server.shutdown()
    made.server.server_close()
    assert made.bodies == []
