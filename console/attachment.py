"""May these bytes be kept as proof on a ticket?

Only a few kinds are taken, known by their content and never by their name. Nothing is opened or unpacked: of
an archive only the list of contents is read, to refuse one that would swell when somebody opens it.
"""

from __future__ import annotations

import io
import re
import zipfile
from typing import Final

LARGEST: Final = 8 * 2**20
MOST_OF_TICKET: Final = 30
MOST_PARTS: Final = 2000
LARGEST_UNPACKED: Final = 100 * 2**20
MOST_SWELLING: Final = 100
"""An office document swells some ten times; a bomb a thousand."""

_HEADS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"%PDF-", "application/pdf"),
)
_OFFICE: Final = {
    "xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


class NotTaken(Exception):  # noqa: N818 - a verdict on a file
    """It is not taken; the message is a code of the console's words."""


def kind_of(raw: bytes) -> str:
    """The media type of a file that may be kept.

    Raises:
        NotTaken: it is too large, of no kind that is taken, or would swell.
    """
    if not raw:
        raise NotTaken("upload_missing")
    if len(raw) > LARGEST:
        raise NotTaken("upload_large")
    for head, kind in _HEADS:
        if raw.startswith(head):
            return kind
    if raw.startswith(b"PK\x03\x04"):
        return _archive(raw)
    if b"\0" in raw:
        raise NotTaken("upload_type")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        raise NotTaken("upload_type") from None
    return "text/plain"


def _archive(raw: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as opened:
            parts = opened.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError):
        raise NotTaken("upload_type") from None
    whole = sum(part.file_size for part in parts)
    packed = sum(part.compress_size for part in parts)
    swells = whole > LARGEST_UNPACKED or whole > MOST_SWELLING * max(len(raw), 1)
    overlapping = packed > len(raw)  # parts that share their bytes: a bomb without nesting
    nested = any(part.filename.lower().endswith((".zip", ".gz", ".7z", ".rar", ".jar")) for part in parts)
    if len(parts) > MOST_PARTS or swells or overlapping or nested:
        raise NotTaken("upload_bomb")
    names = {part.filename for part in parts}
    return next((kind for name, kind in _OFFICE.items() if name in names), "application/zip")


def shown_name(name: str) -> str:
    r"""What of a file's name is kept, to be shown: the last part, printable, short.

    >>> shown_name("..\\..\\etc/passwd"), shown_name("ảnh chụp\x00\n.png"), shown_name("///")
    ('passwd', 'ảnh chụp.png', '')
    """
    last = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    return "".join(letter for letter in last if letter.isprintable())[:120].strip()
