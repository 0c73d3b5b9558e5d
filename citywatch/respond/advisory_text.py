"""What does a warning in plain words say: number, date, severity, CVEs, products?

Vietnamese official letters and English bulletins alike. What is not found stays empty: a person fills it in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from citywatch.clock import stamp
from citywatch.model import Severity
from citywatch.respond.advisory import CVES, TEXT, Advisory, Product
from citywatch.respond.products import mentioned

READ: Final = 200_000
_NUMBER = re.compile(
    r"\b(?:Số|So|No\.?|Ref\.?)\s*[:.]?\s*([0-9]{1,6}\s*/\s*[0-9A-ZĐ][0-9A-Za-zĐđ./-]{0,40})", re.IGNORECASE
)
_CVE = re.compile(r"\bCVE-(?:19|20)[0-9]{2}-[0-9]{4,7}\b", re.IGNORECASE)
_TLP = re.compile(r"\bTLP\s*[:\s]\s*(CLEAR|WHITE|GREEN|AMBER\+STRICT|AMBER|RED)\b", re.IGNORECASE)
_CVSS = re.compile(r"\bCVSS\D{0,30}?(10(?:\.0)?|[0-9]\.[0-9])\b", re.IGNORECASE)
_DAY_VI = re.compile(
    r"ngày\s+([0-9]{1,2})\s*(?:tháng|[/.-])\s*([0-9]{1,2})\s*(?:năm|[/.-])\s*([0-9]{4})", re.IGNORECASE
)
_DAY_ISO = re.compile(r"\b(20[0-9]{2})-([0-9]{2})-([0-9]{2})\b")
_SUBJECT = re.compile(
    r"^\s*(?:V/v|Về việc|Subject|Trích yếu)\s*:?\s*(.{8,300})$", re.IGNORECASE | re.MULTILINE
)
_SEVERE: Final = (
    (
        Severity.critical,
        re.compile(
            r"đặc biệt nghiêm trọng|mức\s+(?:độ\s+)?nghiêm trọng|\bcritical\b",
            re.IGNORECASE,
        ),
    ),
    (
        Severity.high,
        re.compile(
            r"mức\s+(?:độ\s+)?(?:ảnh hưởng\s+)?cao|\bhigh severity\b|\bseverity\s*:\s*high\b",
            re.IGNORECASE,
        ),
    ),
)
_GUIDE = re.compile(
    r"^\s*(?:[0-9IVX]+[.)]\s*)?"
    r"(?:khuyến nghị|biện pháp khắc phục|hướng dẫn|recommendations?|remediation|mitigations?)\b.*$",
    re.IGNORECASE | re.MULTILINE,
)
_CVSS_LEVELS: Final = ((9.0, Severity.critical), (7.0, Severity.high), (4.0, Severity.medium))


def read_text(text: str, name: str, others: Sequence[Product] = ()) -> Advisory:
    """Read what a text says of itself; its `id` is left empty.

    Args:
        text: as it was taken out of the letter or file.
        name: what it is called, for want of a title.
        others: further products to look for: what the city's own systems run.
    """
    text = text[:READ]
    number, tlp = _NUMBER.search(text), _TLP.search(text)
    label = tlp[1].upper().replace("WHITE", "CLEAR") if tlp else "AMBER"
    cves = dict.fromkeys(hit.upper() for hit in _CVE.findall(text))
    return Advisory(
        id="",
        title=_title(text) or name,
        number=re.sub(r"\s+", "", number[1]).rstrip(".") if number else "",
        published=_day(text),
        severity=_severity(text),
        tlp=label,
        cves=tuple(cves)[:CVES],
        products=mentioned(text, others),
        guide=_guide(text),
        text=text[:TEXT],
    )


def _title(text: str) -> str:
    told = _SUBJECT.search(text)
    if told:
        return " ".join(told[1].split())
    lines = (" ".join(line.split()) for line in text.splitlines()[:200])
    speaking = [line for line in lines if len(line) >= 12]  # noqa: PLR2004 - shorter lines are heads of letters
    warns = (
        line
        for line in speaking
        if re.search(r"cảnh báo|lỗ hổng|advisory|vulnerab|CVE-", line, re.IGNORECASE)
    )
    return next(warns, next(iter(speaking), ""))[:300]


def _day(text: str) -> str:
    told = _DAY_VI.search(text)
    iso = _DAY_ISO.search(text)
    year, month, day = (
        (told[3], told[2], told[1]) if told else (iso[1], iso[2], iso[3]) if iso else ("0", "0", "0")
    )
    try:
        return stamp(datetime(int(year), int(month), int(day), tzinfo=UTC))
    except ValueError:
        return ""


def _severity(text: str) -> Severity:
    scores = [float(hit) for hit in _CVSS.findall(text)[:100]]
    if scores:
        return next((level for least, level in _CVSS_LEVELS if max(scores) >= least), Severity.low)
    return next((level for level, words in _SEVERE if words.search(text)), Severity.medium)


def _guide(text: str) -> str:
    head = _GUIDE.search(text)
    return text[head.start() :].strip()[:TEXT] if head else ""
