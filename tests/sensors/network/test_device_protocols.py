"""What do devices say: sensors, controllers, clocks, switches, telephones, the network's own door?"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import Event
from sensors.network import modbus, mqtt, ntp, radius, sip, snmp
from tests.sensors.network.packets import START_US, ether, ip4, of, pcap, read, talk, udp

CLIENT, SERVER = "10.0.0.5", "10.0.0.1"


def datagrams(folder: Path, port: int, turns: Sequence[tuple[str, bytes]], dataset: str) -> list[Event]:
    frames: list[tuple[int, bytes]] = []
    for way, load in turns:
        ends = (CLIENT, SERVER, 40000, port) if way == ">" else (SERVER, CLIENT, port, 40000)
        packet = ip4(ends[0], ends[1], 17, udp(ends[2], ends[3], load))
        frames.append((START_US + len(frames) * 1000, ether(packet)))
    events, problems = read(pcap(frames), folder)
    assert problems == []
    return of(events, dataset)


def words(raw: bytes) -> bytes:
    return struct.pack(">H", len(raw)) + raw


def packet(first: int, body: bytes) -> bytes:
    size = len(body)
    length = b""
    while True:
        size, part = size >> 7, size & 0x7F
        length += bytes([part | 0x80 if size else part])
        if not size:
            return bytes([first]) + length + body


def connect(client: bytes = b"air-7", user: bytes = b"", password: bytes = b"", version: int = 4) -> bytes:
    flags = (0x80 if user else 0) | (0x40 if password else 0) | 2
    body = words(b"MQTT") + bytes([version, flags, 0, 60]) + (b"\0" if version == 5 else b"") + words(client)
    return packet(0x10, body + (words(user) if user else b"") + (words(password) if password else b""))


@pytest.mark.parametrize("cut", [1, 5, 1400])
@pytest.mark.parametrize("version", [4, 5])
def test_mqtt_tells_the_login_and_each_topic_once(tmp_path: Path, cut: int, version: int) -> None:
    more = b"\0" if version == 5 else b""
    publish = packet(0x30, words(b"city/air/7") + more + b"41.5")
    subscribe = packet(0x82, b"\0\1" + more + words(b"#") + b"\0")
    turns = [
        (">", connect(b"air-7", b"an", b"Q9z!secret", version)), ("<", packet(0x20, b"\0\0" + more)),
        (">", subscribe + publish + publish + packet(0x30, words(b"big") + bytes(70_000)) + publish),
    ]  # fmt: skip
    events, problems = read(pcap(talk(turns, dport=1883, cut=cut if cut > 1 else 97)), tmp_path)
    assert problems == []
    told = of(events, "mqtt")
    assert [event["event.action"] for event in told] == ["login", "subscribe", "publish", "publish"]
    assert (told[0]["user.name"], told[0]["event.outcome"]) == ("an", "success")
    assert told[0]["citywatch.mqtt.anonymous"] is False
    assert [event["citywatch.mqtt.topic"] for event in told[1:]] == ["#", "city/air/7", "big"]
    assert "Q9z!secret" not in str(told)


@pytest.mark.parametrize(
    ("user", "password", "code", "outcome", "tags"),
    [
        (b"", b"", 0, "success", None),
        (b"admin", b"admin", 0, "success", ["default_password"]),
        (b"admin", b"x9!", 5, "failure", None),
    ],
)
def test_mqtt_tells_who_was_let_in(
    tmp_path: Path, user: bytes, password: bytes, code: int, outcome: str, tags: list[str] | None
) -> None:
    turns = [(">", connect(b"", user, password)), ("<", packet(0x20, bytes([0, code])))]
    events, _ = read(pcap(talk(turns, dport=1883)), tmp_path)
    (login,) = of(events, "mqtt")
    assert login["event.outcome"] == outcome
    assert login["citywatch.mqtt.anonymous"] is not bool(user)
    assert login.get("tags") == tags


def modbus_message(number: int, function: int, body: bytes) -> bytes:
    return struct.pack(">HHHBB", number, 0, len(body) + 2, 3, function) + body


@pytest.mark.parametrize("cut", [1, 1400])
def test_modbus_tells_every_write_and_reads_once(tmp_path: Path, cut: int) -> None:
    ask = b"\0\x10\0\2"
    turns: list[tuple[str, bytes]] = []
    for number in range(5):
        turns.append((">", modbus_message(number, 3, ask)))
        turns.append(("<", modbus_message(number, 3, b"\4\0\1\0\2")))
    for number in (5, 6):
        turns.append((">", modbus_message(number, 5, b"\0\7\xff\0")))
        turns.append(("<", modbus_message(number, 0x85 if number == 6 else 5, b"\2")))
    events, _ = read(pcap(talk(turns, dport=502, cut=cut)), tmp_path)
    told = [
        (event["event.action"], event["event.outcome"], event["citywatch.modbus.address"])
        for event in of(events, "modbus")
    ]
    assert told == [
        ("read_holding_registers", "success", 16),
        ("write_single_coil", "success", 7),
        ("write_single_coil", "failure", 7),
    ]
    assert of(events, "modbus")[0]["citywatch.modbus.quantity"] == 2


def test_a_clock_is_told_once_and_monlist_with_its_answer(tmp_path: Path) -> None:
    ask, answer = b"\x23" + bytes(47), b"\x24\2" + bytes(46)
    (event,) = datagrams(tmp_path, 123, [(">", ask), ("<", answer), (">", ask), ("<", answer)], "ntp")
    assert (event["citywatch.ntp.mode"], event["citywatch.ntp.stratum"]) == ("server", 2)
    ask, answer = bytes.fromhex("1700032a00000000"), bytes.fromhex("d700032a00060048") + bytes(432)
    told = datagrams(tmp_path, 123, [(">", ask), ("<", answer), ("<", answer)], "ntp")
    assert [(event["event.action"], event["citywatch.ntp.answer"]) for event in told] == [
        ("monlist", False),
        ("monlist", True),
    ]


def der(tag: int, body: bytes) -> bytes:
    return bytes([tag, len(body)]) + body


def snmp_message(community: bytes, kind: int = 0xA0, number: int = 1) -> bytes:
    listed = der(0x30, der(0x30, der(6, bytes.fromhex("2b06010201010100")) + der(5, b"")))
    request = der(2, bytes([number])) + der(2, b"\0") + der(2, b"\0") + listed
    return der(0x30, der(2, b"\1") + der(4, community) + der(kind, request))


def test_snmp_names_only_communities_that_are_sold(tmp_path: Path) -> None:
    turns = [
        (">", snmp_message(b"public")), ("<", snmp_message(b"public", 0xA2)),
        (">", snmp_message(b"Q9z!secret", 0xA3, 2)),
    ]  # fmt: skip
    read_it, set_it = datagrams(tmp_path, 161, turns, "snmp")
    assert (read_it["citywatch.snmp.community"], read_it["event.outcome"]) == ("public", "success")
    assert read_it["tags"] == ["default_password"]
    assert read_it["citywatch.snmp.oid"] == "1.3.6.1.2.1.1.1.0"
    assert (set_it["event.action"], set_it["citywatch.snmp.community"]) == ("set", "***")
    assert "Q9z" not in str(set_it)


def test_snmp_counts_the_communities_that_are_tried(tmp_path: Path) -> None:
    turns = [(">", snmp_message(b"guess%d" % turn, number=turn)) for turn in range(9)]
    assert datagrams(tmp_path, 161, turns, "snmp")[-1]["citywatch.auth.attempts"] == 9


def sip_request(method: str, call: str, *, auth: str = "") -> bytes:
    lines = [
        f"{method} sip:pbx.test SIP/2.0", "f: <sip:100@pbx.test>", "To: <sip:100@pbx.test>",
        f"Call-ID: {call}", "CSeq: 1 " + method, "User-Agent: phone",
    ]  # fmt: skip
    return "\r\n".join([*lines, *([auth] if auth else []), "", ""]).encode()


def sip_answer(code: int, call: str, method: str) -> bytes:
    return f"SIP/2.0 {code} x\r\ni: {call}\r\nCSeq: 1 {method}\r\n\r\n".encode()


@pytest.mark.parametrize("carrier", ["udp", "tcp"])
def test_sip_tells_a_challenge_from_a_refusal(tmp_path: Path, carrier: str) -> None:
    proof = 'Authorization: Digest username="200", response="S3cretHash"'
    turns = [
        (">", sip_request("REGISTER", "a")), ("<", sip_answer(100, "a", "REGISTER")),
        ("<", sip_answer(401, "a", "REGISTER")),
        (">", sip_request("REGISTER", "b", auth=proof)), ("<", sip_answer(401, "b", "REGISTER")),
        (">", sip_request("INVITE", "c", auth=proof)), ("<", sip_answer(200, "c", "INVITE")),
    ]  # fmt: skip
    if carrier == "udp":
        told = datagrams(tmp_path, 5060, turns, "sip")
    else:
        told = of(read(pcap(talk(turns, dport=5060, cut=50)), tmp_path)[0], "sip")
    assert [(event["event.action"], event.get("event.outcome"), event["user.name"]) for event in told] == [
        ("register", None, "100"),
        ("register", "failure", "200"),
        ("invite", "success", "200"),
    ]
    assert "S3cretHash" not in str(told)


def radius_message(code: int, number: int, user: bytes = b"an") -> bytes:
    listed = bytes([1, len(user) + 2]) + user + b"\2\x12" + bytes(16) + b"\4\6\x0a\0\0\1" + b"\x1f\x0402"
    return struct.pack(">BBH", code, number, 20 + len(listed)) + bytes(16) + listed


def test_radius_tells_each_login_with_its_answer(tmp_path: Path) -> None:
    turns = [
        (">", radius_message(1, 7)), (">", radius_message(1, 7)), ("<", radius_message(3, 7)),
        (">", radius_message(1, 8, b"binh")), ("<", radius_message(2, 8)), (">", radius_message(1, 9)),
    ]  # fmt: skip
    told = datagrams(tmp_path, 1812, turns, "radius")
    assert [(event["user.name"], event.get("event.outcome")) for event in told] == [
        ("an", "failure"),
        ("binh", "success"),
        ("an", None),
    ]
    assert (told[0]["citywatch.radius.nas_ip"], told[0]["citywatch.radius.calling_station"]) == (
        "10.0.0.1",
        "02",
    )


@pytest.mark.parametrize(("port", "note"), [(161, "snmp"), (1812, "radius"), (5060, "sip"), (123, "ntp")])
def test_what_only_uses_the_port_is_noted(tmp_path: Path, port: int, note: str) -> None:
    raw = ether(ip4(CLIENT, SERVER, 17, udp(40000, port, b"\xff" * 60)))
    events, _ = read(pcap([(START_US, raw)]), tmp_path)
    assert events[0]["citywatch.flow.notes"] == [f"malformed {note}"]


@given(st.integers(0, 268_435_455))
def test_every_length_of_mqtt_is_read_back(size: int) -> None:
    raw = b""
    value = size
    while True:
        value, part = value >> 7, value & 0x7F
        raw += bytes([part | 0x80 if value else part])
        if not value:
            break
    assert mqtt.remaining(raw, 0) == (size, len(raw))


@given(st.binary(max_size=80))
def test_no_bytes_break_what_tells_them_apart(raw: bytes) -> None:
    for known in (mqtt.is_mqtt, modbus.is_modbus, sip.is_sip, radius.is_radius):
        assert known(raw) in {True, False}
    assert snmp.oid(raw) or not raw
    assert ntp.message(raw) is None or raw
