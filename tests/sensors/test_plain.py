"""Are objects, lists and nulls of a record said in plain fields, whatever they hold?"""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from sensors.plain import OPEN, make_plain

leaves = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=4))
keys = st.text("ab#@.", max_size=3)
values = st.recursive(
    leaves, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3))
)


@given(
    st.dictionaries(st.sampled_from([OPEN + "a", OPEN + "b", "process.executable"]), values), st.booleans()
)
def test_all_that_is_left_is_plain(event: dict[str, Any], nulls: bool) -> None:  # noqa: FBT001 - drawn
    make_plain(event, nulls=nulls)
    for name, value in event.items():
        assert name == "process.executable" or name.startswith(OPEN)
        listed = cast("list[Any]", value) if isinstance(value, list) else [value]
        assert all(isinstance(each, str | int | float | bool) or (nulls and each is None) for each in listed)


def test_names_within_an_object_are_told_by_their_path() -> None:
    event: dict[str, Any] = {OPEN + "Data": {"Path": "x", "#attributes": {"y": 1}, "Deep": {"Er": [1, 2]}}}
    make_plain(event, nulls=False)
    assert event == {OPEN + "Data.Path": "x", OPEN + "Data.Deep.Er": [1, 2]}


def test_an_object_where_the_schema_has_one_value_becomes_text() -> None:
    event: dict[str, Any] = {"process.executable": {"a": 1}, OPEN + "Data": {"#text": "x", "Name": "n"}}
    make_plain(event, nulls=False)
    assert event == {"process.executable": '{"a":1}', OPEN + "Data": "x"}
