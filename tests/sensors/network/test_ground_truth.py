"""Is every attack of the labelled captures reported once with its hosts, and are the benign ones silent?"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from citywatch.detect.fold import Fold
from citywatch.detect.rulebook import Rulebook
from citywatch.model import Alert, Event, Problem
from sensors.names import parts
from sensors.network import NetworkSensor
from tests.sensors.network.packets import Kept, written

pytestmark = pytest.mark.groundtruth
REPO = Path(__file__).parents[3]

# capture, rule, source (empty: any), destination (empty: any). One alert of that rule; what other rules may
# say of the same traffic stands last.
EXPECTED: list[tuple[str, str, str, str, tuple[str, ...]]] = [
    ("port_scan/synscan.pcap", "vertical_scan", "172.16.0.8", "64.13.134.52", ()),
    ("port_scan/port_scan.pcap", "vertical_scan", "203.0.113.9", "198.51.100.7", ()),
    ("port_scan/stealth_scan_null.pcap", "stealth_scan", "203.0.113.9", "198.51.100.7", ()),
    ("port_scan/stealth_scan_fin.pcap", "stealth_scan", "203.0.113.9", "198.51.100.7", ()),
    ("port_scan/udp_scan.pcap", "udp_scan", "203.0.113.9", "198.51.100.7", ()),
    ("port_scan/nmap-vsn.pcap", "arp_scan", "192.168.1.71", "", ()),
    ("icmp_sweep/test12-icmp-portscan.pcap", "icmp_sweep", "192.168.1.109", "", ()),
    ("arp_spoof/arppoison.pcapng", "arp_spoofing", "", "172.16.0.1", ()),
    ("arp_scan/test8-malicious.pcap", "arp_scan", "192.168.1.247", "", ()),
    ("dhcp_starvation/dhcp_flood.pcap", "dhcp_starvation", "", "", ()),
    ("rogue_dhcp/rogue_dhcp_two_servers.pcap", "rogue_dhcp", "10.10.0.66", "", ()),
    ("syn_flood/syn_flood_single_src.pcap", "syn_flood", "203.0.113.7", "192.0.2.80", ()),
    (
        "syn_flood/tcp-session-syn-flood-drop-precedence.pcap",
        "syn_flood",
        "192.0.2.10",
        "198.51.100.5",
        (),
    ),
    ("ssh_brute/sshguess.pcap", "ssh_guessing", "192.168.56.1", "192.168.56.103", ()),
    ("ftp_brute/bruteforce.pcap", "ftp_guessing", "192.168.56.1", "192.168.56.101", ()),
    ("http_brute/login_401_dev.pcap", "login_guessing", "203.0.113.99", "192.0.2.90", ()),
    ("rdp_brute/rdp_brute_dev.pcap", "rdp_guessing", "203.0.113.44", "192.0.2.33", ()),
    ("telnet_botnet/mirai_like_dev.pcap", "telnet_spread", "10.50.0.23", "", ()),
    ("dns_tunnel/dns-tunnel-iodine.pcap", "dns_tunnel", "10.0.2.30", "10.0.2.20", ()),
    ("dns_tunnel/bad-dns-traffic.pcap", "dns_tunnel", "192.168.43.91", "4.2.2.4", ()),
    ("dns_tunnel/cmds_over_dns_txt.pcap", "dns_text_channel", "192.168.100.121", "", ()),
    ("dns_dga/C2_Foudre_Backdoor_DGA.pcapng", "generated_name", "10.0.2.15", "185.56.137.138", ()),
    ("dns_dga/dns_nxdomain_flood.pcap", "nxdomain_storm", "203.0.113.5", "8.8.8.8", ()),
    ("icmp_tunnel/icmp-tunnel.pcap", "icmp_tunnel", "192.168.154.131", "192.168.154.132", ()),
    ("beacon/test-cc-capture-1.pcap", "beacon", "147.32.80.37", "141.193.213.21", ()),
    ("http_attack/WebattackSQLinj.pcap", "sql_injection", "172.16.0.1", "192.168.10.50", ()),
    ("http_attack/http_dvwa_sqlinjection.pcapng", "sql_injection", "10.2.2.101", "10.2.2.104", ()),
    (
        "http_attack/http_dvwa_directorytraversal.pcapng",
        "path_traversal",
        "10.2.2.101",
        "10.2.2.104",
        ("file_disclosed",),
    ),
    (
        "http_attack/log4j-webapp-exploit.pcap",
        "lookup_in_header",
        "172.16.238.1",
        "172.16.238.10",
        ("java_class_fetched", "reverse_shell"),
    ),
    (
        "http_attack/WebattackRCE.pcap",
        "command_injection",
        "127.0.0.1",
        "127.0.0.1",
        ("scanner_agent", "path_traversal", "forced_browsing", "cross_site_scripting"),
    ),
    ("webshell/cmd_post_dev.pcap", "webshell_request", "203.0.113.5", "192.0.2.80", ()),
    ("reverse_shell/shell.pcap", "reverse_shell", "127.0.0.1", "127.0.0.1", ()),
    ("malware/trickbot.pcap", "post_to_address", "10.12.29.101", "82.118.225.196", ()),
    ("malware/malware.pcap", "certificate_of_another", "192.168.7.7", "67.215.92.210", ()),
    ("malware/exe_download.pcap", "program_from_address", "10.9.25.101", "144.91.69.195", ()),
    ("malware/ratinfected.pcapng", "remote_trojan", "172.16.0.114", "172.16.0.111", ()),
    ("malware/cryptowall4_c2.pcapng", "gate_posts", "192.168.122.145", "184.170.149.44", ()),
    ("ad_attack/DCSync_krbtgt_dcerpc_smb.pcapng", "dcsync", "172.16.66.1", "172.16.66.36", ()),
    (
        "ad_attack/LM_psexec_smb_dcerpc_epm_svcctl.pcapng",
        "service_by_remote",
        "172.16.66.1",
        "172.16.66.36",
        (),
    ),
    ("ad_attack/kerberoast.pcap", "kerberoasting", "10.0.0.2", "10.0.0.6", ()),
    (
        "ad_attack/zerologon_mimikatz_ntlm_privacy_scan_and_exploit_encrypted.pcapng",
        "zerologon",
        "172.16.66.37",
        "172.16.66.36",
        (),
    ),
    ("heartbleed/heartbleed.pcap", "heartbleed", "173.203.79.216", "162.219.2.166", ()),
    ("heartbleed/heartbleed-encrypted-success.pcap", "heartbleed", "192.168.4.149", "107.170.241.107", ()),
]
SEVERAL = {
    "malware/mining.pcapng": {"mining"},  # four miners of three hosts
    "http_attack/http_heuristics.pcap": {
        "sql_injection", "path_traversal", "command_injection", "cross_site_scripting", "scanner_agent",
    },  # nine attacks on nine servers
}  # fmt: skip
BENIGN_EXCEPTIONS = {"benign/dns_axfr.pcapng": {"zone_transfer"}}  # the manifest: the notice is correct


@pytest.fixture(scope="module")
def book() -> Rulebook:
    loaded = Rulebook.load(REPO)
    assert [refusal for refusal in loaded.refusals if "network" in refusal.source] == []
    return loaded


@pytest.fixture(scope="module")
def sensor() -> NetworkSensor:
    return NetworkSensor()


def alerts_of(book: Rulebook, events: list[Event]) -> list[tuple[str, Alert]]:
    fresh = Rulebook(book.ruleset)
    fold = Fold(fresh.windows)
    alerts: dict[str, Alert] = {}
    for start in range(0, len(events), 500):
        for alert in fold.add(fresh.judge(events[start : start + 500])):
            alerts[alert.id] = alert
    return [(Path(fresh.rules[alert.rule_id].source).stem, alert) for alert in alerts.values()]


def judged(book: Rulebook, sensor: NetworkSensor, path: Path) -> list[tuple[str, Alert]]:
    problems: list[Problem] = []
    events = list(sensor.read(path, problems.append, Kept()))
    assert [problem for problem in problems if problem.fatal] == []
    return alerts_of(book, events)


@pytest.mark.parametrize(("capture", "rule", "source", "target", "also"), EXPECTED)
def test_an_attack_is_reported_once_with_its_hosts(  # noqa: PLR0913, PLR0917 - a row of the table and its fixtures
    groundtruth: Path,
    book: Rulebook,
    sensor: NetworkSensor,
    capture: str,
    rule: str,
    source: str,
    target: str,
    also: tuple[str, ...],
) -> None:
    found = judged(book, sensor, groundtruth / "pcaps" / capture)
    mine = [alert for name, alert in found if name == rule]
    assert len(mine) == 1, [name for name, _ in found]
    assert not source or source in mine[0].values["source.ip"]
    assert not target or target in mine[0].values["destination.ip"]
    assert {name for name, _ in found} - {rule} <= set(also)


@pytest.mark.parametrize("capture", sorted(SEVERAL))
def test_several_attacks_in_one_capture_are_each_reported(
    groundtruth: Path, book: Rulebook, sensor: NetworkSensor, capture: str
) -> None:
    assert {name for name, _ in judged(book, sensor, groundtruth / "pcaps" / capture)} == SEVERAL[capture]


def test_benign_captures_are_silent(groundtruth: Path, book: Rulebook, sensor: NetworkSensor) -> None:
    loud: dict[str, set[str]] = {}
    for path in sorted((groundtruth / "pcaps" / "benign").iterdir()):
        names = {name for name, _ in judged(book, sensor, path)}
        if names:
            loud[f"benign/{path.name}"] = names
    assert loud == BENIGN_EXCEPTIONS


def test_every_attack_capture_of_the_manifest_is_in_the_table(groundtruth: Path) -> None:
    with (groundtruth / "pcaps" / "MANIFEST.tsv").open(encoding="utf-8") as lines:
        rows = [row["file"] for row in csv.DictReader(lines, delimiter="\t")]
    attacks = {name for name in rows if not name.startswith(("benign/", "fingerprint/"))}
    assert attacks == {row[0] for row in EXPECTED} | set(SEVERAL)


NAMED_FOR_A_REASON = {
    "127.0.0.1": "a computer that logs in to itself",
    "bing.com": "a search engine from which visitors of spam come",
}


def names_in(event: Event) -> Iterator[str]:
    """The addresses, domains and files of an event that a rule could have been made for."""
    for field in ("source.ip", "destination.ip", "dns.question.registered_domain", "file.name"):
        yield str(event.get(field, ""))
    for field in ("url.domain", "tls.client.server_name", "dns.question.name"):
        name = str(event.get(field, ""))
        yield from (name, parts(name)[1])


def test_no_rule_names_an_address_a_domain_or_a_file_of_a_capture(
    groundtruth: Path, sensor: NetworkSensor
) -> None:
    rules = "\n".join(
        path.read_text(encoding="utf-8")
        for path in sorted((REPO / "rules").rglob("*"))
        if path.suffix in {".yml", ".yar"}
    )
    named: set[str] = set()
    for path in sorted((groundtruth / "pcaps").glob("*/*")):
        named.add(path.name)
        for event in sensor.read(path, lambda _: None, Kept()):
            named.update(names_in(event))
    telling = {
        name
        for name in named
        if "." in name and len(name) > 6 and not name.endswith((".arpa", ".0", ".255.255"))
    }
    assert len(telling) > 2000
    assert {name for name in telling if name in rules} == NAMED_FOR_A_REASON.keys()


def test_the_lines_of_every_small_capture_are_its_events(groundtruth: Path) -> None:
    sensor = NetworkSensor()
    checked = 0
    for path in sorted((groundtruth / "pcaps").glob("*/*")):
        if path.stat().st_size > 300_000:
            continue
        problems: list[Problem] = []
        events = list(sensor.read(path, problems.append, Kept()))
        lines = b"".join(sensor.lines(path, problems.append, Kept())).splitlines()
        assert [written(line) for line in lines] == events, path
        checked += len(events)
    assert checked > 5000
