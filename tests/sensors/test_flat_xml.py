"""Are flat records taken apart, and nothing else of XML believed?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sensors.flat_xml import attributes, elements


def test_entities_are_plain_and_outer_ones_are_not_fetched() -> None:
    text = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><A>&e; &#60;</A><B>1</B><B>2</B>'
    assert elements(text) == {"A": "&e; <", "B": "1"}


def test_attributes_hold_what_their_quotes_hold() -> None:
    assert attributes('A="1 > 0" B="x=&quot;y&quot;" C="never ends') == {"A": "1 > 0", "B": 'x="y"'}


@given(
    st.lists(st.sampled_from(["<", ">", "</", "A", "=", '"', "&lt;", "/>", " "]), max_size=40).map("".join)
)
def test_any_text_ends(text: str) -> None:
    assert len(elements(text)) + len(attributes(text)) <= 200
