"""Which text stands in this PDF, Word or Excel file?

Run as a process of its own, with limits on memory and processor time, because the file comes from outside:
`python -m citywatch.detect.document_text` reads the file from standard input and writes UTF-8 text.
"""

from __future__ import annotations

import io
import re
import resource
import subprocess
import sys
import zipfile
from xml.etree import ElementTree as ET

from citywatch.errors import InputError

MOST_BYTES = 50 * 1024 * 1024
MOST_TEXT = 20 * 1024 * 1024
MOST_PAGES = 1000
_MEMORY = 1024 * 1024 * 1024
_CPU_S = 30
_MOST_SHEETS = 60
_MOST_PARTS = 5000
_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def document_text(raw: bytes, name: str) -> str:
    """The text of a PDF, DOCX or XLSX file, read in a process of its own.

    Raises:
        InputError: it is too large, broken, locked, or took too long.
    """
    if len(raw) > MOST_BYTES:
        raise InputError(name, "", f"is larger than {MOST_BYTES} bytes", "save only the pages that matter")
    command = [sys.executable, "-I", "-m", "citywatch.detect.document_text"]
    try:
        done = subprocess.run(command, input=raw, capture_output=True, timeout=2 * _CPU_S, check=False)  # noqa: S603 - our own interpreter and module
    except subprocess.TimeoutExpired:
        raise InputError(name, "", "took too long to read", "save it as plain text") from None
    if done.returncode:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputError(name, "", told[-1] if told else "cannot be read", "save it as plain text")
    return done.stdout.decode("utf-8", "replace")


def pdf_text(raw: bytes) -> str:
    """The text of a PDF file, page by page."""
    from pypdf import PdfReader  # noqa: PLC0415 - only this process needs it

    pages = PdfReader(io.BytesIO(raw)).pages
    return "\n".join(page.extract_text() for page in pages[:MOST_PAGES])


def docx_text(raw: bytes) -> str:
    """The text of a Word file, a line a paragraph, cells of a table apart.

    Raises:
        ValueError: the file declares entities, or is too large when unpacked.
    """
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        names = [name for name in archive.namelist() if name.startswith("word/") and name.endswith(".xml")]
        texts: list[str] = []
        for name in sorted(names):
            if not any(part in name for part in ("document", "footnotes", "endnotes", "header", "footer")):
                continue
            texts += _paragraphs(_part(archive, name))
    return "\n".join(texts)


def xlsx_text(raw: bytes) -> str:
    """The text of an Excel file, a line a row. A long number is written as it is shown: without exponent.

    Raises:
        ValueError: the file declares entities, or is too large when unpacked.
    """
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        names = set(archive.namelist())
        strings: list[str] = []
        if "xl/sharedStrings.xml" in names:
            root = ET.fromstring(_part(archive, "xl/sharedStrings.xml"))  # noqa: S314 - as in `_paragraphs`
            strings = [
                "".join(t.text or "" for t in item.iter(f"{_SHEET}t")) for item in root.iter(f"{_SHEET}si")
            ]
        sheets = sorted(name for name in names if re.fullmatch(r"xl/worksheets/[^/]+\.xml", name))
        lines: list[str] = []
        for name in sheets[:_MOST_SHEETS]:
            lines += _rows(_part(archive, name), strings)
    return "\n".join(lines)


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        xml = file.read(MOST_BYTES + 1)
    if len(xml) > MOST_BYTES:
        raise ValueError("is too large when unpacked")
    if b"<!DOCTYPE" in xml or b"<!ENTITY" in xml:
        raise ValueError("declares entities, which no such file does")
    return xml


def _rows(xml: bytes, strings: list[str]) -> list[str]:
    root = ET.fromstring(xml)  # noqa: S314 - entities are refused before, memory and time are limited
    return [
        "\t".join(_cell(cell, strings) for cell in row.iter(f"{_SHEET}c"))
        for row in root.iter(f"{_SHEET}row")
    ]


def _cell(cell: ET.Element, strings: list[str]) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return "".join(part.text or "" for part in cell.iter(f"{_SHEET}t"))
    value = cell.findtext(f"{_SHEET}v") or ""
    if kind == "s":
        return strings[int(value)] if value.isdigit() and int(value) < len(strings) else ""
    if kind == "n" and re.fullmatch(r"\d(?:\.\d+)?[eE]\+?\d{1,2}", value):
        return str(int(float(value)))
    return value


def _paragraphs(xml: bytes) -> list[str]:
    root = ET.fromstring(xml)  # noqa: S314 - entities are refused before, memory and time are limited
    return [
        "".join(
            item.text or "" if item.tag == f"{_WORD}t" else "\t"
            for item in paragraph.iter()
            if item.tag in {f"{_WORD}t", f"{_WORD}tab", f"{_WORD}br"}
        )
        for paragraph in root.iter(f"{_WORD}p")
    ]


def _read(raw: bytes) -> str:
    if raw.lstrip()[:5] == b"%PDF-":
        return pdf_text(raw)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        names = archive.namelist()
    if len(names) > _MOST_PARTS:
        raise ValueError(f"has more than {_MOST_PARTS} parts")
    return xlsx_text(raw) if any(name.startswith("xl/") for name in names) else docx_text(raw)


def main() -> int:
    """Read standard input, write its text; tell on standard error what is wrong."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    raw = sys.stdin.buffer.read(MOST_BYTES + 1)
    try:
        text = _read(raw)
    except MemoryError:
        sys.stderr.write("needs too much memory\n")
        return 1
    except Exception as error:  # noqa: BLE001 - whatever a broken file makes the readers do, it is told
        sys.stderr.write(f"cannot be read: {error}\n")
        return 1
    sys.stdout.buffer.write(text.encode("utf-8", "replace")[:MOST_TEXT])
    return 0


if __name__ == "__main__":
    sys.exit(main())
