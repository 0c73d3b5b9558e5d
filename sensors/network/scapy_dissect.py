# SPDX-License-Identifier: GPL-2.0-only
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (scapy carries no types)
"""What do ARP, DHCP and ICMPv6 packets say?

A process of its own that speaks JSON lines: a batch is lines `{"kind": "arp"|"dhcp"|"icmp6", "hex": "..."}`
and an empty line; the answer is one line for each, in order, then an empty line. A packet that cannot be
dissected gives `{"error": "..."}`. Memory and CPU are limited, so that hostile input ends this process and
nothing else.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
from typing import Any

logging.getLogger("scapy").setLevel(logging.ERROR)

MEMORY = 1 << 30
CPU_S = 600

_DHCP_TYPES = {
    1: "discover", 2: "offer", 3: "request", 4: "decline", 5: "ack", 6: "nak", 7: "release", 8: "inform",
}  # fmt: skip


def limit() -> None:
    """Bound this process before it reads anything."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def arp(raw: bytes) -> dict[str, Any]:
    """Fields of an ARP packet over Ethernet and IPv4."""
    from scapy.layers.l2 import ARP

    packet = ARP(raw)
    if packet.hwlen != 6 or packet.plen != 4:
        return {"error": "not ARP over Ethernet and IPv4"}
    return {
        "op": int(packet.op),
        "sender_mac": packet.hwsrc,
        "sender_ip": packet.psrc,
        "target_mac": packet.hwdst,
        "target_ip": packet.pdst,
    }


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def dhcp(raw: bytes) -> dict[str, Any]:  # noqa: C901 - one loop over hostile lengths reads best in one piece
    """Fields of a DHCP message (RFC 2131, 2132)."""
    from scapy.layers.dhcp import BOOTP, DHCP

    packet = BOOTP(raw)
    found: dict[str, Any] = {
        "client_mac": bytes(packet.chaddr)[:6].hex(":"),
        "assigned_ip": packet.yiaddr,
        "server_ip": packet.siaddr,
        "client_ip": packet.ciaddr,
        "relay_ip": packet.giaddr,
        "op": int(packet.op),
        "xid": int(packet.xid),
    }
    if not packet.haslayer(DHCP):
        return found
    for option in packet[DHCP].options:
        if not isinstance(option, tuple) or len(option) < 2:
            continue
        name, values = option[0], option[1:]
        if name == "message-type":
            kind = values[0]
            found["type"] = _DHCP_TYPES.get(kind, str(kind)) if isinstance(kind, int) else _text(kind)
        elif name == "server_id":
            found["server_id"] = _text(values[0])
        elif name == "requested_addr":
            found["requested_ip"] = _text(values[0])
        elif name in {"hostname", "vendor_class_id", "domain"}:
            found[str(name)] = _text(values[0])[:255]
        elif name in {"router", "name_server"}:
            found[str(name)] = [_text(value) for value in values[:8]]
        elif name == "lease_time":
            found["lease_s"] = int(values[0])
    return found


def icmp6(raw: bytes) -> dict[str, Any]:  # noqa: C901 - one loop over hostile lengths reads best in one piece
    """Neighbour discovery (RFC 4861)."""
    from scapy.layers import inet6

    kinds = {
        133: (inet6.ICMPv6ND_RS, "router_solicitation"),
        134: (inet6.ICMPv6ND_RA, "router_advertisement"),
        135: (inet6.ICMPv6ND_NS, "neighbor_solicitation"),
        136: (inet6.ICMPv6ND_NA, "neighbor_advertisement"),
        137: (inet6.ICMPv6ND_Redirect, "redirect"),
    }
    if raw[0] not in kinds:
        return {}
    kind, action = kinds[raw[0]]
    packet = kind(raw)
    found: dict[str, Any] = {"action": action}
    if raw[0] in {135, 136, 137}:
        found["target_ip"] = packet.tgt
    if raw[0] == 134:
        found["router_life_s"] = int(packet.routerlifetime)
    layer = packet.payload
    for _ in range(16):
        if isinstance(layer, (inet6.ICMPv6NDOptSrcLLAddr, inet6.ICMPv6NDOptDstLLAddr)):
            found["mac"] = layer.lladdr
        elif isinstance(layer, inet6.ICMPv6NDOptPrefixInfo):
            found.setdefault("prefixes", []).append(f"{layer.prefix}/{layer.prefixlen}")
        elif isinstance(layer, inet6.ICMPv6NDOptRDNSS):
            found["dns_ip"] = [str(item) for item in layer.dns[:8]]
        layer = layer.payload
        if not layer:
            break
    return found


KINDS = {"arp": arp, "dhcp": dhcp, "icmp6": icmp6}


def answer(line: str) -> dict[str, Any]:
    """Dissect one line's packet; whatever happens there is an answer."""
    try:
        asked = json.loads(line)
        return KINDS[asked["kind"]](bytes.fromhex(asked["hex"]))
    except Exception as error:  # noqa: BLE001 - a stranger's bytes: whatever fails here is no reason to stop
        return {"error": f"{type(error).__name__}: {error}"[:200]}


def alone() -> None:
    """Nothing is sent from here: scapy need not ask for the routes, which is a sixth of its start."""
    from scapy.config import conf

    conf.route_autoload = conf.route6_autoload = False


def main() -> None:
    """Answer batches until the input ends."""
    limit()
    alone()
    batch: list[str] = []
    for line in sys.stdin:
        if line.strip():
            batch.append(line)
            continue
        for asked in batch:
            sys.stdout.write(json.dumps(answer(asked)) + "\n")
            sys.stdout.flush()
        sys.stdout.write("\n")
        sys.stdout.flush()
        batch = []


if __name__ == "__main__":
    main()
