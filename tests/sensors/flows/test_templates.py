"""Does a template read just what stands in a record?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.flows.templates import MOST_FIELDS, REVERSE, VARIABLE, Template


def test_known_elements_are_read_by_place_and_the_rest_is_passed_over() -> None:
    template = Template([(0, 7, 2), (9, 7, 2), (0, 1, 3), (REVERSE, 1, 4), (0, 9999, 2), (0, 96, 4)])
    row = bytes([0, 80, 9, 9, 0, 1, 0, 0, 0, 0, 7, 8, 8]) + b"web\0"
    assert (
        list(template.records(row * 2 + b"\0\0"))
        == [{"sport": 80, "octets": 256, "back_octets": 7, "application": "web"}] * 2
    )


@pytest.mark.parametrize("specs", [[], [(0, 1, 0)], [(0, 1, 4)] * (MOST_FIELDS + 1), [(0, 1, 60_000)]])
def test_templates_that_hold_nothing_or_too_much_are_refused(specs: list[tuple[int, int, int]]) -> None:
    with pytest.raises(ValueError, match="a template of"):
        Template(specs)


def test_a_length_in_the_record_may_not_reach_past_its_end() -> None:
    template = Template([(0, 371, VARIABLE)])
    assert list(template.records(b"\x02ab\xff\x00\x01c")) == [{"user": "ab"}, {"user": "c"}]
    with pytest.raises(ValueError, match="breaks off"):
        list(template.records(b"\x09ab"))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 9, REVERSE]), st.integers(0, 400), st.integers(0, 20) | st.just(VARIABLE)
        ),
        max_size=8,
    ),
    st.binary(max_size=80),
)
def test_any_template_over_any_bytes_ends(specs: list[tuple[int, int, int]], data: bytes) -> None:
    try:
        assert len(list(Template(specs).records(data))) <= len(data)
    except ValueError:
        return
