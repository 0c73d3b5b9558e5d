"""Is what a URL really asks for told, however it is dressed?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.urls import decoded, url_fields
from tests.sensors.reading import misfits


@pytest.mark.parametrize(
    ("path", "query", "wanted"),
    [
        ("/a", "", "/a"),
        ("/A%2e%2E/b", "x=%27", "/a../b?x='"),
        ("/%252e%252e", "", "/.."),
        ("/a", "q=a+b%2Bc", "/a?q=a b+c"),
        ("/%u0041", "", "/a"),
        ("/%zz%", "", "/%zz%"),
        ("/%ff", "", "/\ufffd"),
    ],
)
def test_encoding_is_taken_off_as_often_as_it_was_put_on(path: str, query: str, wanted: str) -> None:
    assert decoded(path, query) == wanted


def test_an_absolute_target_names_its_host() -> None:
    fields = url_fields("HTTP://user:secret@Other.Test:8080/a.PHP?x#y", domain="ignored")
    assert fields["url.domain"] == "other.test"
    assert (fields["url.port"], fields["url.username"], fields["url.extension"]) == (8080, "user", "php")


def test_without_a_host_the_whole_url_is_what_was_sent() -> None:
    assert url_fields("/x?y")["url.full"] == "/x?y"


@given(st.text(max_size=80), st.text(max_size=10))
def test_any_target_gives_fitting_fields(target: str, domain: str) -> None:
    assert misfits(url_fields(target, domain=domain)) == []
    assert misfits(url_fields(f"http://{target}")) == []
