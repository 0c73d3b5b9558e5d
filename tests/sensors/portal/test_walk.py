"""Is a page read whole, in bounds, and what it hides seen?"""

from __future__ import annotations

import re
import time
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.portal.page import absolute, domain_of, guard, registered_domain, steady
from sensors.portal.walk import parse_page

URL = "https://www.xa.gov.vn/tin/a.html"


def test_a_page_tells_everything_it_has() -> None:
    page = parse_page(
        "<html lang=vi><head><title> Trang  chủ </title><meta name=description content='Mô tả'>"
        "<meta http-equiv=refresh content=\"5; url='//la.top/x'\"><link rel=stylesheet href=/s.css>"
        "<script src=https://cdn.la.top/a.js></script></head><body><!-- ghi chú --><p>Một <b>hai</b> ba</p>"
        "<p>Bốn</p><a href=/noi-bo>trong</a><a href=https://la.top/>ngoài</a><img src=anh.jpg>"
        "<form action=https://la.top/p><input type=password></form><iframe src=https://la.top/f></iframe>"
        "<script>var a=1</script><img src=x onerror='alert(1)'></body></html>".encode(),
        URL,
    )
    assert (page.title, page.language) == ("Trang chủ", "vi")
    assert page.text.splitlines()[:2] == ["Một hai ba", "Bốn"]
    assert [(link.url, link.domain) for link in page.links] == [
        ("https://www.xa.gov.vn/noi-bo", ""),
        ("https://la.top/", "la.top"),
    ]
    assert [script.domain for script in page.scripts] == ["la.top", ""]
    assert [(form.domain, form.secret) for form in page.forms] == [("la.top", True)]
    assert [frame.domain for frame in page.frames] == ["la.top"]
    assert (page.refresh, page.refresh_domain) == ("https://la.top/x", "la.top")
    assert [comment.strip() for comment in page.comments] == ["ghi chú"]
    assert page.styles == ("https://www.xa.gov.vn/s.css",)
    assert page.handlers == ("onerror=alert(1)",)
    assert ("description", "Mô tả") in page.metas


@pytest.mark.parametrize(
    ("html", "how"),
    [
        ("<div style='display: none'>x</div>", "not_displayed"),
        ("<div hidden>x</div>", "not_displayed"),
        ("<div style='position:absolute;left:-9999px'>x</div>", "off_screen"),
        ("<p style='text-indent:-5000px'>x</p>", "off_screen"),
        ("<span style='font-size:0'>x</span>", "tiny"),
        ("<div style='height:0;overflow:hidden'>x</div>", "tiny"),
        ("<marquee width=1 height=1>x</marquee>", "tiny"),
        ("<div style='opacity:0'>x</div>", "transparent"),
        ("<div style='color:#fff;background:#fff'>x</div>", "same_color"),
        ("<div style='visibility:hidden'><p>x</p></div>", "not_visible"),
        ("<style>.q{position:absolute;left:-999px}</style><div class='a q'>x</div>", "off_screen"),
        ("<style>#z{display:none}</style><div id=z>x</div>", "not_displayed"),
        ("<noscript>x</noscript>", "noscript"),
        ("<div style='color:red'>x</div>", ""),
        ("<div style='margin-left:-15px'>x</div>", ""),
        ("<div style='opacity:0.9'>x</div>", ""),
    ],
)
def test_what_is_hidden_is_seen(html: str, how: str) -> None:
    page = parse_page(f"<html><body>{html}</body></html>".encode(), URL)
    assert [block.hidden for block in page.blocks if block.text == "x"] == [how]


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 1_000_000,
        "".join(f"<font color={number}>" for number in range(200_000)),
        "<p>a<b>c</b></p>" * 250_000,
        "<table><tr><td></div>" * 100_000,
        "<a " + " ".join(f"a{number}=1" for number in range(100_000)) + ">x</a>",
        "<a " + " ".join(f"a{number}='>'" for number in range(100_000)) + ">x</a>",
        "<iframe src=a>" * 100_000,
        "<!--" * 300_000,
        "<" * 1_000_000,
        "<svg><style>" * 50_000,
        "<style>" + "a{" * 100_000 + "</style>",
        "<p style='" + "left:" * 100_000 + "'>x</p>",
    ],
    ids="nested fonts million tables attributes quoted frames comments brackets svg css style".split(),  # noqa: SIM905 - a row of names
)
def test_a_page_made_to_be_slow_is_read_in_time(html: str) -> None:
    began = time.process_time()
    page = parse_page(html.encode(), URL)
    assert time.process_time() - began < 3
    assert page.nodes <= 250_001


def test_a_long_honest_page_is_not_cut() -> None:
    rows = "".join(f"<li><a href=/{number}>Tin số {number}</a>" for number in range(4000))
    assert guard(f"<ul>{rows}</ul>")[1] == ""


@settings(max_examples=150)
@given(st.text(alphabet="<>/=\"' abdivscript!-&;:#ạ\x00\n", max_size=300))
def test_no_markup_makes_it_raise(text: str) -> None:
    assert parse_page(text.encode(), URL).url == URL


@given(st.binary(max_size=500), st.text(max_size=50))
def test_no_bytes_make_it_raise(raw: bytes, url: str) -> None:
    assert parse_page(raw, url).url == url


@given(st.text(max_size=100))
def test_no_url_makes_the_domain_raise(text: str) -> None:
    assert isinstance(domain_of(text), str)
    assert isinstance(registered_domain(text), str)


@given(st.text(max_size=200))
def test_steady_is_stable(text: str) -> None:
    assert steady(steady(text)) == steady(text)


@given(st.text(alphabet=st.sampled_from("aáZf09 _-=/+\t\n.,đ٣"), max_size=120) | st.text(max_size=120))
def test_steady_looks_word_by_word_and_says_the_same_as_over_the_whole_text(text: str) -> None:
    whole = re.sub(r"[0-9a-fA-F]{16,}|[A-Za-z0-9+/=_-]{40,}|\d+", "0", text)
    assert steady(text) == re.sub(r"\s+", " ", whole).strip()


_BITS = [
    "/",
    "//",
    ".",
    "..",
    "a",
    "B",
    "http://",
    "https://",
    "HTTP://",
    "x.vn",
    "X.Vn",
    ":80",
    ":99999",
    ":",
    ";p",
    "?",
    "#",
    "q=1",
    "&",
    "@",
    "%20",
    "é",
    "-",
    "_",
    "[::1]",
    "~",
    "index.php",
]


@given(
    target=st.lists(st.sampled_from([*_BITS, " ", "\t", "\n", "\x00"]), max_size=6).map("".join),
    base=st.sampled_from(
        ["https://a.vn/b/c.html", "http://X.vn:80", "https://u@x.vn/a", "ftp://x.vn/", "", "about:blank"]
    ),
)
def test_targets_are_joined_and_hosts_read_as_the_standard_library_does(target: str, base: str) -> None:
    try:
        joined, host = urljoin(base, target.strip()), urlsplit(target)
        named = host.hostname if host.scheme in {"http", "https", "ftp", "ws", "wss"} else None
    except ValueError:
        joined, named = absolute(base, target), domain_of(target)
    assert absolute(base, target) == joined
    assert domain_of(target) == (registered_domain(named) if named else "")
