"""Do two records of one conversation become one flow, seen from who asked?"""

from __future__ import annotations

from typing import Any

from sensors.flows.pairs import Pairs
from sensors.flows.record import Record

A, B = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])


def one(source: bytes, sport: int, dport: int, first: int = 0, **more: Any) -> Record:
    given: dict[str, Any] = {"proto": 6, "packets": 1, "octets": 60, "flags": 2} | more
    return Record(
        source=source,
        target=B if source == A else A,
        sport=sport,
        dport=dport,
        first=first,
        last=first,
        **given,
    )


def test_two_ways_become_one_flow_whichever_came_first() -> None:
    asks, answers = one(A, 40_000, 80, 5, flags=0x1B), one(B, 80, 40_000, 6, octets=900, flags=0x1A)
    for first, second in ((asks, answers), (one(B, 80, 40_000, 6, octets=900), one(A, 40_000, 80, 5))):
        pairs = Pairs()
        assert pairs.add(first, "r1", 0) == []
        ((whole, sender),) = pairs.add(second, "r1", 1)
        assert (whole.source, whole.dport, whole.octets, whole.back_octets, sender) == (A, 80, 60, 900, "r1")
        assert whole.both
        assert pairs.due(1e9) == []
        assert len(pairs) == 0


def test_at_the_same_moment_the_higher_port_asks_and_an_echo_is_answered() -> None:
    pairs = Pairs()
    pairs.add(one(B, 80, 40_000), "r1", 0)
    ((whole, _),) = pairs.add(one(A, 40_000, 80), "r1", 0)
    assert whole.source == A
    pairs.add(one(B, 0, 0, proto=1), "r1", 0)
    ((whole, _),) = pairs.add(one(A, 8, 0, proto=1), "r1", 0)
    assert (whole.source, whole.sport) == (A, 8)


def test_records_of_two_routers_are_not_joined() -> None:
    pairs = Pairs()
    pairs.add(one(A, 40_000, 80), "r1", 0)
    assert pairs.add(one(B, 80, 40_000), "r2", 0) == []


def test_who_waits_long_enough_is_told_alone_and_as_unanswered_only_where_ways_back_are_told() -> None:
    pairs = Pairs()
    pairs.add(one(A, 40_001, 80), "r1", 0)
    assert pairs.due(29) == []
    ((alone, _),) = pairs.due(30)
    assert (alone.both, alone.back_packets) == (False, None)
    pairs.add(one(A, 40_000, 80), "r1", 40)
    pairs.add(one(B, 80, 40_000), "r1", 40)
    pairs.add(one(A, 40_001, 80), "r1", 40)
    ((alone, _),) = pairs.due(99)
    assert (alone.both, alone.back_packets) == (True, 0)


def test_parts_of_a_long_flow_are_told_one_after_another() -> None:
    pairs = Pairs()
    pairs.add(one(A, 40_000, 80, 0), "r1", 0)
    ((part, _),) = pairs.add(one(A, 40_000, 80, 60_000_000), "r1", 60)
    assert part.first == 0


def test_waiting_is_bounded_and_counted() -> None:
    pairs = Pairs(most=10)
    told = [each for port in range(100) for each in pairs.add(one(A, port, 80), "r1", 0)]
    assert (len(told), len(pairs), pairs.early) == (90, 10, 90)
    assert len(pairs.due(1e9)) == 10


def test_sampled_records_and_whole_ones_do_not_wait() -> None:
    pairs = Pairs()
    assert len(pairs.add(one(A, 1, 2, sampling=100), "r1", 0)) == 1
    whole = one(A, 1, 2)
    whole.both = True
    assert len(pairs.add(whole, "r1", 0)) == 1
