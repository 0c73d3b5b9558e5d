"""Do the quick loop and the general way lead to the same flows, and is a wrong sum noted?"""

from __future__ import annotations

import struct
from pathlib import Path
from socket import AF_INET, AF_INET6, inet_pton

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.network.quick import wrong
from tests.sensors.network.packets import START_US, ether, ip4, ip6, of, pcap, read, talk, tcp, udp


def folded(raw: bytes) -> int:
    """The sum of RFC 1071, the long way."""
    raw += bytes(len(raw) & 1)
    total = sum(struct.unpack(f">{len(raw) // 2}H", raw))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def summed(packet: bytes) -> bytes:
    """An IPv4 packet with right sums."""
    head, body = bytearray(packet[:20]), bytearray(packet[20:])
    head[10:12] = folded(bytes(head[:10] + b"\0\0" + head[12:])).to_bytes(2, "big")
    place = 16 if head[9] == 6 else 6
    body[place : place + 2] = b"\0\0"
    outside = bytes(head[12:20]) + bytes([0, head[9]]) + len(body).to_bytes(2, "big")
    body[place : place + 2] = (folded(outside + bytes(body)) or 0xFFFF).to_bytes(2, "big")
    return bytes(head + body)


@given(st.binary(max_size=200), st.sampled_from([6, 17]), st.data())
def test_right_sums_are_right_and_a_changed_byte_is_seen(
    load: bytes, proto: int, data: st.DataObject
) -> None:
    segment = tcp(1000, 80, 7, "PA", load) if proto == 6 else udp(1000, 53, load)
    packet = bytearray(summed(ip4("10.0.0.5", "10.0.0.1", proto, segment)))
    place = 16 if proto == 6 else 6
    assert not wrong(bytes(packet), 0, len(packet), place)
    at = data.draw(st.integers(20, len(packet) - 1).filter(lambda at: not 0 <= at - 20 - place < 2))
    packet[at] ^= data.draw(st.integers(1, 254))
    assert wrong(bytes(packet), 0, len(packet), place)


def test_a_wrong_sum_is_noted_once_and_the_packet_still_read(tmp_path: Path) -> None:
    frames = talk([(">", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")])
    spoiled = [(us, raw[:24] + b"\x12\x34" + raw[26:]) for us, raw in frames]
    events, problems = read(pcap(spoiled), tmp_path)
    assert problems == []
    assert of(events, "flow")[0]["citywatch.flow.notes"] == ["wrong checksum"]
    assert of(events, "http")[0]["url.domain"] == "a"


@pytest.mark.parametrize("proto", [6, 17])
@pytest.mark.parametrize("way", ["tag", "version 6", "fragments"])
def test_sums_are_checked_the_general_way_too(way: str, proto: int, tmp_path: Path) -> None:
    segment = tcp(1000, 80, 7, "S", b"x" * 31) if proto == 6 else udp(1000, 4000, b"x" * 31)
    place = 16 if proto == 6 else 6
    ends = ("10.0.0.5", "10.0.0.1") if way != "version 6" else ("2001:db8::5", "2001:db8::1")
    family = AF_INET if way != "version 6" else AF_INET6
    outside = b"".join(inet_pton(family, end) for end in ends) + bytes([0, proto])
    body = bytearray(segment)
    body[place : place + 2] = b"\0\0"
    right = folded(outside + len(body).to_bytes(2, "big") + bytes(body)) or 0xFFFF
    for turn, (total, notes) in enumerate(((right, None), (right ^ 0x0101, ["wrong checksum"]))):
        body[place : place + 2] = total.to_bytes(2, "big")
        whole = bytes(body)
        if way == "tag":
            frames = [ether(ip4(*ends, proto, whole), vlan=7)]
        elif way == "version 6":
            frames = [ether(ip6(*ends, proto, whole), 0x86DD)]
        else:
            frames = [ether(ip4(*ends, proto, whole[:24], frag=0x2000, number=turn))]
            frames.append(ether(ip4(*ends, proto, whole[24:], frag=3, number=turn)))
        events, _ = read(pcap([(START_US + number, frame) for number, frame in enumerate(frames)]), tmp_path)
        assert of(events, "flow")[0].get("citywatch.flow.notes") == notes


def test_both_ways_lead_to_the_same_flows(tmp_path: Path) -> None:
    frames = talk([(">", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), ("<", b"HTTP/1.1 204 No\r\n\r\n")])
    frames.append((START_US + 9, ether(summed(ip4("10.0.0.5", "10.0.0.1", 17, udp(5000, 4000, b"x" * 40))))))
    cooked = [
        (us, b"\0\0\0\1\0\6\2\0\0\0\0\2\0\0\x08\0" + raw[14:]) for us, raw in frames
    ]  # another link type: every packet takes the general way
    quick, _ = read(pcap(frames), tmp_path)
    general, _ = read(pcap(cooked, link=113), tmp_path)
    assert general == quick
