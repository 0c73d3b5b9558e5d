"""Are fingerprints and flow ids exactly what others compute?"""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from citywatch.model import Event
from sensors.network import NetworkSensor
from sensors.network.moment import community_id
from tests.sensors.network.packets import Kept

# Published values: FoxIO's expected files for its captures, and suricata-verify.
JA4 = [
    ("ja4-tls.pcap", 49365, "t12i1810s1_27d4652c4487_06a4338d0495"),
    ("latest.pcapng", 52936, "t13d1516h2_8daaf6152771_e5627efa2ab1"),
    ("latest.pcapng", 52937, "t12d190800_d83cc789557e_7af1ed941c26"),
    ("latest.pcapng", 52938, "t13d1516h2_8daaf6152771_9b887d9acb53"),
    ("latest.pcapng", 52940, "t13d1516h2_8daaf6152771_e5627efa2ab1"),
    ("latest.pcapng", 52941, "t13d1516h2_8daaf6152771_e5627efa2ab1"),
    ("browsers-x509.pcapng", 54524, "t13d1516h2_8daaf6152771_e5627efa2ab1"),
    ("browsers-x509.pcapng", 54525, "t13d1516h2_8daaf6152771_e5627efa2ab1"),
    ("browsers-x509.pcapng", 54603, "t13d1516h2_8daaf6152771_e5627efa2ab1"),
    ("socks-https-example.pcap", 53554, "t10d230100_6a57a6f57151_000000000000"),
    ("socks-https-example.pcap", 53555, "t10d230100_6a57a6f57151_000000000000"),
    ("socks-https-example.pcap", 53556, "t10d230100_6a57a6f57151_000000000000"),
    ("quic-tls-handshake.pcapng", 0, "q13d0310h3_55b375c5d22e_cd85d2d88918"),
    ("tls-non-ascii-alpn.pcapng", 50112, "t13d1516bd_8daaf6152771_e5627efa2ab1"),
]
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


def events(path: Path) -> list[Event]:
    return list(NetworkSensor().read(path, lambda _: None, Kept()))


@pytest.mark.groundtruth
@pytest.mark.parametrize(("capture", "port", "wanted"), JA4)
def test_ja4_is_the_published_one(groundtruth: Path, capture: str, port: int, wanted: str) -> None:
    found = [
        event["citywatch.tls.client.ja4"]
        for event in events(groundtruth / "pcaps" / "fingerprint" / capture)
        if "citywatch.tls.client.ja4" in event and port in {0, event["source.port"]}
    ]
    assert found == [wanted]


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
