"""What stands where in ASN.1 (DER, as Kerberos, LDAP and SNMP send it)?"""

from __future__ import annotations

from collections.abc import Iterator

DEEPEST = 12
MOST_ITEMS = 256


def item(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Tag, start and end of the content of the item at `at`.

    >>> item(bytes.fromhex("0203010001"), 0, 5)
    (2, 2, 5)

    Raises:
        ValueError, IndexError: a length lies.
    """
    tag, size = data[at], data[at + 1]
    at += 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4:
            raise ValueError("a length of impossible form")
        size = int.from_bytes(data[at : at + count], "big")
        at += count
    if at + size > end:
        raise ValueError("an item longer than what holds it")
    return tag, at, at + size


def items(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The items between two places."""
    for _ in range(MOST_ITEMS):
        if at >= end:
            return
        found = item(data, at, end)
        yield found
        at = found[2]


def find(data: bytes, at: int, end: int, *tags: int) -> tuple[int, int] | None:
    """Start and end of the content down a path of tags."""
    for tag in tags:
        for kind, start, stop in items(data, at, end):
            if kind == tag:
                at, end = start, stop
                break
        else:
            return None
    return at, end
