"""What is grave enough to be looked at twice before anybody is woken?

A page is looked at again over a fresh connection (and, where it is set, from another place) when it shows
what a rule would call worse than medium. What only the first look showed is told as such.
"""

from __future__ import annotations

from dataclasses import replace

from citywatch.model import Severity
from sensors.portal.danger import GRAVITY
from sensors.portal.defaced import CALLED
from sensors.portal.look import Look

_SERVED = 0.8
_MANY = 5
MOST = 6
"""So many looks of one visit are taken again; more of them say the same."""


def troubles_of(look: Look) -> tuple[str, ...]:
    """What is wrong with a page in one view, in the words of its event's fields."""
    if not look.fetched.available:
        return ("unavailable",)
    found = [name for name in look.dangerous if GRAVITY.get(name, Severity.high) >= Severity.medium]
    found += ["defaced"] if look.defaced.score >= CALLED else []
    found += ["spam"] if look.spam.score >= _SERVED else []
    found += ["cloaked"] if look.cloaked else []
    found += ["leak"] if look.leak.count >= _MANY else []
    found += ["exposure"] if look.exposure is not None else []
    return tuple(found)


def is_grave(look: Look) -> bool:
    """A rule may call it worse than medium, or it did not come at all."""
    found = troubles_of(look)
    return any(GRAVITY.get(name, Severity.high) > Severity.medium for name in found)


def settled(first: Look, second: Look) -> Look:
    """Which of two looks at the same page stands.

    The second, with what was gone from it named; the first when the second did not come.
    """
    if not second.fetched.available:
        return second if not first.fetched.available else first
    if not first.fetched.available:
        return second
    gone = set(troubles_of(first)) - set(troubles_of(second))
    if not gone or troubles_of(second):
        return second
    return replace(second, unconfirmed=tuple(sorted(gone)))
