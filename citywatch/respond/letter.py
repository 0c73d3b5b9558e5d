"""Which papers are in this letter?

RFC 5322 mail with MIME parts, from strangers: parts, depth, bytes and names are bounded. Nothing is written
under a name that a letter gives, and no archive is unpacked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Final

from citywatch.clock import stamp
from citywatch.errors import InputError

LARGEST: Final = 32 * 2**20
MOST_PARTS: Final = 200
MOST_PAPERS: Final = 20
DEEPEST: Final = 12
MOST_BOUNDARIES: Final = 2000
_HEADS: Final = 256 * 1024
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A body or an attachment."""

    name: str
    """As it is shown: its last part, printable. Never a path to write to."""
    media_type: str
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is told of a letter."""

    sender: str
    """The address of From, in lower case; it may be forged."""
    subject: str
    sent_at: str
    message_id: str
    papers: tuple[Paper, ...]
    doubts: tuple[str, ...]


def read_letter(raw: bytes, name: str) -> Letter:
    """Take a letter apart.

    Raises:
        InputError: it is too large, or cannot be read as one.
    """
    if len(raw) > LARGEST:
        raise InputError(name, "", f"is larger than {LARGEST} bytes", "bring its attachments in as files")
    head, _, _ = raw.partition(b"\r\n\r\n" if b"\r\n\r\n" in raw[:_HEADS] else b"\n\n")
    if len(head) > _HEADS or raw.count(b"\n--") > MOST_BOUNDARIES:
        raise InputError(name, "", "has more headers or parts than any real letter", "look at it by hand")
    doubts: list[str] = []
    try:
        message = message_from_bytes(raw, _class=EmailMessage, policy=policy.default)
        papers = tuple(_papers(message, doubts))
        return Letter(
            sender=_sender(str(message.get("From", ""))),
            subject=shown(str(message.get("Subject", "")), 300),
            sent_at=_date(str(message.get("Date", ""))),
            message_id=shown(str(message.get("Message-ID", "")), 300),
            papers=papers,
            doubts=tuple(doubts[:100]),
        )
    except InputError:
        raise
    except (RecursionError, Exception) as error:  # whatever a crooked letter makes the parser do, it is told
        raise InputError(
            name, "", f"cannot be read as a letter: {type(error).__name__}: {error}"[:300]
        ) from error


def _papers(message: EmailMessage, doubts: list[str]) -> Iterator[Paper]:
    """Bodies and attachments, breadth bounded; of text and HTML of one body the text."""
    stack: list[tuple[EmailMessage, int]] = [(message, 0)]
    parts, papers, size = 0, 0, 0
    while stack:
        part, depth = stack.pop()
        parts += 1
        if parts > MOST_PARTS or depth > DEEPEST or papers >= MOST_PAPERS:
            doubts.append("the letter has more or deeper parts than are read; the rest was passed over")
            return
        if part.is_multipart():
            inner = [one for one in part.iter_parts() if isinstance(one, EmailMessage)]
            if part.get_content_type() == "multipart/alternative":
                inner = _best(inner)
            stack += [(one, depth + 1) for one in reversed(inner)]
            continue
        raw = _bytes(part)
        size += len(raw)
        if size > LARGEST:
            doubts.append(f"the letter unpacks to more than {LARGEST} bytes; the rest was passed over")
            return
        if raw.strip():
            papers += 1
            yield Paper(name=_name(part, papers), media_type=part.get_content_type(), raw=raw)


def _best(inner: list[EmailMessage]) -> list[EmailMessage]:
    plain = [one for one in inner if one.get_content_type() == "text/plain"]
    return plain[:1] or inner[-1:]


def _bytes(part: EmailMessage) -> bytes:
    held: object = part.get_payload(decode=True)
    return held if isinstance(held, bytes) else b""


def _name(part: EmailMessage, number: int) -> str:
    told = shown(re.split(r"[/\\]", part.get_filename() or "")[-1], 120)
    return told if told.strip(". ") else f"part-{number}"


def shown(text: str, most: int) -> str:
    r"""A text of a letter on one line, with nothing in it that is no letter, digit or sign.

    >>> shown("Cảnh báo\r\nBcc: x@y\x00", 80)
    'Cảnh báo Bcc: x@y'
    """
    kept = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(kept.split())[:most]


def _sender(text: str) -> str:
    found = _MAIL.findall(shown(text, 1000))
    return found[-1].lower() if found else ""


def _date(text: str) -> str:
    try:
        moment = parsedate_to_datetime(text)
        return stamp(moment) if moment.tzinfo else ""
    except (ValueError, TypeError, OverflowError):
        return ""
