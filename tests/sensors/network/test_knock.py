"""Is a knock the first packet of the flow that grows from it?"""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from sensors.network.flow import turned
from sensors.network.flowevent import event_of
from sensors.network.flowline import FlowLines
from sensors.network.knock import Knock, flow_of

ADDRESSES = st.sampled_from((bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)))) | st.binary(min_size=4, max_size=4)
KEYS = st.tuples(ADDRESSES, ADDRESSES, st.binary(min_size=4, max_size=4)).map(b"".join)
KNOCKS = st.tuples(
    KEYS,
    st.integers(0, 253_402_300_799_999_999),
    st.integers(40, 1500),
    st.integers(0, 0xFFFFFFFF),
    st.integers(1, 10**12),
)


@given(knocks=st.lists(KNOCKS, max_size=5), reason=st.sampled_from(("idle", "evicted", "eof")))
def test_the_lines_of_knocks_are_those_of_their_flows(knocks: list[Knock], reason: str) -> None:
    flows = [flow_of(knock) for knock in knocks]
    for flow in flows:
        flow.reason = reason
    lines = FlowLines("a.pcap")
    assert lines.silent(knocks, reason) == [FlowLines("a.pcap").line(flow) for flow in flows]
    assert [orjson.loads(line) for line in lines.silent(knocks, reason)] == [
        event_of(flow, "a.pcap") for flow in flows
    ]


@given(KNOCKS)
def test_a_flow_begins_as_it_was_knocked(knock: Knock) -> None:
    flow = flow_of(knock)
    assert (flow.key, flow.first, flow.out_bytes, flow.out_next, flow.number) == (
        knock[0], knock[1], knock[2], (knock[3] + 1) % 2**32, knock[4],
    )  # fmt: skip
    assert flow.back_key == turned(knock[0])
    assert (flow.last, flow.out_packets, flow.back_packets, flow.history) == (knock[1], 1, 0, "S")
