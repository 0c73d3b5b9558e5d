"""Is a stranger's JSON read without trusting what it holds?"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.json_value import DEEPEST, flatten, items, objects, parse, record, text


def test_values_of_another_kind_are_empty() -> None:
    whole = {"a": 1, "b": "x", "c": [1, {"d": 2}], "e": {"f": 3}}
    assert (text(whole, "a"), text(whole, "b")) == ("", "x")
    assert (items(whole, "b"), objects(whole, "c")) == ([], [{"d": 2}])
    assert (record(whole, "c"), record(whole, "e")) == ({}, {"f": 3})


@pytest.mark.parametrize("line", [b"", b"[]", b"null", b"{", b'{"a":NaN}', b"\xff"])
def test_what_is_no_object_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="JSON"):
        parse(line)


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(anything)
def test_flat_is_flat_and_not_deep(value: Any) -> None:
    event: dict[str, Any] = {}
    flatten(event, "x", value)
    for name, each in event.items():
        assert name.split(".")[0] == "x"
        assert not isinstance(each, dict)
        assert each is not None
    assert DEEPEST == 3
