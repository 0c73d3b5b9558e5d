"""Does a new line sound like the house, or like somebody who has no business there?

Who breaks in says so, mocks, threatens, begs pardon, preaches, sells; an office announces, invites, reports.
The model (`model/voice.json`, made by `model/voice_train.py`) weighs words, pairs of words and pieces of
words without marks, senses (`tables/voice_words.tsv`), and how a line is dressed. It judges single lines that
are new on a page, and nothing else: whole pages have their own model. Hashing leaves no text in the model
file. Hot path: plain dicts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import ahocorasick_rs

from sensors.portal.spelling import fold, unleet

WORDS = Path(__file__).parent / "tables" / "voice_words.tsv"
_MODEL = Path(__file__).parent / "model" / "voice.json"
BITS = 15
_MASK = (1 << BITS) - 1
_LONGEST, _WORDS = 300, 40
_PIECE = 4
_POINTS = ".,;:!?()[]\"'“”…"
_SENTENCE = re.compile(r"(?<=[.!?;])\s+")
_LEET = re.compile(
    r"(?i)(?<![a-z0-9])(?=[a-z0-9]*[a-z])[a-z0-9]*(?:[a-z][013457][a-z]|[a-z]{2}[01345](?![a-z0-9])|[013457][a-z]{2})[a-z0-9]*"
)
_FRAMED = re.compile(r"(?:[-=~_|<>{}\[\]*#:/\\$+!.]{2,}\s*\w.*[-=~_|<>{}\[\]*#:/\\$+!.]{2,}\s*$)|^\s*\./\w")
_SMILE = re.compile(r"=\)+|:\)+|:[dDpP]\b|\^_*\^|\b(?:haha+|hihi+|lol|kaka+|hehe+)\b", re.IGNORECASE)
_CONTACT = re.compile(
    r"@\w{4,}|\b(?:zalo|telegram|tele|t\.me|onion\w*|proton\w*|session|skype|discord)\b", re.IGNORECASE
)
_COINS = re.compile(
    r"\b(?:btc|bitcoin|usdt|eth|xmr|monero)\b|\b(?:bc1|0x[0-9a-f]{6}|T[A-Za-z0-9]{12})", re.IGNORECASE
)
_PHONE = re.compile(r"(?<!\d)0\d(?:[ .]?\d){8}(?!\d)")


def _dress(text: str) -> Iterable[str]:
    """How a line is dressed, whatever it says."""
    letters = [letter for letter in text if letter.isalpha()]
    upper = sum(1 for letter in letters if letter.isupper())
    yield f"upper:{4 * upper // max(1, len(letters))}"
    yield f"words:{min(12, len(text.split()))}"
    yield f"end:{text[-1:] if text[-1:] in '.!?:' else ''}"
    for name, test in (("leet", _LEET), ("framed", _FRAMED), ("smile", _SMILE), ("contact", _CONTACT),
                       ("coins", _COINS), ("phone", _PHONE)):  # fmt: skip
        if test.search(text):
            yield name


@cache
def _classes() -> tuple[ahocorasick_rs.AhoCorasick, tuple[str, ...]]:
    """Words of one sense, searched all at once; a line may say a thing in words that no training line had."""
    rows = [line.split("\t") for line in WORDS.read_text(encoding="utf-8").splitlines()[1:] if line]
    pairs = [(f" {unleet(fold(word))} ", name) for name, words in rows for word in words.split("|")]
    return ahocorasick_rs.AhoCorasick([word for word, _ in pairs]), tuple(name for _, name in pairs)


def _senses(words: list[str]) -> list[str]:
    """Which senses a line has, how often, and which two of them together."""
    machine, names = _classes()
    line = f" {' '.join(dict.fromkeys(word.strip(_POINTS) for word in words))} "
    found: dict[str, set[int]] = {}
    for index, start, _ in machine.find_matches_as_indexes(line, overlapping=True):
        found.setdefault(names[index], set()).add(start)
    senses = sorted(found)
    tokens = [f"{name}{min(3, len(found[name]))}" for name in senses] + senses
    both = [f"{one}&{two}" for at, one in enumerate(senses) for two in senses[at + 1 :]]
    covered = len(set[int]().union(*found.values())) if found else 0
    return [*tokens, *both, f"covered{4 * covered // max(1, len(words))}"]


def features_of_line(text: str) -> dict[int, float]:
    """Hashed features of one line: index to weight."""
    words = unleet(fold(text[:_LONGEST])).split(" ")[:_WORDS]
    pieces = {word[at : at + _PIECE] for word in words for at in range(max(1, len(word) - _PIECE + 1))}
    found: dict[int, float] = {}
    _weigh((f"w{word}" for word in words), 2.0, found)
    _weigh((f"p{one} {two}" for one, two in pairwise(["^", *words, "$"])), 2.0, found)
    _weigh((f"c{piece}" for piece in pieces), 1.0, found)
    _weigh((f"m{word}" for word in text[:_LONGEST].lower().split()[:_WORDS]), 1.0, found)
    _weigh((f"s{each}" for each in _senses(words)), 2.5, found)
    _weigh((f"d{each}" for each in _dress(text[:_LONGEST])), 2.0, found)
    return found


def _weigh(tokens: Iterable[str], weight: float, into: dict[int, float]) -> None:
    unique = {crc32(token.encode("utf-8", "replace")) & _MASK for token in tokens}
    share = weight / max(1.0, len(unique) ** 0.5)
    for index in unique:
        into[index] = into.get(index, 0.0) + share


@cache
def _model() -> tuple[float, dict[int, float]]:
    read = json.loads(_MODEL.read_text(encoding="utf-8"))
    return float(read["bias"]), {int(index): float(weight) for index, weight in read["weights"].items()}


@lru_cache(maxsize=4096)  # the views of a portal mostly show the same lines, one after the other
def strangeness(text: str) -> float:
    """How much a line sounds like an intruder's, 0 to 1; of a long text, its strangest sentence."""
    lines = [text] if len(text) <= _LONGEST // 2 else _SENTENCE.split(text)[:20]
    bias, weights = _model()
    best = -30.0
    for line in lines:
        found = features_of_line(line)
        best = max(best, bias + sum(weights.get(index, 0.0) * value for index, value in found.items()))
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, best))))
