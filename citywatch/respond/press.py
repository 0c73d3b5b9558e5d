"""What runs in the press? A report's template and its data, and nothing else of the house.

A process of its own, started with this file alone for one document: memory, processor time and output are
limited, so that neither a hostile value nor a bad template of the team can hold the service up. It reads one
JSON request from standard input and writes the document to standard output.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from pathlib import Path
from typing import Any, Literal, cast

import typst

MEMORY = 2 * 1024 * 1024 * 1024
CPU_S = 20
OUTPUT = 32 * 1024 * 1024
PAGE_MM = 162
"""What of a page's width is written on."""
REFUSED = 3
"""Exit code when the template is wrong; standard error says why."""


def main() -> int:
    """Make one document."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    request = json.load(sys.stdin.buffer)
    folder = Path(request["folder"])
    try:
        if request["format"] == "docx":
            made = docx(folder, request["template"], request["sheet"])
        else:
            made = typeset(folder, request["template"], request["sheet"], request["format"])
    except Exception as error:  # noqa: BLE001 - whatever a template does wrong is told in one line
        sys.stderr.write(f"{type(error).__name__}: {error}"[:2000])
        return REFUSED
    if len(made) > OUTPUT:
        sys.stderr.write(f"the document is larger than {OUTPUT} bytes")
        return REFUSED
    sys.stdout.buffer.write(made)
    return 0


def typeset(folder: Path, template: str, sheet: dict[str, Any], form: Literal["pdf", "png"]) -> bytes:
    """PDF, or PNG of the first page; with the fonts of typst alone, so that it looks alike everywhere."""
    made = cast(
        "bytes | list[bytes]",
        typst.compile(  # pyright: ignore[reportUnknownMemberType] - its stubs leave containers open
            str(folder / template),
            root=str(folder),
            format=form,
            ppi=110.0,
            ignore_system_fonts=True,
            sys_inputs={"sheet": json.dumps(sheet)},
        ),
    )
    return made if isinstance(made, bytes) else made[0]


def docx(folder: Path, template: str, sheet: dict[str, Any]) -> bytes:
    """A Word document; charts become pictures."""
    from docx.shared import Mm  # noqa: PLC0415 - only where Word is asked for
    from docxtpl import DocxTemplate, InlineImage  # noqa: PLC0415 - only where Word is asked for
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415 - only where Word is asked for

    document = DocxTemplate(str(folder / template))
    for section in sheet["sections"]:
        if section["kind"] == "chart" and section["bars"]:
            picture = io.BytesIO(typeset(folder, "chart.typ", section, "png"))
            section["picture"] = InlineImage(document, picture, width=Mm(155))
    document.render(sheet, ImmutableSandboxedEnvironment(autoescape=True), autoescape=True)
    for table in cast("Any", document).docx.tables:
        _widen(table, sheet["sections"])
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _widen(table: Any, sections: list[dict[str, Any]]) -> None:
    """Give a table of the sheet, known by its headings, the widths of its columns; no row is cut in two."""
    from docx.oxml import OxmlElement  # noqa: PLC0415  # pyright: ignore[reportUnknownVariableType] - only where Word is asked for; half typed
    from docx.shared import Mm  # noqa: PLC0415 - only where Word is asked for

    names = [cell.text for cell in table.rows[0].cells]
    found = next((one for one in sections if one["kind"] == "table" and one["columns"] == names), None)
    if found is None:
        return
    table.autofit = False
    widths = [Mm(PAGE_MM * share / sum(found["widths"])) for share in found["widths"]]
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width
    for row in table.rows:
        row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))  # noqa: SLF001 - python-docx has no other way
        for cell, width in zip(row.cells, widths, strict=False):
            cell.width = width


if __name__ == "__main__":
    sys.exit(main())
