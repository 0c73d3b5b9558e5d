"""Is it told which cameras are looked for, which announce themselves, and which answer whom?"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import Event
from sensors.network.discovery import message
from tests.sensors.network.effort import effort
from tests.sensors.network.packets import START_US, Timed, ether, ip4, of, pcap, read, udp
from tests.sensors.network.test_fuzz import check

GROUP = "239.255.255.250"
CAMERA, RECORDER = "10.60.0.9", "10.60.0.2"
SCOPES = "onvif://www.onvif.org/hardware/X-1 onvif://www.onvif.org/name/C%E1%BB%95ng"
DIALECTS = {
    "2005/04": ("http://schemas.xmlsoap.org/ws/2005/04/discovery/", "wsa", "d"),
    "1.1": ("http://docs.oasis-open.org/ws-dd/ns/discovery/2009/01/", "a", "wsd"),
    "no prefixes": ("http://schemas.xmlsoap.org/ws/2005/04/discovery/", "", ""),
}


def soap(action: str, body: str = "", dialect: str = "2005/04") -> bytes:
    start, wsa, _ = DIALECTS[dialect]
    tag = f"{wsa}:Action" if wsa else "Action"
    head = f'<s:Header><{tag} s:mustUnderstand="1">{start}{action}</{tag}></s:Header>'
    start = '<?xml version="1.0"?>\n<s:Envelope xmlns:s="soap">'
    return f"{start}{head}<s:Body>{body}</s:Body></s:Envelope>".encode()


def match(dialect: str = "2005/04", address: str = f"http://{CAMERA}/onvif/device_service") -> str:
    prefix = DIALECTS[dialect][2]
    colon = f"{prefix}:" if prefix else ""
    told = {
        "Types": "dn:NetworkVideoTransmitter tds:Device",
        "Scopes": SCOPES,
        "XAddrs": f"{address}\n{address}",
    }
    return "".join(f'<{colon}{tag} xmlns:x="y">{words}</{colon}{tag}>' for tag, words in told.items())


def datagram(source: str, target: str, sport: int, dport: int, load: bytes, at: int = 0) -> Timed:
    return START_US + at, ether(ip4(source, target, 17, udp(sport, dport, load)))


def told(frames: list[Timed], folder: Path) -> list[Event]:
    events, problems = read(pcap(frames), folder)
    assert problems == []
    return of(events, "discovery")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_search_and_its_answers_are_told_in_every_dialect(dialect: str, tmp_path: Path) -> None:
    question = soap("Probe", "<d:Types>dn:NetworkVideoTransmitter</d:Types>", dialect)
    answer = soap("ProbeMatches", match(dialect), dialect)
    asked, answered = told(
        [
            datagram(RECORDER, GROUP, 50_000, 3702, question),
            datagram(RECORDER, GROUP, 50_000, 3702, question, 200_000),  # said twice over UDP
            datagram(CAMERA, RECORDER, 3702, 50_000, answer, 300_000),
        ],
        tmp_path,
    )
    assert (asked["event.action"], asked["source.ip"], asked["destination.ip"]) == ("probe", RECORDER, GROUP)
    assert asked["citywatch.discovery.types"] == ["dn:NetworkVideoTransmitter"]
    assert (answered["event.action"], answered["source.ip"]) == ("probe_matches", CAMERA)
    assert answered["citywatch.discovery.types"] == ["dn:NetworkVideoTransmitter", "tds:Device"]
    assert answered["citywatch.discovery.scopes"] == SCOPES.split()
    assert answered["citywatch.discovery.addresses"] == [f"http://{CAMERA}/onvif/device_service"]
    assert answered["network.protocol"] == "ws-discovery"


def test_who_is_asked_straight_answers_in_the_same_conversation(tmp_path: Path) -> None:
    frames = [
        datagram("203.0.113.9", CAMERA, 50_000, 3702, soap("Probe")),
        datagram(CAMERA, "203.0.113.9", 3702, 50_000, soap("ProbeMatches", match()), 1000),
    ]
    assert [(each["event.action"], each["source.ip"]) for each in told(frames, tmp_path)] == [
        ("probe", "203.0.113.9"),
        ("probe_matches", "203.0.113.9"),
    ]


def test_what_only_uses_the_port_is_noted(tmp_path: Path) -> None:
    events, _ = read(pcap([datagram(RECORDER, CAMERA, 50_000, 3702, b"hello")]), tmp_path)
    assert of(events, "flow")[0]["citywatch.flow.notes"] == ["malformed ws-discovery"]
    events, _ = read(pcap([datagram(CAMERA, "203.0.113.9", 3702, 443, b"\xc3 something else")]), tmp_path)
    assert "citywatch.flow.notes" not in of(events, "flow")[0]


@pytest.mark.parametrize(
    "raw",
    [
        b"<a:Action>" * 6500,
        b"<a:Action" + b" x" * 32_000,
        b"<a:Action>" + b"/a" * 32_000,
        soap("ProbeMatches", "<d:Types>" * 7000),
        soap("ProbeMatches", "<d:Types>a</d:Types>" * 3000),
        soap("ProbeMatches", "<d:Types>" + "a " * 30_000 + "</d:Types>"),
        soap("ProbeMatches", "<!ENTITY a '&b;'>" * 3000),
    ],
    ids=range(7),
)
def test_a_datagram_made_to_cost_much_costs_little(raw: bytes) -> None:
    spent = effort(lambda: message(raw))
    assert spent.steps < 1000
    assert spent.peak < 1 << 19


@given(st.binary(max_size=300), st.sampled_from(["Probe", "Hello", "ResolveMatches", "Nothing"]))
def test_no_bytes_leave_the_schema(raw: bytes, action: str) -> None:
    fields = message(soap(action) + b"<Types>" + raw + b"</Types><Scopes x='1'>" + raw)
    assert (fields is None) == (action == "Nothing") or b"Action" in raw
    if fields:
        check([fields])
