"""Does the page about events say what the tables say?"""

from __future__ import annotations

from pathlib import Path

from citywatch.schema import fields, namespaces
from citywatch.store.schema_page import COMMAND, page

PAGE = Path(__file__).parents[3] / "docs" / "event-schema.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), f"the page is behind the tables; run: {COMMAND}"


def test_the_page_names_every_field_and_namespace() -> None:
    text = page()
    assert all(f"| `{name}` |" in text for name in fields())
    assert all(f"| `{space.prefix}*` |" in text for space in namespaces())


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    width = 0
    for line in page().splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        cells = line.replace("\\|", "").count("|")
        width = width or cells
        assert cells == width, line
