"""How is a person told by mail?

SMTP does not tell doubles apart: each letter carries a Message-ID made from its order's key, so that a
mailbox may, and whoever reads the headers can see.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final, cast

from citywatch.clock import Clock
from citywatch.errors import ActionFailed
from citywatch.model import repeatable_id
from citywatch.ports import Effect, Order
from citywatch.settings import Mail

RECIPIENTS: Final = 50
ATTACHMENT: Final = 10 * 1024 * 1024
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
)
_FILE_NAME = re.compile(r"[^\w.() -]")

Fetch = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyMail:
    """`notify.mail`: `to` (one or many), `subject`, `text`; `attach` names evidence by hash."""

    settings: Mail
    clock: Clock
    evidence: Fetch

    name: str = "notify.mail"
    effect: Effect = "notify"
    repeats_safely: bool = False
    remote: bool = True

    def act(self, order: Order) -> Mapping[str, Any]:
        to = recipients(order.inputs.get("to"), self.name)
        if not to:
            return {"sent": [], "note": "nobody to tell: the agency has no mail address in the catalogue"}
        if not self.settings.host:
            told = ", ".join(to)
            return {"sent": [], "note": f"mail is not configured (settings: [mail] host); not sent to {told}"}
        letter = self._letter(order, to)
        self._send(letter, to)
        return {"sent": list(to), "message_id": letter["Message-ID"], "note": f"sent to {', '.join(to)}"}

    def _letter(self, order: Order, to: Sequence[str]) -> EmailMessage:
        letter = EmailMessage()
        letter["From"] = self.settings.sender
        letter["To"] = [Address(addr_spec=one) for one in to]
        letter["Subject"] = one_line(str(order.inputs.get("subject") or "CityWatch"))
        letter["Date"] = format_datetime(self.clock())
        domain = one_line(self.settings.sender.rpartition("@")[2]) or "localhost"
        letter["Message-ID"] = f"<{repeatable_id('mail', order.key)}@{domain}>"
        letter["Auto-Submitted"] = "auto-generated"
        letter["X-CityWatch-Key"] = one_line(order.key)
        letter.set_content(str(order.inputs.get("text") or ""), cte="base64")
        for number, sha256 in enumerate(cast("Sequence[object]", order.inputs.get("attach") or ())):
            data = self.evidence(str(sha256))
            if data is not None and len(data) <= ATTACHMENT:
                name = file_name(f"evidence-{number + 1}-{str(sha256)[:12]}.bin")
                letter.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
        return letter

    def _send(self, letter: EmailMessage, to: Sequence[str]) -> None:
        mail = self.settings
        context = ssl.create_default_context(cafile=mail.ca_file or None)
        handed_over = False
        try:
            if mail.tls:
                server: smtplib.SMTP = smtplib.SMTP_SSL(
                    mail.host, mail.port, timeout=mail.timeout_s, context=context
                )
            else:
                server = smtplib.SMTP(mail.host, mail.port, timeout=mail.timeout_s)
            with server:
                if mail.starttls:
                    server.starttls(context=context)
                if mail.user:
                    server.login(mail.user, mail.password)
                handed_over = True
                server.send_message(letter, to_addrs=list(to))
                handed_over = False
        except smtplib.SMTPResponseException as error:
            what = f"{mail.host} answered {error.smtp_code} {error.smtp_error!r}"[:300]
            raise ActionFailed(self.name, what, again=400 <= error.smtp_code < 500) from error  # noqa: PLR2004 - SMTP's class of temporary failures
        except smtplib.SMTPRecipientsRefused as error:
            raise ActionFailed(self.name, f"{mail.host} refuses every recipient", again=False) from error
        except (smtplib.SMTPException, OSError) as error:
            what = f"{mail.host}:{mail.port}: {type(error).__name__}: {error}"[:300]
            if handed_over:
                what += "; it is not known whether the letter was taken"
            raise ActionFailed(self.name, what, again=not handed_over) from error


def recipients(given: object, action: str) -> tuple[str, ...]:
    """Addresses, each checked: nothing in them can become a header or a command.

    Raises:
        ActionFailed: one is not an address, or there are too many.
    """
    several = cast("Sequence[object]", given) if isinstance(given, list | tuple) else [given]
    parts = [part.strip() for one in several if one for part in re.split(r"[;,]", str(one))]
    found = tuple(dict.fromkeys(part for part in parts if part))
    for one in found:
        if not _ADDRESS.fullmatch(one) or ".." in one:
            raise ActionFailed(action, f"{one[:100]!r} is not a mail address", again=False)
    if len(found) > RECIPIENTS:
        raise ActionFailed(action, f"{len(found)} recipients are more than {RECIPIENTS}", again=False)
    return found


def one_line(text: str) -> str:
    r"""A text that fits one header: control characters and line ends become blanks.

    >>> one_line("a\r\nBcc: x@y")
    'a Bcc: x@y'
    """
    kept = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(kept.split())[:300]


def file_name(text: str) -> str:
    """A file name without folders or odd characters.

    >>> file_name("../../etc/passwd")
    '.._.._etc_passwd'
    """
    return _FILE_NAME.sub("_", text)[:120].strip() or "file"
