"""Does a version that runs lie in the range that a warning names?

Versions are compared by their numbers, whatever the maker's habit (`2.4.49`, `8.1p1`, `10.0.0-rc1`). Ranges
are read as CSAF's `vers` has them, as `<2.4.50`, and as people write them in English and Vietnamese.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cmp_to_key
from itertools import zip_longest
from typing import Final

LONGEST: Final = 500
_TOKEN = re.compile(r"[0-9]+|[a-z]+")
_BEFORE_RELEASE: Final = frozenset({"alpha", "beta", "rc", "dev", "pre", "preview", "snapshot", "cr", "m"})
_PAD: Final = (1, 0, "")
_V = r"v?([0-9][0-9a-z]*(?:[._+-][0-9a-z]+){0,8})"
VERSION: Final = re.compile(_V, re.IGNORECASE)


def _tokens(version: str) -> list[tuple[int, int, str]]:
    found: list[tuple[int, int, str]] = []
    for token in _TOKEN.findall(version.lower().removeprefix("v")[:100])[:20]:
        if token.isdigit():
            found.append((1, int(token[:18]), ""))
        else:
            found.append((0 if token in _BEFORE_RELEASE else 1, 0, token))
    return found


def compare(first: str, second: str) -> int:
    """Tell which version is newer: -1, 0 or 1.

    >>> compare("2.4.9", "2.4.49"), compare("1.0", "1.0.0"), compare("1.0-rc1", "1.0")
    (-1, 0, -1)
    >>> compare("8.1p1", "8.1")
    1
    """
    for one, other in zip_longest(_tokens(first), _tokens(second), fillvalue=_PAD):
        if one != other:
            return -1 if one < other else 1
    return 0


by_age: Final = cmp_to_key(compare)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Versions from one to another; an empty bound is open."""

    low: str = ""
    high: str = ""
    low_in: bool = True
    high_in: bool = True

    def holds(self, version: str) -> bool:
        """This version lies in it."""
        if self.low:
            above = compare(version, self.low)
            if above < 0 or (above == 0 and not self.low_in):
                return False
        if self.high:
            below = compare(version, self.high)
            if below > 0 or (below == 0 and not self.high_in):
                return False
        return True


def affects(text: str, version: str) -> bool | None:
    """A version lies in a range; None when the range or the version cannot be told.

    >>> affects("vers:apache/>=2.4.49|<2.4.51", "2.4.50"), affects("< 2.4.51", "2.4.57"), affects("", "1.0")
    (True, False, None)
    """
    spans = spans_of(text)
    if spans is None or not VERSION.search(version):
        return None
    told = VERSION.search(version)
    return any(span.holds(told[1] if told else version) for span in spans)


def spans_of(text: str) -> tuple[Span, ...] | None:
    """The ranges that a text names, or None when it names none that can be read.

    >>> spans_of("từ 7.0 đến 7.0.11")
    (Span(low='7.0', high='7.0.11', low_in=True, high_in=True),)
    >>> spans_of("các phiên bản cũ")
    """
    found: list[Span] = []
    for part in text[:LONGEST].split("||"):
        spans = _vers(part.strip()) if part.strip().startswith("vers:") else _told(part)
        if spans is None:
            return None
        found += spans
    return tuple(found) or None


# -- vers (the version range specifier that CSAF names) ----------------------------------------------------

_CONSTRAINT = re.compile(r"(>=|<=|!=|=|<|>)?\s*(.+)")


def _vers(text: str) -> list[Span] | None:
    """Ranges of `vers:scheme/constraint|constraint`: bounds pair up, single versions stand for themselves."""
    _, _, body = text.partition("/")
    if body.strip() == "*":
        return [Span()]
    spans: list[Span] = []
    low: Span | None = None
    for part in body.split("|"):
        found = _CONSTRAINT.fullmatch(part.strip())
        if found is None:
            return None
        sign, version = found[1] or "=", found[2].strip()
        if sign in {">", ">="}:
            low = Span(low=version, low_in=sign == ">=")
        elif sign in {"<", "<="}:
            lower = low or Span()
            spans.append(Span(low=lower.low, low_in=lower.low_in, high=version, high_in=sign == "<="))
            low = None
        elif sign == "=":
            spans.append(Span(low=version, high=version))
    return [*spans, low] if low else spans


# -- as people write them ------------------------------------------------------------------------------------

_FROM = r"(?:from|since|starting\s+with|từ(?:\s+phiên\s+bản)?)"
_BEFORE = r"(?:before|prior\s+to|earlier\s+than|trước(?:\s+(?:phiên\s+bản|bản))?|cũ\s+hơn|thấp\s+hơn|dưới)"
_TO = r"(?:through|to|up\s+to(?:\s+and\s+including)?|until|đến(?:\s+(?:hết\s+)?(?:phiên\s+bản|bản))?|tới|-|–)"
_DOWN = (
    r"(?:and\s+(?:earlier|below|prior|older)|or\s+(?:earlier|below)"
    r"|trở\s+(?:về\s+trước|xuống)|và\s+(?:cũ\s+hơn|trước\s+đó))"
)
_UP = r"(?:and\s+(?:later|above|newer)|or\s+(?:later|above)|trở\s+lên|về\s+sau)"
_ALL = re.compile(
    r"\b(?:all\s+versions|any\s+version|mọi\s+phiên\s+bản|tất\s+cả(?:\s+các)?\s+phiên\s+bản)", re.IGNORECASE
)
_FORMS: Final = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("from_before", rf"(?:{_FROM}\s+)?{_V}\s*,?\s*{_BEFORE}\s+{_V}"),
        ("signs", rf"(>=?)\s*{_V}\s*(?:,|and|và|&)?\s*(<=?)\s*{_V}"),
        ("from_to", rf"(?:{_FROM}\s+)?{_V}\s*{_TO}\s*{_V}"),
        ("before", rf"{_BEFORE}\s+{_V}"),
        ("to", rf"(?:through|up\s+to(?:\s+and\s+including)?|đến(?:\s+phiên\s+bản)?)\s+{_V}"),
        ("down", rf"{_V}\s*,?\s*{_DOWN}"),
        ("up", rf"{_V}\s*,?\s*{_UP}"),
        ("sign", rf"(>=|<=|<|>|=)\s*{_V}"),
        ("branch", r"v?([0-9]+(?:\.[0-9]+)*)\.[x*](?![0-9a-z])"),
        ("one", _V),
    )
)  # fmt: skip


def _told(text: str) -> list[Span] | None:
    """Ranges in running text, the longest form first; what one form took is gone for the others."""
    if _ALL.search(text) or text.strip() == "*":
        return [Span()]
    spans: list[tuple[int, Span]] = []
    rest = text
    for name, pattern in _FORMS:
        while True:
            hit = pattern.search(rest)
            if hit is None:
                break
            spans.append((hit.start(), _span(name, hit)))
            rest = rest[: hit.start()] + " " * (hit.end() - hit.start()) + rest[hit.end() :]
    return [span for _, span in sorted(spans, key=lambda pair: pair[0])] or None


def _span(name: str, hit: re.Match[str]) -> Span:
    if name == "signs":
        return Span(low=hit[2], low_in=hit[1] == ">=", high=hit[4], high_in=hit[3] == "<=")
    if name == "sign":
        return _signed(hit[1], hit[2])
    if name == "branch":
        *front, last = hit[1].split(".")
        return Span(low=hit[1], high=".".join([*front, str(int(last[:18]) + 1)]), high_in=False)
    return {
        "from_before": lambda: Span(low=hit[1], high=hit[2], high_in=False),
        "from_to": lambda: Span(low=hit[1], high=hit[2]),
        "before": lambda: Span(high=hit[1], high_in=False),
        "to": lambda: Span(high=hit[1]),
        "down": lambda: Span(high=hit[1]),
        "up": lambda: Span(low=hit[1]),
        "one": lambda: Span(low=hit[1], high=hit[1]),
    }[name]()


def _signed(sign: str, version: str) -> Span:
    if sign.startswith("<"):
        return Span(high=version, high_in=sign == "<=")
    if sign.startswith(">"):
        return Span(low=version, low_in=sign == ">=")
    return Span(low=version, high=version)
