"""Are ARP and DHCP told rightly, by a process that may die or hang?"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sensors.network.beacon import score
from sensors.network.claims import Claims, Servers
from sensors.network.dissector import Dissector
from tests.sensors.network.packets import ether, of, pcap, read

ARP = bytes.fromhex("0001080006040001020000000002 0a000005 000000000000 0a000001".replace(" ", ""))
A, B, ROUTER = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "00:00:5e:00:01:01"


def test_arp_is_told_with_claims_and_changes(tmp_path: Path) -> None:
    other = ARP[:8] + bytes.fromhex("0200000000ff") + ARP[14:]
    events, problems = read(pcap([(1, ether(ARP, 0x0806)), (2, ether(other, 0x0806))]), tmp_path)
    assert problems == []
    first, second = of(events, "arp")
    assert (first["source.ip"], first["citywatch.arp.target_ip"]) == ("10.0.0.5", "10.0.0.1")
    assert second["citywatch.arp.previous_mac"] == "02:00:00:00:00:02"


def test_a_packet_that_cannot_be_dissected_is_counted_and_the_rest_told(tmp_path: Path) -> None:
    events, problems = read(
        pcap([(1, ether(b"\0\1\x08\0\x09\x09", 0x0806)), (2, ether(ARP, 0x0806))]), tmp_path
    )
    assert len(of(events, "arp")) == 1
    assert "1 packets not dissected" in problems[0].what


@pytest.mark.parametrize(
    ("program", "word"),
    [
        ("import sys; sys.exit(1)", "died"),
        ("import time; time.sleep(60)", "no answer"),
        ("print('{', flush=True)\nprint()", "JSON"),
    ],
)
def test_a_process_that_dies_hangs_or_babbles_costs_bounded_time(
    tmp_path: Path, program: str, word: str
) -> None:
    file = tmp_path / "bad.py"
    file.write_text(program)
    dissector = Dissector(program=file, patience_s=0.3, start_patience_s=0.5)
    begun = time.monotonic()
    answers = dissector.ask([("arp", ARP)] * 5)
    dissector.close()
    assert time.monotonic() - begun < 10
    assert len(answers) == 5
    assert word in str(answers[0]["error"])


def test_asking_for_what_one_claims_is_a_sign_and_probing_is_not() -> None:
    claims = Claims()
    assert claims.judge(1, "10.0.0.66", A, "10.0.0.1", "") == []
    assert claims.judge(2, "10.0.0.1", A, "10.0.0.9", "") == ["claims_what_it_asks_for"]
    fresh = Claims()
    assert fresh.judge(1, "10.0.0.7", B, "10.0.0.7", "") == []
    assert fresh.judge(2, "10.0.0.7", B, "10.0.0.1", "") == []


def test_a_virtual_router_may_share_its_address() -> None:
    claims = Claims()
    for turn in range(9):
        assert claims.judge(turn, "10.0.0.1", ROUTER, "10.0.0.1", A) == []


def test_a_second_server_counts_only_when_it_contradicts() -> None:
    servers = Servers()
    offer = {"citywatch.dhcp.type": "offer", "citywatch.dhcp.assigned_ip": "10.0.0.50"}
    good = {**offer, "citywatch.dhcp.server_ip": "10.0.0.2", "citywatch.dhcp.router_ip": ["10.0.0.1"]}
    assert servers.judge(good) == []
    assert servers.judge({**good, "citywatch.dhcp.server_ip": "10.0.0.3"}) == []
    bad = {**good, "citywatch.dhcp.server_ip": "10.0.0.66", "citywatch.dhcp.router_ip": ["10.0.0.66"]}
    assert servers.judge(bad) == ["10.0.0.2", "10.0.0.3"]
    assert servers.judge(good) == []


def test_people_are_less_regular_than_programs() -> None:
    machine = score([turn * 60_000_000 for turn in range(40)], [310] * 40, 2_400_000_000)
    pauses = [1, 3, 200, 2, 2, 900, 5, 1, 60, 4, 2, 700, 3, 8, 400, 1, 30, 2]
    times = [sum(pauses[:place]) * 1_000_000 for place in range(len(pauses))]
    person = score(times, [300, 9000, 20, 512, 77, 4000] * 3, 5_000_000_000)
    assert sum(machine) / 4 > 0.95
    assert sum(person) / 4 < 0.6
