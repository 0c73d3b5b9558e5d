"""Which languages does a page speak, and does a new line speak another one?

Told by scripts, by letters that only Vietnamese has, and by the small words of each language. Vietnamese
without marks is a tongue of its own: offices never write so. Only lines that are clear are called; most are
not, and say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path

_TABLE = Path(__file__).parent / "tables" / "small_words.tsv"
_SCRIPTS = {
    "th": re.compile("[\u0e01-\u0e3a]"),
    "ko": re.compile("[\uac00-\ud7a3]"),
    "ja": re.compile("[\u3041-\u30fa]"),
    "ar": re.compile("[\u0620-\u06ff]"),
    "ru": re.compile("[а-яА-ЯёЁ]"),
    "hi": re.compile("[\u0900-\u0dff]"),
    "zh": re.compile("[\u4e00-\u9fff]"),
}
_OTHER = re.compile("[\u0400-\u0dff\u0e00-\u0e7f\u3040-\u9fff\uac00-\ud7a3]")
_MARKED = re.compile("[ăđơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉĩịọỏốồổỗộớờởỡợụủũứừửữựỳỵỷỹ]")
_WORD = re.compile(r"[^\W\d_]+")
_SYLLABLE = re.compile(
    r"(?:ngh|ng|nh|ch|gh|gi|kh|ph|qu|th|tr|[bcdghklmnprstvx])?"
    r"(?:uye|uya|oai|oay|oeo|uay|uoi|uou|ieu|yeu|ia|ie|ua|uo|oa|oe|ue|uy|ai|ao|au|ay|eo|eu|iu|oi|oo|ui|uu|ye|[aeiouy])"
    r"(?:ng|nh|ch|[cmnpt])?"
)
_ENOUGH = 2
_NAME = 5
"""So many words has the name of a person or a place."""
_LINE = 400
_PAGE = 20_000
_FOREIGN_LETTERS, _PLAIN_WORDS, _PLAIN_SMALL = 4, 4, 2
UNMARKED = "plain"
MARKED = "vi"


@cache
def _rows() -> dict[str, frozenset[str]]:
    rows = [line.split("\t") for line in _TABLE.read_text(encoding="utf-8").splitlines()[1:] if line]
    return {name: frozenset(words.split()) for name, words in rows}


@cache
def _small() -> dict[str, frozenset[str]]:
    """The small words of each language that is told by them alone."""
    return {name: words for name, words in _rows().items() if name != MARKED}


@lru_cache(maxsize=4096)  # the views of a portal mostly show the same lines, one after the other
def tongue_of(text: str) -> str:
    """The language of one line, or nothing when it is not clear.

    >>> tongue_of("Thông báo lịch nghỉ lễ của trường"), tongue_of("trang nay khong con la cua ban")
    ('vi', 'plain')
    >>> tongue_of("We are open")
    'en'
    >>> tongue_of("Zalo OA"), tongue_of("VNPT iOffice")
    ('', '')
    """
    text = text[:_LINE]
    if not text.isascii() and (found := _script_of(text)):
        return found
    words = _WORD.findall(text.lower())
    marked = [] if text.isascii() else [word for word in words if _MARKED.search(word)]
    if marked:  # a name by itself has marks, too
        spoken = len(marked) > _NAME or not _rows()[MARKED].isdisjoint(words)
        return "vi" if len(marked) >= _ENOUGH and spoken else ""
    best = _by_small_words(words)
    if best == UNMARKED and not _is_unmarked(words):
        return ""
    return best


def _script_of(text: str) -> str:
    if not _OTHER.search(text):
        return ""
    letters = sum(1 for letter in text if letter.isalpha())
    for name, test in _SCRIPTS.items():
        held = len(test.findall(text))
        if held >= _FOREIGN_LETTERS and held * (3 if name == "ja" else 2) >= letters:
            return name
    return ""


def _by_small_words(words: list[str]) -> str:
    said = set(words)
    counts = sorted(((len(said & small), name) for name, small in _small().items()), reverse=True)
    (first, name), (second, _) = counts[0], counts[1]
    return name if first >= _ENOUGH and first > second else ""


def _is_unmarked(words: list[str]) -> bool:
    """Nearly all words are built like Vietnamese syllables."""
    built = sum(1 for word in words if _SYLLABLE.fullmatch(word))
    return len(words) >= _PLAIN_WORDS and 4 * built >= 3 * len(words)


def tongues_of(texts: Iterable[str], language: str = "") -> frozenset[str]:
    """The languages of a page: of its lines, of its small words together, and what it says of itself.

    >>> sorted(tongues_of(["Giới thiệu cơ quan", "Home", "About the portal", "is for you"], "vi-VN"))
    ['en', 'vi']
    """
    found: set[str] = {language[:2].lower()} if language else set()
    read = 0
    gathered: list[str] = []
    for text in texts:
        read += len(text)
        if read > _PAGE:
            break
        found.add(tongue_of(text))
        gathered.append(text)
    words = set(_WORD.findall(" ".join(gathered).lower()))
    found |= {name for name, small in _small().items() if len(words & small) > _ENOUGH and name != UNMARKED}
    return frozenset(found - {""})
