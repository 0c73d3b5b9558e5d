"""Which address does a log mean?"""

from __future__ import annotations

from ipaddress import ip_address

LONGEST = 64
MOST = 50_000
"""Addresses that are remembered."""


def address(value: object) -> str | None:
    """An IP address as events carry it, or nothing.

    >>> address("::ffff:10.0.0.7"), address("[2001:DB8::1]"), address("-"), address(7)
    ('10.0.0.7', '2001:db8::1', None, None)
    """
    return ADDRESSES[value] if isinstance(value, str) else None


class _Addresses(dict[str, str | None]):
    """The address that a text means; filled as texts come, emptied at a bound."""

    def __missing__(self, value: str) -> str | None:
        if not 1 < len(value) < LONGEST:
            return None
        if len(self) >= MOST:
            self.clear()
        found = self[value] = _address(value)
        return found


def _address(value: str) -> str | None:
    try:
        found = ip_address(value.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return str(getattr(found, "ipv4_mapped", None) or found)


ADDRESSES = _Addresses()
"""For hot paths: half the cost of a call."""


def port(value: object) -> int | None:
    """A port number, or nothing.

    >>> port("443"), port(70000), port("x")
    (443, None, None)
    """
    if isinstance(value, int):
        return value if 0 <= value <= 65_535 and value.__class__ is int else None  # noqa: PLR2004 - the last port
    if not isinstance(value, str):
        return None
    text = value
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else -1  # noqa: PLR2004 - 65535
    return number if 0 <= number <= 65_535 else None  # noqa: PLR2004


def count(value: object) -> int | None:
    """A count (bytes, packets, a status), or nothing.

    >>> count("12"), count(-1), count("12a")
    (12, None, None)
    """
    if isinstance(value, int | float):
        return int(value) if 0 <= value < 1 << 63 and value.__class__ is not bool else None
    if not isinstance(value, str):
        return None
    text = value
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None  # noqa: PLR2004 - 2^63
