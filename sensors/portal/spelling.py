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
_SPACE = re.compile(r"[\s_.\-–—·•|/*~]+")
_CYRILLIC = re.compile(r"[а-яА-ЯёЁ]{4,}")
_LEET = str.maketrans("0134578", "oieastb")
_LEETED = re.compile(r"[a-z]+[0134578][a-z0-9]*|[0134578]+[a-z][a-z0-9]*")


def fold(text: str) -> str:
    """Lower case, no marks, look-alikes to Latin, no invisible letters, separators to one space.

    >>> fold("Nhà CÁI  u\u200by-tín")
    'nha cai uy tin'
    >>> fold("саsіno")
    'casino'
    """
    shown = _IGNORED.sub("", text)
    plain = unicodedata.normalize("NFKD", shown)
    bare = plain if plain.isascii() else _MARKS.sub("", plain)
    if not bare.isascii():
        bare = bare.translate(_LOOK_ALIKE)
    return _SPACE.sub(" ", bare.lower()).strip()


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
    return _SPELLED.sub(lambda found: found.group(0).replace(" ", ""), folded)


def unleet(folded: str) -> str:
    """Digits that stand for letters, inside words only.

    >>> unleet("h4ck3d by 2020")
    'hacked by 2020'
    """
    return _LEETED.sub(_plain_word, folded)


def _plain_word(found: re.Match[str]) -> str:
    return found.group(0).translate(_LEET)


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
