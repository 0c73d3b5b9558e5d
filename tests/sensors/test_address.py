"""Are addresses, ports and counts read, and everything else left out?"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sensors.address import address, count, port

anything = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.lists(st.integers())
)


@given(st.ip_addresses().map(str))
def test_an_address_is_kept(text: str) -> None:
    assert address(text)
    assert address(address(text)) == address(text)


@given(anything)
def test_anything_else_is_nothing_or_fits(value: Any) -> None:
    found = port(value)
    assert found is None or 0 <= found <= 65_535
    size = count(value)
    assert size is None or 0 <= size < 1 << 63
    where = address(value)
    assert where is None or isinstance(where, str)
