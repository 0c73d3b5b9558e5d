"""Is what must never be barred never on the list, and can every receiver read what it gets?"""

from __future__ import annotations

from ipaddress import ip_network

import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import Agency, Portal, to_doc
from citywatch.ports import Store
from citywatch.respond.blocklist import FORMS, BlockList, Never, NeverBlocked, entry_of, written

from .conftest import Watch


@pytest.fixture
def blocks(store: Store, watch: Watch) -> BlockList:
    agency = Agency(id="so", name="Sở", networks=("93.184.0.0/16",), domains=("so.example.gov.vn",))
    portal = Portal(id="p", url="https://cong.example.com/", name="P", agency="so")
    store.put_many("agency", {"so": to_doc(agency)})
    store.put_many("portal", {"p": to_doc(portal)})
    return BlockList(store=store, clock=watch, never=("1.1.1.1", "example.org"))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("10.0.0.1", "private or reserved"),
        ("127.0.0.1", "private or reserved"),
        ("169.254.169.254", "private or reserved"),
        ("fe80::1", "private or reserved"),
        ("224.0.0.5", "private or reserved"),
        ("0.0.0.0/0", "wider than"),
        ("8.0.0.0/8", "wider than"),
        ("2600::/16", "wider than"),
        ("93.184.216.34", "agency 'so'"),
        ("1.1.1.1", "the settings"),
        ("1.1.1.0/24", "the settings"),
        ("so.example.gov.vn", "agency 'so'"),
        ("www.so.example.gov.vn", "agency 'so'"),
        ("gov.vn", "strangers"),
        ("example.gov.vn", "agency 'so'"),
        ("cong.example.com", "portal 'p'"),
        ("example.com", "portal 'p'"),
        ("mail.example.org", "the settings"),
        ("vn", "neither"),
        ("x y.vn", "neither"),
        ("bad.vn\nother.vn", "neither"),
        ("", "neither"),
    ],
)
def test_what_must_never_be_barred_is_refused_with_the_reason(
    blocks: BlockList, value: str, why: str
) -> None:
    with pytest.raises(NeverBlocked, match=why):
        blocks.add(value, hours=1, by="lan")
    assert blocks.current() == []


def test_an_entry_ends_by_itself_is_not_doubled_and_only_grows(blocks: BlockList, watch: Watch) -> None:
    blocks.add("8.8.4.4", hours=2, by="lan", reason="a\nb")
    blocks.add("8.8.4.4", hours=1, by="hoa")
    (entry,) = blocks.current()
    assert (entry.value, entry.until, entry.by, entry.reason) == (
        "8.8.4.4/32",
        "2026-11-23T04:00:00.000000Z",
        "lan",
        "a b",
    )
    watch.forward(hours=2, seconds=1)
    assert blocks.current() == []
    assert (blocks.expire(), blocks.expire()) == (1, 0)


def test_what_became_the_citys_own_is_left_out_at_once(blocks: BlockList, store: Store) -> None:
    blocks.add("new.example.net", hours=2, by="lan")
    store.put_many("agency", {"ubnd": to_doc(Agency(id="ubnd", name="U", domains=("new.example.net",)))})
    assert blocks.current() == []


def filled(blocks: BlockList) -> BlockList:
    for value in ("8.8.4.4", "9.9.9.0/24", "2001:4860:4860::8888", "bad.example.net", "xấu.example.net"):
        blocks.add(value, hours=1, by="lan")
    return blocks


def test_each_receiver_gets_its_own_form(blocks: BlockList, watch: Watch) -> None:
    now = watch()
    lists = {form: written(filled(blocks).current(), form, now).splitlines() for form in FORMS}
    assert lists["fortigate-ip"] == lists["paloalto-ip"] == ["2001:4860:4860::8888", "8.8.4.4", "9.9.9.0/24"]
    assert lists["fortigate-domain"] == ["bad.example.net", "xn--xu-r5s.example.net"]
    assert lists["paloalto-domain"][:2] == ["bad.example.net", "*.bad.example.net"]
    assert set(lists["plain"]) == {*lists["fortigate-ip"], *lists["fortigate-domain"]}
    assert "elements = { 8.8.4.4 timeout 3600s, 9.9.9.0/24 timeout 3600s }" in " ".join(lists["nftables"])
    with pytest.raises(KeyError):
        written([], "x", now)


def test_a_resolver_reads_the_policy_zone(blocks: BlockList, watch: Watch) -> None:
    text = written(filled(blocks).current(), "rpz", watch())
    zone = dns.zone.from_text(text, origin="rpz.local.", check_origin=True)
    names = {str(name) for name in zone}
    assert {"bad.example.net", "*.bad.example.net", "32.4.4.8.8.rpz-ip", "24.0.9.9.9.rpz-ip"} <= names
    assert "128.8888.zz.4860.4860.2001.rpz-ip" in names


def test_a_value_is_taken_off(blocks: BlockList) -> None:
    blocks.add("8.8.4.4", hours=1, by="lan")
    assert (blocks.remove("8.8.4.4"), blocks.remove("8.8.4.4")) == (True, False)


NEVER = Never(("203.0.114.0/24", "own.example"), (), ())


@given(st.text(max_size=60) | st.ip_addresses().map(str) | st.from_regex(r"[a-z.]{1,30}", fullmatch=True))
def test_any_text_is_one_clean_line_or_refused(text: str) -> None:
    try:
        kind, value = entry_of(text)
    except NeverBlocked:
        return
    assert value.isascii()
    assert value.split() == [value]
    why = NEVER.refuse(kind, value)
    if kind == "network" and not why:
        assert ip_network(value).is_global
