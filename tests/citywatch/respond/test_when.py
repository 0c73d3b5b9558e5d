"""Is a condition read as written, refused where it is not one, and asked without surprises?"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.respond.when import WhenError, holds, look_up, names, parse

SCOPE: dict[str, Any] = {
    "alert": {"severity": "high", "count": 12, "tags": ["attack.t1110", "x"], "title": "Đổi GIAO diện"},
    "event": {"source.ip": "10.0.0.1", "source": {"port": 22}},
    "steps": {"recheck": {"defaced": False, "score": 0.5, "gone": None}},
    "item": "a@b.vn",
}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("steps.recheck.defaced == false", True),
        ("steps.recheck.defaced", False),
        ("not steps.recheck.defaced", True),
        ("alert.count > 3 and alert.count <= 12", True),
        ("alert.count > 12 or alert.count < 3", False),
        ("alert.severity in ['high', \"critical\"]", True),
        ("alert.severity not in ['high']", False),
        ("alert.severity >= 'medium'", True),
        ("alert.severity >= 'critical'", False),
        ("alert.tags contains 'attack.t1110'", True),
        ("alert.title contains 'giao'", True),
        ("'t1110' in alert.tags", False),
        ("event.source.ip == '10.0.0.1' and event.source.port == 22", True),
        ("event.nothing == 1 or event.nothing != 1", False),
        ("event.nothing is defined", False),
        ("event.nothing is not defined and event.source.ip is defined", True),
        ("steps.recheck.gone is defined", False),
        ("steps.recheck.gone == null", True),
        ("steps.recheck.score == 0.5", True),
        ("alert.count == '12'", False),
        ("alert.count == true", False),
        ("alert.count < 'x'", False),
        ("true and (false or not false)", True),
        ("alert.severity == 'critical' or alert.count == 12 and item == 'A@B.VN'", True),
        (r"'it\'s' == 'it\'s'", True),
        ("-3 < 2", True),
        ("item in []", False),
    ],
)
def test_a_condition_holds(text: str, answer: bool) -> None:  # noqa: FBT001 - a row of the table
    assert holds(parse(text), SCOPE) is answer


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "column 1: a name, text, number or list was expected, not the end"),
        ("a ==", "column 5: a name"),
        ("a = 1", "column 3: '=' means nothing here"),
        ("(a == 1", "column 8: ')' was expected, not the end"),
        ("a == 1 b", "column 8: the end was expected, not 'b'"),
        ("a is good", "column 6: 'defined' was expected, not 'good'"),
        ("'text'", "column 7: a comparison was expected"),
        ("[1", "column 3: ',' or ']' was expected"),
        ("a in [[1]]", "column 7: a plain value in the list was expected"),
        ("a.__class__.__mro__ == {{1}}", "column 24: '{' means nothing here"),
        ("f(1)", "column 2: the end was expected, not '('"),
        ("not " * 40 + "a", "nested deeper than 20"),
        ("(" * 40, "nested deeper than 20"),
        ("a == 1" + " and a == 1" * 500, "at most 2000"),
        ("a == 1e5", "means nothing here"),
    ],
)
def test_what_is_no_condition_is_refused_with_its_column(text: str, error: str) -> None:
    with pytest.raises(WhenError) as caught:
        parse(text)
    assert error in str(caught.value)


def test_a_condition_tells_the_names_it_asks_for() -> None:
    text = "a.b == 1 and not (c is defined or 'x' in [d, 'e'])"
    assert list(names(parse(text))) == ["a.b", "c", "d"]


@given(st.text(max_size=60))
def test_any_text_is_a_condition_or_a_when_error(text: str) -> None:
    try:
        condition = parse(text)
    except WhenError:
        return
    assert holds(condition, SCOPE) in {True, False}


_SIGNS = st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in", "not in", "contains"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(_SIGNS, _JSON, _JSON)
def test_no_pair_of_values_breaks_a_comparison(sign: str, left: Any, right: Any) -> None:
    assert holds(parse(f"a {sign} b"), {"a": left, "b": right}) in {True, False}


@given(st.text(max_size=20), _JSON)
def test_no_path_breaks_the_look_up(path: str, value: Any) -> None:
    look_up(path, {"a": value})
