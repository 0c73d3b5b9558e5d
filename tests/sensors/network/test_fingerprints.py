"""Are fingerprints and flow ids exactly what others compute?"""

from __future__ import annotations

import csv
import socket
from pathlib import Path

import pytest

from citywatch.model import Event
from sensors.network import NetworkSensor
from sensors.network.moment import community_id
from tests.sensors.network.packets import Kept

PUBLISHED = Path(__file__).with_name("fingerprints.tsv")
"""By capture and client's port: JA4 as FoxIO's expected files and suricata-verify have it, JA3 and JA3S as
Wireshark 4.0 computes them; `-` where neither tells it (JA3S of QUIC: we read only the client's Initial)."""
COMMUNITY = [  # the specification's baseline
    ("192.168.0.89", "192.168.0.1", 1, 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    ("192.168.0.1", "192.168.0.89", 1, 0, 8, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    ("192.168.0.89", "192.168.0.1", 1, 20, 0, "1:3o2RFccXzUgjl7zDpqmY7yJi8rI="),
    ("fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 58, 135, 0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="),
    ("192.168.1.52", "8.8.8.8", 17, 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    ("8.8.8.8", "192.168.1.52", 17, 53, 54585, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    ("128.232.110.120", "66.35.250.204", 6, 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    ("66.35.250.204", "128.232.110.120", 6, 80, 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
]


FIELDS = {"ja4": "citywatch.tls.client.ja4", "ja3": "tls.client.ja3", "ja3s": "tls.server.ja3s"}


def events(path: Path) -> list[Event]:
    return list(NetworkSensor().read(path, lambda _: None, Kept()))


@pytest.mark.groundtruth
def test_fingerprints_are_those_that_others_compute_on_every_capture(groundtruth: Path) -> None:
    with PUBLISHED.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    wanted = {(row["capture"], int(row["port"])): row for row in rows}
    found: dict[tuple[str, int], dict[str, str]] = {}
    for path in sorted((groundtruth / "pcaps" / "fingerprint").iterdir()):
        for event in events(path):
            if "citywatch.tls.client.ja4" in event:
                place = path.name, event["source.port"]
                assert place not in found
                found[place] = {name: str(event.get(field, "-")) for name, field in FIELDS.items()}
    assert found.keys() == wanted.keys()
    for place, told in found.items():
        known = {name: wanted[place][name] for name in FIELDS if wanted[place][name] != "-"}
        assert {name: told[name] for name in known} == known, place


@pytest.mark.groundtruth
def test_hassh_is_the_published_one(groundtruth: Path) -> None:
    found = events(groundtruth / "pcaps" / "fingerprint" / "ssh-hassh.pcap")
    (event,) = [event for event in found if event["event.dataset"] == "network.ssh"]
    assert event["ssh.hassh.client"] == "2dd6531c7e89d3c925db9214711be76a"
    assert event["ssh.hassh.server"] == "6832f1ce43d4397c2c0a3e2f8c94334e"


@pytest.mark.parametrize(("source", "target", "proto", "sport", "dport", "wanted"), COMMUNITY)
def test_community_id_is_the_published_one(
    source: str, target: str, proto: int, sport: int, dport: int, wanted: str
) -> None:
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    ends = socket.inet_pton(family, source), socket.inet_pton(family, target)
    assert community_id(*ends, proto, sport, dport) == wanted
