"""Does a compiled filter keep what its words say?"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.errors import SettingsError
from sensors.network.live.bpf import SNAP, Instruction, compile_filter
from tests.sensors.network.packets import ether, ip4, ip6, udp

ADDRESSES = ("10.0.0.1", "10.0.0.2", "192.0.2.7", "2001:db8::1", "2001:db8:1::2")
PORTS = (53, 80, 8080)
VLAN, VLAN_THERE = 0xFFFFF000 + 44, 0xFFFFF000 + 48


def verdict(program: list[Instruction], packet: bytes, vlan: int = 0) -> int:  # noqa: C901 - one branch an instruction
    """What the kernel would say: an interpreter of the instructions that the compiler uses."""
    held = index = at = 0
    while True:
        code, yes, no, value = program[at]
        at += 1
        if code == 0x06:
            return value
        if code == 0x05:
            at += value
        elif code & 7 == 5:
            holds = {
                0x15: held == value,
                0x25: held > value,
                0x35: held >= value,
                0x45: bool(held & value),
            }[code]
            at += yes if holds else no
        elif code == 0x54:
            held &= value
        elif code == 0x80:
            held = len(packet)
        elif value >= VLAN:
            held = int(bool(vlan)) if value == VLAN_THERE else vlan
        else:
            size = {0x20: 4, 0x28: 2, 0x30: 1, 0xB1: 1, 0x48: 2}[code]
            place = value + (index if code == 0x48 else 0)
            if place + size > len(packet):
                return 0
            number = int.from_bytes(packet[place : place + size], "big")
            if code == 0xB1:
                index = (number & 0xF) * 4
            else:
                held = number


@dataclass(frozen=True)
class Made:
    """A packet, and what it is."""

    source: str
    target: str
    proto: int
    sport: int
    dport: int
    fragment: bool
    arp: bool = False

    @property
    def raw(self) -> bytes:
        if self.arp:
            ends = (bytes(6) + ip_address(end).packed for end in (self.source, self.target))
            return ether(struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + b"".join(ends), 0x0806)
        load = struct.pack(">HH", self.sport, self.dport) + bytes(16)
        if self.is_six:
            return ether(ip6(self.source, self.target, self.proto, load), 0x86DD)
        return ether(ip4(self.source, self.target, self.proto, load, frag=100 if self.fragment else 0))

    @property
    def is_six(self) -> bool:
        return ":" in self.source


@st.composite
def packets(draw: st.DrawFn) -> Made:
    six = draw(st.booleans())
    ends = st.sampled_from([one for one in ADDRESSES if (":" in one) == six])
    return Made(
        source=draw(ends),
        target=draw(ends),
        proto=draw(st.sampled_from([6, 17, 132, 58 if six else 1, 47])),
        sport=draw(st.sampled_from(PORTS)),
        dport=draw(st.sampled_from(PORTS)),
        fragment=not six and draw(st.booleans()),
        arp=not six and draw(st.booleans()),
    )


def holds(word: str, packet: Made) -> bool:  # noqa: PLR0911 - one row for each condition of the language
    """What a condition means, said a second time and differently."""
    first, *rest = word.split()
    if first in {"ip", "ip6", "arp"}:
        return first == ("arp" if packet.arp else "ip6" if packet.is_six else "ip") and (
            not rest or holds(" ".join(rest), packet)
        )
    if first in {"tcp", "udp", "sctp"} and not packet.arp:
        return packet.proto == {"tcp": 6, "udp": 17, "sctp": 132}[first] and (
            not rest or holds(" ".join(rest), packet)
        )
    if first in {"tcp", "udp", "sctp"}:
        return False
    if first in {"icmp", "icmp6"}:
        wanted = (1, False) if first == "icmp" else (58, True)
        return not packet.arp and (packet.proto, packet.is_six) == wanted
    sides = [packet.source, packet.target]
    ports = [packet.sport, packet.dport]
    if first in {"src", "dst"}:
        side = first == "dst"
        sides, ports = [sides[side]], [ports[side]]
        first, *rest = rest
    if first in {"host", "net"}:
        network = ip_network(rest[0])
        return any(ip_address(one) in network for one in sides if (":" in one) == (network.version == 6))
    if packet.arp or packet.fragment or packet.proto not in {6, 17, 132}:
        return False
    low, _, high = rest[0].partition("-")
    return any(int(low) <= port <= int(high or low) for port in ports)


def conditions() -> st.SearchStrategy[str]:
    side = st.sampled_from(["", "src ", "dst "])
    nets = ["10.0.0.0/8", "10.0.0.0/31", "192.0.2.7/32", "2001:db8::/33", "2001:db8:1::/48"]
    return st.one_of(
        st.sampled_from(["ip", "ip6", "arp", "tcp", "udp", "sctp", "icmp", "icmp6"]),
        st.builds("{}host {}".format, side, st.sampled_from(ADDRESSES)),
        st.builds("{}net {}".format, side, st.sampled_from(nets)),
        st.builds("{}port {}".format, side, st.sampled_from(PORTS)),
        st.builds("{}portrange 53-80".format, side),
        st.builds("udp {}port {}".format, side, st.sampled_from(PORTS)),
        st.builds("ip {}host {}".format, side, st.sampled_from(ADDRESSES[:3])),
    )


Tree = str | tuple["Tree", ...]
TREES = st.recursive(
    conditions(),
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner), st.tuples(st.sampled_from(["and", "or"]), inner, inner)
    ),
    max_leaves=6,
)


def written(tree: Tree) -> str:
    if isinstance(tree, str):
        return tree
    if tree[0] == "not":
        return f"not ({written(tree[1])})"
    return f"({written(tree[1])}) {tree[0]} ({written(tree[2])})"


def meant(tree: Tree, packet: Made) -> bool:
    if isinstance(tree, str):
        return holds(tree, packet)
    if tree[0] == "not":
        return not meant(tree[1], packet)
    parts = (meant(part, packet) for part in tree[1:])
    return all(parts) if tree[0] == "and" else any(parts)


@given(TREES, packets())
def test_the_program_keeps_what_the_words_mean(tree: Tree, packet: Made) -> None:
    program = compile_filter(written(tree))
    assert bool(verdict(program, packet.raw)) == meant(tree, packet)
    if not packet.arp and "arp" not in written(tree):
        assert bool(verdict(compile_filter(written(tree), ethernet=False), packet.raw[14:])) == meant(
            tree, packet
        )


WORDS = ["and", "or", "not", "(", ")", "host", "port", "80", "src", "tcp", "net"]


@given(st.text(max_size=80) | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_any_text_is_compiled_or_refused_with_its_place(text: str) -> None:
    try:
        program = compile_filter(text)
    except SettingsError as error:
        told = str(error)
    else:
        told = ""
        _check(program)
    assert not told or told.startswith("filter, character ")


def _check(program: list[Instruction]) -> None:
    assert program[-1][0] == 0x06
    for at, (code, yes, no, value) in enumerate(program):
        furthest = value if code == 0x05 else max(yes, no)
        assert at + furthest < len(program)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("host", "character 5"),
        ("host example.org", "neither an address nor a network"),
        ("port 70000", "at most 65535"),
        ("portrange 90-80", "two ports"),
        ("tcp and (port 80", "')' is wanted"),
        ("frobnicate", "is no condition"),
        ("tcp udp", "'and' or 'or' is wanted"),
        ("net 10.0.0.1/8", "neither an address nor a network"),
        ("ether host 02:00", "a hardware address"),
        ("(" * 100 + "ip" + ")" * 100, "too deeply nested"),
    ],
)
def test_a_wrong_filter_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(SettingsError, match="filter, character") as caught:
        compile_filter(text)
    assert told in str(caught.value)


def test_a_filter_that_is_too_long_is_refused() -> None:
    with pytest.raises(SettingsError, match="the kernel takes 4096"):
        compile_filter(" or ".join(["port 80"] * 300))


def test_hardware_addresses_vlans_and_lengths_are_known() -> None:
    frame = ether(ip4("10.0.0.1", "10.0.0.2", 17, udp(1, 2, b"")))
    assert verdict(compile_filter("ether src 02:00:00:00:00:02"), frame) == SNAP
    assert not verdict(compile_filter("ether dst 02:00:00:00:00:02"), frame)
    assert verdict(compile_filter("vlan 7"), frame, vlan=7)
    assert verdict(compile_filter("vlan"), frame, vlan=7)
    assert not verdict(compile_filter("vlan 8"), frame, vlan=7)
    assert not verdict(compile_filter("vlan"), frame)
    assert verdict(compile_filter(f"greater {len(frame)} and less {len(frame)}"), frame)
    assert not verdict(compile_filter(f"greater {len(frame) + 1}"), frame)
    assert verdict(compile_filter("proto 17"), frame)
