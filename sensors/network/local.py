"""Who claims which address on the local network?

ARP, DHCP and ICMPv6 neighbour discovery. The packets are dissected by scapy in a process of its own (see
`dissector.py`), in batches; here the answers become events, and who held an address before is remembered.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from citywatch.model import Event
from sensors.network.claims import Claims, Servers
from sensors.network.dissector import Answer, Dissector, Question
from sensors.network.flow import Flow
from sensors.network.moment import event_id, hardware, stamp
from sensors.network.sink import Sink, filled

BATCH = 256
MOST_BINDINGS = 65_536
MOST_KNOWN = 8192
_OPS = {1: "request", 2: "reply", 3: "rarp_request", 4: "rarp_reply"}
_NOWHERE = "0.0.0.0"  # noqa: S104 - an address in a packet, not a bind
_NO_MAC = "00:00:00:00:00:00"

Waiting = tuple[int, Flow | None, bytes, Question]
"""Time, flow, hardware address of the frame, packet."""


class Local:
    """Collects packets, asks for them in batches, writes their events."""

    def __init__(self, sink: Sink, dissector: Dissector) -> None:
        self.failed: dict[str, int] = {}
        """How many packets could not be dissected, by reason."""
        self._sink = sink
        self._dissector = dissector
        self._waiting: list[Waiting] = []
        self._known: dict[Question, Answer] = {}
        self._holder: dict[str, str] = {}
        self._claims = Claims()
        self._servers = Servers()
        self._count = 0

    def arp(self, us: int, raw: bytes, mac: bytes) -> None:
        """Take an ARP packet."""
        self._take((us, None, mac, ("arp", raw[:28])))

    def dhcp(self, flow: Flow, us: int, raw: bytes) -> None:
        """Take a DHCP message."""
        self._take((us, flow, b"", ("dhcp", raw[:1500])))

    def icmp6(self, flow: Flow, us: int, raw: bytes, mac: bytes) -> None:
        """Take an ICMPv6 packet; only neighbour discovery is looked into."""
        if 133 <= raw[0] <= 137:
            self._take((us, flow, mac, ("icmp6", raw[:1500])))

    def _take(self, item: Waiting) -> None:
        self._waiting.append(item)
        if len(self._waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Write the events of what waits."""
        waiting, self._waiting = self._waiting, []
        new = list(dict.fromkeys(item[3] for item in waiting if item[3] not in self._known))
        if new:
            if len(self._known) > MOST_KNOWN:
                keep = {item[3] for item in waiting}
                self._known = {asked: known for asked, known in self._known.items() if asked in keep}
            self._known.update(zip(new, self._dissector.ask(new), strict=True))
        for us, flow, mac, question in waiting:
            self._say(us, flow, mac, question, self._known[question])

    def _say(self, us: int, flow: Flow | None, mac: bytes, question: Question, answer: Answer) -> None:
        if "error" in answer:
            reason = str(answer["error"])
            self.failed[reason] = self.failed.get(reason, 0) + 1
        elif flow is None:
            self._arp(us, mac, question[1], answer)
        elif question[0] == "dhcp":
            self._dhcp(us, flow, answer)
        else:
            self._neighbor(us, flow, mac, answer)

    def _arp(self, us: int, mac: bytes, raw: bytes, answer: Answer) -> None:
        sender, target = str(answer["sender_ip"]), str(answer["target_ip"])
        sender_mac, target_mac = str(answer["sender_mac"]), str(answer["target_mac"])
        self._count += 1
        op = _OPS.get(int(answer["op"]), str(answer["op"]))
        event: Event = {
            "@timestamp": stamp(us),
            "event.id": event_id(b"network.arp", b"%b %d %d" % (raw, us, self._count)),
            "event.kind": "event",
            "event.category": ["network"],
            "event.module": "network",
            "event.dataset": "network.arp",
            "event.action": op,
            "log.file.path": self._sink.name,
            "network.protocol": "arp",
            "citywatch.arp.op": op,
            "citywatch.arp.sender_mac": sender_mac,
            "citywatch.arp.target_ip": target,
            "citywatch.arp.gratuitous": sender == target,
            "source.mac": hardware(mac) if len(mac) == 6 else sender_mac,
            "destination.ip": target,
        }
        if sender != _NOWHERE:
            event["source.ip"] = event["citywatch.arp.sender_ip"] = sender
            before = self._held(sender, sender_mac)
            if before:
                event["citywatch.arp.previous_mac"] = before
            conflicts = self._claims.judge(us, sender, sender_mac, target, before)
            if conflicts:
                event["citywatch.arp.conflict"] = conflicts
        if target_mac not in {_NO_MAC, "ff:ff:ff:ff:ff:ff"}:
            event["citywatch.arp.target_mac"] = target_mac
        self._sink.put(event)

    def _held(self, ip: str, mac: str) -> str:
        """Who held this address before, when it was another; remembers the new holder."""
        before = self._holder.get(ip, "")
        if before != mac:
            if len(self._holder) >= MOST_BINDINGS:
                del self._holder[next(iter(self._holder))]
            self._holder[ip] = mac
        return before if before != mac else ""

    def _dhcp(self, us: int, flow: Flow, answer: Answer) -> None:
        from_server = answer.get("op") == 2
        server = answer.get("server_id") or (answer.get("server_ip") if from_server else "")
        event = filled(
            {
                "event.action": answer.get("type", ""),
                "citywatch.dhcp.type": answer.get("type", "bootp"),
                "citywatch.dhcp.client_mac": answer.get("client_mac", ""),
                "citywatch.dhcp.server_ip": _ip(server),
                "citywatch.dhcp.assigned_ip": _ip(answer.get("assigned_ip")),
                "citywatch.dhcp.requested_ip": _ip(answer.get("requested_ip")),
                "citywatch.dhcp.hostname": answer.get("hostname", ""),
                "citywatch.dhcp.vendor_class": answer.get("vendor_class_id", ""),
                "citywatch.dhcp.router_ip": _ips(answer.get("router")),
                "citywatch.dhcp.dns_ip": _ips(answer.get("name_server")),
            }
        )
        others = self._servers.judge(event)
        if others:
            event["citywatch.dhcp.other_server_ip"] = others
        self._sink.say(flow, "network.dhcp", us, event)

    def _neighbor(self, us: int, flow: Flow, mac: bytes, answer: Answer) -> None:
        if not answer:
            return
        event = filled(
            {
                "event.action": answer.get("action", ""),
                "source.mac": hardware(mac) if len(mac) == 6 else "",
                "citywatch.arp.target_ip": _ip(answer.get("target_ip")),
                "citywatch.arp.target_mac": answer.get("mac", ""),
                "citywatch.dhcp.dns_ip": _ips(answer.get("dns_ip")),
            }
        )
        if answer.get("action") == "neighbor_advertisement" and answer.get("mac"):
            before = self._held(str(answer.get("target_ip")), str(answer["mac"]))
            if before:
                event["citywatch.arp.previous_mac"] = before
        self._sink.say(flow, "network.icmp", us, event)


def _ip(value: Any) -> str:
    """An address that the store will take, or nothing."""
    return _address(str(value)) if value else ""


@lru_cache(maxsize=4096)
def _address(words: str) -> str:
    try:
        found = str(ip_address(words))
    except ValueError:
        return ""
    return "" if found == _NOWHERE else found


def _ips(values: Any) -> list[str]:
    return [found for value in values or () if (found := _ip(value))]
