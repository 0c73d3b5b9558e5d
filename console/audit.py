"""How is the audit's newest line written down where who can change the store cannot reach it?

Every night, as one line `TIME NUMBER:HASH`, at the end of a file, and by mail when that is set.
`citywatch audit verify` holds the audit against all of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from citywatch.clock import stamp
from citywatch.errors import ActionFailed, InputError
from citywatch.respond import audit
from citywatch.respond.audit import Head, Verdict

if TYPE_CHECKING:
    from console.house import House

_LINE = re.compile(r"(?:\S+\s+)?([0-9]{1,18}):([0-9a-f]{64})")


def anchor_file(house: House) -> Path:
    """Where the heads are written down."""
    chosen = house.settings.audit.anchor_file
    return Path(chosen) if chosen else house.settings.data / "audit-anchors.txt"


def anchor(house: House) -> str:
    """Write the newest line down, in the file and by mail; gives what came of it.

    Raises:
        OSError: the file cannot be written.
    """
    head = audit.read_head(house.store)
    line = f"{stamp(house.clock())} {head}"
    with anchor_file(house).open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
    return f"line {head.seq}{_mailed(house, line)}"


def _mailed(house: House, line: str) -> str:
    to = house.settings.audit.mail_to
    if not to or not house.settings.mail.host:
        return ""
    text = (
        f"{line}\n\nKeep this letter: it is the number and hash of the newest line of CityWatch's audit.\n"
        "To hold the audit against it: citywatch audit verify --head NUMBER:HASH\n\n"
        "Hãy giữ thư này: đây là số thứ tự và mã băm của dòng mới nhất trong nhật ký kiểm toán.\n"
    )
    try:
        told = house.mail(f"audit-anchor:{line}", ", ".join(to), "CityWatch: audit anchor", text)
    except ActionFailed as error:
        return f"; not mailed: {error}"
    return f"; {told}"


def read_anchors(file: Path) -> list[Head]:
    """Heads of a file; none when there is no file.

    Raises:
        InputError: a line of it is no head.
    """
    if not file.exists():
        return []
    heads: list[Head] = []
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if line.strip():
            heads.append(read_head(line, str(file), f"line {number}"))
    return heads


def read_head(text: str, source: str = "--head", position: str = "") -> Head:
    """A head as it was written down: `NUMBER:HASH`, with or without the time before it.

    Raises:
        InputError: it is none.

    >>> read_head("2026-11-23T02:00:00.000000Z 7:" + "ab" * 32).seq
    7
    """
    found = _LINE.fullmatch(text.strip())
    if found is None:
        raise InputError(source, position, "this is no head of an audit", "write NUMBER:HASH")
    return Head(seq=int(found[1]), hash=found[2])


def verify(house: House, files: Sequence[Path] = (), heads: Iterable[str] = ()) -> tuple[Verdict, int]:
    """Hold the audit against everything that was written down; gives how many heads that were, too.

    Raises:
        InputError: what was written down cannot be read.
    """
    anchors = [head for file in (anchor_file(house), *files) for head in read_anchors(file)]
    anchors += [read_head(text) for text in heads]
    anchors = [head for head in anchors if head.seq]
    return audit.verify(house.store, anchors), len(anchors)
