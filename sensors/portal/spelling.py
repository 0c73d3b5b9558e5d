"""Which plain letters does a text mean, however it is dressed up?

Spammers write `nhà cái` without marks, with Cyrillic look-alikes, full-width or mathematical letters, or with
zero-width letters between. Look-alikes: Unicode TR 39, only those met in Latin text.
"""

from __future__ import annotations

import re
import unicodedata

_LOOK_ALIKE = str.maketrans(
    "аеорсухіјѕԁһԛԝьϲвгнкмтпАВЕКМНОРСТУХІЈЅαβγεικνορτυχωΑΒΕΖΗΙΚΜΝΟΡΤΥΧɡɑıłøđĐ@$",
    "aeopcyxijsdhqwbcbrhkmtnABEKMHOPCTYXIJSabyeikvoptuxwABEZHIKMNOPTYXgailodDas",
)
_IGNORED = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0]"
)
_MARKS = re.compile("[\u0300-\u036f\u0483-\u0489\u3099\u309a]")
_SPELLED = re.compile(r"(?<!\S)\w(?: \w){3,}(?!\S)")
_MAY_BE_SPELLED = re.compile(r" \w \w \w(?!\S)")
_SEPARATORS = "_.-–—·•|/*~"
_VIETNAMESE = "\u0300\u0301\u0302\u0303\u0306\u0309\u031b\u0323"
"""The marks of Vietnamese: taken out one by one, which is many times as fast as a pattern."""
_OTHER = re.compile("[^\x00-\x7f]")
_ALIKE = "".join(letter for letter in map(chr, _LOOK_ALIKE) if not letter.isascii())
_ODD = re.compile(f"{_IGNORED.pattern}|{_MARKS.pattern}|[{_ALIKE}]")
"""What a folded text cannot hold: where any of it stands, the longer way is taken."""
_CYRILLIC = re.compile(r"[а-яА-ЯёЁ]{4,}")
_ODD_LETTERS = re.compile(
    "[\u0250-\u02af\u1d00-\u1d7f\u24b6-\u24e9\uff21-\uff5a\U0001d400-\U0001d7ff\U0001f130-\U0001f189\u01dd]"
)
_ODD_ENOUGH = 4
_LEET = str.maketrans("0134578", "oieastb")
_LEETED = re.compile(r"(?<![a-z])[a-z]++[0134578][a-z0-9]*|(?<![0134578])[0134578]++[a-z][a-z0-9]*")
_MAY_BE_LEETED = re.compile(r"[0134578](?:(?<=[a-z].)|(?=[a-z]))")


def fold(text: str) -> str:
    """Lower case, no marks, look-alikes to Latin, no invisible letters, separators to one space.

    >>> fold("Nhà CÁI  u\u200by-tín")
    'nha cai uy tin'
    >>> fold("саsіno")
    'casino'
    """
    bare = text if text.isascii() else _bare(text)
    for separator in _SEPARATORS:
        bare = bare.replace(separator, " ")
    return " ".join(bare.lower().split())


def _bare(text: str) -> str:
    """Without marks and invisible letters, look-alikes to Latin."""
    plain = unicodedata.normalize("NFKD", text)
    for mark in _VIETNAMESE:
        plain = plain.replace(mark, "")
    if plain.isascii():
        return plain
    latin = plain.replace("đ", "d").replace("Đ", "D").replace("@", "a").replace("$", "s")
    if latin.isascii() or not _ODD.search("".join(set(_OTHER.findall(latin)))):
        return latin
    shown = _IGNORED.sub("", text)  # what is rare: invisible letters, foreign marks, look-alikes
    plain = unicodedata.normalize("NFKD", shown)
    bare = plain if plain.isascii() else _MARKS.sub("", plain)
    return bare if bare.isascii() else bare.translate(_LOOK_ALIKE)


def plain_letters(text: str) -> str:
    """As `fold`, but separators and capitals stay: for what is to be found in folded texts.

    >>> plain_letters("взлом") == fold("взлом")
    True
    """
    plain = unicodedata.normalize("NFKD", text)
    return plain if plain.isascii() else _MARKS.sub("", plain).translate(_LOOK_ALIKE)


def joined(folded: str) -> str:
    """Words that were spelled letter by letter, put together.

    >>> joined("h a c k e d by x, n h a c a i")
    'hacked by x, nhacai'
    """
    if _MAY_BE_SPELLED.search(folded) is None:
        return folded
    return _SPELLED.sub(lambda found: found.group(0).replace(" ", ""), folded)


def unleet(folded: str) -> str:
    """Digits that stand for letters, inside words only.

    >>> unleet("h4ck3d by 2020")
    'hacked by 2020'
    """
    if _MAY_BE_LEETED.search(folded) is None:
        return folded
    return _LEETED.sub(_plain_word, folded)


def _plain_word(found: re.Match[str]) -> str:
    return found.group(0).translate(_LEET)


def is_odd(text: str) -> bool:
    """Written in letters that only look like letters: turned, small capitals, mathematical, in circles.

    >>> is_odd("\U0001d573\U0001d586\U0001d588\U0001d590"), is_odd("Ủy ban nhân dân"), is_odd("5 ②")
    (True, False, False)
    """
    return not text.isascii() and len(_ODD_LETTERS.findall(text)) >= _ODD_ENOUGH


def is_disguised(text: str) -> bool:
    """Has invisible letters inside words, or Latin words spelled partly with Cyrillic or Greek ones.

    >>> is_disguised("са\u200bsino"), is_disguised("Ủy ban nhân dân"), is_disguised("Москва")
    (True, False, False)
    """
    if text.isascii():
        return False
    if _CYRILLIC.fullmatch(text):
        return False
    return _MIXED.search(text) is not None


_MIXED = re.compile(
    "[A-Za-zÀ-ɏḀ-ỹ](?:[\u200b-\u200d\u2060\u00ad\ufeff]|[а-яіјѕαεορν])[A-Za-zÀ-ɏḀ-ỹ]"
    "|[A-Za-z][а-яіјѕαεορν]|[а-яіјѕαεορν]\u200b?[A-Za-z]"
)
