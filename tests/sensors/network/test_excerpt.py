"""Are just the packets of the wanted conversations taken?"""

from __future__ import annotations

import io
import struct
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from citywatch.clock import stamp_us
from citywatch.model import Event
from sensors.network.excerpt import Chunk, Wanted, excerpt
from sensors.network.pcapfile import Record, batches
from tests.sensors.network.packets import START_US, ether, ip4, ip6, pcap, tcp, udp

LATER_US = START_US + 60_000_000


def flow(source: str, target: str, sport: int, dport: int, proto: str = "udp") -> Event:
    return {
        "@timestamp": stamp_us(START_US),
        "event.end": stamp_us(START_US + 1_000_000),
        "event.dataset": "network.flow",
        "source.ip": source,
        "destination.ip": target,
        "source.port": sport,
        "destination.port": dport,
        "network.transport": proto,
    }


def chunks(*frames: tuple[int, bytes]) -> list[Chunk]:
    return list(batches(io.BytesIO(pcap(frames)), "a.pcap", lambda _: None))


def taken(wanted: Wanted, *frames: bytes) -> list[bytes]:
    found = excerpt(
        wanted, chunks(*((START_US + n, frame) for n, frame in enumerate(frames))), most_bytes=1 << 20
    )
    read = chunks_of(found.raw)
    assert len(read) == found.packets
    return read


def chunks_of(raw: bytes) -> list[bytes]:
    return [
        data[at : at + size]
        for _, data, records in batches(io.BytesIO(raw), "b.pcap", lambda _: None)
        for _, at, size, _ in records
    ]


def test_both_ways_of_a_conversation_are_taken_and_no_other() -> None:
    wanted = Wanted()
    wanted.add(flow("10.0.0.1", "10.0.0.2", 4000, 53))
    ours = [
        ether(ip4("10.0.0.1", "10.0.0.2", 17, udp(4000, 53, b"q"))),
        ether(ip4("10.0.0.2", "10.0.0.1", 17, udp(53, 4000, b"a"))),
        ether(ip4("10.0.0.1", "10.0.0.2", 17, udp(4000, 53, b"tagged")), vlan=7),
        ether(ip4("10.0.0.1", "10.0.0.2", 17, b"rest of a datagram", frag=100)),
    ]
    others = [
        ether(ip4("10.0.0.1", "10.0.0.2", 17, udp(4001, 53, b"q"))),
        ether(ip4("10.0.0.1", "10.0.0.2", 6, tcp(4000, 53, 1, "S"))),
        ether(ip4("10.0.0.1", "10.0.0.3", 17, udp(4000, 53, b"q"))),
        ether(ip4("10.0.0.1", "10.0.0.2", 17, b"")),
        ether(b"\0" * 28, 0x0806),
        b"short",
    ]
    assert taken(wanted, *ours, *others) == ours


def test_packets_of_another_time_are_left() -> None:
    wanted = Wanted()
    wanted.add(flow("10.0.0.1", "10.0.0.2", 4000, 53))
    frame = ether(ip4("10.0.0.1", "10.0.0.2", 17, udp(4000, 53, b"q")))
    found = excerpt(
        wanted, chunks((LATER_US, frame), (START_US, frame), (START_US - 1_000_000, frame)), most_bytes=9999
    )
    assert found.packets == 2
    times = [
        us for _, _, records in batches(io.BytesIO(found.raw), "b", lambda _: None) for us, *_ in records
    ]
    assert times == [START_US - 1_000_000, START_US]


def test_arp_is_taken_by_the_addresses_it_tells_of() -> None:
    wanted = Wanted()
    wanted.add(
        {
            "@timestamp": stamp_us(START_US),
            "event.dataset": "network.arp",
            "citywatch.arp.sender_ip": "10.0.0.1",
            "citywatch.arp.target_ip": "10.0.0.9",
        }
    )

    def arp(sender: str, target: str) -> bytes:
        ends = (bytes(6) + ip_address(end).packed for end in (sender, target))
        return ether(struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + b"".join(ends), 0x0806)

    mine = [arp("10.0.0.1", "10.0.0.9"), arp("10.0.0.7", "10.0.0.1")]
    assert taken(wanted, *mine, arp("10.0.0.7", "10.0.0.8")) == mine


def test_whole_pairs_and_six_are_known() -> None:
    wanted = Wanted()
    wanted.span(stamp_us(START_US), stamp_us(START_US))
    wanted.add_pair("2001:db8::1", "2001:db8::2")
    mine = ether(ip6("2001:db8::2", "2001:db8::1", 6, tcp(1, 2, 3, "S")), 0x86DD)
    assert taken(wanted, mine, ether(ip6("2001:db8::3", "2001:db8::1", 6, tcp(1, 2, 3, "S")), 0x86DD)) == [
        mine
    ]
    assert not Wanted()
    nonsense = Wanted()
    nonsense.add_pair("nobody", "")
    assert not nonsense


def test_what_finds_no_room_is_counted() -> None:
    wanted = Wanted()
    wanted.add(flow("10.0.0.1", "10.0.0.2", 4000, 53))
    frame = ether(ip4("10.0.0.1", "10.0.0.2", 17, udp(4000, 53, b"q")))
    found = excerpt(wanted, chunks(*((START_US, frame),) * 5), most_bytes=24 + 3 * (16 + len(frame)))
    assert (found.packets, found.left_out) == (3, 2)


@given(st.lists(st.binary(max_size=80), max_size=20), st.sampled_from([1, 12, 101, 113, 276, 999]))
def test_no_bytes_break_it(frames: list[bytes], link: int) -> None:
    wanted = Wanted()
    wanted.add(flow("10.0.0.1", "10.0.0.2", 4000, 53))
    wanted.claims.add(b"\x0a\0\0\1")
    data = b"".join(frames)
    records: list[Record] = []
    at = 0
    for frame in frames:
        records.append((START_US, at, len(frame), len(frame)))
        at += len(frame)
    found = excerpt(wanted, [(link, data, records)], most_bytes=10_000)
    assert found.packets <= len(frames)
