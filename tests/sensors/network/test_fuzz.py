"""Does any byte sequence break a decoder, stop it, or make it grow?

A few thousand mutated packets each time; a million in `make acceptance`, or with
`python -m tests.sensors.network.test_fuzz 1000000`. With guidance by coverage: `benchmarks/fuzz.py`.
"""

from __future__ import annotations

import importlib
import pkgutil
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citywatch.model import Event, Problem
from citywatch.schema import resolve
from sensors import network
from sensors.network import (
    certificate,
    dcerpc,
    discovery,
    dns,
    ftp,
    http,
    kerberos,
    modbus,
    mqtt,
    ntp,
    protocols,
    quic,
    radius,
    rdp,
    rtsp,
    shell,
    sip,
    smb,
    smtp,
    snmp,
    socks,
    ssh,
    stream,
    telnet,
    tls,
)
from sensors.network.capture import NetworkSensor
from sensors.network.decode import Decoder
from sensors.network.dissector import Dissector
from sensors.network.flow import TCP, Flow, Talk, turned
from sensors.network.local import Local
from sensors.network.sink import Events, Lines, Sink
from sensors.network.table import Table
from tests.sensors.network.packets import START_US, Kept, ether, ip4, ip6, pcap, read, talk, tcp, udp

MAKERS: dict[str, Callable[[Sink], Talk]] = {
    "discovery": discovery.Discovery,
    "dns": dns.DnsOverTcp,
    "ftp": ftp.Ftp,
    "http": http.Http,
    "kerberos": lambda sink: kerberos.Kerberos(sink, framed=True),
    "modbus": modbus.Modbus,
    "mqtt": mqtt.Mqtt,
    "ntp": ntp.Ntp,
    "quic": quic.Quic,
    "radius": radius.Radius,
    "rdp": rdp.Rdp,
    "rpc": dcerpc.Rpc,
    "rtsp": rtsp.Rtsp,
    "shell": lambda _: shell.Watch(),
    "sip": sip.Sip,
    "smb": smb.Smb,
    "snmp": snmp.Snmp,
    "smtp": smtp.Smtp,
    "socks": socks.Socks,
    "ssh": ssh.Ssh,
    "telnet": telnet.Telnet,
    "tls": tls.Tls,
    "undecided": protocols.Undecided,
}
_SNMP = "302602010104067075626c6963a019020101020100020100300e300c06082b060102010101000500"
STARTS: dict[str, list[tuple[bool, bytes]]] = {
    "discovery": [
        (True, b"<s:Header><a:Action>x/discovery/Probe</a:Action></s:Header>"),
        (False, b"<a:Action>x/ProbeMatches</a:Action><d:Types>dn:NetworkVideoTransmitter</d:Types>"),
    ],
    "dns": [(True, bytes.fromhex("001a123401000001000000000000") + b"\5hanoi\2vn\0\0\1\0\1")],
    "ftp": [(False, b"220 FTP\r\n"), (True, b"USER an\r\n"), (False, b"331 ?\r\n"), (True, b"PASS x\r\n")],
    "http": [
        (True, b"POST /a?b=%27 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\npass=1234"),
        (False, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    ],
    "kerberos": [(True, b"\0\0\0\x0a\x6c\x08\x30\x06\xa1\x04\x02\x02\x05\x05")],
    "modbus": [
        (True, bytes.fromhex("000100000006030300100002")),
        (False, bytes.fromhex("000100000007030304") + bytes(4)),
    ],
    "mqtt": [
        (True, bytes.fromhex("101100044d5154540402003c00056169722d37")), (False, b"\x20\2\0\0"),
        (True, b"\x82\6\0\1\0\1#\0\x30\7\0\3a/b41"),
    ],
    "ntp": [
        (True, bytes.fromhex("1700032a00000000")),
        (False, bytes.fromhex("d700032a00060048") + bytes(72)),
    ],
    "quic": [(True, b"\xc3\0\0\0\1\x08" + bytes(8) + b"\0\0\x41\x00" + bytes(300))],
    "radius": [
        (True, bytes.fromhex("01010018") + bytes(16) + b"\1\4an"),
        (False, b"\3\1\0\x14" + bytes(16)),
    ],
    "rdp": [(True, bytes.fromhex("0300002b26e00000000000") + b"Cookie: mstshash=an\r\n")],
    "rpc": [(True, bytes.fromhex("05000b0310000000480000000100000000000000") + bytes(60))],
    "rtsp": [(True, b"DESCRIBE rtsp://a/1 RTSP/1.0\r\nCSeq: 1\r\n\r\n"), (False, b"RTSP/1.0 200 OK\r\n\r\n")],
    "shell": [(False, b"uid=0(root) gid=0(root)\n")],
    "sip": [
        (True, b"REGISTER sip:a SIP/2.0\r\nTo: <sip:1@a>\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\n\r\n"),
        (False, b"SIP/2.0 401 no\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\n\r\n"),
    ],
    "snmp": [(True, bytes.fromhex(_SNMP))],
    "smb": [(True, b"\0\0\0\x60\xfeSMB" + bytes(92)), (False, b"\0\0\0\x60\xfeSMB" + bytes(92))],
    "smtp": [
        (False, b"220 a ESMTP\r\n"), (True, b"EHLO a\r\nMAIL FROM:<a@b>\r\nDATA\r\n"), (False, b"354 go\r\n"),
        (True, b"Subject: x\r\nContent-Type: text/plain; name=a.txt\r\n\r\nhi\r\n.\r\n"),
    ],
    "socks": [
        (True, bytes.fromhex("050100")), (False, bytes.fromhex("0500")),
        (True, bytes.fromhex("050100010a0000500050")), (True, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ],
    "ssh": [(True, b"SSH-2.0-a\r\n\0\0\0\x0c\x0a\x14" + bytes(10)), (False, b"SSH-2.0-b\r\n")],
    "telnet": [
        (False, b"\xff\xfd\x01login: "), (True, b"root\r\n"), (False, b"Password: "), (True, b"x\r\n"),
    ],
    "undecided": [
        (True, b"CONNECT a:1 HTTP/1.1\r\n\r\n"), (False, b"HTTP/1.1 200 ok\r\n\r\n"), (True, b"\5\1\0"),
    ],
    "tls": [(True, bytes.fromhex("160301002f0100002b0303") + bytes(41))],
}  # fmt: skip


def flow() -> Flow:
    key = bytes([10, 0, 0, 5, 10, 0, 0, 80, 156, 64, 0, 80])
    return Flow(key, turned(key), TCP, START_US, 1)


def check(events: list[Event]) -> None:
    for event in events:
        for name, value in event.items():
            known = resolve(name)
            assert known is not None, name
            assert isinstance(value, list) == known.many or name.startswith("zeek."), name
            assert value is not None


def test_every_reader_of_payload_is_fuzzed() -> None:
    readers = {
        f"{made.__module__}.{name}"
        for found in pkgutil.iter_modules(network.__path__)
        if not found.name.startswith("scapy_") and not found.ispkg
        for name, made in vars(importlib.import_module(f"sensors.network.{found.name}")).items()
        if isinstance(made, type)
        and made.__module__.startswith("sensors.network.")
        and {"feed", "gap", "close"} <= set(dir(made))
    }
    sink = Events("a.pcap", Kept())
    fuzzed = {type(make(sink)) for make in MAKERS.values()} | {
        dns.DnsOverUdp,
        protocols.Hesitant,
        protocols.Dhcp,
    }
    names = {f"{made.__module__}.{made.__name__}" for made in fuzzed}
    assert readers == names | {"sensors.network.flow.Talk"}


@pytest.mark.parametrize("protocol", sorted(MAKERS))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_bytes_break_a_protocol(protocol: str, data: st.DataObject) -> None:
    sink = Events("a.pcap", Kept())
    made = flow()
    made.app = MAKERS[protocol](sink)
    made.protocol = protocol
    start = STARTS[protocol][: data.draw(st.integers(0, 4))]
    turns = [*start, *data.draw(st.lists(st.tuples(st.booleans(), st.binary(max_size=300)), max_size=8))]
    for out, load in turns:
        at = data.draw(st.integers(0, max(len(load) - 1, 0)))
        broken = load[:at] + data.draw(st.binary(max_size=4)) + load[at:]
        stream.feed(made, out, broken, START_US)
        if data.draw(st.booleans()):
            stream.lost(made, out, data.draw(st.integers(1, 5000)))
    stream.close(made)
    sink.over(made)
    check(sink.told)
    assert "malformed twice" not in (made.notes or [])


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=600))
def test_no_datagram_breaks_dns(raw: bytes) -> None:
    fields = dns.message(raw)
    if fields:
        check([fields])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_no_certificate_breaks_its_reader(raw: bytes) -> None:
    assert isinstance(certificate.describe(raw), dict)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=60)), max_size=30))
def test_segments_in_any_order_reach_the_protocol_once_and_in_order(parts: list[tuple[int, bytes]]) -> None:
    class Taker:
        protocol = ""

        def __init__(self) -> None:
            self.size = 0

        def feed(self, flow: Flow, out: bool, data: bytes, us: int) -> bool:  # noqa: FBT001 - the port's form
            del flow, out, us
            self.size += len(data)
            return True

        def gap(self, flow: Flow, out: bool, size: int) -> bool:  # noqa: FBT001 - the port's form
            del flow, out
            self.size += size
            return True

        def close(self, flow: Flow) -> None:
            del flow

    taker = Taker()
    made = flow()
    made.app = taker
    made.out_next = 0
    for seq, load in parts:
        stream.take(made, out=True, seq=seq, data=load, size=len(load), us=START_US)
    stream.close(made)
    assert taker.size == max((seq + len(load) for seq, load in parts), default=0)


@settings(max_examples=150, deadline=None)
@given(raw=st.binary(max_size=2000), link=st.sampled_from([0, 1, 9, 12, 50, 101, 108, 113, 228, 276, 147]))
def test_no_frame_of_any_link_type_breaks_the_decoder(raw: bytes, link: int) -> None:
    mutate([raw], random.Random(1), 1, link=link)  # noqa: S311 - repeatable on purpose


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=400), form=st.sampled_from(["pcap", "ng", "gzip", "zstd"]))
def test_no_file_breaks_the_reader(tmp_path: Path, raw: bytes, form: str) -> None:
    starts = {
        "pcap": pcap([]),
        "ng": b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\1\0\0\0" + b"\xff" * 8 + b"\x1c\0\0\0",
        "gzip": b"\x1f\x8b\x08\0",
        "zstd": b"\x28\xb5\x2f\xfd",
    }
    read(starts[form] + raw, tmp_path)


def frames() -> list[bytes]:
    found = [ether(ip4("10.0.0.5", "10.0.0.1", 17, udp(5353, 53, STARTS["dns"][0][1][2:])))]
    found.append(ether(ip6("2001:db8::1", "2001:db8::2", 17, udp(5353, 53, STARTS["dns"][0][1][2:])), 0x86DD))
    found.append(ether(ip4("10.0.0.5", "10.0.0.1", 47, b"\x20\0\x65\x58\0\0\0\1" + found[0])))
    found.append(ether(ip4("10.0.0.5", "10.0.0.1", 17, udp(4444, 4789, b"\x08\0\0\0\0\0\1\0" + found[0]))))
    found.append(ether(ip4("10.0.0.5", "10.0.0.1", 17, bytes(64), frag=0x2000)))
    found.append(ether(ip4("10.0.0.5", "10.0.0.1", 1, b"\x08\0\0\0\0\1\0\1" + bytes(48))))
    found.append(ether(ip4("10.0.0.5", "10.0.0.1", 6, tcp(1, 2, 3, "FPU")), vlan=7))
    for protocol, port in {
        "ntp": 123,
        "discovery": 3702,
        "snmp": 161,
        "radius": 1812,
        "sip": 5060,
        "quic": 443,
    }.items():
        load = STARTS[protocol][0][1]
        found.append(ether(ip4("10.0.0.5", "10.0.0.1", 17, udp(4000, port, load))))
    for protocol, turns in STARTS.items():
        said = [(">" if out else "<", load) for out, load in turns]
        port = {"telnet": 23, "dns": 53, "modbus": 502}.get(protocol, 80)
        found += [frame for _, frame in talk(said, dport=port)]
    return found


class NoLocal(Local):
    """Asks no dissecting process: that one is tested on its own."""

    def flush(self) -> None:
        self._waiting.clear()


def mutate(seeds: list[bytes], dice: random.Random, count: int, *, link: int = 1) -> int:
    """Feed mutated packets to one decoder; gives the number of events. Raises what the decoder raises."""
    form = dice.choice((Events, Lines))
    sink = form("a.pcap", lambda data, kind: f"{len(data)}{kind}")
    events = 0

    def over(flow: Flow) -> None:
        if flow.app is not None:
            stream.close(flow)
        sink.over(flow)

    table = Table(over, 500)
    local = NoLocal(sink, Dissector())
    decoder = Decoder(sink, table, protocols.Protocols(sink, local), local)
    for turn in range(count):
        frame = bytearray(dice.choice(seeds))
        for _ in range(dice.randrange(4)):
            if frame:
                frame[dice.randrange(len(frame))] = dice.choice((0, 255, dice.randrange(256)))
        if frame and dice.random() < 0.1:
            del frame[dice.randrange(len(frame)) :]
        raw = bytes(frame)
        decoder.batch(link, raw, [(START_US + turn * dice.randrange(20_000), 0, len(raw), len(raw))])
        assert table.living <= 500
        events += len(sink.told)
        sink.told.clear()
    for _ in table.finish():
        pass
    return events + len(sink.told)


def test_thousands_of_mutated_packets_break_nothing() -> None:
    assert mutate(frames(), random.Random(7), 6000) > 100  # noqa: S311 - repeatable on purpose


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_million_mutated_packets_break_nothing() -> None:
    assert mutate(frames(), random.Random(11), 1_000_000) > 10_000  # noqa: S311 - repeatable on purpose


def test_two_reads_give_the_same_ids(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    dice = random.Random(3)  # noqa: S311 - repeatable on purpose
    path.write_bytes(pcap((START_US + turn * 1000, dice.choice(frames())) for turn in range(500)))
    problems: list[Problem] = []
    first = [event["event.id"] for event in NetworkSensor().read(path, problems.append, Kept())]
    again = [event["event.id"] for event in NetworkSensor().read(path, problems.append, Kept())]
    assert first == again
    assert len(set(first)) == len(first)


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    made = mutate(frames(), random.Random(11), wanted)  # noqa: S311 - repeatable on purpose
    sys.stdout.write(f"{wanted} mutated packets, {made} events, nothing escaped\n")
