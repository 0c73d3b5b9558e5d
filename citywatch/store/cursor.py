"""Where does the next page begin?

A cursor is opaque to callers: the place of the last row, and the exact total counted on the first page.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field

import msgspec

from citywatch.errors import StoreError

LONGEST = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """`place` is the sort key of the last row; `view` names a frozen view of the store, where it has one."""

    place: list[str | float | int | None] = field(default_factory=list[str | float | int | None])
    total: int = 0
    view: str = ""

    def __str__(self) -> str:
        return urlsafe_b64encode(msgspec.json.encode(self)).decode()


def read_cursor(text: str) -> Cursor:
    """Read what an earlier page gave.

    >>> read_cursor(str(Cursor(place=["a", 1], total=7))).total
    7

    Raises:
        StoreError: it is not one of ours.
    """
    try:
        return msgspec.json.decode(urlsafe_b64decode(text[:LONGEST].encode()), type=Cursor)
    except (ValueError, msgspec.MsgspecError) as error:
        raise StoreError("this page cursor is not one of ours; start again from the first page") from error
