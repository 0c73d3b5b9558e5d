"""Are the flows of NetFlow v5, v9 and IPFIX read, and is what was lost on the way counted?"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.flows import netflow as module
from sensors.flows.netflow import Netflow
from sensors.flows.record import Record
from tests.sensors.flows.datagrams import FIELDS, NOW, Flow, data, five, ipfix, nine, record, set_of, template

RECORDED = Path(__file__).with_name("softflowd.ndjson")
FLOW = Flow(source="10.0.0.1", target="192.0.2.7", sport=40_000, dport=443, flags=0x1B, octets=900, packets=9)
LEARN = set_of(0, template())
LEARN_IPFIX = set_of(2, template())


def read(reader: Netflow, datagram: bytes) -> list[Record]:
    return reader(datagram, "10.9.9.9", NOW)


def ends(found: list[Record]) -> list[tuple[str, int, int, int | None, int | None]]:
    return [(each.source.hex(), each.sport, each.dport, each.octets, each.flags) for each in found]


WANTED = [("0a000001", 40_000, 443, 900, 0x1B)]


@pytest.mark.parametrize(
    "datagram", [five([FLOW]), nine(LEARN, data([FLOW])), ipfix(LEARN_IPFIX, data([FLOW]))]
)
def test_each_version_tells_the_same_flow(datagram: bytes) -> None:
    found = read(Netflow(), datagram)
    assert ends(found) == WANTED
    # IPFIX here tells no boot time: the time of export stands for it.
    assert found[0].first in {(NOW - 60) * 1_000_000, NOW * 1_000_000}


def test_what_an_exporter_really_sends_is_read() -> None:
    readers = {5: Netflow(), 9: Netflow(), 10: Netflow()}
    found: dict[int, list[Record]] = {5: [], 9: [], 10: []}
    for line in RECORDED.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        found[row["version"]] += read(readers[row["version"]], bytes.fromhex(row["data"]))
    assert [len(each) for each in found.values()] == [60, 56, 56]
    assert ends(found[9])[:40] == ends(found[5])[:40] == ends(found[10])[:40]
    assert all(not reader.counts for reader in readers.values())


def test_data_waits_for_its_template_and_a_withdrawn_one_is_forgotten() -> None:
    reader = Netflow()
    assert read(reader, ipfix(data([FLOW]))) == []
    assert ends(read(reader, ipfix(LEARN_IPFIX, sequence=1))) == WANTED
    assert ends(read(reader, ipfix(data([FLOW]), sequence=1))) == WANTED
    read(reader, ipfix(set_of(2, pack(">HH", 256, 0)), sequence=2))
    assert read(reader, ipfix(data([FLOW]), sequence=2)) == []
    assert reader.counts["lost_flows"] == 0


def test_templates_are_kept_apart_by_exporter_and_domain() -> None:
    reader = Netflow()
    read(reader, nine(LEARN, domain=1))
    assert ends(read(reader, nine(data([FLOW]), domain=1, sequence=1))) == WANTED
    assert read(reader, nine(data([FLOW]), domain=2)) == []
    assert reader(nine(data([FLOW]), domain=1), "10.8.8.8", NOW) == []


def test_what_was_lost_on_the_way_is_counted() -> None:
    reader = Netflow()
    for sequence in (0, 2, 12, 12 + 2):
        read(reader, five([FLOW, FLOW], sequence=sequence))
    assert reader.counts == {"lost_flows": 8}
    read(reader, five([FLOW] * 2, sequence=4))  # late, and counted as lost before
    assert reader.counts == {"lost_flows": 6}
    for sequence in (0, 1, 5):
        read(reader, nine(LEARN, data([FLOW]), sequence=sequence))
    assert reader.counts["lost_datagrams"] == 3
    reader = Netflow()
    for sequence in (0, 2, 7):
        read(reader, ipfix(LEARN_IPFIX, data([FLOW, FLOW]), sequence=sequence))
    assert reader.counts == {"lost_flows": 3}
    read(reader, ipfix(data([FLOW]), sequence=1 << 30))  # it began anew
    assert reader.counts == {"lost_flows": 3}


def test_sampling_is_noted_from_header_record_or_options() -> None:
    assert read(Netflow(), five([FLOW], sampling=0x4000 | 100))[0].sampling == 100
    reader = Netflow()
    options = pack(">HHH", 300, 4, 8) + pack(">HHHHHH", 1, 4, 34, 4, 35, 1)
    read(reader, nine(set_of(1, options), LEARN, set_of(300, pack(">IIB", 0, 512, 1))))
    assert read(reader, nine(data([FLOW]), sequence=1))[0].sampling == 512
    reader = Netflow()
    options = pack(">HHH", 300, 2, 1) + pack(">HHHH", 149, 4, 305, 4)
    found = read(
        reader, ipfix(set_of(3, options), set_of(300, pack(">II", 7, 64)), LEARN_IPFIX, data([FLOW]))
    )
    assert found[0].sampling == 64


def test_both_ways_in_one_record_are_seen_from_who_asked() -> None:
    fields = (*FIELDS, (0x8000 | 1, 4))
    body = pack(">HH", 256, len(fields)) + b"".join(pack(">HH", *field) for field in FIELDS)
    body += pack(">HHI", 0x8000 | 1, 4, 29_305)
    turned = Flow(source="192.0.2.7", target="10.0.0.1", sport=443, dport=40_000, octets=5000, packets=7)
    (found,) = read(Netflow(), ipfix(set_of(2, body), set_of(256, record(turned) + pack(">I", 900))))
    assert (found.source.hex(), found.dport, found.octets, found.back_octets, found.both) == (
        "0a000001",
        443,
        900,
        5000,
        True,
    )


def test_fields_of_any_length_and_strange_elements_are_passed_over() -> None:
    fields = ((8, 4), (12, 4), (4, 1), (7, 2), (11, 2), (371, 0xFFFF), (1, 3), (9999, 5), (2, 8))
    row = (
        bytes([10, 0, 0, 1, 192, 0, 2, 7, 6])
        + pack(">HH", 40_000, 443)
        + b"\x03joe"
        + bytes([0, 3, 132])
        + bytes(5)
    )
    (found,) = read(Netflow(), ipfix(set_of(2, template(256, fields)), set_of(256, row + pack(">Q", 9))))
    assert (found.octets, found.packets, found.more.get("user.name")) == (900, 9, None)
    long = (*fields, (61, 1), (10, 4), (14, 4))
    (found,) = read(
        Netflow(), ipfix(set_of(2, template(256, long)), set_of(256, row + pack(">Q", 9) + bytes(9)))
    )
    assert (found.octets, found.packets) == (900, 9)


def test_icmp_tells_type_and_code() -> None:
    ping = Flow(source="10.0.0.1", target="10.0.0.2", sport=0, dport=8 << 8, proto=1)
    (found,) = read(Netflow(), five([ping]))
    assert (found.sport, found.dport) == (8, 0)


@pytest.mark.parametrize(
    ("datagram", "what"),
    [
        (b"", "no NetFlow or IPFIX: version 0"),
        (pack(">HH", 7, 1), "version 7"),
        (five([FLOW])[:-1], "breaks off: 1 flows in 71 bytes"),
        (nine()[:10], "version 9 breaks off"),
        (nine(LEARN[:-2]), "byte 20: a set of 48 bytes where 46 are left"),
        (ipfix(LEARN_IPFIX)[:-1], "breaks off: 63 of 64 bytes"),
        (nine(set_of(0, pack(">HH", 256, 1) + pack(">HH", 1, 0))), "a template of 0 bytes"),
    ],
)
def test_broken_datagrams_are_told(datagram: bytes, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        read(Netflow(), datagram)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_EXPORTERS", 3)
    monkeypatch.setattr(module, "MOST_TEMPLATES", 3)
    reader = Netflow()
    for number in range(10):
        read(reader, nine(LEARN, domain=number))
        read(
            reader, nine(*(set_of(0, template(256 + each)) for each in range(9)), domain=99, sequence=number)
        )
    assert reader.remembered() == (3, 3)
    for number in range(300):
        read(reader, nine(data([FLOW], 700), domain=99, sequence=10 + number))
    assert reader.counts["undecoded"] == 300 - module.MOST_WAITING


known = st.sampled_from([five([FLOW]), nine(LEARN, data([FLOW])), ipfix(LEARN_IPFIX, data([FLOW]))])


@given(
    st.lists(known | st.binary(max_size=60), max_size=6),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6),
)
def test_no_bytes_raise_anything_but_a_value_error(
    datagrams: list[bytes], changes: list[tuple[int, int]]
) -> None:
    reader = Netflow()
    for datagram in datagrams:
        changed = bytearray(datagram)
        for at, byte in changes:
            if at < len(changed):
                changed[at] = byte
        with suppress(ValueError):
            read(reader, bytes(changed))
