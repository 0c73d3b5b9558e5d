"""Is a packet found whatever it is wrapped in?"""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.sensors.network.packets import START_US, ether, ip4, ip6, of, pcap, read, udp

DNS = bytes.fromhex("123401000001000000000000") + b"\x05hanoi\x03gov\x02vn\x00\x00\x01\x00\x01"
DATAGRAM = udp(5353, 53, DNS)
V4 = ip4("10.0.0.5", "10.0.0.1", 17, DATAGRAM)
V6 = ip6("2001:db8::5", "2001:db8::1", 17, DATAGRAM)
INNER = ether(V4)
HEAD = bytes.fromhex("020000000001020000000002")


def outside(proto: int, load: bytes) -> bytes:
    return ether(ip4("192.0.2.1", "192.0.2.2", proto, load))


def tagged(*tags: tuple[int, int], kind: int = 0x0800, load: bytes = V4) -> bytes:
    return HEAD + b"".join(struct.pack(">HH", *tag) for tag in tags) + struct.pack(">H", kind) + load


def extended(*headers: tuple[int, bytes], last: int = 17, load: bytes = DATAGRAM) -> bytes:
    """IPv6 with a chain of extension headers (kind, body without its first byte)."""
    kinds = [kind for kind, _ in headers] + [last]
    body = b"".join(bytes([after]) + rest for after, (_, rest) in zip(kinds[1:], headers, strict=True)) + load
    ends = bytes.fromhex("20010db8") + bytes(11) + b"\5" + bytes.fromhex("20010db8") + bytes(11) + b"\1"
    return struct.pack(">IHBB", 6 << 28, len(body), kinds[0], 64) + ends + body


MPLS = struct.pack(">I", 100 << 12 | 64)
MPLS_LAST = struct.pack(">I", 200 << 12 | 1 << 8 | 64)
PPPOE = b"\x11\0\0\1\0\x30\0\x21"
OPTIONS = b"\x46" + V4[1:2] + struct.pack(">H", len(V4) + 4) + V4[4:20] + b"\1\1\1\0" + V4[20:]
EXTENDED = extended((0, b"\0" + bytes(6)), (60, b"\1" + bytes(14)), (43, b"\0" + bytes(6)))
FORMS: dict[str, tuple[int, bytes, str | None, list[str] | None]] = {
    "ethernet": (1, INNER, None, None),
    "a VLAN tag": (1, tagged((0x8100, 7)), None, ["7"]),
    "two VLAN tags": (1, tagged((0x88A8, 100), (0x8100, 0x3007)), None, ["100", "7"]),
    "MPLS": (1, tagged(kind=0x8847, load=MPLS + MPLS_LAST + V4), None, None),
    "PPPoE": (1, tagged(kind=0x8864, load=PPPOE + V4), None, None),
    "PPPoE in a VLAN": (1, tagged((0x8100, 9), kind=0x8864, load=PPPOE + V4), None, ["9"]),
    "LLC and SNAP": (1, tagged(kind=len(V4) + 8, load=b"\xaa\xaa\3\0\0\0\x08\0" + V4), None, None),
    "GRE": (1, outside(47, b"\0\0\x08\0" + V4), "gre", None),
    "GRE with sum, key and number": (1, outside(47, b"\xb0\0\x08\0" + bytes(12) + V4), "gre", None),
    "GRE with Ethernet": (1, outside(47, b"\0\0\x65\x58" + INNER), "gre", None),
    "ERSPAN 2": (1, outside(47, b"\x10\0\x88\xbe\0\0\0\1" + bytes(8) + INNER), "erspan", None),
    "ERSPAN 3": (1, outside(47, b"\x10\0\x22\xeb\0\0\0\1" + b"\x20" + bytes(11) + INNER), "erspan", None),
    "VXLAN": (1, outside(17, udp(4000, 4789, b"\x08" + bytes(7) + INNER)), "vxlan", None),
    "Geneve": (1, outside(17, udp(4000, 6081, b"\1\0\x65\x58\0\0\1\0" + bytes(4) + INNER)), "geneve", None),
    "IP in IP": (1, outside(4, V4), "ipip", None),
    "IPv6 in IPv4": (1, outside(41, V6), "ipip", None),
    "IPv4 with options": (1, ether(OPTIONS), None, None),
    "IPv6": (1, ether(V6, 0x86DD), None, None),
    "IPv6 with extension headers": (1, ether(EXTENDED, 0x86DD), None, None),
    "IPv6 with an authentication header": (1, ether(extended((51, b"\4" + bytes(22))), 0x86DD), None, None),
    "cooked": (113, b"\0\0\0\1\0\6\2\0\0\0\0\2\0\0\x08\0" + V4, None, None),
    "cooked with a VLAN tag": (113, b"\0\0\0\1\0\6\2\0\0\0\0\2\0\0\x81\0\0\7\x08\0" + V4, None, ["7"]),
    "cooked 2": (276, b"\x08\0\0\0\0\0\0\1\0\1\0\6\2\0\0\0\0\2\0\0" + V4, None, None),
    "raw": (101, V4, None, None),
    "raw, IPv6": (101, V6, None, None),
    "raw of OpenBSD": (12, V4, None, None),
    "IPv4 alone": (228, V4, None, None),
    "IPv6 alone": (229, V6, None, None),
    "loopback of BSD": (0, b"\2\0\0\0" + V4, None, None),
    "loopback of OpenBSD": (108, b"\0\0\0\2" + V4, None, None),
    "PPP": (9, b"\xff\3\0\x21" + V4, None, None),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_question_inside_is_read(tmp_path: Path, form: str) -> None:
    link, raw, tunnel, vlans = FORMS[form]
    events, problems = read(pcap([(START_US, raw)], link=link), tmp_path)
    assert problems == []
    (question,) = of(events, "dns")
    assert question["dns.question.name"] == "hanoi.gov.vn"
    assert question["source.ip"] in {"10.0.0.5", "2001:db8::5"}
    assert question.get("network.inner.type") == tunnel
    assert question.get("network.vlan.id") == vlans


def test_a_flow_after_a_tunnel_is_not_said_to_be_in_it(tmp_path: Path) -> None:
    plain = ether(ip4("10.0.0.6", "10.0.0.1", 17, udp(6000, 53, DNS)))
    events, _ = read(pcap([(START_US, FORMS["VXLAN"][1]), (START_US + 1, plain)]), tmp_path)
    told = {event["source.ip"]: event.get("network.inner.type") for event in of(events, "dns")}
    assert told == {"10.0.0.5": "vxlan", "10.0.0.6": None}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 1, 0)])
def test_fragments_of_ipv6_are_put_together(tmp_path: Path, order: tuple[int, ...]) -> None:
    parts = [(0, DATAGRAM[:16]), (16, DATAGRAM[16:32]), (32, DATAGRAM[32:])]
    frames: list[tuple[int, bytes]] = []
    for turn in order:
        at, load = parts[turn]
        place = struct.pack(">BHI", 0, at | (turn < 2), 77)
        frames.append((START_US + len(frames), ether(extended((44, place), load=load), 0x86DD)))
    events, problems = read(pcap(frames), tmp_path)
    assert problems == []
    assert of(events, "dns")[0]["dns.question.name"] == "hanoi.gov.vn"


def test_a_link_type_that_nobody_knows_is_counted(tmp_path: Path) -> None:
    _, (problem,) = read(pcap([(START_US, bytes(60))] * 3, link=147), tmp_path)
    assert problem.what == "3 packets of link type 147 were passed over"


def test_a_packet_cut_by_the_snap_length_keeps_its_length_on_the_wire(tmp_path: Path) -> None:
    events, _ = read(
        pcap([(START_US, ether(ip4("10.0.0.5", "10.0.0.1", 17, udp(5000, 4000, bytes(900))))[:60])]), tmp_path
    )
    (flow,) = of(events, "flow")
    assert flow["citywatch.flow.payload.out_bytes"] == 900
