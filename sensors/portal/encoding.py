"""Which text do the bytes of a page spell, also in the old Vietnamese encodings?

Order: byte order mark, UTF-16 without one, UTF-8 when it is valid but for a few letters, then whichever of
the declared, VISCII, TCVN3 (ABC) and Windows-1258 reads most like Vietnamese. Tables: RFC 1456 (VISCII 1.1),
TCVN 5712:1993.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_META = re.compile(rb"""charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)

_VISCII_HIGH = (
    "ẠẮẰẶẤẦẨẬẼẸẾỀỂỄỆỐỒỔỖỘỢỚỜỞỊỎỌỈỦŨỤỲÕắằặấầẩậẽẹếềểễệốồổỗỠƠộờởịỰỨỪỬơớƯÀÁÂÃẢĂẳẵÈÉÊẺÌÍĨỳĐứÒÓÔạỷừửÙÚỹỵÝỡư"
    "àáâãảăữẫèéêẻìíĩỉđựòóôõỏọụùúũủýợỮ"
)
_VISCII = {0x02: "Ẳ", 0x05: "Ẵ", 0x06: "Ẫ", 0x14: "Ỷ", 0x19: "Ỹ", 0x1E: "Ỵ"} | dict(
    zip(range(0x80, 0x100), _VISCII_HIGH, strict=True)
)
_TCVN3 = dict(
    zip(
        bytes.fromhex(
            "a1a2a3a4a5a6a7a8a9aaabacadaeb5b6b7b8b9bbbcbdbec6c7c8c9cacbcccecfd0d1d2d3d4d5d6d7d8dcdddedf"
            "e1e2e3e4e5e6e7e8e9eaebecedeeeff1f2f3f4f5f6f7f8f9fafbfcfdfe"
        ),
        "ĂÂÊÔƠƯĐăâêôơưđàảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵ",
        strict=True,
    )
)
_COMMON = re.compile(
    r"\b(?:và|của|các|không|người|được|những|trong|với|một|cho|có|này|đã|là|để|tỉnh|thành|phố|huyện|xã|dân|"
    r"nước|chính|quyền|công|bộ|tin|tức|thông|báo|việt|nam|hà|nội|ủy|ban|nhân|trang|chủ|liên|hệ|giới|thiệu)\b"
)

_HIGH = bytes(range(0x80, 0x100))
_ENOUGH = 100_000


def _from_table(raw: bytes, table: dict[int, str]) -> str:
    return raw.decode("latin-1").translate(table)


def _declared(raw: bytes, header: str) -> str:
    named = _META.search(header.encode("ascii", "ignore")) or _META.search(raw[:4096])
    return named.group(1).decode("ascii").lower() if named else ""


def _wide_without_mark(raw: bytes) -> str:
    head = raw[:2000]
    zeros = head.count(0)
    if zeros * 4 < len(head) or len(head) < 4:  # noqa: PLR2004 - a quarter zeros is no 8-bit text
        return ""
    return "utf-16-le" if head[1::2].count(0) >= head[0::2].count(0) else "utf-16-be"


def _legacy(raw: bytes, declared: str) -> tuple[str, str]:
    candidates: list[tuple[str, str]] = []
    name = declared if declared not in {"", "utf-8", "utf8", "utf-16", "iso-8859-1", "latin1"} else "cp1252"
    for codec in (name, "cp1258"):
        try:
            candidates.append((raw.decode(codec, "replace"), codec))
        except (LookupError, UnicodeError, ValueError):
            continue
    candidates.append((_from_table(raw, _VISCII), "viscii"))
    candidates.append((_from_table(raw, _TCVN3), "tcvn3"))
    normal = [(unicodedata.normalize("NFC", text), codec) for text, codec in candidates]
    return max(normal, key=lambda item: len(_COMMON.findall(item[0][:200_000].lower())))


def decode_page(raw: bytes, content_type: str = "") -> tuple[str, str]:
    """Give a page's text and the encoding it was read in; never raises.

    >>> decode_page("Ủy ban".encode())
    ('Ủy ban', 'utf-8')
    >>> decode_page("Tin tức".encode("utf-16-le"))
    ('Tin tức', 'utf-16-le')
    """
    for mark, codec in _MARKS:
        if raw.startswith(mark):
            return raw.decode(codec, "replace"), codec
    wide = _wide_without_mark(raw)
    if wide:
        return raw.decode(wide, "replace"), wide
    try:
        return raw.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        # cut in the middle of a character by our own limit, or (headlines cut by bytes) by the portal's
        if error.start > len(raw) - 4 or _mostly_utf8(raw):
            return raw.decode("utf-8", "replace"), "utf-8"
    return _legacy(raw, _declared(raw, content_type))


def _mostly_utf8(raw: bytes) -> bool:
    """Of the bytes beyond ASCII over nine in ten make letters; in other encodings hardly any do."""
    head = raw[:_ENOUGH]
    high = len(head) - len(head.translate(None, _HIGH))
    return head.decode("utf-8", "replace").count("\ufffd") * 10 < high
