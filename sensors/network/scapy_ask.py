# SPDX-License-Identifier: GPL-2.0-only
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportPrivateUsage=false
# (scapy carries no types)
"""Who answers when we ask?

A process of its own: `arp IFACE ADDRESS` asks who has an address, `dhcp IFACE` which servers would hand one
out. Every answer is a JSON line on standard output. The socket is opened first, then the process becomes
nobody; nothing is accepted from a server, an offer is only looked at.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import resource
import secrets
import sys
import time
from typing import Any

logging.getLogger("scapy").setLevel(logging.ERROR)

NOBODY = 65534
TRIES = 2
MOST_ANSWERS = 256
BROADCAST = "ff:ff:ff:ff:ff:ff"


def limit() -> None:
    """Bound this process, and give up what opening a socket needed."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


def exchange(interface: str, request: Any, seconds: float) -> list[tuple[Any, float]]:
    """Send a request, and give every packet that answers it, with its time."""
    from scapy.config import conf
    from scapy.sendrecv import sndrcv

    conf.checkIPaddr = False  # an offer is not sent from where the request went
    with contextlib.closing(conf.L2socket(iface=interface)) as link:
        limit()
        found: list[tuple[Any, float]] = []
        for _ in range(TRIES):
            answered, _ = sndrcv(link, request, timeout=seconds / TRIES, multi=True, verbose=False)
            found += [(answer, float(answer.time)) for _, answer in answered]
    return found[:MOST_ANSWERS]


def ask_arp(interface: str, address: str, seconds: float) -> list[dict[str, Any]]:
    """Who says to have an address?"""
    from scapy.layers.l2 import ARP, Ether

    found: dict[str, dict[str, Any]] = {}
    for answer, at in exchange(interface, Ether(dst=BROADCAST) / ARP(pdst=address), seconds):
        if ARP in answer and answer[ARP].op == 2 and answer[ARP].psrc == address:
            mac = str(answer[ARP].hwsrc).lower()
            found.setdefault(mac, {"kind": "arp", "ip": address, "mac": mac, "us": int(at * 1_000_000)})
    return list(found.values())


def ask_dhcp(interface: str, seconds: float) -> list[dict[str, Any]]:
    """Which servers would hand out an address, and what with it?"""
    from scapy.arch import get_if_hwaddr
    from scapy.layers.dhcp import BOOTP, DHCP
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether

    mac = get_if_hwaddr(interface)
    number = secrets.randbits(32)
    lease = BOOTP(chaddr=bytes.fromhex(mac.replace(":", "")), xid=number, flags=0x8000)
    wanted = [("message-type", "discover"), ("param_req_list", [1, 3, 6, 15, 51, 54]), "end"]
    frame = Ether(src=mac, dst=BROADCAST) / IP(src="0.0.0.0", dst="255.255.255.255")  # noqa: S104 - as RFC 2131 has it
    request = frame / UDP(sport=68, dport=67) / lease / DHCP(options=wanted)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for answer, at in exchange(interface, request, seconds):
        if DHCP not in answer or answer[BOOTP].op != 2 or answer[BOOTP].xid != number:
            continue
        row = _offer(answer, int(at * 1_000_000))
        found.setdefault((row["mac"], row["server"]), row)
    return list(found.values())


def _offer(answer: Any, us: int) -> dict[str, Any]:
    from scapy.layers.dhcp import BOOTP, DHCP
    from scapy.layers.inet import IP

    options: dict[str, list[Any]] = {}
    for option in answer[DHCP].options[:64]:
        if isinstance(option, tuple) and len(option) > 1:
            options.setdefault(str(option[0]), [*option[1:9]])
    return {
        "kind": "dhcp",
        "mac": str(answer.src).lower(),
        "server": str(options.get("server_id", [answer[IP].src])[0]),
        "offered": str(answer[BOOTP].yiaddr),
        "routers": [str(one) for one in options.get("router", [])],
        "resolvers": [str(one) for one in options.get("name_server", [])],
        "us": us,
    }


def main() -> int:
    """Ask, and write the answers down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kind", choices=("arp", "dhcp"))
    parser.add_argument("interface")
    parser.add_argument("address", nargs="?", default="")
    parser.add_argument("--seconds", type=float, default=3.0)
    asked = parser.parse_args()
    try:
        if asked.kind == "arp":
            rows = ask_arp(asked.interface, asked.address, asked.seconds)
        else:
            rows = ask_dhcp(asked.interface, asked.seconds)
    except (OSError, ValueError) as error:
        sys.stdout.write(json.dumps({"error": f"{error}"[:300]}) + "\n")
        return 1
    for row in rows:
        sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.write(json.dumps({"done": True, "us": time.time_ns() // 1000}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
