"""Is this the password that a device was sold with?

Pairs of name and password that are printed in manuals of cameras, recorders and routers, and that bots try
first (`default_logins.tsv`).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

TAG = "default_password"


@cache
def _pairs() -> frozenset[tuple[str, str]]:
    lines = Path(__file__).with_name("default_logins.tsv").read_text(encoding="utf-8").splitlines()
    rows = [[*line.split("\t"), ""] for line in lines[1:]]
    return frozenset((row[0], row[1]) for row in rows)


def is_default(user: str, password: str) -> bool:
    """True for a pair of the table.

    >>> is_default("root", "xc3511"), is_default("root", "Jq7!mm2k")
    (True, False)
    """
    return (user.lower(), password) in _pairs()
