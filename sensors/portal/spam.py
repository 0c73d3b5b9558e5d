"""Does a page serve gambling, pharma or other search spam, and is it hidden?

Words come from a table; a text about the police raiding a betting ring uses them too, so words of such
reporting weigh against, and links that carry the words to a foreign domain weigh most.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import ahocorasick_rs

from sensors.portal.page import Block, Link, Page
from sensors.portal.spelling import fold, is_disguised

_TABLE = Path(__file__).parent / "tables" / "spam_words.tsv"
_MAX_TEXT = 300_000
_MAX_BLOCKS = 3_000
_BLOCK_ALONE = 0.75
_DOMAIN = re.compile(
    r"(?:^|[.-])(?:[a-z]{0,10}\d{2,3}(?:bet|win|club|vip|game|casino|slot)|"
    r"(?:bet|win|club|ku|fb|jun|hi|new|qh|mu|sv|ok|go|789|8x|f8|sh)\d{0,3}(?:bet|win|vip|88|789|club)\w{0,6}|"
    r"\w*(?:casino|nhacai|nha-cai|xoso|baccarat|nohu|taixiu|xocdia|keonhacai|gacor|togel|judi|kubet|"
    r"gamebai|viagra|cialis)\w*|\w*slots?\d*)[.-]"
)
_REPORTING = re.compile(
    r"\b(?:cong an|triet pha|bat giu|khoi to|xu phat|vi pham|pha an|duong day|doi tuong|"
    r"to chuc danh bac|toi pham|phong chong|tuyen truyen|canh giac|canh bao|bi cao|toa an|ngan chan|"
    r"police|arrested|illegal|convicted|addiction|regulat\w+|law\w*|nghi dinh|luat)\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spam:
    """What spam was found. `score` is 0 to 1; from 0.8 it is served on purpose."""

    score: float = 0.0
    words: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    hidden: bool = False
    disguised: bool = False


@cache
def _words() -> tuple[ahocorasick_rs.AhoCorasick, tuple[str, ...], tuple[float, ...]]:
    rows = [line.split("\t") for line in _TABLE.read_text(encoding="utf-8").splitlines()[1:] if line]
    words = tuple(fold(row[0]) for row in rows)
    machine = ahocorasick_rs.AhoCorasick(list(words), matchkind=ahocorasick_rs.MatchKind.LeftmostLongest)
    return machine, words, tuple(float(row[1]) for row in rows)


def words_in(folded: str) -> dict[str, tuple[float, int]]:
    """The spam words of a folded text, whole words only: word to weight and how often.

    >>> words_in(fold("Link nhà cái"))
    {'link nha cai': (0.75, 1)}
    """
    machine, words, weights = _words()
    found: dict[str, tuple[float, int]] = {}
    for index, start, end in machine.find_matches_as_indexes(folded):
        word = words[index]
        if word[0].isascii() and not _stands_alone(folded, start, end):
            continue
        found[word] = (weights[index], found.get(word, (0.0, 0))[1] + 1)
    return found


def _stands_alone(text: str, start: int, end: int) -> bool:
    before = start == 0 or not text[start - 1].isalnum()
    return before and (end >= len(text) or not text[end].isalnum())


def is_spam_domain(domain: str) -> bool:
    """A domain named like a betting house or a pill shop.

    >>> is_spam_domain("kubet88.vip"), is_spam_domain("hanoi.gov.vn")
    (True, False)
    """
    return bool(domain) and _DOMAIN.search(f"{domain}.") is not None


def _together(weights: Iterable[float]) -> float:
    left = 1.0
    for weight in weights:
        left *= 1.0 - min(weight, 0.95)
    return 1.0 - left


def find_spam(page: Page) -> Spam:
    """Look for spam on a whole page."""
    return spam_among(page.blocks, page.links, head=f"{page.title}\n{_described(page)}")


def _described(page: Page) -> str:
    return "\n".join(value for name, value in page.metas if name in {"description", "keywords", "og:title"})


def spam_among(blocks: Iterable[Block], links: Iterable[Link], *, head: str = "") -> Spam:
    """Look for spam among some blocks and links of a page (all of them, or those that are new)."""
    all_blocks = list(blocks)
    texts = [head, *(block.text for block in all_blocks if not block.hidden)]
    shown = fold("\n".join(texts)[:_MAX_TEXT])
    buried = fold("\n".join(block.text for block in all_blocks if _buried(block.hidden))[:_MAX_TEXT])
    in_shown, in_buried = words_in(shown), words_in(buried)
    linked, domains, hidden_links = _linked(links)
    text_score = _together(_often(*found) for found in in_shown.values()) * _calm(shown, in_shown)
    densest, disguised = _densest(texts) if in_shown else (0.0, False)
    buried_score = _together(_often(weight * 1.2, count) for weight, count in in_buried.values())
    score = _together([max(text_score, densest), buried_score, linked, 0.6 if disguised else 0.0])
    together = {**in_shown, **in_buried}
    return Spam(
        score=round(score, 3),
        words=tuple(sorted(together, key=lambda word: -together[word][0])[:20]),
        domains=tuple(domains[:20]),
        hidden=buried_score >= 0.5 or hidden_links,  # noqa: PLR2004 - more than one weak word
        disguised=disguised,
    )


def _densest(texts: list[str]) -> tuple[float, bool]:
    """The worst single block, and whether its words are written to be missed by filters.

    A block alone is never enough: headlines name such games too.
    """
    best, disguised = 0.0, False
    for text in texts[:_MAX_BLOCKS]:
        folded = fold(text[:2000])
        found = words_in(folded)
        if found:
            score = _together(_often(*item) for item in found.values()) * _calm(folded, found)
            best = max(best, score)
            disguised = disguised or is_disguised(text[:2000])
    return min(best, _BLOCK_ALONE), disguised


def _buried(hidden: str) -> bool:
    return hidden not in {"", "noscript"}


def _often(weight: float, count: int) -> float:
    return min(0.95, weight * (1.0 + 0.1 * min(count - 1, 5)))


def _calm(folded: str, found: dict[str, tuple[float, int]]) -> float:
    """How much the words count: less in long texts where they are rare, and in reports about crime."""
    if not found:
        return 0.0
    hits = sum(count for _, count in found.values())
    reporting = len(_REPORTING.findall(folded))
    rare = min(1.0, (hits + len(found)) * 250 / (len(folded) + 1)) ** 0.5
    return max(0.15, rare) * (hits / (hits + reporting))


def _linked(links: Iterable[Link]) -> tuple[float, list[str], bool]:
    weights: dict[str, float] = {}
    hidden = False
    for link in links:
        if not link.domain:
            continue
        said = max((weight for weight, _ in words_in(fold(link.text)).values()), default=0.0)
        named = 0.7 if is_spam_domain(link.domain) else 0.0
        weight = _together([said, named])
        if weight >= 0.3:  # noqa: PLR2004 - one weak word is not enough
            weights[link.domain] = max(weight, weights.get(link.domain, 0.0))
            hidden = hidden or _buried(link.hidden)
    domains = sorted(weights, key=lambda domain: -weights[domain])
    return _together(list(weights.values())[:20]), domains, hidden
