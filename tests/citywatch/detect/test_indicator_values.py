"""Are indicators read as what they are, and refused when they would match half the city?"""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.detect.indicator_values import TYPES, NotAnIndicator, guess, is_defanged, normal, refang


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("198.51.100.7", ("ip", "198.51.100.7")),
        ("198[.]51[.]100[.]7", ("ip", "198.51.100.7")),
        ("198.51.100.7:8080", ("ip", "198.51.100.7")),
        ("::ffff:198.51.100.7", ("ip", "198.51.100.7")),
        ("2001:DB8::0001", ("ip", "2001:db8::1")),
        ("198.51.100.7/32", ("ip", "198.51.100.7")),
        ("198.51.100.77/25", ("network", "198.51.100.0/25")),
        ("*.Evil.Example", ("domain", "evil.example")),
        ("evil[dot]example", ("domain", "evil.example")),
        ("tên-miền.vn", ("domain", "xn--tn-min-iva0322d.vn")),
        ("hxxps://evil(.)example:8443/A/B?c=d#e", ("url", "evil.example:8443/a/b?c=d")),
        ("http://198.51.100.7/x.exe", ("url", "198.51.100.7/x.exe")),
        ("evil.example/x", ("url", "evil.example/x")),
        ("Boss[@]Evil.Example", ("email", "boss@evil.example")),
        ("A" * 31 + "B", ("md5", "a" * 31 + "b")),
        ("da39a3ee5e6b4b0d3255bfef95601890afd80700", ("sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80700")),
        ("t13d1516h2_8daaf6152771_b186095e22b6", ("ja4", "t13d1516h2_8daaf6152771_b186095e22b6")),
    ],
)
def test_a_value_is_told_by_its_form(text: str, wanted: tuple[str, str]) -> None:
    assert guess(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.1", "127.0.0.1", "0.0.0.0/0", "8.0.0.0/6", "192.168.0.0/16", "224.0.0.1", "::1", "fe80::1",
        "2000::/8", "vn", "gov.vn", "com", "localhost", "setup.exe", "report.final.docx", "1.2.3", "", "   ",
        "hà nội", "http://", "http://10.0.0.1/x", "http:///x", "a@b", "@evil.example", "0" * 32,
        "d41d8cd98f00b204e9800998ecf8427e", "z" * 64, "a..b.example", "http://[::1", "x" * 5000,
        "-a-.example-",
    ],
)  # fmt: skip
def test_what_is_none_or_would_match_too_much_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(NotAnIndicator, match=r"^(is|has|holds) "):
        guess(text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_an_indicator_in_normal_form_or_refused(text: str) -> None:
    try:
        kind, value = guess(text)
    except NotAnIndicator:
        return
    assert kind in TYPES
    assert normal(kind, f"http://{value}" if kind == "url" else value) == value


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(TYPES), st.text(max_size=60))
def test_a_named_type_never_gives_another(kind: str, text: str) -> None:
    try:
        value = normal(kind, text)
    except NotAnIndicator:
        return
    assert value


@settings(max_examples=200, deadline=None)
@given(st.ip_addresses())
def test_addresses_of_our_own_are_never_indicators(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    try:
        kind, value = guess(str(address))
    except NotAnIndicator:
        return
    assert kind == "ip"
    assert not ipaddress.ip_address(value).is_loopback
    assert not ipaddress.ip_address(value).is_multicast


@given(st.text(max_size=60))
def test_refanging_twice_is_refanging_once_for_ordinary_marks(text: str) -> None:
    plain = text.replace("[", "").replace("(", "").replace("{", "").replace("\\", "")
    if not is_defanged(plain):
        assert refang(plain) == plain
