"""Is every address that strangers must not reach refused?"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.portal.address import may_connect


@pytest.mark.parametrize("text", ["8.8.8.8", "203.162.4.190", "2001:4860:4860::8888", "64:ff9b::808:808"])
def test_public_addresses_are_open(text: str) -> None:
    assert may_connect(text)


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "10.1.2.3", "172.31.255.255", "192.168.0.1", "169.254.169.254", "168.63.129.16",
        "0.0.0.1", "100.64.1.1", "192.0.0.192", "192.0.2.1", "198.18.0.1", "224.0.0.251",
        "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
        "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1",
        "100::1", "not an address", "", "127.1", "0x7f.1",
    ],
)  # fmt: skip
def test_inner_addresses_are_refused(text: str) -> None:
    assert not may_connect(text)


@pytest.mark.parametrize("text", ["169.254.169.254", "10.0.0.1", "0.0.0.1", "fe80::1", "::ffff:10.0.0.1"])
def test_opening_loopback_opens_nothing_else(text: str) -> None:
    assert not may_connect(text, allow_loopback=True)


@given(st.ip_addresses(v=4))
def test_an_address_hidden_in_ipv6_is_no_freer_than_itself(address: IPv4Address) -> None:
    number = int(address)
    hidden = [
        IPv6Address((0xFFFF << 32) | number),
        IPv6Address((0x64FF9B << 96) | number),
        IPv6Address((0x2002 << 112) | (number << 80)),
    ]
    assert all(may_connect(str(item)) <= may_connect(str(address)) for item in hidden)


@given(st.text(max_size=60))
def test_no_text_makes_it_raise(text: str) -> None:
    assert may_connect(text) in {True, False}
