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
from sensors.portal.phrases import phrases_of
from sensors.portal.spelling import fold, is_disguised, joined, unleet

_TABLE = Path(__file__).parent / "tables" / "spam_words.tsv"
_MAX_TEXT = 300_000
_MAX_BLOCKS = 3_000
_MAX_DRESSED = 50_000
_BLOCK_ALONE = 0.75
_DRESSED = 0.7
"""How much a word weighs at least that is spelled so as to be missed by filters."""
_LONG = 5
_TITLED = 0.5
_SAID = 0.65
"""A link's words by themselves: newspapers link to their own pages on betting, too."""
_BRAND = re.compile(
    r"\b(?:[a-z]{3,14}(?:\d{2,3}|4d)|[a-z]{2,12}(?:slot|toto|togel|bet|win|jitu|cuan|jackpot|casino|poker)(?:\d{2,3}|4d)?|"
    r"(?:slot|toto|togel|raja|dewa|bos|win|bet|judi)[a-z]{2,10}(?:\d{2,3}|4d)?)\b"
)
_IN_BRANDS = (
    *("4d", "slot", "toto", "togel", "bet", "win", "jitu", "cuan", "jackpot", "casino", "poker"),
    *("raja", "dewa", "bos", "judi"),
)
_NUMBERED = re.compile(r"\d\d(?<=[a-z]..)")
"""Each brand holds one of these: where they are few, the costly pattern need not be tried."""
_BRANDS, _BRAND_SHARE = 25, 0.3
"""So many names of betting houses, and such a share of all words, make a list that feeds doorway pages."""
_SELLS, _NAMES_ALONE = 0.3, 0.4
"""Words that sell make names count; without them the names count so much at most."""
_DOMAIN = re.compile(
    r"(?:^|[.-])(?:[a-z]{0,10}\d{2,3}(?:bet|win|club|vip|game|casino|slot)|"
    r"(?:bet|win|club|ku|fb|jun|hi|hit|new|qh|mu|sv|ok|go|789|8x|f8|sh|one|red|vn|sin|ae)\d{0,3}(?:bet|win|vip|88|789|club)\w{0,6}|"
    r"\d{2,3}win|vaobo\w*|rongho|kubong\w*|daga\w*|soicau\w*|lode\w*|mb66|hitclub\w*|kuwin|fun\d{2}|u888\w*|toto-\w*|ufa(?:bet|-)\w*|"
    r"\w*(?:casino|nhacai|nha-cai|xoso|baccarat|nohu|taixiu|xocdia|keonhacai|gacor|togel|judi|kubet|"
    r"gamebai|viagra|cialis)\w*|\w*slots?\d*)[.-]"
)
_REPORTING = phrases_of(
    *("cong an", "triet pha", "bat giu", "bat qua tang", "khoi to", "xu phat", "vi pham"),
    *("pha an", "duong day", "doi tuong", "dieu tra", "to chuc danh bac", "toi pham"),
    *("phong chong", "tuyen truyen", "canh giac", "canh bao", "bi cao", "toa an", "ngan chan"),
    *("thu giu", "nghi dinh", "luat", "quy dinh", "giay chung nhan", "giay phep", "du thao"),
    *("xo so kien thiet", "mo thuong", "ket qua xo so", "dau thau", "thu hoi", "hoat chat"),
    *("ke khai", "quan ly thi truong", "hang gia", "tin dung den", "police", "arrested"),
    *("illegal", "convicted", "addiction", r"regulat\w+", r"law\w*", r"licen[cs]\w+"),
    *("gambling act", "helpline", "prescription only", "side effects", "adverse"),
    *("contraindicated", r"inhibit\w*", "pharmacology", "researchers?", "according to"),
    *("malware", "hacked", "defaced", "clean(?:ed|ing)? (?:up )?(?:the |your )?(?:site|website)"),
    *("firewall", "polisi", "diretas", "peretas", "menyelidiki", "mengimbau", "policia"),
    *("polizei", "justicia"),
    also=("警察", "公安", "被害", "改ざん", "逮捕", "경찰"),
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
def _names() -> frozenset[str]:
    """Names of drugs and brands: a price list has many of them, and sells nothing on the sly."""
    rows = [line.split("\t") for line in _TABLE.read_text(encoding="utf-8").splitlines()[1:] if line]
    return frozenset(fold(row[0]) for row in rows if row[2] in {"drug", "name"})


@cache
def _words() -> tuple[ahocorasick_rs.AhoCorasick, tuple[str, ...], tuple[float, ...]]:
    rows = [line.split("\t") for line in _TABLE.read_text(encoding="utf-8").splitlines()[1:] if line]
    words = tuple(fold(row[0]) for row in rows)
    machine = ahocorasick_rs.AhoCorasick(list(words), matchkind=ahocorasick_rs.MatchKind.LeftmostLongest)
    return machine, words, tuple(float(row[1]) for row in rows)


@cache
def _spelled() -> tuple[re.Pattern[str], dict[str, str]]:
    """Words long enough to be told when they are spelled letter by letter, without the gaps between words."""
    words = {word.replace(" ", ""): word for word in _words()[1] if word.isascii() and len(word) >= _LONG}
    return re.compile("|".join(sorted(words, key=len, reverse=True))), words


def dressed_in(folded: str) -> dict[str, tuple[float, int]]:
    """Spam words spelled letter by letter, or with digits for letters: nobody writes them so by right.

    >>> sorted(dressed_in(fold("t.à.i x.ỉ.u")))
    ['tai xiu']
    """
    found: dict[str, tuple[float, int]] = {}
    together = joined(folded)
    if together != folded:
        pattern, words = _spelled()
        runs = set(together.split()) - set(folded.split())
        for run in runs:
            for each in pattern.findall(run):
                weight = _weight_of(words[each])
                found[words[each]] = (max(weight, _DRESSED), 1)
    plain = unleet(folded)
    if plain != folded:
        for word, (weight, count) in words_in(plain).items():
            if weight >= _DRESSED / 2 and word not in words_in(folded):
                found[word] = (max(weight, _DRESSED), count)
    return found


def _weight_of(word: str) -> float:
    _, words, weights = _words()
    return weights[words.index(word)]


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
    in_shown |= dressed_in(shown[:_MAX_DRESSED])
    linked, domains, hidden_links = _linked(links)
    text_score = _weight(in_shown) * _calm(shown, in_shown)
    densest, disguised = _densest(texts) if in_shown else (0.0, False)
    buried_score = _together(_often(weight * 1.2, count) for weight, count in in_buried.values())
    folded_head = fold(head)
    in_head = words_in(folded_head) if head else {}
    named = _TITLED if _weight(in_head) * _calm(folded_head, in_head) >= _TITLED else 0.0
    listed = 0.85 if _is_brand_list(shown) else 0.0
    shown_score = max(text_score, densest)
    if shown_score < _TITLED:  # a title by itself stands in no block
        named = 0.0
    score = _together([shown_score, buried_score, linked, listed, named, 0.6 if disguised else 0.0])
    together = {**in_shown, **in_buried}
    return Spam(
        score=round(score, 3),
        words=tuple(sorted(together, key=lambda word: -together[word][0])[:20]),
        domains=tuple(domains[:20]),
        hidden=buried_score >= 0.5 or hidden_links,  # noqa: PLR2004 - more than one weak word
        disguised=disguised,
    )


def _is_brand_list(folded: str) -> bool:
    folded = folded[:20_000]
    if sum(map(folded.count, _IN_BRANDS)) + len(_NUMBERED.findall(folded)) < _BRANDS:
        return False
    words, brands = folded.split(), _BRAND.findall(folded)
    return len(set(brands)) >= _BRANDS and len(brands) >= _BRAND_SHARE * len(words)


def _weight(found: dict[str, tuple[float, int]]) -> float:
    """All words together; names by themselves never make much."""
    names = _together(_often(*each) for word, each in found.items() if word in _names())
    others = _together(_often(*each) for word, each in found.items() if word not in _names())
    return _together([others, names if others >= _SELLS else min(names, _NAMES_ALONE)])


def _densest(texts: list[str]) -> tuple[float, bool]:
    """The worst single block, and whether its words are written to be missed by filters.

    A block alone is never enough: headlines name such games too.
    """
    best, disguised = 0.0, False
    for text in texts[:_MAX_BLOCKS]:
        folded = fold(text[:2000])
        found = words_in(folded) | dressed_in(folded)
        if found:
            score = _weight(found) * _calm(folded, found)
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
    reporting = _REPORTING.count(folded)
    rare = min(1.0, (hits + len(found)) * 250 / (len(folded) + 1)) ** 0.5
    return max(0.15, rare) * (hits / (hits + reporting))


def _linked(links: Iterable[Link]) -> tuple[float, list[str], bool]:
    weights: dict[str, float] = {}
    told: set[str] = set()
    hidden = False
    away = [link for link in links if link.domain]
    shown = {(link.domain, link.text) for link in away if not _buried(link.hidden)}
    for link in away:
        buried = _buried(link.hidden) and (link.domain, link.text) not in shown  # a menu is there twice
        said = max((weight for weight, _ in words_in(fold(link.text)).values()), default=0.0)
        named = 0.7 if is_spam_domain(link.domain) else 0.0
        weight = _together([said if buried else said * _SAID, named])
        if weight >= 0.3:  # noqa: PLR2004 - one weak word is not enough
            before = weights.get(link.domain, 0.0)
            more = buried and link.text not in told  # what nobody sees is no headline: its words add up
            weights[link.domain] = _together([weight, before]) if more else max(weight, before)
            told.add(link.text)
            hidden = hidden or buried
    domains = sorted(weights, key=lambda domain: -weights[domain])
    return _together(list(weights.values())[:20]), domains, hidden
