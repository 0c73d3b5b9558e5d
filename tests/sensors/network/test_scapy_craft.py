"""Do crafted captures look as they say, the same every time, and in a process of their own?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from citywatch.model import Event, Problem
from sensors.network import NetworkSensor
from tests.sensors.network.packets import Kept

SCENARIOS = [
    "arp_spoof", "browsing", "camera_bot", "dhcp_starvation", "dns_tunnel", "horizontal_scan", "http_attack",
    "port_scan", "rogue_dhcp", "ssh_guessing", "syn_flood",
]  # fmt: skip


def craft(folder: Path, scenario: str, *more: str) -> Path:
    out = folder / f"{scenario}.pcap"
    command = [sys.executable, "-m", "sensors.network.scapy_craft", scenario, str(out), *more]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return out


SENSOR = NetworkSensor()


def events_of(path: Path) -> list[Event]:
    problems: list[Problem] = []
    events = list(SENSOR.read(path, problems.append, Kept()))
    assert problems == []
    return events


def test_the_same_arguments_give_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first = craft(tmp_path, "ssh_guessing", "--count", "2").read_bytes()
    assert craft(tmp_path, "ssh_guessing", "--count", "2").read_bytes() == first
    assert craft(tmp_path, "ssh_guessing", "--count", "2", "--seed", "2").read_bytes() != first


def test_addresses_and_start_are_as_asked(tmp_path: Path) -> None:
    given = ("--attacker", "198.51.100.9", "--victim", "192.0.2.4", "--start", "2026-11-20T08:00:00+07:00")
    events = events_of(craft(tmp_path, "port_scan", "--count", "5", *given))
    assert {event["source.ip"] for event in events} == {"198.51.100.9"}
    assert {event["destination.ip"] for event in events} == {"192.0.2.4"}
    assert events[0]["@timestamp"].startswith("2026-11-20T01:00:00")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_is_read_without_a_problem(tmp_path: Path, scenario: str) -> None:
    from sensors.network import scapy_craft  # noqa: PLC0415 - scapy takes a second to load

    out = tmp_path / "a.pcap"
    scapy_craft.craft(scenario, out)
    assert events_of(out)


def test_only_the_scapy_files_import_scapy_and_they_import_nothing_of_ours() -> None:
    root = Path(__file__).parents[3]
    for path in (root / "sensors").rglob("*.py"):
        words = path.read_text(encoding="utf-8")
        imports = [
            line.split()[1] for line in words.splitlines() if line.strip().startswith(("import ", "from "))
        ]
        if path.name.startswith("scapy_"):
            assert words.startswith("# SPDX-License-Identifier: GPL-2.0-only\n")
            assert not [name for name in imports if name.split(".")[0] in {"citywatch", "sensors", "console"}]
        else:
            assert not [name for name in imports if name.split(".")[0] == "scapy"], path
