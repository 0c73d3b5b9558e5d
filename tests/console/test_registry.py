"""Is only what can be a portal taken into the register?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.errors import SettingsError
from console.registry import checked_host


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.hanoi.gov.vn/", "www.hanoi.gov.vn"),
        ("http://xã-tây-mỹ.vn:8080/a?b=c d", "xã-tây-mỹ.vn"),
        ("https://xn--x-kda.vn", "xn--x-kda.vn"),
        ("http://127.10.0.1:8090/", "127.10.0.1"),
        ("https://[2001:db8::1]/", "2001:db8::1"),
        ("https://cong_dvc.example.vn/", "cong_dvc.example.vn"),
    ],
)
def test_the_host_of_a_portal_is_read(url: str, host: str) -> None:
    assert checked_host(url) == host


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://x.vn/", "is not the URL of a portal"),
        ("không phải url", "is not the URL of a portal"),
        ("https:///trang", "is not the URL of a portal"),
        ("https://x y.vn/", "is no name of a host"),
        ("https://x\u3000y.vn/", "is no name of a host"),
        ("https://<x>.vn/", "is no name of a host"),
        ("https://x.vn%00.example/", "is no name of a host"),
        ("https://x.vn\\@y.vn/", "is no name of a host|carries a user name"),
        ("https://u:p@x.vn/", "carries a user name"),
        ("https://x.vn:99999/", "is not a URL"),
        ("https://[::1/", "is not a URL"),
    ],
)
def test_what_is_no_portal_is_refused_with_its_reason(url: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        checked_host(url)


@given(st.text(max_size=40))
def test_no_text_makes_it_raise_anything_else(text: str) -> None:
    try:
        host = checked_host(f"https://{text}/")
    except SettingsError:
        return
    assert host
    assert not any(letter.isspace() for letter in host)
