"""Does a scan that routers tell of become the same alert as one that we see ourselves?"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

import pytest

from citywatch.detect.fold import Fold
from citywatch.detect.rulebook import Rulebook
from citywatch.model import Event, Problem
from sensors.arrive.flows import Flows
from sensors.arrive.receiver import Message
from tests.sensors.arrive.senders import datagrams, eventually, receiving
from tests.sensors.flows.datagrams import NOW, Flow, data, five, ipfix, nine, scan, set_of, template
from tests.sensors.reading import misfits

ROOT = Path(__file__).parents[3]


@cache
def rulebook() -> Rulebook:
    return Rulebook.load(ROOT)


def alerts(events: list[Event]) -> set[tuple[str, str]]:
    for number, event in enumerate(events):
        event |= {
            "event.id": f"{number:032x}",
            "event.sequence": number + 1,
            "event.ingested": event["@timestamp"],
        }
    book, fold = Rulebook(rulebook().ruleset), Fold(rulebook().windows)
    return {(alert.title, alert.subject) for alert in fold.add(book.judge(events))}


def parts(flows: list[Flow]) -> list[list[Flow]]:
    return [flows[at : at + 20] for at in range(0, len(flows), 20)]


SCAN = parts(scan(range(1, 101)))
WAYS = {
    "v5": [five(part, sequence=20 * number) for number, part in enumerate(SCAN)],
    "v9": [nine(set_of(0, template()), data(part), sequence=number) for number, part in enumerate(SCAN)],
    "ipfix": [
        ipfix(set_of(2, template()), data(part), sequence=20 * number) for number, part in enumerate(SCAN)
    ],
}


@pytest.mark.parametrize("way", WAYS)
def test_a_port_scan_told_over_the_network_is_the_same_alert(way: str) -> None:
    told: list[Problem] = []
    flows = Flows("netflow", told.append)
    with receiving("udp", text=False) as receiver:
        datagrams(receiver, WAYS[way])
        eventually(lambda: receiver.waiting == len(SCAN), "all datagrams")
        events = [event for message in receiver.take(99) for event in flows(message)]
    assert told == []
    assert len(events) == 100
    assert [misfits(event) for event in events if misfits(event)] == []
    assert alerts(events) == {("Many ports of one host are tried", "203.0.113.66")}


def test_a_flood_and_a_sweep_are_told_and_browsing_is_not() -> None:
    flood = [
        Flow(
            source=f"198.51.{n % 100}.{n % 250 + 1}",
            target="10.20.2.10",
            sport=1024 + n,
            dport=443,
            first_ms=n,
        )
        for n in range(400)
    ]
    browsing = [
        Flow(
            source="10.20.2.30",
            target=f"192.0.2.{n + 1}",
            sport=50_000 + n,
            dport=443,
            flags=0x1B,
            octets=2000,
            packets=9,
        )
        for n in range(60)
    ]
    assert {title for title, _ in alerts(_events(flood))} == {
        "A service is buried under half-open connections"
    }
    assert alerts(_events(browsing)) == set()


def pings(minute: float, hosts: range) -> list[Flow]:
    first_ms = int(minute * 60_000)
    return [
        Flow(
            source="10.8.0.9",
            target=f"10.20.2.{n}",
            sport=0,
            dport=8 << 8,
            proto=1,
            flags=0,
            first_ms=first_ms + n,
        )
        for n in hosts
    ]


def test_hosts_that_are_asked_at_an_even_pace_are_a_habit_from_the_third_time_on() -> None:
    events = _events([flow for turn in range(4) for flow in pings(turn * 5, range(1, 21))])
    rounds = [event.get("citywatch.icmp.rounds", 1) for event in events]
    assert rounds == [number for number in (1, 2, 3, 4) for _ in range(20)]
    later = [event for event in events if event.get("citywatch.icmp.rounds", 1) >= 3]
    assert alerts(later) == set()
    assert alerts(_events(pings(0, range(1, 21)))) == {("Hosts are looked for with ICMP", "10.8.0.9")}


def _events(records: list[Flow]) -> list[Event]:
    flows = Flows("netflow", lambda _: None)
    found: list[Event] = []
    for number, part in enumerate(parts(records)):
        found += flows(Message(five(part, sequence=20 * number), "10.9.9.9", NOW, "udp"))
    return found + flows.due(time.time() * 2)


def test_unreadable_datagrams_are_counted_and_told_a_few_times() -> None:
    told: list[Problem] = []
    flows = Flows("netflow", told.append)
    for _ in range(100):
        assert flows(Message(b"\0\7", "10.9.9.9", NOW, "udp")) == []
    assert flows.counts() == {"flows": 0, "undecoded": 100}
    assert (len(told), told[0].source) == (50, "10.9.9.9")
