"""Are personal data in linked files found, and do files that are bombs cost nothing?"""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Callable

import pytest
from docx import Document
from openpyxl import Workbook
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from citywatch import schema
from citywatch.clock import system_clock
from citywatch.model import Event, Portal
from citywatch.settings import Fetch
from sensors.portal.baseline import Baseline
from sensors.portal.documents import Documents
from sensors.portal.view import DESKTOP
from sensors.portal.visit import Budget, PortalSensor, Visit
from tests.sensors.portal.hostile import answer, serving

PEOPLE = [(f"Nguyễn Văn {n}", f"0010850{10000 + n * 17}", f"09{12345678 + n}") for n in range(12)]


def xlsx(*, numbers: bool = False) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Họ và tên", "Số CCCD", "Điện thoại"])
    for name, number, phone in PEOPLE:
        sheet.append([name, int(number) if numbers else number, phone])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def docx() -> bytes:
    paper = Document()
    table = paper.add_table(rows=0, cols=3)
    for row in (("Họ và tên", "Số CCCD", "Điện thoại"), *PEOPLE):
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    out = io.BytesIO()
    paper.save(out)
    return out.getvalue()


def pdf() -> bytes:
    writer = PdfWriter()
    page = writer.add_blank_page(600, 800)
    lines = ["Ho va ten, so CCCD", *(f"{number} {phone}" for _, number, phone in PEOPLE)]
    drawn = "BT /F1 10 Tf 50 780 Td " + " ".join(f"({line}) Tj 0 -14 Td" for line in lines) + " ET"
    stream = DecodedStreamObject()
    stream.set_data(drawn.encode())
    font = {NameObject("/Type"): NameObject("/Font"), NameObject("/Subtype"): NameObject("/Type1")}
    font[NameObject("/BaseFont")] = NameObject("/Helvetica")
    fonts = DictionaryObject({NameObject("/F1"): DictionaryObject(font)})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    page[NameObject("/Contents")] = writer._add_object(stream)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the library has no public way to write text
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def packed(name: str, body: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, body)
    return out.getvalue()


def visits(
    files: dict[str, bytes], count: int = 1, change: Callable[[dict[str, bytes]], None] | None = None
) -> list[Visit]:
    links = "".join(f"<a href='{path}'>x</a>" for path in files)

    async def talk(line: str, writer: asyncio.StreamWriter) -> None:
        path = line.split(" ")[1]
        asked.append(path)
        if path == "/":
            writer.write(answer(f"<h1>Sở</h1>{links}".encode(), "Content-Type: text/html; charset=utf-8"))
        elif path in files:
            writer.write(answer(files[path], "Content-Type: application/octet-stream"))
        else:
            writer.write(answer(b"no", status="404 Not Found"))

    asked: list[str] = []

    async def script() -> list[Visit]:
        done: list[Visit] = []
        baseline: Baseline | None = None
        budget = Budget(
            views=(DESKTOP,), inner_pages=0, probes=False, recheck_s=0, witnesses=(Documents(),), ask_all=True
        )
        async with serving(talk) as port:
            sensor = PortalSensor(
                Fetch(allow_loopback=True, timeout_s=5, max_bytes=20_000_000), system_clock, budget=budget
            )
            portal = Portal(id="p", url=f"http://127.0.0.1:{port}/", name="P", agency="a")
            for number in range(count):
                if number and change is not None:
                    change(files)
                done.append(await sensor.visit(portal, baseline))
                baseline = done[-1].baseline
            await sensor.close()
        return done

    return asyncio.run(script())


def _told(done: Visit) -> list[Event]:
    return [event for event in done.events if event["event.dataset"] == "portal.document"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/a/ds.xlsx", xlsx()),
        ("/a/so.xlsx", xlsx(numbers=True)),
        ("/a/ds.docx", docx()),
        ("/a/ds.pdf", pdf()),
        ("/a/ds.csv", "\n".join(["Họ và tên,Số CCCD", *(",".join(row) for row in PEOPLE)]).encode()),
    ],
)
def test_a_list_of_people_in_a_file_is_found_masked_and_not_kept(path: str, body: bytes) -> None:
    (event,) = _told(visits({path: body})[0])
    assert event["citywatch.portal.leak.count"] >= 12
    assert "cccd" in event["citywatch.portal.leak.kinds"]
    assert "citywatch.evidence.sha256" not in event
    assert not any(number in str(event) for _, number, _ in PEOPLE)
    for name, value in event.items():
        field = schema.resolve(name)
        assert field is not None, name
        assert field.many == isinstance(value, list), name


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        (
            "/bomb.xlsx",
            packed("xl/worksheets/sheet1.xml", b"<row>" + b" " * 80_000_000),
            "too large when unpacked",
        ),
        (
            "/laugh.xlsx",
            packed("xl/worksheets/sheet1.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><row>&b;</row>'),
            "declares entities",
        ),
        (
            "/laugh.docx",
            packed("word/document.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
            "declares entities",
        ),
        ("/broken.pdf", b"%PDF-1.7 nothing", "cannot be read"),
        ("/broken.docx", b"PK\x03\x04 nothing", "cannot be read"),
    ],
)
def test_bombs_and_broken_files_are_refused_and_told(path: str, body: bytes, why: str) -> None:
    done = visits({path: body, "/ds.xlsx": xlsx()})[0]
    refused = next(event for event in _told(done) if event["event.outcome"] == "failure")
    assert why in refused["event.reason"]
    assert done.heard[0].said.counts == {"read": 1, "unread": 1, "leaking": 1}


def test_a_file_is_read_once_but_one_that_leaks_until_it_is_gone() -> None:
    done = visits({"/ds.xlsx": xlsx(), "/ok.csv": b"a,b\n1,2\n"}, 3, lambda _: None)
    assert [len(_told(each)) for each in done] == [1, 1, 1]
    assert [each.heard[0].said.counts["read"] for each in done] == [2, 1, 1]
    gone = visits({"/ds.xlsx": xlsx()}, 3, dict[str, bytes].clear)
    assert [len(_told(each)) for each in gone] == [1, 0, 0]


def test_a_page_in_place_of_a_file_and_another_domain_are_passed_over() -> None:
    done = visits({"/a.pdf": b"<html>0010850100170 not found", "http://other.example/ds.xlsx": b""})[0]
    assert _told(done) == []
    assert done.heard[0].said.counts["read"] == 1
