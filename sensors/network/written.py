"""Does what is written at the start of a file still look like a file of some kind?

Documents, pictures and archives begin with a mark of their kind, texts are texts; what was encrypted has no
mark and looks like noise. Marks after the formats' own specifications, as `file` has them too.
"""

from __future__ import annotations

from sensors.network.body import kind_of
from sensors.network.flowevent import entropy

LOOKED_AT = 1024
"""Bytes of the start that are counted: enough for noise to show 7.8 bits a byte."""
FEWEST = 256
"""Of fewer nothing is said: even noise shows only 7.2 bits a byte in so few. Multiples of it are counted."""
_MARKS = (
    *(
        b"\x1f\x8b",
        b"BZh",
        b"7z\xbc\xaf",
        b"\xfd7zXZ",
        b"\x28\xb5\x2f\xfd",
        b"PK\x05\x06",
        b"PK\x07\x08",
        b"MSCF",
    ),
    *(b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\xff\xf1", b"\xff\xf9", b"ID3", b"OggS", b"fLaC", b"RIFF"),
    *(b"FORM", b"\0\0\x01\xba", b"\0\0\x01\xb3", b"\x1aE\xdf\xa3", b"0&\xb2u"),
    *(b"BM", b"II*\0", b"MM\0*", b"II\xbc\x01", b"8BPS", b"AC10", b"!BDN", b"{\\rtf", b"SQLite format 3"),
    *(b"\x89HDF", b"\0\x01\0\0", b"-----BEGIN", b"\0\0\x27\x0a"),
)
"""Archives; sound and film; pictures; drawings, mail, texts, databases, maps."""


class Written:
    """What was written through one handle."""

    __slots__ = ("entropy", "kind", "size", "tree")

    def __init__(self, tree: int) -> None:
        self.tree = tree
        self.size = 0
        self.entropy: float | None = None
        """Bits a byte of the start; None when it was not written, or too little of it, or it has a mark."""
        self.kind = ""

    def add(self, offset: int, size: int, data: bytes) -> None:
        """Take a piece: where it goes, how long it is, and what was seen of it."""
        self.size += size
        if offset == 0 and len(data) >= FEWEST:
            self.kind = kind_of(data)
            self.entropy = (
                None if self.kind or is_marked(data) else entropy(data[: min(len(data) & -FEWEST, LOOKED_AT)])
            )


def is_marked(data: bytes) -> bool:
    r"""Does it begin as files of a kind do?

    >>> is_marked(b"\x1f\x8b\x08\0"), is_marked(b"\0\0\0\x18ftypmp42"), is_marked(b"Ng\xc3\xa0y")
    (True, True, False)
    """
    return data.startswith(_MARKS) or data[4:8] in {b"ftyp", b"moov", b"mdat", b"wide"}
