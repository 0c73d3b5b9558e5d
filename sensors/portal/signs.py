"""Which sentences of a defacer stand in a text?

Each sign has a name and a weight: how sure one such sentence makes us, in a text that is new on a page. Pages
*about* hacking use many of the words, so a sign needs the shape of a signature: who did it, or a taunt; what
stands in quotation marks is somebody's report of one, and counts as such.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import ahocorasick_rs

from sensors.portal.phrases import phrases_of
from sensors.portal.spelling import fold, joined, plain_letters, unleet

_TABLE = Path(__file__).parent / "tables" / "defacer_signs.tsv"
_ABOUT = phrases_of(
    *("article", "tutorial", "report(?:ed|s|edly)?", "according to", "researchers?", "how to"),
    *("learn", "course", "victims?", "incidents?", "headlines?", "news", "said", "says", "told"),
    *("claimed", r"spokes\w+", "police", r"investigat\w+", "officials?", "restored", "canh bao"),
    *("huong dan", "theo", "bai viet", "tin tuc", "nghien cuu", "phong tranh", "cong an"),
    *("chuyen gia", "cho biet", "dieu tra", "khuyen cao", "co quan chuc nang", "ghi nhan"),
    *("ra soat", "dien tap", "bai giang", "vi du", "hanh vi", "ke tan cong", "tin tac", "polisi"),
    *("menyelidiki", "imbau", "policia", "informo", "investiga", "selon", "enquete", "laut"),
    *("polizei", "yetkili", "sorusturma"),
)
_MOST = 100_000
_LINE = 1_000
_QUOTED = re.compile(r"[\"“”„«‟]([^\"“”„«»‟]{4,200})[\"“”»‟]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """Names of the signs that were found, and how sure they make us together (0 to 1)."""

    names: tuple[str, ...] = ()
    score: float = 0.0


@cache
def _rows() -> list[list[str]]:
    return [line.split("\t") for line in _TABLE.read_text(encoding="utf-8").splitlines()[1:] if line]


@cache
def _signs() -> tuple[tuple[str, float, re.Pattern[str]], ...]:
    return tuple((name, float(weight), _compiled(pattern)) for name, weight, _, pattern in _rows())


@cache
def _hints() -> tuple[ahocorasick_rs.AhoCorasick, tuple[int, ...]]:
    """What a text must contain for a sign to be in it, all searched at once; and whose hint each one is."""
    pairs = [(plain_letters(hint), row) for row, cells in enumerate(_rows()) for hint in cells[2].split("|")]
    return ahocorasick_rs.AhoCorasick([hint for hint, _ in pairs]), tuple(row for _, row in pairs)


def _likely(plain: str) -> list[int]:
    """Which signs may stand in a text."""
    machine, rows = _hints()
    found = machine.find_matches_as_indexes(plain, overlapping=True)
    return sorted({rows[index] for index, _, _ in found})


@lru_cache(maxsize=64)
def may_be_signed(text: str) -> bool:
    """Whether it is worth a look at the single lines of a text."""
    return bool(_likely(unleet(joined(fold(text)))))


def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern in the letters of folded texts: Cyrillic look-alikes are Latin, Hangul is taken apart."""
    return re.compile(pattern if pattern.isascii() else plain_letters(unicodedata.normalize("NFC", pattern)))


def find_signs(text: str) -> Signs:
    """Find a defacer's sentences.

    >>> find_signs("H4ck3d by Gh0st").names
    ('hacked_by',)
    >>> find_signs("H A C K E D by Gh0st").names
    ('hacked_by',)
    >>> find_signs("Công an cảnh báo thủ đoạn mới").names
    ()
    """
    return _of_line(text) if len(text) <= _LINE else _of_text(text[:_MOST])


@lru_cache(maxsize=4096)  # the views of a portal mostly show the same lines, one after the other
def _of_line(text: str) -> Signs:
    return _found(text)


@lru_cache(maxsize=64)  # several witnesses ask of the same page, one after the other
def _of_text(text: str) -> Signs:
    return _found(text)


def _found(text: str) -> Signs:
    bare = _QUOTED.sub(" ", text) if any(mark in text for mark in '"“„«') else text
    plain = unleet(joined(fold(bare)))
    names: dict[str, None] = {}
    left = 1.0
    signs = _signs()
    for name, weight, pattern in (signs[row] for row in _likely(plain)):
        if pattern.search(plain):
            names[name] = None
            left *= 1.0 - weight
    about = _ABOUT.count(plain[:20_000]) if names else 0
    return Signs(names=tuple(names), score=round((1.0 - left) / (1.0 + 0.35 * about), 3))
