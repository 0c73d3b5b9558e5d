"""Who mails what to whom, in the clear?

One event a message: envelope, subject, attachments (kept as evidence); one a login. After STARTTLS the
connection is TLS (RFC 5321, 3207, 4954).
"""

from __future__ import annotations

import re
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32

from citywatch.model import Event
from sensors.network.flow import Flow
from sensors.network.lines import Lines
from sensors.network.sink import Sink, filled, text

_ADDRESS = re.compile(rb"<([^<>\s]{1,320})>")
_MOST_MAIL = 4 << 20
_MOST_PARTS = 64
_MOST_RECIPIENTS = 100


class Smtp:
    """Follows commands, and data between."""

    __slots__ = ("_auth", "_data", "_in", "_mail", "_out", "_sender", "_sink", "_size", "_to", "_us", "_word")

    protocol = "smtp"

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._out = Lines()
        self._in = Lines()
        self._word = b""
        self._sender: list[str] = []
        self._to: list[str] = []
        self._data = False
        self._mail: list[bytes] = []
        self._size = 0
        self._auth = False
        self._us = 0

    def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:
        """Take lines of one side."""
        self._us = us
        for line in (self._out if out else self._in).add(data):
            if not out:
                if not self._answer(flow, line):
                    return False
            elif self._data:
                self._content(flow, line)
            else:
                self._command(line)
        return True

    def _command(self, line: bytes) -> None:
        word = line[:4].upper()
        if self._auth:
            return  # a name or password: never looked at
        self._word = b"STARTTLS" if line.upper().startswith(b"STARTTLS") else word
        if word == b"MAIL":
            self._sender = _addresses(line)
            self._to = []
        elif word == b"RCPT" and len(self._to) < _MOST_RECIPIENTS:
            self._to += _addresses(line)
        elif word == b"AUTH":
            self._auth = True

    def _answer(self, flow: Flow, line: bytes) -> bool:
        code = line[:3]
        if self._auth and code in {b"235", b"535", b"534", b"530", b"454"}:
            self._auth = False
            fields: Event = {
                "event.action": "login",
                "event.outcome": "success" if code == b"235" else "failure",
                "event.code": code.decode("ascii"),
                "citywatch.auth.attempts": 1,
            }
            self._sink.say(flow, "network.smtp", self._us, fields)
        elif self._word == b"DATA" and code == b"354":
            self._data, self._mail, self._size = True, [], 0
        elif self._word == b"STARTTLS" and code == b"220":
            from sensors.network.tls import Tls  # noqa: PLC0415 - only where a connection turns

            flow.app = Tls(self._sink)
            return False
        if line[3:4] != b"-":
            self._word = b"" if self._word != b"DATA" else self._word
        return True

    def _content(self, flow: Flow, line: bytes) -> None:
        if line == b".":
            self._data = False
            self._tell(flow)
        elif self._size < _MOST_MAIL:
            self._size += len(line) + 2
            self._mail.append(line[1:] if line.startswith(b"..") else line)

    def _tell(self, flow: Flow) -> None:
        mail = BytesParser(policy=compat32).parsebytes(b"\r\n".join(self._mail))
        self._mail = []
        fields = filled(
            {
                "event.action": "mail",
                "email.from.address": self._sender,
                "email.to.address": self._to,
                "email.subject": text(str(mail.get("Subject", "")).encode("utf-8", "replace"))[:1024],
            }
        )
        self._attachments(mail, fields)
        self._sink.say(flow, "network.smtp", self._us, fields)

    def _attachments(self, mail: Message, fields: Event) -> None:
        names: list[str] = []
        for number, part in enumerate(mail.walk()):
            if number >= _MOST_PARTS:
                break
            name = part.get_filename()
            if not name or part.is_multipart():
                continue
            names.append(text(name.encode("utf-8", "replace"))[:255])
            content = part.get_payload(decode=True)
            if isinstance(content, bytes) and content:
                self._sink.keep(content, part.get_content_type(), "attachment", fields)
        if names:
            fields["email.attachments.file.name"] = names

    def gap(self, flow: Flow, out: bool, size: int) -> bool:
        """A mail with a hole is told without what is missing."""
        del flow, size
        (self._out if out else self._in).rest()
        return True

    def close(self, flow: Flow) -> None:
        """A mail that was cut off is told as far as it came."""
        if self._data and self._mail:
            self._tell(flow)


def _addresses(line: bytes) -> list[str]:
    return [text(found) for found in _ADDRESS.findall(line)[:1]]
