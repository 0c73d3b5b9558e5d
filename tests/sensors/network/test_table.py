"""Is a connection that nobody answered told as the flow that it is, whatever comes after it?"""

from __future__ import annotations

import gc
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import Event, Problem
from sensors.network import table as table_module
from sensors.network.capture import NetworkSensor
from sensors.network.flow import TCP, Flow
from sensors.network.table import EndOfFlow, Table
from tests.sensors.network.packets import START_US, Kept, Timed, ether, ip4, pcap, tcp

HOSTS = ("10.0.0.5", "10.0.0.80")
COOKED = b"\0\0\0\1\0\6\2\0\0\0\0\2\0\0\x08\0"
"""The head of another link type: every packet takes the general way, which keeps no knocks."""
FLAGS = ("S", "S", "S", "SA", "A", "PA", "R", "RA", "FA", "")


@st.composite
def packets(draw: st.DrawFn) -> list[Timed]:
    """TCP between two hosts, few ports, mostly SYNs, over minutes that may go backwards."""
    frames: list[Timed] = []
    us = START_US
    for _ in range(draw(st.integers(1, 30))):
        us += draw(st.sampled_from((0, 1000, 1000, 9_000_000, 25_000_000, -30_000_000)))
        near, far = draw(st.sampled_from(((0, 1), (0, 1), (1, 0), (0, 0))))
        ports = draw(st.sampled_from(((1000, 80), (1000, 80), (80, 1000), (1001, 80), (1000, 1000))))
        flags = draw(st.sampled_from(FLAGS))
        load = b"GET / HTTP/1.1\r\n\r\n" if "P" in flags else b""
        seq = draw(st.sampled_from((1, 2, 4_294_967_295)))
        frames.append((us, ether(ip4(HOSTS[near], HOSTS[far], 6, tcp(*ports, seq, flags, load)))))
        if draw(st.integers(0, 9)) == 0:  # a router says that the packet did not arrive
            quoted = bytes((3, 1, 0, 0, 0, 0, 0, 0)) + frames[-1][1][14:42]
            frames.append((us, ether(ip4("10.0.0.1", HOSTS[near], 1, quoted))))
    return frames


def events_of(raw: bytes, most_flows: int, *, lines: bool) -> tuple[list[Event], list[Problem]]:
    problems: list[Problem] = []
    sensor = NetworkSensor(most_flows=most_flows)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.pcap"
        path.write_bytes(raw)
        if not lines:
            return list(sensor.read(path, problems.append, Kept())), problems
        told = b"".join(sensor.lines(path, problems.append, Kept()))
    return [orjson.loads(line) for line in told.splitlines()], problems


def noting(ended: list[Flow]) -> EndOfFlow:
    def note(flow: Flow) -> None:
        ended.append(flow)

    return note


@given(frames=packets(), most_flows=st.sampled_from((1, 2, 65_536)))
def test_with_knocks_and_without_the_same_is_told(frames: list[Timed], most_flows: int) -> None:
    general = events_of(
        pcap([(us, COOKED + raw[14:]) for us, raw in frames], link=113), most_flows, lines=False
    )
    assert events_of(pcap(frames), most_flows, lines=False) == general
    assert events_of(pcap(frames), most_flows, lines=True) == general


@pytest.mark.parametrize("limit", [1, 100, 65_536])
def test_knocks_count_as_flows_and_are_bounded(limit: int) -> None:
    ended: list[Flow] = []
    table = Table(noting(ended), limit)
    for turn in range(500):
        table.knock(bytes((10, 0, 0, 5, 10, 0, turn >> 8, turn & 255, 200, 0, 0, 80)), START_US, 60, 7)
        assert table.living <= limit
        assert len(table.knocks) == table.living
    assert len(ended) == table.evicted == max(500 - limit, 0)
    for _ in table.finish():
        pass
    assert [flow.number for flow in ended] == list(range(1, 501))
    assert table.living == 0


def test_a_knock_that_grew_is_looked_after_as_a_flow() -> None:
    ended: list[Flow] = []
    table = Table(noting(ended))
    key = bytes((10, 0, 0, 5, 10, 0, 0, 6, 200, 0, 0, 80))
    table.knock(key, START_US, 60, 7)
    flow = table.find(TCP, key)
    assert flow is not None
    assert table.find(TCP, flow.back_key) is flow
    assert (table.living, len(table.knocks), [*table.flows()]) == (1, 0, [flow])
    flow.out_load = flow.back_packets = 1
    flow.last = START_US + 290_000_000
    table.advance(START_US + 300_000_000)
    assert not ended
    table.advance(flow.last + 320_000_000)
    assert [(flow.number, flow.reason) for flow in ended] == [(1, "idle")]
    assert table.living == 0


def living_flows() -> int:
    return sum(isinstance(each, Flow) for each in gc.get_objects())


@pytest.mark.parametrize("places", [0, 1, 100])
@pytest.mark.parametrize("knocked", [True, False], ids=["knocked", "opened"])
def test_flows_that_ended_are_let_go_though_time_stands_still(
    knocked: bool,  # noqa: FBT001 - a case
    places: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(table_module, "_MOST_ENDED", 50)
    monkeypatch.setattr(table_module, "_MOST_PLACES", places)
    table = Table(noting_nothing, 100)
    key = bytes((10, 0, 0, 5, 10, 0, 0, 6, 200, 0, 0, 80))
    before = living_flows()
    for _ in range(2000):
        if knocked:
            table.knock(key, START_US, 60, 7)
        else:
            table.open(key, TCP, START_US)
        flow = table.find(TCP, key)
        assert flow is not None
        table.closing(flow, START_US)
        table.end(flow, "rst")
        del flow
    assert living_flows() - before <= 151
    assert (table.counted, table.living) == (2000, 0)


def noting_nothing(flow: Flow) -> None:
    del flow


def test_a_sweep_changes_nothing_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(most_ended: int) -> list[tuple[int, str]]:
        monkeypatch.setattr(table_module, "_MOST_ENDED", most_ended)
        ended: list[Flow] = []
        table = Table(noting(ended), 20)
        for turn in range(400):
            key = bytes((10, 0, 0, 5, 10, 0, 0, turn % 37, 200, turn % 3, 0, 80))
            at = START_US + turn % 11 * 5_000_000
            flow = table.find(TCP, key)
            if flow is None:
                table.knock(key, at, 60, 7)
            elif turn % 2:
                table.closing(flow, at)
                table.end(flow, "rst")
        for _ in table.finish():
            pass
        return [(flow.number, flow.reason) for flow in ended]

    assert len(run(0)) > 100
    assert run(0) == run(10_000)
