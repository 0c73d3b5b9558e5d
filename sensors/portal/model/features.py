"""Which features of a page does the classifier weigh?

Hashed words and pairs of words of the title and the first text, the signs that were found, and the build of
the page (how much text, links, pictures, scripts; what defacers like to use). Hashing keeps every text out of
the model file. Hot path: plain dicts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import ahocorasick_rs

from sensors.portal.page import Page
from sensors.portal.phrases import phrases_of
from sensors.portal.signs import find_signs
from sensors.portal.spelling import fold, joined, unleet

BITS = 14
_MASK = (1 << BITS) - 1
_TEXT = 4_000
_SIGNED_TITLE = 0.65
_SIGNED_LINE = 0.65
_LINE, _BLOCKS = 110, 1_500
_SHORT, _BRIEF, _TOPIC_TEXT, _PER_THOUSAND = 200, 2_000, 12_000, 1.0
_TOPICAL, _AT_LENGTH = 2, 6
_OWN_TITLE = re.compile(
    r"\A\W{0,12}(?:(?:hack(?:ed)?|defaced?|pwned|owned|rooted) by|(?:da )?bi (?:hack|hac|chiem quyen) boi)\b"
)
"""No report begins its title so."""
_TOPIC = phrases_of(
    *("security", r"cyber\w*", r"vulnerab\w*", "malware", "ransomware", "tutorial", "ctf"),
    *("challenge", r"pentest\w*", "exploits?", "phishing", r"breach\w*", "attackers?"),
    *("attacks?", "hackers?", "hackerlar", "hacking", "hacks", "defacements?", "defaced"),
    *("forum", "an toan thong tin", "an ninh mang", "lo hong", "tin tac", "ke tan cong"),
    *("ma doc", "dien tap", "bi tan cong", "tan cong mang", "peretas", "diretas", "piratas"),
)
_REPORT = phrases_of(
    *("according to", "reported", "reports?", "police", "said", "says", r"investigat\w+"),
    *("officials?", "researchers?", "claimed", "published", "chuyen gia", "cong an"),
    *("khuyen cao", "canh bao", "dieu tra", "huong dan", "bai giang", "theo", "cho biet"),
    *("ghi nhan", "ra soat", "co quan chuc nang", "de nghi", "polisi", "menyelidiki", "policia"),
    *("informo", "polizei", "laut", "selon", "enquete", r"yetkili\w*", "sorusturma"),
)
_STEPS = (0, 1, 3, 8, 20, 50, 120, 300, 800, 2000, 6000, 20000)
_LIKED = tuple((Path(__file__).parent / "liked.txt").read_text(encoding="utf-8").splitlines())
"""What defacers like to build with, as it stands in the source."""
_LIKED_FINDER = ahocorasick_rs.AhoCorasick(list(_LIKED))


def _bucket(name: str, value: int) -> str:
    return f"{name}:{sum(1 for step in _STEPS if value > step)}"


def tokens_of_text(text: str, kind: str) -> list[str]:
    """Words and pairs of words of a text."""
    words = unleet(fold(text[:_TEXT])).split(" ")[:400]
    pairs = [f"{kind}:{one} {two}" for one, two in pairwise(words)]
    return [f"{kind}:{word}" for word in words if word] + pairs


def tokens_of_build(page: Page) -> list[str]:
    """What the page is made of."""
    source = page.source[:60_000].lower()
    text = page.text
    foreign = sum(1 for link in page.links if link.domain)
    tokens = [
        _bucket("text", len(text)),
        _bucket("links", len(page.links)),
        _bucket("own_links", len(page.links) - foreign),
        _bucket("images", len(page.images)),
        _bucket("scripts", len(page.scripts)),
        _bucket("styles", len(page.styles)),
        _bucket("forms", len(page.forms)),
        _bucket("nodes", page.nodes),
        _bucket("metas", len(page.metas)),
        f"titled:{bool(page.title)}",
        f"language:{bool(page.language)}",
    ]
    liked = {index for index, _, _ in _LIKED_FINDER.find_matches_as_indexes(source, overlapping=True)}
    return tokens + [f"liked:{_LIKED[index]}" for index in liked]


def _weighed(tokens: Iterable[str], weight: float, into: dict[int, float]) -> None:
    unique = {crc32(token.encode("utf-8", "replace")) & _MASK for token in tokens}
    share = weight / max(1.0, len(unique) ** 0.5)
    for index in unique:
        into[index] = into.get(index, 0.0) + share


def features_of_text(text: str) -> dict[int, float]:
    """Features of a text alone, for training on texts without a page."""
    found: dict[int, float] = {}
    signs = find_signs(text)
    _weighed(tokens_of_text(text, "w"), 3.0, found)
    _weighed([f"sign:{name}" for name in signs.names], 1.0, found)
    _weighed([f"signed:{int(signs.score * 5)}"], 1.5, found)
    return found


def features_of(page: Page) -> dict[int, float]:
    """Features of a page: hashed index to weight."""
    found = features_of_text(f"{page.title}\n{page.text}")
    _weighed(tokens_of_text(page.title, "t"), 1.0, found)
    _weighed(tokens_of_build(page), 2.0, found)
    _weighed([f"reports:{reports(f'{page.title} {page.text}')}"], 1.0, found)
    _weighed([f"buried:{name}" for name in find_signs(_buried(page)).names], 1.0, found)
    return found


def _buried(page: Page) -> str:
    return "\n".join(block.text for block in page.blocks if block.hidden)[:20_000]


def signs_of(page: Page) -> tuple[str, ...]:
    """The names of the signs on a page, seen or hidden."""
    seen = find_signs(f"{page.title}\n{page.text}").names
    return tuple(dict.fromkeys((*seen, *find_signs(_buried(page)).names)))


def how_signed(page: Page) -> int:
    """Whether a defacer's sentence stands in the page.

    0 nowhere; 1 somewhere (also hidden), or in a report; 2 as the title, or as a short line of its own.
    """
    if not signs_of(page):
        return 0
    if _OWN_TITLE.search(unleet(joined(fold(page.title)))):
        return 2
    if reports(f"{page.title} {page.text}"):
        return 1
    if find_signs(page.title).score >= _SIGNED_TITLE:
        return 2
    short = (block.text for block in page.blocks[:_BLOCKS] if len(block.text) <= _LINE and not block.hidden)
    own = (text for text in short if not text.endswith("?"))
    return 2 if any(find_signs(text).score >= _SIGNED_LINE for text in own) else 1


def reports(text: str) -> bool:
    """The text is about attacks, at some length: news, advice, lessons.

    >>> reports("Hacked by X")
    False
    """
    if len(text) < _SHORT:
        return False
    folded = fold(text[:_TOPIC_TEXT])
    topic, told = _TOPIC.count(folded), _REPORT.count(folded)
    if topic * 1000 < _PER_THOUSAND * len(folded):
        return False
    needed = 1 if len(folded) < _BRIEF else _TOPICAL
    return topic >= _AT_LENGTH or (topic >= needed and told >= _TOPICAL)


def settled(score: float, signed: int) -> float:
    """The model's score and the signs together.

    Without any defacer's sentence a page must look the part much more; one that bears it as its title is
    called.
    """
    return (score * 0.75, score, max(score, 0.9))[signed]
