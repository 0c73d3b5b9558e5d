"""Are sampled packets read, also in VLANs, and is what was lost on the way counted?"""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.flows.record import event_of
from sensors.flows.sflow import Sflow
from tests.sensors.flows.datagrams import NOW, sflow
from tests.sensors.network.packets import ether, ip4, tcp, udp
from tests.sensors.reading import misfits

SYN = ether(ip4("10.0.0.1", "192.0.2.7", 6, tcp(40_000, 443, 1, "S")))
ASK = ether(ip4("10.0.0.1", "192.0.2.7", 17, udp(40_000, 53, b"x" * 200)))
TAGGED = SYN[:12] + bytes([0x81, 0, 0, 42]) + SYN[12:]


@pytest.mark.parametrize("expanded", [False, True])
def test_sampled_packets_become_flow_events_that_say_so(expanded: bool) -> None:  # noqa: FBT001 - both forms
    found = Sflow()(sflow([SYN, ASK, TAGGED], expanded=expanded), "10.9.9.9", NOW)
    events = [event_of(each, "sflow", "10.9.9.9") for each in found]
    assert [event["destination.port"] for event in events] == [443, 53, 443]
    assert [event["source.bytes"] for event in events] == [40, 228, 40]
    assert all(event["citywatch.flow.sampling"] == 100 for event in events)
    assert events[0]["citywatch.flow.flags"] == "S"
    assert not any("citywatch.flow.state" in event for event in events)
    assert events[2]["network.vlan.id"] == ["42"]
    assert [misfits(event) for event in events] == [[], [], []]


def test_what_was_lost_on_the_way_is_counted() -> None:
    reader = Sflow()
    for sequence in (1, 2, 6, 7, 4):
        reader(sflow([SYN], sequence=sequence), "10.9.9.9", NOW)
    assert reader.counts == {"lost_datagrams": 2}


def test_broken_datagrams_are_told() -> None:
    with pytest.raises(ValueError, match="no sFlow of version 5"):
        Sflow()(b"\0\0\0\4" + bytes(40), "10.9.9.9", NOW)
    with pytest.raises(ValueError, match=r"breaks off|are left"):
        Sflow()(sflow([SYN])[:-1], "10.9.9.9", NOW)
    with pytest.raises(ValueError, match="breaks off"):
        Sflow()(b"", "10.9.9.9", NOW)


@given(st.binary(max_size=80), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=6))
def test_no_bytes_raise_anything_but_a_value_error(garbage: bytes, changes: list[tuple[int, int]]) -> None:
    changed = bytearray(sflow([SYN, TAGGED]))
    for at, byte in changes:
        if at < len(changed):
            changed[at] = byte
    for datagram in (garbage, bytes(changed)):
        with suppress(ValueError):
            for record in Sflow()(datagram, "10.9.9.9", NOW):
                assert misfits(event_of(record, "sflow", "10.9.9.9")) == []
