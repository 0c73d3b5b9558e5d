"""What is the Word template of forms and reports, before a team makes it its own?

`python -m console.docx_form` writes `citywatch/forms/form.docx`. Whoever wants another page edits that file
in Word and puts it into `forms/` of the installation's folder: names in double braces are filled, and what
stands between lines with `{%p … %}` or `{%tr … %}` repeats.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Mm, Pt

from citywatch.respond.report import FORMS

_MIDDLE, _RIGHT = WD_ALIGN_PARAGRAPH.CENTER, WD_ALIGN_PARAGRAPH.RIGHT
_STATE = "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"
_MOTTO = "Độc lập - Tự do - Hạnh phúc"


def make() -> Any:
    """The template as a document of python-docx (loosely typed there)."""
    document: Any = Document()
    page = document.sections[0]
    page.page_width, page.page_height = Mm(210), Mm(297)
    page.left_margin, page.right_margin = Mm(30), Mm(18)
    page.top_margin = page.bottom_margin = Mm(20)
    style = document.styles["Normal"]
    style.font.name, style.font.size = "Times New Roman", Pt(12)
    style.paragraph_format.space_after = Pt(3)
    page.footer.paragraphs[0].add_run("{{ footer }}").font.size = Pt(8)
    _head(document)
    _sections(document)
    _signature(document)
    return document


def _line(place: Any, text: str, align: Any = None, *, bold: bool = False, italic: bool = False) -> Any:
    paragraph = place.add_paragraph()
    paragraph.alignment = align
    run = paragraph.add_run(text)
    run.bold, run.italic = bold, italic
    return paragraph


def _head(document: Any) -> None:
    left, right = document.add_table(rows=1, cols=2).rows[0].cells
    left.width, right.width = Mm(62), Mm(100)
    for cell, lines in (
        (left, ("{{ authority|upper }}", "{{ organisation|upper }}")),
        (right, (_STATE, _MOTTO)),
    ):
        first, second = cell.paragraphs[0], cell.add_paragraph()
        for paragraph, text in zip((first, second), lines, strict=True):
            paragraph.alignment = _MIDDLE
            paragraph.add_run(text).bold = cell is right or paragraph is second
    _line(document, "{{ place_and_day }}", _RIGHT, italic=True)
    _line(document, "{{ number }}", _RIGHT)
    _line(document, "{{ title }}", _MIDDLE, bold=True).runs[0].font.size = Pt(14)
    _line(document, "{{ subtitle }}", _MIDDLE)
    _line(document, "{{ basis }}", _MIDDLE, italic=True)


def _sections(document: Any) -> None:
    _line(document, "{%p for section in sections %}")
    heading = _line(document, "{{ section.heading }}", bold=True)
    heading.paragraph_format.space_before = Pt(8)
    heading.paragraph_format.keep_with_next = True
    _line(document, "{%p if section.kind == 'rows' %}")
    _line(document, "{%p for row in section.rows %}")
    ticks = (
        "{% for option in row.options %}{{ '☒' if option.checked else '☐' }} {{ option.text }}   {% endfor %}"
    )
    dots = "{{ '.' * 60 if not row.value and not row.options }}"
    _line(document, f"{{{{ row.label }}}}: {ticks}{{{{ row.value }}}}{dots}")
    _line(document, "{%p endfor %}")
    _line(document, "{%p elif section.kind == 'chart' %}")
    _line(document, "{{ section.picture }}")
    _line(document, "{%p else %}")
    _table(document)
    _line(document, "{{ section.more }}", italic=True)
    _line(document, "{%p endif %}")
    _line(document, "{%p endfor %}")


def _table(document: Any) -> None:
    """Headings and cells repeat to the right, rows downward."""
    table = document.add_table(rows=4, cols=3)
    table.style = "Table Grid"
    table.autofit = True
    texts = (
        ("{%tc for name in section.columns %}", "{{ name }}", "{%tc endfor %}"),
        ("{%tr for cells in section.rows %}", "", ""),
        ("{%tc for cell in cells %}", "{{ cell }}", "{%tc endfor %}"),
        ("{%tr endfor %}", "", ""),
    )
    for row, cells in zip(table.rows, texts, strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            run = cell.paragraphs[0].add_run(text)
            run.font.size, run.bold = Pt(9), text == "{{ name }}"


def _signature(document: Any) -> None:
    document.add_paragraph()
    left, right = document.add_table(rows=1, cols=2).rows[0].cells
    left.paragraphs[0].add_run("Nơi nhận:").bold = True
    _line(left, "{%p for one in recipients %}")
    _line(left, "- {{ one }};")
    _line(left, "{%p endfor %}")
    _line(left, "- Lưu: VT.")
    right.paragraphs[0].alignment = _MIDDLE
    right.paragraphs[0].add_run("{{ signed }}").bold = True
    _line(right, "(Ký tên, đóng dấu)", _MIDDLE, italic=True)


def main(folder: Path = FORMS) -> int:
    """Write the template."""
    make().save(str(folder / "form.docx"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
