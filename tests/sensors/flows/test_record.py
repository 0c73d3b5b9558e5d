"""Does a flow record become the same event as a flow of our own?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sensors.flows.record import Record, event_of
from tests.sensors.reading import misfits

V4 = (bytes([128, 232, 110, 120]), bytes([66, 35, 250, 204]))


def made(**more: object) -> Record:
    given: dict[str, object] = {"source": V4[0], "target": V4[1], "proto": 6, "sport": 34855, "dport": 80}
    given |= {"first": 1_000_000, "last": 3_000_000, "packets": 5, "octets": 900, "flags": 0x1B}
    return Record(**(given | more))  # pyright: ignore[reportArgumentType] - fields of a record


def test_a_whole_flow_has_state_sizes_and_community_id() -> None:
    event = event_of(
        made(both=True, back_packets=4, back_octets=5000, back_flags=0x1B), "netflow", "10.9.9.9"
    )
    wanted = {
        "network.community_id": "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
        "citywatch.flow.state": "SF",
        "network.bytes": 5900,
        "event.duration": 2_000_000_000,
        "citywatch.flow.payload.out_bytes": 640,
        "citywatch.flow.notes": ["payload_estimated"],
    }
    assert {name: event[name] for name in wanted} == wanted
    assert misfits(event) == []


def test_a_bare_syn_carries_nothing_and_is_unanswered() -> None:
    event = event_of(made(packets=1, octets=60, flags=2), "netflow", "10.9.9.9")
    assert (event["citywatch.flow.state"], event["citywatch.flow.payload.out_bytes"]) == ("S0", 0)
    assert event["citywatch.flow.notes"] == ["payload_estimated", "one_way"]


def test_of_a_sampled_flow_no_state_is_told() -> None:
    event = event_of(made(sampling=100), "netflow", "10.9.9.9")
    assert "citywatch.flow.state" not in event
    assert event["citywatch.flow.sampling"] == 100


counts = st.none() | st.integers(0, 1 << 62)


@given(
    st.sampled_from([V4, (bytes(16), bytes(15) + b"\1")]),
    st.tuples(st.integers(0, 255), st.integers(0, 65_535), st.integers(0, 65_535)),
    st.tuples(st.integers(0, 1 << 50), st.integers(0, 1 << 50)),
    st.tuples(
        counts, counts, st.none() | st.integers(0, 65_535), counts, counts, st.none() | st.integers(0, 255)
    ),
)
def test_any_numbers_give_a_fitting_event(
    ends: tuple[bytes, bytes],
    ports: tuple[int, int, int],
    times: tuple[int, int],
    numbers: tuple[int | None, int | None, int | None, int | None, int | None, int | None],
) -> None:
    packets, octets, flags, back_packets, back_octets, back_flags = numbers
    record = Record(
        source=ends[0], target=ends[1], proto=ports[0], sport=ports[1], dport=ports[2],
        first=times[0], last=times[1], packets=packets, octets=octets, flags=flags,
        back_packets=back_packets, back_octets=back_octets, back_flags=back_flags, both=packets is None,
    )  # fmt: skip
    assert misfits(event_of(record, "netflow", "10.9.9.9")) == []
