"""Is what a portal leaves unprotected seen, and what it protects not?"""

from __future__ import annotations

import pytest

from sensors.portal.fetch import Fetched
from sensors.portal.hygiene import Hygiene, hygiene_of
from sensors.portal.walk import parse_page

SOUND = (
    ("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Strict-Transport-Security", "max-age=31536000"),
    ("Set-Cookie", "sid=1; Secure; HttpOnly"),
)


def seen(html: str, url: str = "https://a.gov.vn/", headers: tuple[tuple[str, str], ...] = SOUND) -> Hygiene:
    fetched = Fetched(url=url, final_url=url, status=200, headers=headers, body=html.encode())
    return hygiene_of(fetched, parse_page(fetched.body, url))


def test_a_sound_portal_lacks_nothing() -> None:
    assert seen("<script src=/a.js></script><form action=/b><input type=password></form>") == Hygiene()


@pytest.mark.parametrize(
    ("html", "clear"),
    [
        ("<script src=http://b.vn/a.js></script>", ("script",)),
        ("<iframe src=http://b.vn/></iframe><img src=http://b.vn/a.png>", ("frame", "image")),
        ("<link rel=stylesheet href=http://b.vn/a.css>", ("style",)),
        ("<form action=http://a.gov.vn/in><input type=password></form>", ("form", "password")),
        ("<a href=http://b.vn/>x</a>", ()),
    ],
)
def test_what_goes_in_the_clear_is_named(html: str, clear: tuple[str, ...]) -> None:
    assert seen(html).clear == clear


def test_a_page_without_tls_and_a_login_on_it() -> None:
    assert seen("<h1>a</h1>", "http://a.gov.vn/").clear == ("page",)
    assert seen("<form action=/in><input type=password></form>", "http://a.gov.vn/").clear == (
        "page",
        "password",
    )


def test_missing_headers_and_weak_cookies_are_named() -> None:
    headers = (("Set-Cookie", "ASP.NET_SessionId=a; path=/"), ("Set-Cookie", "b=c; HttpOnly; Secure"))
    bare = seen("<h1>a</h1>", headers=headers)
    assert "strict-transport-security" in bare.missing
    assert "x-frame-options" in bare.missing
    assert bare.cookies == ("ASP.NET_SessionId",)
    assert seen("<h1>a</h1>", headers=(("X-Frame-Options", "DENY"),)).missing.count("x-frame-options") == 0
    assert (
        hygiene_of(Fetched(url="https://a.vn/", final_url="https://a.vn/", error="timeout"), None)
        == Hygiene()
    )
