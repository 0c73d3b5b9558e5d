"""Is the class of a statement told for every database alike?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import Event
from sensors.statement import asked, class_of

ROWS = [
    ("SELECT 1", "READ", "select"),
    ("  -- why\n/* app */ (select 1)", "READ", "select"),
    ("/*!40001 SQL_NO_CACHE */ x", "MISC", "/*!40001"),
    ("drop table x", "DDL", "drop"),
    ("CREATE USER x", "ROLE", "create"),
    ("alter login sa disable", "ROLE", "alter"),
    ("GRANT ALL ON x TO y", "ROLE", "grant"),
    ("truncate x", "WRITE", "truncate"),
    ("", "MISC", ""),
]


@pytest.mark.parametrize(("statement", "kind", "first"), ROWS)
def test_class_and_first_word(statement: str, kind: str, first: str) -> None:
    assert class_of(statement) == (kind, first)


@given(st.text(max_size=60))
def test_any_text_has_a_class(statement: str) -> None:
    event: Event = {}
    asked(event, statement)
    assert event["citywatch.database.class"]
    assert event["event.action"]
