"""Does the line of a conversation say what its event says?"""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.network import flowline
from sensors.network.flow import ICMP, ICMP6, TCP, UDP, Flow, turned
from sensors.network.flowevent import event_of
from sensors.network.flowline import FlowLines

NAME = 'a "b".pcap'
START_US = 1_700_000_000_000_000
PROTOCOLS = (TCP, UDP, ICMP, ICMP6, 132, 47)
COUNTS = ("out_packets", "out_bytes", "out_load", "back_packets", "back_bytes", "back_load", "part")


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    side = draw(st.sampled_from((4, 16)))
    source = draw(st.binary(min_size=side, max_size=side))
    target = source if draw(st.booleans()) else draw(st.binary(min_size=side, max_size=side))
    key = source + target + draw(st.binary(min_size=4, max_size=4))
    first = START_US + draw(st.integers(0, 10**13))
    made = Flow(key, turned(key), draw(st.sampled_from(PROTOCOLS)), first, draw(st.integers(1, 10**9)))
    made.last = first + draw(st.integers(-5, 10**10))
    for name in COUNTS:
        setattr(made, name, draw(st.integers(0, 10**12)))
    made.out_seen, made.back_seen = draw(st.integers(0, 0x13F)), draw(st.integers(0, 0x13F))
    made.history = draw(st.sampled_from(("", "S", "ShADadFf")))
    made.reason = draw(st.sampled_from(("eof", "idle", "evicted", "fin", "rst", "active")))
    made.load = draw(st.binary(max_size=256))
    made.protocol = draw(st.sampled_from(("", "http", "dns")))
    made.notes = draw(st.sampled_from((None, ["overlap"], ['malformed "x"'])))
    made.extra = draw(st.sampled_from((None, {"citywatch.icmp.rounds": 3, "event.action": "á"})))
    made.vlans = draw(st.sampled_from((None, ["7"], ["7", "100"])))
    made.tunnel = draw(st.sampled_from(("", "gre")))
    return made


@given(given_flows=st.lists(flows(), min_size=1, max_size=4))
def test_a_line_says_the_same_as_the_event(given_flows: list[Flow]) -> None:
    lines = FlowLines(NAME)
    for flow in given_flows:
        for _ in range(2):  # the second time the pair of hosts is known
            line = lines.line(flow)
            assert line.endswith(b"}\n")
            assert orjson.loads(line) == event_of(flow, NAME)


def test_more_pairs_of_hosts_than_are_remembered_change_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flowline, "MOST_PAIRS", 3)
    lines = FlowLines(NAME)
    said: list[dict[str, Any]] = []
    for last in (*range(8), *range(8)):
        key = bytes((10, 0, 0, last, 10, 0, 0, 99, 200, 0, 0, 80))
        flow = Flow(key, turned(key), TCP, START_US, 1)
        said.append(orjson.loads(lines.line(flow)))
        assert said[-1] == event_of(flow, NAME)
    assert said[:8] == said[8:]
