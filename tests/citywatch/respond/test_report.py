"""Do forms come out as they should: diacritics, ticked boxes, signature; and does nothing in a value act?"""

from __future__ import annotations

import io
import re
import time
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from citywatch.errors import ContentError
from citywatch.respond.report import (
    FORMS,
    LONGEST_TEXT,
    MOST_ROWS,
    Facts,
    Form,
    ReportError,
    Table,
    Value,
    fill,
    load_forms,
    plain,
    print_sheet,
)
from console.docx_form import main

NOWHERE = Path("/nowhere")
OURS = load_forms(NOWHERE)
DIACRITICS = "Trần Thị Ánh Nguyệt; ẩ ẵ ậ ắ ằ ẳ ẵ ặ ế ề ể ễ ệ ố ồ ổ ỗ ộ ớ ờ ở ỡ ợ ứ ừ ử ữ ự ỳ ỷ ỹ ỵ Đ đ"
HOSTILE = (
    '#panic() #read("/etc/passwd") $x$ *a* _b_ `c` @d <e> \\ ] )',
    "{{ 7*7 }} {% for x in range(10**9) %}{% endfor %} {{ ''.__class__.__mro__ }}",
    "<w:p><w:r><w:t>xml</w:t></w:r></w:p> &amp; ]]>",
    "a" * 2_000_000,
    "\x00\x08\ufffe\u202e\ud800 end",
    "x\n" * 100_000,
)


def facts(**values: Value) -> Facts:
    return Facts(values=values)


def text_of(document: bytes, form: str) -> str:
    """What a reader sees of a document."""
    if form == "pdf":
        return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(document)).pages)
    found: Any = Document(io.BytesIO(document))
    cells = [cell.text for table in found.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(paragraph.text for paragraph in found.paragraphs), *cells])


def printed(form: str, made: Facts, name: str = "mau03", data: Path = NOWHERE) -> str:
    return text_of(print_sheet(fill(OURS[name], made), name, form, data), form)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("form", ["pdf", "docx"])
def test_diacritics_boxes_and_the_signature_are_there(form: str) -> None:
    values: dict[str, Value] = {
        "org.name": "Sở Y tế",
        "incident.description": DIACRITICS,
        "system.level": ["Cấp độ 3"],
        "incident.status": ["Chưa được xử lý"],
    }
    text = squeezed(printed(form, Facts(values=values)))
    for wanted in (DIACRITICS, "☒ Cấp độ 3", "☐ Cấp độ 4", "☒ Chưa được xử lý", "☐ Đã được xử lý"):
        assert wanted in text
    for wanted in ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Mẫu số 03", "(Ký tên, đóng dấu)"):
        assert wanted in text
    assert "Tên tổ chức, cá nhân báo cáo sự cố (*): Sở Y tế" in text


@pytest.mark.parametrize("form", ["pdf", "docx"])
@pytest.mark.parametrize("value", HOSTILE, ids=["typst", "jinja", "xml", "huge", "control", "lines"])
def test_hostile_values_come_out_as_plain_text_in_a_bounded_time(form: str, value: str) -> None:
    begun = time.monotonic()
    text = printed(form, facts(**{"incident.description": value, "org.name": value}))
    assert time.monotonic() - begun < 20
    if len(value) < 200:
        shown = squeezed(plain(value, LONGEST_TEXT)).strip()
        assert shown in squeezed(text)
    assert "root:" not in text
    assert "49" not in text.replace("\u200b", "")


@pytest.mark.parametrize("name", sorted(OURS))
@pytest.mark.parametrize("form", ["pdf", "docx"])
def test_every_form_comes_out_with_nothing_known_and_with_much(form: str, name: str) -> None:
    assert OURS[name].title in squeezed(printed(form, facts(), name))
    tables = {
        section.table: Table(columns=("A", "B"), rows=[("Hà Nội", "2")] * 3)
        for section in OURS[name].section
        if section.table
    }
    charts = {section.chart: [("Cao", 3.0), ("Thấp", 0.0)] for section in OURS[name].section if section.chart}
    made = printed(form, Facts(values={}, tables=tables, charts=charts), name)
    assert not tables or made.count("Hà Nội") == 3 * len(tables)


def test_long_tables_are_cut_and_say_so() -> None:
    rows = [(str(number),) for number in range(MOST_ROWS + 7)]
    sheet = fill(OURS["progress"], Facts(values={}, tables={"history": Table(columns=("A",), rows=rows)}))
    history = next(section for section in sheet["sections"] if section["heading"] == "DIỄN BIẾN")
    assert (len(history["rows"]), history["more"]) == (MOST_ROWS, "… và 7 dòng nữa")


def test_a_choice_that_the_form_does_not_have_stands_beside_the_boxes() -> None:
    sheet = fill(OURS["mau03"], facts(**{"extra.services": ["Web server", "SCADA"]}))
    rows = [row for section in sheet["sections"] for row in section.get("rows", ())]
    services = next(row for row in rows if row["label"].startswith("Các dịch vụ"))
    assert [one["text"] for one in services["options"] if one["checked"]] == ["Web server"]
    assert services["value"] == "SCADA"


@given(text=st.text(max_size=300), most=st.integers(1, 200))
def test_a_plain_text_is_bounded_printable_and_breakable(text: str, most: int) -> None:
    made = plain(text, most)
    assert len(made.replace("\u200b", "")) <= most + 1
    assert all(char.isprintable() or char in "\n\u200b" for char in made)
    assert max((len(word) for word in re.split(r"[ \n\u200b]", made)), default=0) <= 200


def test_the_teams_own_template_and_form_go_before_ours(tmp_path: Path) -> None:
    (tmp_path / "forms").mkdir()
    (tmp_path / "tables").mkdir()
    own = "#let sheet = json(bytes(sys.inputs.sheet))\nMẫu riêng: #sheet.title"
    (tmp_path / "forms" / "mau03.typ").write_text(own, encoding="utf-8")
    table = "[mau03]\ntitle='BÁO CÁO RIÊNG'\n[[mau03.section]]\nheading='A'\n"
    (tmp_path / "tables" / "forms.toml").write_text(table, encoding="utf-8")
    form = load_forms(tmp_path)["mau03"]
    assert isinstance(form, Form)
    made = print_sheet(fill(form, facts()), "mau03", "pdf", tmp_path)
    assert "Mẫu riêng: BÁO CÁO RIÊNG" in squeezed(text_of(made, "pdf"))


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("#panic(1)", "panicked"),
        ('#read("/etc/passwd")', "mau03.typ"),
        ('#import "@preview/cetz:0.3.0": canvas', "mau03.typ"),
        ("#let x = range(100000000)\n#x.len()", "mau03.typ"),
        ("#let f(n) = f(n + 1)\n#f(0)", "call depth"),
        ("#while true { }", "mau03.typ"),
    ],
)
def test_a_bad_template_of_the_team_is_refused_in_a_bounded_time(
    tmp_path: Path, template: str, told: str
) -> None:
    (tmp_path / "forms").mkdir()
    (tmp_path / "forms" / "mau03.typ").write_text(template, encoding="utf-8")
    begun = time.monotonic()
    with pytest.raises(ReportError, match=told):
        print_sheet(fill(OURS["mau03"], facts()), "mau03", "pdf", tmp_path, wall_s=8)
    assert time.monotonic() - begun < 15


def test_a_wrong_table_of_forms_is_told(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "forms.toml").write_text("[mau03]\ntitle=3\n", encoding="utf-8")
    with pytest.raises(ContentError, match="form 'mau03'"):
        load_forms(tmp_path)


def test_the_word_template_is_what_its_maker_makes(tmp_path: Path) -> None:
    main(tmp_path)
    both = [text_of((folder / "form.docx").read_bytes(), "docx") for folder in (tmp_path, FORMS)]
    assert both[0] == both[1]
