"""Which account logs in by NTLM?"""

from __future__ import annotations

from citywatch.model import Event

_MAGIC = b"NTLMSSP\0\3\0\0\0"


def who(data: bytes) -> Event:
    """Account, domain and workstation of an AUTHENTICATE message somewhere in `data` (MS-NLMP 2.2.1.3).

    >>> who(b"nothing")
    {}
    """
    at = data.find(_MAGIC)
    if at < 0 or len(data) - at < 64:
        return {}
    fields: Event = {}
    for name, place in (("user.domain", 28), ("user.name", 36), ("host.name", 44)):
        size = int.from_bytes(data[at + place : at + place + 2], "little")
        start = at + int.from_bytes(data[at + place + 4 : at + place + 8], "little")
        words = data[start : start + (min(size, 512) & ~1)].decode("utf-16-le", "replace")
        if words and words.isprintable():
            fields[name] = words
    return fields
