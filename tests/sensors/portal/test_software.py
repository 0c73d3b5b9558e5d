"""Is what a portal says of its software taken down, and nothing guessed?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.portal.fetch import Fetched
from sensors.portal.software import software_of
from sensors.portal.walk import parse_page


def told(html: str, **headers: str) -> tuple[str, ...]:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    fetched = Fetched(url="https://a.vn/", final_url="https://a.vn/", status=200, headers=named)
    return software_of(fetched, parse_page(html.encode(), "https://a.vn/", "text/html; charset=utf-8"))


@pytest.mark.parametrize(
    ("html", "headers", "software"),
    [
        ("", {"Server": "Apache/2.4.49 (Ubuntu) OpenSSL/1.1.1f"}, ("Apache/2.4.49", "OpenSSL/1.1.1f")),
        ("", {"Server": "Microsoft-IIS/10.0", "X_Powered_By": "ASP.NET"}, ("Microsoft-IIS/10.0", "ASP.NET")),
        ("", {"X_AspNet_Version": "4.0.30319"}, ("ASP.NET/4.0.30319",)),
        ("", {"Server": "nginx"}, ("nginx",)),
        (
            "",
            {"Liferay_Portal": "Liferay Community Edition Portal 7.4.3"},
            ("Liferay Community Edition Portal/7.4.3",),
        ),
        ('<meta name="generator" content="WordPress 6.4.2">', {}, ("WordPress/6.4.2",)),
        ('<meta name="Generator" content="Drupal 9 (https://www.drupal.org)">', {}, ("Drupal/9",)),
        ('<meta name="generator" content="Joomla! - Open Source Content Management">', {}, ("Joomla!",)),
        ('<script src="/js/jquery-3.4.1.min.js"></script>', {}, ("jquery/3.4.1",)),
        ("<p>Apache 2.4 is a server</p>", {}, ()),
    ],
)
def test_software_is_what_it_tells_of_itself(
    html: str, headers: dict[str, str], software: tuple[str, ...]
) -> None:
    assert told(html, **headers) == software


@given(st.text(max_size=300), st.text(max_size=300))
def test_whatever_a_header_or_generator_says_is_bounded(header: str, generator: str) -> None:
    found = told(f'<meta name="generator" content="{generator}">', Server=header, X_Generator=header)
    assert len(found) <= 20
    assert all(len(one) < 130 for one in found)
