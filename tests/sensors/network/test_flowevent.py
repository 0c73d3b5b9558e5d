"""Does the event of a conversation say what was seen of it, as an event and as a line alike?"""

from __future__ import annotations

import itertools
from collections import Counter
from math import log2
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.network.flow import FIN, ICMP, RST, SYN, TCP, UDP, Flow, turned
from sensors.network.flowevent import OWN, base_of, entropy, event_of, flags, state
from sensors.network.flowline import FlowLines
from tests.sensors.network.packets import START_US

ACK, LOAD = 16, 0x100
KEY4 = bytes([10, 0, 0, 5, 203, 0, 113, 9, 156, 64, 1, 187])
KEY6 = bytes.fromhex("20010db800000000000000000000000520010db80000000000000000000000099c4001bb")
ICMP_KEY = bytes([10, 0, 0, 5, 203, 0, 113, 9, 0, 8, 0, 0])


def made(key: bytes = KEY4, proto: int = TCP, **fields: Any) -> Flow:
    flow = Flow(key, turned(key), proto, START_US, 7)
    flow.last, flow.reason = START_US + 2_500_000, "fin"
    for name, value in fields.items():
        setattr(flow, name, value)
    return flow


@pytest.mark.parametrize(
    ("out", "back", "word"),
    [
        (SYN, 0, "S0"),
        (SYN, ACK | RST, "REJ"),
        (SYN | RST, 0, "RSTOS0"),
        (SYN | FIN, 0, "SH"),
        (SYN | ACK, SYN | ACK, "S1"),
        (SYN | ACK | FIN, SYN | ACK, "S2"),
        (SYN | ACK, SYN | ACK | FIN, "S3"),
        (SYN | ACK | FIN, SYN | ACK | FIN, "SF"),
        (SYN | ACK | RST, SYN | ACK, "RSTO"),
        (SYN | ACK, SYN | ACK | RST, "RSTR"),
        (0, SYN | ACK | FIN, "SHR"),
        (ACK, ACK, "OTH"),
        (SYN, ACK, "OTH"),
    ],
)
def test_the_state_is_zeeks(out: int, back: int, word: str) -> None:
    assert state(out, back) == word


def test_every_pair_of_flags_has_a_state_of_zeeks() -> None:
    known = {"S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "SH", "SHR", "OTH"}
    assert {state(out, back) for out, back in itertools.product(range(64), repeat=2)} == known


@given(st.binary(max_size=400))
def test_entropy_is_shannons(data: bytes) -> None:
    parts = [count / len(data) for count in Counter(data).values()]
    assert entropy(data) == pytest.approx(-sum(part * log2(part) for part in parts), abs=0.001)


def test_flags_are_letters() -> None:
    assert [flags(seen) for seen in (0, SYN, SYN | ACK, FIN | ACK | LOAD)] == ["none", "S", "SA", "FA"]


def test_an_event_says_who_how_much_and_how_long() -> None:
    flow = made(out_packets=5, out_bytes=700, out_load=440, back_packets=4, back_bytes=9000, back_load=8800)
    flow.out_seen, flow.back_seen, flow.history = SYN | ACK | FIN | LOAD, SYN | ACK | FIN | LOAD, "ShADadFf"
    flow.load, flow.protocol, flow.notes = b"GET / HTTP/1.1", "http", ["overlap"]
    event = event_of(flow, "a.pcap")
    wanted = {
        "source.ip": "10.0.0.5", "source.port": 40_000, "destination.ip": "203.0.113.9",
        "destination.port": 443, "network.transport": "tcp", "network.type": "ipv4",
        "event.duration": 2_500_000_000, "source.packets": 5, "source.bytes": 700,
        "destination.packets": 4, "destination.bytes": 9000, "network.bytes": 9700, "network.packets": 9,
        "citywatch.flow.payload.out_bytes": 440, "citywatch.flow.payload.in_bytes": 8800,
        "citywatch.flow.state": "SF", "citywatch.flow.history": "ShADadFf", "network.protocol": "http",
        "citywatch.flow.payload.hex": b"GET / HTTP/1.1".hex(), "citywatch.flow.notes": ["overlap"],
        "citywatch.flow.reason": "fin", "log.file.path": "a.pcap",
    }  # fmt: skip
    assert {name: event[name] for name in wanted} == wanted
    assert "citywatch.flow.entropy" not in event  # the protocol is known


@pytest.mark.parametrize(
    ("field", "first", "second"),
    [
        ("key", KEY4, KEY4[:-1] + b"\xbc"),
        ("first", START_US, START_US + 1),
        ("number", 7, 8),
        ("part", 0, 1),
    ],
)
def test_the_id_follows_from_what_makes_a_flow_this_one(field: str, first: Any, second: Any) -> None:
    ids: list[str] = []
    for value in (first, first, second):
        flow = made()
        setattr(flow, field, value)
        flow.back_key = turned(flow.key)
        ids.append(event_of(flow, "a.pcap")["event.id"])
    assert ids[0] == ids[1] != ids[2]


def test_ports_are_told_where_there_are_ports_and_types_where_there_are_types() -> None:
    ping = event_of(made(ICMP_KEY, ICMP), "a.pcap")
    assert (ping["citywatch.icmp.type"], ping["citywatch.icmp.code"]) == (8, 0)
    assert not {"source.port", "destination.port", "citywatch.flow.state"} & set(ping)
    tunnel = event_of(made(KEY4, 47), "a.pcap")
    assert not {"source.port", "citywatch.icmp.type"} & set(tunnel)
    assert tunnel["network.transport"] == "gre"


words = st.text(max_size=12)


@given(
    key=st.sampled_from([KEY4, KEY6, ICMP_KEY]),
    proto=st.sampled_from([TCP, UDP, ICMP, 58, 132, 47, 2, 99]),
    seen=st.tuples(st.integers(0, 63), st.integers(0, 63)),
    counts=st.lists(st.integers(0, 1 << 40), min_size=6, max_size=6),
    load=st.binary(max_size=40),
    protocol=st.sampled_from(["", "http", "dns"]),
    notes=st.none() | st.lists(words, min_size=1, max_size=3),
    extra=st.none() | st.dictionaries(st.sampled_from(["citywatch.icmp.rounds", "tls.version"]), words),
    vlans=st.none() | st.lists(st.sampled_from(["7", "4094"]), min_size=1, max_size=2),
    tunnel=st.sampled_from(["", "gre", "vxlan"]),
    name=words,
)
def test_a_line_is_its_event(  # noqa: PLR0913 - whatever a flow may hold
    *,
    key: bytes,
    proto: int,
    seen: tuple[int, int],
    counts: list[int],
    load: bytes,
    protocol: str,
    notes: list[str] | None,
    extra: dict[str, Any] | None,
    vlans: list[str] | None,
    tunnel: str,
    name: str,
) -> None:
    flow = made(
        key, proto, load=load, protocol=protocol, notes=notes, extra=extra, vlans=vlans, tunnel=tunnel
    )
    flow.out_seen, flow.back_seen = seen
    flow.out_packets, flow.out_bytes, flow.out_load = counts[:3]
    flow.back_packets, flow.back_bytes, flow.back_load = counts[3:]
    lines = FlowLines(name)
    line = lines.line(flow)
    assert line.endswith(b"}\n")
    assert orjson.loads(line) == event_of(flow, name)
    flow.start = lines.start(flow)
    assert line.startswith(flow.start)
    assert lines.line(flow) == line
    assert set(base_of(flow, name)) - OWN <= {"log.file.path"}
