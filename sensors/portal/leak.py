"""Does a page publish personal data of many people?

Numbers are checked by their own rules, so that phone lists of offices and document numbers are not taken for
people: CCCD (Thông tư 59/2021/TT-BCA: province, century and sex, year of birth), CMND (province), tax code
(check digit; a person's begins with 8, companies' codes are public), BHXH (province), bank cards (Luhn),
phone. Weaker kinds count only beside words that say what they are. A value leaves here masked only.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from dataclasses import dataclass

from sensors.portal.phrases import phrases_of
from sensors.portal.spelling import fold

_PROVINCES = frozenset(
    {1, 2, 4, 6, 8, *range(10, 13), 14, 15, 17, 19, 20, *range(22, 28), 30, 31, *range(33, 39), 40, 42}
    | {*range(44, 47), 48, 49, 51, 52, 54, 56, 58, 60, 62, 64, *range(66, 69), 70, 72, 74, 75, 77, 79, 80}
    | {*range(82, 85), 86, 87, 89, *range(91, 97)}
)
_DIGITS = re.compile(r"\d(?<![\w./-].)\d{8,12}(?:-\d{3})?(?![\w/-])")
_PHONE = re.compile(r"(?<!\d)(?:\+?84|0)(?:3[2-9]|5[25689]|7[06-9]|8[1-9]|9\d)[ .]?\d{3}[ .]?\d{3,4}(?!\d)")
_AT = re.compile(r"@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}")
_BEFORE_AT = string.ascii_letters + string.digits + "_.+-"
_LONGEST_NAME = 64
_TAX_WEIGHTS = (31, 29, 23, 19, 17, 13, 7, 5, 3)
_PEOPLE = phrases_of(
    *("cccd", "cmnd", "can cuoc", "chung minh", "so dinh danh", "dinh danh ca nhan", "ho (?:va )?ten"),
    *("ngay sinh", "bhxh", "bhyt", "bao hiem xa hoi", "so the", "dien thoai", "thuong tru", "que quan"),
    *("so tai khoan", "stk"),
)
_OFFICE = ("gov.vn", "edu.vn", "org.vn")
_IDENTITY = re.compile(r"\b(?:cmnd|cccd|can cuoc|chung minh|dinh danh|giay to tuy than)\b")
_INSURED = re.compile(r"\b(?:bhxh|bhyt|bao hiem)\b")
_BANKED = re.compile(r"\bho (?:va )?ten\b.{0,4000}?\b(?:stk|so tai khoan|so tk)\b", re.DOTALL)
"""Names of people beside accounts; an office's own accounts are published by right."""
_ACCOUNT = re.compile(r"\d(?<![\d./,-].)\d{7,15}(?![\d/,-])")
_CARD = re.compile(r"\d(?<![\d./-].)\d{3}[ -]?(?:\d{4}[ -]?){3}(?:\d{3})?(?![\d/-])")
_ASKED = (("cmnd", _IDENTITY), ("bhxh", _INSURED))
"""Kinds whose numbers say too little by themselves: the words that must stand beside them."""
_FIRST_YEAR, _LAST_YEAR = 15, 26
"""Of birth: nobody on a list was born before 1915; who was born after 2026 has no number yet."""
_CMND_PROVINCES = range(1, 39)
_ALL = {name for name, _ in _ASKED}
_MAX_TEXT = 2_000_000
_MAILING_LIST = 50
"""So many e-mail addresses are a list, not contacts."""
_CMND = 9
_FEW_ACCOUNTS = 10
_TAX_BASE = 10
_BHXH = 10
_MOBILE = frozenset({"03", "05", "07", "08", "09"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """What was found: kinds, how many different values, and some of them masked."""

    kinds: tuple[str, ...] = ()
    count: int = 0
    samples: tuple[str, ...] = ()


def is_cccd(number: str) -> bool:
    """Follows the rules of a citizen's number: province, sex and century, year of birth.

    >>> is_cccd("001199012345"), is_cccd("123456789012")
    (True, False)
    """
    if len(number) != 12 or not number.isascii() or not number.isdigit():  # noqa: PLR2004 - by regulation
        return False
    if int(number[:3]) not in _PROVINCES or number[3] not in "0123" or len(set(number[6:])) == 1:
        return False
    year = int(number[4:6])
    return year <= _LAST_YEAR if number[3] in "23" else year >= _FIRST_YEAR


def is_card(number: str) -> bool:
    """A bank card: 16 or 19 digits that begin as cards do, with a right last digit (Luhn, ISO/IEC 7812-1).

    >>> is_card("4111111111111111"), is_card("4111111111111112"), is_card("9704000000000018")
    (True, False, True)
    """
    if len(number) not in {16, 19} or not number.isascii() or not number.isdigit():
        return False
    if not (number[0] in "45" or number.startswith("9704")):
        return False
    doubled = (int(digit) * (1 + at % 2) for at, digit in enumerate(reversed(number)))
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def is_tax_code(number: str) -> bool:
    """Has a right check digit: 10 digits, or 13 with a branch number.

    >>> is_tax_code("0100109106"), is_tax_code("0100109107")
    (True, False)
    """
    digits = number.replace("-", "")
    if len(digits) not in {10, 13} or not digits.isascii() or not digits.isdigit():
        return False
    total = sum(int(digit) * weight for digit, weight in zip(digits, _TAX_WEIGHTS, strict=False))
    return _TAX_BASE - total % 11 == int(digits[9])


def mask(value: str) -> str:
    """Keep enough to find it again, too little to misuse it.

    >>> mask("001199012345")
    '001*******45'
    """
    if "@" in value:
        name, _, host = value.partition("@")
        return f"{name[:1]}***@{host}"
    return f"{value[:3]}{'*' * max(1, len(value) - 5)}{value[-2:]}"


def find_leak(texts: Iterable[str]) -> Leak:
    """Look for personal data in the texts of a page (visible, hidden, comments, data files).

    One person's number in a notice is no leak; lists are. The rule decides from how many on.
    """
    text = "\n".join(texts)[:_MAX_TEXT]
    numbers = {number for number in _DIGITS.findall(text) if _kind_of(number, told=True, asked=_ALL)}
    cards = {re.sub(r"\D", "", value) for value in _CARD.findall(text)}
    cards = {number for number in cards if is_card(number)}
    many = len(set(_ACCOUNT.findall(text))) >= _FEW_ACCOUNTS
    found: dict[str, set[str]] = {}
    if numbers or cards or many:  # else no words beside them could make a leak of it
        found = _beside_words(text, numbers, cards)
    elif text.count("@") >= _MAILING_LIST:
        found = _mailing_list(text)
    return _tell(found)


def _beside_words(text: str, numbers: set[str], cards: set[str]) -> dict[str, set[str]]:
    """What the numbers of a text are, by the words that stand on the page."""
    folded = fold(text[:100_000])
    told = _PEOPLE.stand_in(folded)
    asked = {name for name, words in _ASKED if told and words.search(folded) is not None}
    found: dict[str, set[str]] = {}
    for number in (each for each in _DIGITS.findall(text) if each in numbers):
        kind = _kind_of(number, told=told, asked=asked)
        if kind:
            found.setdefault(kind, set[str]()).add(number)
    found |= {"card": cards} if cards else {}
    if told and _BANKED.search(folded) is not None:
        found |= _accounts(text, found)
    if not told or not found:
        return found | _mailing_list(text)
    phones = {re.sub(r"\D", "", value) for value in _PHONE.findall(text)}
    return found | {kind: held for kind, held in (("phone", phones), ("email", mails_in(text))) if held}


def _mailing_list(text: str) -> dict[str, set[str]]:
    mails = mails_in(text)
    return {"email": mails} if len(mails) >= _MAILING_LIST else {}


def mails_in(text: str) -> set[str]:
    """E-mail addresses that are no office's."""
    found: set[str] = set()
    end = 0
    for host in _AT.finditer(text):
        before = text[max(end, host.start() - _LONGEST_NAME) : host.start()]
        name = before[len(before.rstrip(_BEFORE_AT)) :]
        if name:
            end = host.end()
            found.add(f"{name}{host.group(0)}".lower())
    return {mail for mail in found if not mail.endswith(_OFFICE)}


def _kind_of(number: str, *, told: bool, asked: set[str]) -> str:
    if is_cccd(number):
        return "cccd"
    if not told:
        return ""
    if number[0] == "8" and len(number) == _TAX_BASE and is_tax_code(number):
        return "tax_code"
    if (
        "cmnd" in asked
        and len(number) == _CMND
        and int(number[:2]) in _CMND_PROVINCES
        and len(set(number[2:])) > 1
    ):
        return "cmnd"
    if (
        "bhxh" in asked
        and len(number) == _BHXH
        and int(number[:2]) in _PROVINCES
        and number[:2] not in _MOBILE
    ):
        return "bhxh"
    return ""


def _accounts(text: str, found: dict[str, set[str]]) -> dict[str, set[str]]:
    """Account numbers: many lines that hold one each, beside what was already told."""
    known = {value for values in found.values() for value in values}
    lines = [line for line in text.splitlines() if _ACCOUNT.search(line)]
    held = {number for line in lines for number in _ACCOUNT.findall(line)} - known
    held = {number for number in held if number[:2] not in _MOBILE and len(set(number)) > 3}  # noqa: PLR2004 - no filler
    return {"account": held} if len(held) >= _FEW_ACCOUNTS else {}


def _tell(found: dict[str, set[str]]) -> Leak:
    samples = [f"{kind}:{mask(value)}" for kind, values in found.items() for value in sorted(values)[:3]]
    return Leak(
        kinds=tuple(sorted(found)),
        count=sum(len(values) for values in found.values()),
        samples=tuple(samples[:10]),
    )
