"""Which indicators does this warning carry?

Takes CSV, plain lists, STIX 2.1 and MISP JSON, text with defanged indicators, and the text of PDF and DOCX
files, told apart by content. What cannot be taken is reported with its line and the rest goes on. From
running text only what somebody defanged is taken (and hashes): the sender's own site and address stand there
too.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from citywatch.clock import parse_stamp, stamp
from citywatch.detect.document_text import document_text
from citywatch.detect.indicator_json import json_indicators
from citywatch.detect.indicator_values import NotAnIndicator, guess, is_defanged, normal, refang
from citywatch.detect.indicators import Indicator
from citywatch.errors import InputError, SettingsError
from citywatch.model import Problem

MOST_BYTES = 256 * 1024 * 1024
MOST_PROBLEMS = 1000
MOST_LINE = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What holds where the file does not say it."""

    source: str
    tlp: str = "AMBER"
    confidence: int = 75
    valid_until: str = ""
    reference: str = ""


@dataclass(slots=True)
class Imported:
    """What a file gave (mutable while it is read)."""

    form: str
    """csv, list, text, stix or misp."""
    indicators: list[Indicator] = field(default_factory=list[Indicator])
    problems: list[Problem] = field(default_factory=list[Problem])
    """At most 1,000; `passed_over` counts all."""
    passed_over: int = 0

    def tell(self, name: str, position: str, what: str, hint: str = "") -> None:
        self.passed_over += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(
                Problem(sensor="indicators", source=name, position=position, what=what, hint=hint)
            )


def read_indicators(raw: bytes, name: str, defaults: Defaults) -> Imported:
    """Read one file.

    Raises:
        InputError: nothing of it can be read.
    """
    if len(raw) > MOST_BYTES:
        raise InputError(name, "", f"is larger than {MOST_BYTES} bytes", "split it")
    if raw.lstrip()[:5] == b"%PDF-" or raw[:4] == b"PK\x03\x04":
        return _from_text(document_text(raw, name), name, defaults, document=True)
    text = _decoded(raw)
    if text.lstrip()[:1] in {"{", "["}:
        return _from_json(text, name, defaults)
    table = _table(text)
    if table is not None:
        return _from_csv(text, table, name, defaults)
    return _from_text(text, name, defaults, document=False)


def _decoded(raw: bytes) -> str:
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1258", "replace")


# -- CSV -------------------------------------------------------------------------------------------------

_COLUMNS = {
    "value": {"value", "indicator", "ioc", "ioc_value", "observable", "giá trị", "chỉ dấu", "dấu hiệu"},
    "type": {"type", "ioc_type", "indicator_type", "kind", "loại"},
    "source": {"source", "nguồn", "provider"},
    "tlp": {"tlp"},
    "confidence": {"confidence", "độ tin cậy"},
    "valid_from": {"valid_from", "first_seen", "từ ngày", "date"},
    "valid_until": {"valid_until", "expires", "expiration", "đến ngày"},
    "title": {"title", "comment", "description", "name", "threat", "malware", "mô tả", "ghi chú"},
    "reference": {"reference", "link", "report", "tham chiếu"},
}
_TYPE_WORDS = {
    "ipv4": "ip", "ipv6": "ip", "ip": "ip", "ip-src": "ip", "ip-dst": "ip", "ip address": "ip",
    "địa chỉ ip": "ip",
    "cidr": "network", "network": "network", "domain": "domain", "hostname": "domain", "fqdn": "domain",
    "tên miền": "domain", "url": "url", "uri": "url", "md5": "md5", "sha1": "sha1", "sha-1": "sha1",
    "sha256": "sha256", "sha-256": "sha256", "ja3": "ja3", "ja4": "ja4", "email": "email", "e-mail": "email",
    "thư điện tử": "email",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    delimiter: str
    columns: Mapping[str, int]


def _table(text: str) -> _Table | None:
    """The table's head, when the first line names a column of values."""
    head = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    for delimiter in ",;\t|":
        first = next(csv.reader([head[:MOST_LINE] or "-"], delimiter=delimiter))
        cells = [cell.strip().lower() for cell in first]
        columns = {
            name: place
            for place, cell in reversed(list(enumerate(cells)))
            for name, words in _COLUMNS.items()
            if cell in words
        }
        if "value" in columns and (len(cells) > 1 or delimiter == ","):
            return _Table(delimiter=delimiter, columns=columns)
    return None


def _from_csv(text: str, table: _Table, name: str, defaults: Defaults) -> Imported:
    found = Imported(form="csv")
    reader = csv.reader(io.StringIO(text), delimiter=table.delimiter)
    head = False
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return found
        except csv.Error as error:
            found.tell(name, f"line {start}", f"cannot be read: {error}")
            continue
        if not cells or cells[0].startswith("#") or not any(cells):
            continue
        if not head:
            head = True
            continue
        told = {column: cells[place].strip() for column, place in table.columns.items() if place < len(cells)}
        _take(found, told, name, f"line {start}", defaults)


def _take(found: Imported, told: Mapping[str, str], name: str, position: str, defaults: Defaults) -> None:
    value = told.get("value", "")
    word = told.get("type", "").lower()
    if not value:
        found.tell(name, position, "has no value", "correct or drop this line")
        return
    try:
        kind = _TYPE_WORDS.get(word, "")
        if word in {"ip", "cidr", "ipv4", "ipv6"} and "/" in value:
            kind = "network"
        kind, value = (kind, normal(kind, value)) if kind else guess(value)
        made = _made(kind, value, told, defaults)
    except (NotAnIndicator, ValueError) as error:
        found.tell(name, position, f"'{_one_line(value)}' {error}", "correct or drop this line")
        return
    found.indicators.append(made)


def _one_line(text: str) -> str:
    return " ".join(text[:100].split())


def _made(kind: str, value: str, told: Mapping[str, str], defaults: Defaults) -> Indicator:
    confidence = told.get("confidence", "")
    return Indicator(
        type=kind,
        value=value,
        source=told.get("source") or defaults.source,
        tlp=_tlp(told.get("tlp", "")) or defaults.tlp,
        confidence=_percent(confidence) if confidence else defaults.confidence,
        valid_from=_moment(told.get("valid_from", "")),
        valid_until=_moment(told.get("valid_until", "")) or defaults.valid_until,
        title=told.get("title", "")[:500],
        reference=(told.get("reference") or defaults.reference)[:500],
    )


def read_tlp(word: str) -> str:
    """Read a TLP 2.0 label as people write it.

    Raises:
        SettingsError: there is no such label.

    >>> read_tlp("tlp:white"), read_tlp("amber+strict")
    ('CLEAR', 'AMBER+STRICT')
    """
    try:
        return _tlp(word)
    except NotAnIndicator as error:
        raise SettingsError(f"the warning {error}") from None


def _tlp(word: str) -> str:
    level = word.strip().upper().removeprefix("TLP:").strip().replace("WHITE", "CLEAR")
    if level and level not in {"CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"}:
        raise NotAnIndicator(f"has TLP '{word}': write CLEAR, GREEN, AMBER, AMBER+STRICT or RED")
    return level


_WORDS = {"low": 30, "medium": 60, "high": 85, "thấp": 30, "trung bình": 60, "cao": 85}


def _percent(word: str) -> int:
    low = word.strip().lower().rstrip("%")
    if low in _WORDS:
        return _WORDS[low]
    if not low.isascii() or not low.isdigit() or int(low) > 100:  # noqa: PLR2004 - per cent
        raise NotAnIndicator(f"has confidence '{word}': write 0 to 100, low, medium or high")
    return int(low)


def _moment(text: str) -> str:
    if not text:
        return ""
    day = re.fullmatch(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})", text)
    if day:
        text = f"{day[3]}-{int(day[2]):02}-{int(day[1]):02}"
    try:
        return stamp(parse_stamp(text))
    except (ValueError, OverflowError):
        raise NotAnIndicator(f"has the date '{text}': write 2026-11-22 or 22/11/2026") from None


# -- lists and running text ------------------------------------------------------------------------------

_HASHES = re.compile(r"(?<![0-9a-zA-Z])(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{32})(?![0-9a-zA-Z])")
_TOKENS = re.compile(r"[^\s\"'<>|,;“”‘’]+")
_SPACED = re.compile(
    r"\s(?=[\[({]\s?(?:\.|dot|at|@)\s?[\])}])|(?<=[\])}])\s(?=[a-z0-9-]+(?:[\[.]|$))", re.IGNORECASE
)
_JA3 = re.compile(r"\bja3s?\b", re.IGNORECASE)


def _from_text(text: str, name: str, defaults: Defaults, *, document: bool) -> Imported:
    """A plain list where most lines are one value alone, else running text."""
    lines = text.splitlines()
    full = [line for line in lines if line.strip() and not line.lstrip().startswith(("#", "//"))]
    single = sum(len(line.split("#")[0].split()) == 1 for line in full)
    if not document and full and single >= 0.9 * len(full):
        return _from_list(lines, name, defaults)
    found = Imported(form="text")
    have: set[tuple[str, str]] = set()
    for number, line in enumerate(lines, 1):
        for kind, value in _in_line(line[:MOST_LINE], number, name, found):
            if (kind, value) not in have:
                have.add((kind, value))
                found.indicators.append(_made(kind, value, {}, defaults))
    return found


def _from_list(lines: Iterable[str], name: str, defaults: Defaults) -> Imported:
    found = Imported(form="list")
    for number, line in enumerate(lines, 1):
        value = line.split("#", 1)[0].strip() if "://" not in line else line.strip()
        if not value or value.startswith("//"):
            continue
        _take(found, {"value": value[:MOST_LINE]}, name, f"line {number}", defaults)
    return found


def _in_line(line: str, number: int, name: str, found: Imported) -> Iterator[tuple[str, str]]:
    for hit in _HASHES.finditer(line):
        try:
            kind, value = guess(hit[0])
        except NotAnIndicator as error:
            found.tell(name, f"line {number}", f"'{hit[0]}' {error}")
        else:
            is_ja3 = kind == "md5" and _JA3.search(line[max(hit.start() - 16, 0) : hit.start()])
            yield ("ja3" if is_ja3 else kind, value)
    for token in _TOKENS.findall(_SPACED.sub("", line)):
        if not _HASHES.search(token):
            yield from _in_token(token, number, name, found)


def _in_token(token: str, number: int, name: str, found: Imported) -> Iterator[tuple[str, str]]:
    careful = is_defanged(token)
    text = token if careful else token.strip(".,:;()[]{}")
    try:
        kind, value = guess(_bare(text) if careful else text)
    except NotAnIndicator as error:
        if careful:
            hint = "add it by hand if it is meant"
            found.tell(name, f"line {number}", f"'{token[:100]}' {error}", hint)
        return
    if careful or kind == "ja4":
        yield kind, value
    elif kind in {"ip", "network", "url"}:
        hint = "put it into a list of its own if it is meant"
        found.tell(name, f"line {number}", f"'{text[:100]}' is not defanged: passed over", hint)


def _bare(token: str) -> str:
    """Without the punctuation of the sentence around it."""
    return refang(token).strip(".,:;").lstrip("([{").rstrip(")]}")


# -- JSON ------------------------------------------------------------------------------------------------


def _from_json(text: str, name: str, defaults: Defaults) -> Imported:
    found = Imported(form="json")

    def tell(position: str, what: str) -> None:
        found.tell(name, position, what)

    try:
        form, told = json_indicators(text, tell)
    except ValueError as error:
        raise InputError(
            name, "", f"cannot be read: {error}", "STIX 2.1 bundles and MISP events are"
        ) from error
    found.form = form
    for position, raw in told:
        _take(found, raw, name, position, defaults)
    return found
