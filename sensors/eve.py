"""What did Suricata see?

EVE JSON, all event types, into the same datasets as the network sensor's own events, so that one rule serves
both. An alert of Suricata's becomes `network.alert`. What ECS has no name for is kept under
`suricata.eve.<type>.`. Records are plain dicts here: this is a hot path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from citywatch.model import Event
from citywatch.ports import Keep, Report
from sensors.address import address, port
from sensors.eve_kind import alike
from sensors.eve_quick import at_once
from sensors.json_value import Record, flatten, parse, record, text, texts
from sensors.lines import Place, Tally, read_log, text_head
from sensors.suricata import PARTS, WHOLE
from sensors.when import iso

PASSED_OVER = frozenset(
    {
        *("timestamp", "event_type", "flow_id", "parent_id", "tx_id", "pcap_cnt", "pcap_filename", "host"),
        *("src_ip", "src_port", "dest_ip", "dest_port", "ip_v", "proto", "app_proto", "app_proto_ts"),
        *("app_proto_tc", "community_id", "in_iface", "vlan", "ether", "pkt_src", "packet", "packet_info"),
        *("payload", "payload_printable", "stream", "netflow", "tcp", "metadata", "files"),
    }
)
"""Read elsewhere, or of no use to a rule."""
_NAMED = (
    ("community_id", "network.community_id"),
    ("in_iface", "observer.ingress.interface.name"),
    ("host", "observer.name"),
)
_ETHER = {"src_mac": "source.mac", "dest_mac": "destination.mac"}


def translate(line: bytes) -> Event:
    """The event of one line, without an id.

    Raises:
        ValueError: it is no EVE line.
    """
    event = at_once(line)
    return part_by_part(line) if event is None else event


def part_by_part(line: bytes) -> Event:
    """The same, for a line in any form.

    Raises:
        ValueError: it is no EVE line.
    """
    whole = parse(line)
    kind = whole.get("event_type")
    if kind.__class__ is not str:
        raise ValueError("not an EVE line: it has no event_type")
    try:
        return _event(whole, str(kind))
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(
            f"an EVE line of type '{str(kind)[:40]}' lacks a value or has one of the wrong kind"
        ) from error


def _event(whole: Record, kind: str) -> Event:
    event = alike(kind).copy()
    told = whole["timestamp"]
    if kind != "flow" or not text(record(whole, "flow"), "start"):
        event["@timestamp"] = iso(told)
    _ends(event, whole)
    _header(event, whole)
    # Lines of one type come with the same names again and again: what to do with them is worked out once.
    for name, read in _shape(kind, *whole):
        value = whole[name]
        if read is not None:
            read(event, value)
        elif name == kind or value.__class__ is not dict:
            flatten(event, f"suricata.eve.{name}", value)
    if kind in WHOLE:
        WHOLE[kind](event, whole)
    return event


@lru_cache(maxsize=2048)
def _shape(_: str, *names: str) -> tuple[tuple[str, Callable[[Event, Record], None] | None], ...]:
    """The parts of a line with these names, each with what reads it."""
    return tuple((name, PARTS.get(name)) for name in names if name not in PASSED_OVER)


def _ends(event: Event, whole: Record) -> None:
    get = whole.get
    source, target = address(get("src_ip")), address(get("dest_ip"))
    if source:
        event["source.ip"] = source
        event["network.type"] = "ipv6" if ":" in source else "ipv4"
    if target:
        event["destination.ip"] = target
    for name, field in _PORTS:
        number: Any = get(name)
        # A port is nearly always a plain number: asked here, without a call.
        if number.__class__ is not int or not 0 <= number < 65_536:  # noqa: PLR2004 - the last port
            number = port(number)
        if number is not None:
            event[field] = number


_PORTS = (("src_port", "source.port"), ("dest_port", "destination.port"))


def _header(event: Event, whole: Record) -> None:
    get = whole.get
    transport = get("proto")
    if transport and transport.__class__ is str:
        event["network.transport"] = transport.lower()
    protocol = get("app_proto")
    if protocol and protocol.__class__ is str and protocol != "failed":
        event["network.protocol"] = protocol
    elif protocol == "failed":
        event.pop("network.protocol", None)
    for name, field in _NAMED:
        value = get(name)
        if value and value.__class__ is str:
            event[field] = value
    number = get("flow_id")
    if number is not None:
        event["suricata.eve.flow_id"] = str(number)
    if "vlan" in whole or "ether" in whole:
        _link(event, whole)


def _link(event: Event, whole: Record) -> None:
    vlan = whole.get("vlan")
    if vlan is not None:
        event["network.vlan.id"] = [str(tag) for tag in vlan] if vlan.__class__ is list else [str(vlan)]
    texts(event, record(whole, "ether"), _ETHER)


class Eve:
    """Reads Suricata's EVE JSON."""

    @property
    def name(self) -> str:
        return "eve"

    @property
    def follows(self) -> Literal[True]:
        return True

    def recognizes(self, head: bytes, name: str) -> bool:
        """One of the first lines is an object with `event_type` and `timestamp`."""
        del name
        return any(
            line.lstrip().startswith(b"{") and b'"event_type"' in line and b'"timestamp"' in line
            for line in text_head(head).split(b"\n")[:20]
        )

    def read(
        self, path: Path, report: Report, keep: Keep, *, place: Place | None = None, whole: bool = True
    ) -> Iterator[Event]:
        """Give the events of one log, in its order."""
        del keep
        return read_log(path, Tally("eve", str(path), report), translate, place=place, whole=whole)
