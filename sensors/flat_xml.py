"""What do the elements of a small, flat XML record hold?

Audit logs write a record as elements with text only, or as attributes. Taken apart by hand: no entities but
XML's own five and numbers, no nesting, nothing that can grow.
"""

from __future__ import annotations

from html import unescape

MOST = 100
LONGEST = 65_536


def elements(text: str) -> dict[str, str]:
    """`<Name>value</Name>` by name; the first counts.

    >>> elements("<R><A>1 &lt; 2</A><B/><C>x</C></R>")
    {'A': '1 < 2', 'C': 'x'}
    """
    found: dict[str, str] = {}
    at = 0
    while len(found) < MOST:
        begin = text.find("<", at)
        middle = text.find(">", begin + 1)
        if begin < 0 or middle < 0:
            break
        name = text[begin + 1 : middle]
        end = text.find("<", middle + 1)
        if end >= 0 and text.startswith(f"/{name}>", end + 1):
            found.setdefault(name, unescape(text[middle + 1 : end][:LONGEST]))
            at = end + len(name) + 3
        else:
            at = middle + 1
    return found


def attributes(text: str) -> dict[str, str]:
    """`NAME="value"` by name, inside one tag.

    >>> attributes('<AUDIT_RECORD NAME="Query"   SQLTEXT="select &quot;x&quot;"/>')
    {'NAME': 'Query', 'SQLTEXT': 'select "x"'}
    """
    found: dict[str, str] = {}
    at = 0
    while len(found) < MOST:
        middle = text.find('="', at)
        end = text.find('"', middle + 2)
        if middle < 0 or end < 0:
            break
        name = text[at:middle].rstrip().rpartition("\n")[2].split()[-1:]
        if name:
            found.setdefault(name[0].strip('"'), unescape(text[middle + 2 : end][:LONGEST]))
        at = end + 1
    return found
