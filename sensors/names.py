"""What does a domain name that was asked for look like?

The same measures, whichever sensor saw the question, so that one rule for tunnels and random names holds for
captures, Suricata and Zeek alike. Which part can be registered is told by the Public Suffix List (see
`suffix.py`); what is asked repeats in its last labels: only these are looked up.
"""

from __future__ import annotations

from functools import lru_cache
from math import log2

from citywatch.model import Event
from sensors.suffix import suffix_of

LONGEST = 255
DEEPEST = 6
"""Labels that are looked at for the public suffix."""
INTERNAL = frozenset({"local", "lan", "arpa", "internal", "home", "localdomain", "corp", "test", "intranet"})


def parts(name: str) -> tuple[str, str, str]:
    """What stands before the registrable domain, that domain, and its public suffix.

    >>> parts("a.b.hanoi.gov.vn")
    ('a.b', 'hanoi.gov.vn', 'gov.vn')
    >>> parts("printer.local")
    ('', 'printer.local', 'local')
    >>> parts("vn")
    ('', '', 'vn')
    """
    labels = name.split(".")
    suffix = labels[-1] if labels[-1] in INTERNAL else suffix_of(".".join(labels[-DEEPEST:]))
    if not suffix:
        suffix = labels[-1]
    deep = suffix.count(".") + 2
    if len(labels) < deep:
        return "", "", suffix
    registered = ".".join(labels[-deep:])
    return ".".join(labels[:-deep]), registered, suffix


@lru_cache(maxsize=50_000)
def question(name: str) -> Event:
    """The fields of a question's name. Shared: never changed by its readers.

    >>> question("a1b2.hanoi.gov.vn.")["dns.question.registered_domain"]
    'hanoi.gov.vn'
    """
    plain = name.rstrip(".").lower()[:LONGEST]
    event: Event = {"dns.question.name": plain, "citywatch.dns.name_length": len(plain)}
    labels = plain.split(".")
    event["citywatch.dns.label_length"] = max(map(len, labels))
    if not all(labels):
        return event
    below, registered, suffix = parts(plain)
    event["dns.question.top_level_domain"] = suffix
    if registered:
        event["dns.question.registered_domain"] = registered
    if below:
        event["dns.question.subdomain"] = below
        event["citywatch.dns.entropy"] = variety(below)
    return event


def variety(word: str) -> float:
    """Bits a character (Shannon).

    >>> variety("aaaa"), variety("abcd")
    (0.0, 2.0)
    """
    size = len(word)
    total = 0.0
    for letter in set(word):
        count = word.count(letter)
        total -= count * log2(count / size)
    return round(total / size, 3) if total > 0 else 0.0
