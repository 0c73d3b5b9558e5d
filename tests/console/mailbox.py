"""Where do letters of a test arrive? At a real SMTP server on this machine."""

from __future__ import annotations

import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


@dataclass
class Box:
    """A server's mailbox."""

    port: int = 0
    refuse: str = ""
    """What it answers instead of taking a letter."""
    letters: list[tuple[list[str], EmailMessage]] = field(
        default_factory=list[tuple[list[str], EmailMessage]]
    )

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refuse:
            return self.refuse
        letter = message_from_bytes(bytes(envelope.content), _class=EmailMessage, policy=policy.default)
        self.letters.append((list(envelope.rcpt_tos), letter))
        return "250 taken"


@contextmanager
def mailbox() -> Generator[Box]:
    """A server that runs while the test does."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        box = Box(port=int(free.getsockname()[1]))
    server = Controller(box, hostname="127.0.0.1", port=box.port)
    server.start()
    try:
        yield box
    finally:
        server.stop()
