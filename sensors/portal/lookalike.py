"""Does this domain name look like a portal of the city?

Names come from files (certificate transparency, zone files, lists) in millions, so each is looked up, not
compared: by its skeleton (look-alike letters folded, Unicode TR 39 for those met in Latin names), by its
skeleton with one letter less (which finds one slip of the fingers), and by the portals' names inside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ahocorasick_rs import AhoCorasick, MatchKind

from citywatch.model import Portal
from sensors.portal.page import registered_domain
from sensors.portal.spelling import fold
from sensors.portal.witness import host_of

_NAME: Final = re.compile(r"(?=.{4,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]{1,62}")
_SHORTEST: Final = 6
"""A shorter name is in too many others, or one slip away from them."""
_PLAIN: Final = 9
"""From this length on a portal's name inside another says enough without `gov` beside it."""
_LETTERS: Final = str.maketrans(
    {"0": "o", "1": "l", "i": "l", "3": "e", "5": "s", "8": "b", "6": "b", "9": "g", "j": "l"}
)
_PAIRS: Final = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("nn", "m"))
_WORDS: Final = frozenset({"gov", "govvn", "vn", "chinhphu", "dichvucong", "dvc", "egov", "portal", "cong"})
_OTHER_ENDINGS: Final = (
    "com",
    "net",
    "org",
    "vn",
    "com.vn",
    "net.vn",
    "org.vn",
    "info",
    "top",
    "xyz",
    "site",
    "online",
    "click",
)
_ADDED: Final = ("-gov", "gov", "-vn", "-online", "-dichvucong", "dvc-", "cong-", "-login", "-vneid")
_NEAR: Final = {
    "a": "qs", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "g": "fh", "h": "gj", "i": "uo", "k": "jl",
    "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "wa", "r": "et", "s": "ad", "t": "ry",
    "u": "yi", "v": "cb", "x": "zc", "y": "tu",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """Which portal a name looks like, and how."""

    portal: str
    how: str
    """homoglyph, typo, other_ending, inside, front."""


def skeleton(label: str) -> str:
    """What a name looks like at a glance.

    >>> skeleton("hаnoi"), skeleton("rnof-g0v"), skeleton("xn--hni-9ka0849a")
    ('hanol', 'mofgov', 'hanol')
    """
    shown = fold(shown_as(label)).replace(" ", "").replace("-", "")
    for pair, letter in _PAIRS:
        shown = shown.replace(pair, letter)
    return shown.translate(_LETTERS)


def shown_as(name: str) -> str:
    """A name as a browser may show it: punycode decoded; what cannot be, stays.

    >>> shown_as("xn--hni-9ka0849a.vn")
    'hànội.vn'
    """
    return ".".join(_decoded(label) for label in name.split("."))


def _decoded(label: str) -> str:
    if not label.startswith("xn--") or len(label) > 63:  # noqa: PLR2004 - RFC 1035
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError):
        return label


class Likenesses:
    """Looks names up among those of the city's portals."""

    def __init__(self, portals: Iterable[Portal], own: Iterable[str] = ()) -> None:
        self._own = {domain for domain in own if domain}
        self._exact: dict[str, str] = {}
        self._less: dict[str, str] = {}
        self._ends: dict[str, str] = {}
        inside: dict[str, str] = {}
        for portal in portals:
            host = host_of(portal.url)
            domain = registered_domain(host)
            self._own.add(domain)
            for name in _names_of(host, domain):
                self._ends.setdefault(name, portal.id)
                mark = skeleton(name)
                if len(mark) >= _SHORTEST:
                    self._exact.setdefault(mark, portal.id)
                    inside.setdefault(mark, portal.id)
                    for shorter in _one_less(mark):
                        self._less.setdefault(shorter, portal.id)
        self._marks = list(inside)
        self._inside = inside
        self._search = AhoCorasick(self._marks, matchkind=MatchKind.LeftmostLongest) if self._marks else None

    def of(self, name: str) -> Likeness | None:
        """Which portal a name looks like, if any; the portals' own names look like none."""
        plain = name.strip().strip(".").lower().removeprefix("*.")
        if not _NAME.fullmatch(plain):
            return None
        domain = registered_domain(plain)
        if domain in self._own or domain.endswith(".gov.vn") or "." not in domain:
            return None
        label = domain.partition(".")[0]
        if label in self._ends and len(label) >= _PLAIN:
            return Likeness(portal=self._ends[label], how="other_ending")
        mark = skeleton(label)
        if mark in self._exact:
            portal = self._exact[mark]
            how = "homoglyph" if label.replace("-", "") not in self._ends else "other_ending"
            return Likeness(portal=portal, how=how) if len(mark) >= _SHORTEST else None
        if len(mark) >= _PLAIN - 1:
            slip = self._slip(mark)
            if slip is not None:
                return Likeness(portal=slip, how="typo")
        return self._within(plain, domain, label, mark)

    def _slip(self, mark: str) -> str | None:
        """The portal whose name is one letter less, more, other or two swapped letters away."""
        if mark in self._less:
            return self._less[mark]
        for shorter in _one_less(mark):
            portal = self._exact.get(shorter) or self._less.get(shorter)
            if portal is not None:
                return portal
        return None

    def _within(self, plain: str, domain: str, label: str, mark: str) -> Likeness | None:
        """A portal's name as a part of the label, or in front of another's domain."""
        if self._search is None:
            return None
        front = skeleton(plain.removesuffix(domain).replace(".", ""))
        for text, how in ((front, "front"), (mark, "inside")):
            for number, _, _ in self._search.find_matches_as_indexes(text):
                found = self._marks[number]
                rest = label if how == "inside" else plain
                if len(found) >= _PLAIN or _WORDS & set(re.split(r"[-.]|(?<=\D)(?=gov)|(?<=gov)", rest)):
                    return Likeness(portal=self._inside[found], how=how)
        return None


def _names_of(host: str, domain: str) -> Iterator[str]:
    """The names by which people know a portal: its label, its host run together, with `gov`."""
    label = domain.partition(".")[0]
    before = [part for part in host.removesuffix(domain).strip(".").split(".") if part and part != "www"]
    yield label
    yield f"{label}gov"
    yield f"{label}govvn"
    if before:
        yield "".join([*before, label])
        yield from (part for part in before if len(part) >= _PLAIN)


def _one_less(text: str) -> Iterator[str]:
    for at in range(len(text)):
        yield text[:at] + text[at + 1 :]


def guesses(domain: str) -> list[str]:
    """Names that somebody who wants to be taken for this domain might register; at most 400.

    >>> "dichvucong-hanoi.com" in guesses("dichvuconghanoi.gov.vn"), "hanoi.gov.vn" in guesses("hanoi.gov.vn")
    (False, False)
    """
    label, _, ending = domain.partition(".")
    endings = [ending, *(one for one in _OTHER_ENDINGS if one != ending)]
    found: dict[str, None] = {f"{label}.{one}": None for one in endings[1:]}
    found |= {f"{label}{one}.{end}" if one[0] == "-" or one == "gov" else f"{one}{label}.{end}": None
              for one in _ADDED for end in ("vn", "com", "net", "org", "top")}  # fmt: skip
    for at, letter in enumerate(label):
        slips = [label[:at] + label[at + 1 :], label[: at + 1] + label[at:]]
        slips += [label[:at] + near + label[at + 1 :] for near in _NEAR.get(letter, "")]
        if at + 1 < len(label):
            slips.append(label[:at] + label[at + 1] + letter + label[at + 2 :])
        found |= {f"{slip}.{end}": None for slip in slips if len(slip) > 3 for end in ("vn", "com")}  # noqa: PLR2004 - shorter ones are words
    found.pop(domain, None)
    return [name for name in found if _NAME.fullmatch(name)][:400]
