"""Does a page publish personal data of many people?

Numbers are checked by their own rules, so that phone lists of offices and document numbers are not taken for
people: CCCD (Thông tư 59/2021/TT-BCA: province, century and sex, year of birth), tax code (check digit),
BHXH, phone. A value leaves here masked only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sensors.portal.spelling import fold

_PROVINCES = frozenset(
    {1, 2, 4, 6, 8, *range(10, 13), 14, 15, 17, 19, 20, *range(22, 28), 30, 31, *range(33, 39), 40, 42}
    | {*range(44, 47), 48, 49, 51, 52, 54, 56, 58, 60, 62, 64, *range(66, 69), 70, 72, 74, 75, 77, 79, 80}
    | {*range(82, 85), 86, 87, 89, *range(91, 97)}
)
_DIGITS = re.compile(r"(?<![\d./-])\d{9,13}(?:-\d{3})?(?![\d/-])")
_PHONE = re.compile(r"(?<!\d)(?:\+?84|0)(?:3[2-9]|5[25689]|7[06-9]|8[1-9]|9\d)[ .]?\d{3}[ .]?\d{3,4}(?!\d)")
_EMAIL = re.compile(r"[A-Za-z0-9_.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}")
_TAX_WEIGHTS = (31, 29, 23, 19, 17, 13, 7, 5, 3)
_PEOPLE = re.compile(
    r"\b(?:cccd|cmnd|can cuoc|chung minh|so dinh danh|dinh danh ca nhan|ho (?:va )?ten|ngay sinh|bhxh|bhyt|"
    r"bao hiem xa hoi|so the|dien thoai|thuong tru|que quan|so tai khoan|stk)\b"
)
_OFFICE = ("gov.vn", "edu.vn", "org.vn")
_MAX_TEXT = 2_000_000
_CMND = 9
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
    return int(number[:3]) in _PROVINCES and number[3] in "0123" and len(set(number[6:])) > 1


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
    found: dict[str, set[str]] = {}
    told = _PEOPLE.search(fold(text[:100_000])) is not None
    for number in _DIGITS.findall(text):
        kind = _kind_of(number, told=told)
        if kind:
            found.setdefault(kind, set[str]()).add(number)
    phones = {re.sub(r"\D", "", value) for value in _PHONE.findall(text)}
    mails = {mail.lower() for mail in _EMAIL.findall(text) if not mail.lower().endswith(_OFFICE)}
    if told and found:
        found |= {kind: values for kind, values in (("phone", phones), ("email", mails)) if values}
    elif len(mails) >= 50:  # noqa: PLR2004 - a mailing list, not contacts
        found["email"] = mails
    return _tell(found)


def _kind_of(number: str, *, told: bool) -> str:
    if is_cccd(number):
        return "cccd"
    if not told:
        return ""
    if is_tax_code(number) and number[:2] not in _MOBILE:
        return "tax_code"
    if len(number) == _CMND and number[0] in "0123":
        return "cmnd"
    return "bhxh" if len(number) == _BHXH and number[:2] not in _MOBILE else ""


def _tell(found: dict[str, set[str]]) -> Leak:
    samples = [f"{kind}:{mask(value)}" for kind, values in found.items() for value in sorted(values)[:3]]
    return Leak(
        kinds=tuple(sorted(found)),
        count=sum(len(values) for values in found.values()),
        samples=tuple(samples[:10]),
    )
