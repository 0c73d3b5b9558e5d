"""Does a name have the public suffix that tldextract finds?"""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tldextract import TLDExtract

from sensors.suffix import suffix_of

LIBRARY = TLDExtract(suffix_list_urls=(), cache_dir=None)
LABELS = st.sampled_from(
    (
        "a",
        "www",
        "city",
        "kawasaki",
        "jp",
        "ck",
        "vn",
        "gov",
        "com",
        "co",
        "uk",
        "0",
        "-",
        "_x",
        "xn--p1ai",
        "X",
    )
)
NAMES = st.lists(LABELS | st.text("abc*!xn-.é[]:@ ", max_size=5), min_size=1, max_size=6).map(".".join)


@given(NAMES)
def test_any_name_has_the_suffix_of_the_library(name: str) -> None:
    assert suffix_of(name) == LIBRARY(name).suffix


def test_every_rule_of_the_list_is_found() -> None:
    rules = LIBRARY.tlds
    assert len(rules) > 5000
    for rule in rules:
        name = "a." + rule.lstrip("!").replace("*", "b")
        assert suffix_of(name) == LIBRARY(name).suffix, rule


@pytest.mark.parametrize("name", ["hanoi.gov.vn", "a.b.c.kawasaki.jp", "city.kawasaki.jp", "10.0.0.1", "ck"])
def test_a_plain_name_needs_no_library(name: str) -> None:
    loaded = "'requests' in sys.modules"
    asked = f"import sys; from sensors.suffix import suffix_of; print(suffix_of({name!r}), {loaded})"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [word for word in (LIBRARY(name).suffix, "False") if word]
