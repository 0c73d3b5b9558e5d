"""Does a line read in one step say what the same line says read part by part?"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.model import Event
from sensors.eve import part_by_part
from sensors.eve_quick import at_once
from tests.sensors.reading import misfits

LINES: list[dict[str, Any]] = [
    orjson.loads(row)["line"]
    for row in (Path(__file__).parents[2] / "benchmarks" / "eve_city_link.ndjson").read_bytes().splitlines()
]
QUICK = [line for line in LINES if line["event_type"] in {"flow", "dns", "tls", "http", "fileinfo", "alert"}]
MORE: list[dict[str, Any]] = [
    {"http": {"url": "/a%2e%2e/b?c=%27", "http_user_agent": "", "redirect": "/x", "http_port": 8080}},
    {"tls": {"version": "TLSv1", "notbefore": "2026-01-01T00:00:00", "session_resumed": True}},
    {"tls": {"subjectaltname": ["a.test"] * 70, "client_alpns": ["h2"], "subject": "CN=x", "serial": "01"}},
    {"dns": {"type": "answer", "id": 7, "rrname": "A.Test.", "rcode": "NXDOMAIN", "aa": True}},
    {"dns": {"type": "query", "id": 7, "rrname": "", "rrtype": "", "answers": [{}, {"rdata": "::1"}]}},
    {"flow": {"start": "2026-11-22T10:00:00.000001+0700"}, "vlan": [7, 12], "host": "eve-1"},
    {"src_ip": "2001:db8::1", "src_port": None, "community_id": "", "app_proto": "failed"},
    {"timestamp": "2026-11-22T10:00:60.123456+0700"},
    {"payload_printable": "\u1ed3", "files": [{"sid": []}], "metadata": {"flowbits": ["x"]}},
    {"query": [{"type": "query"}], "icmp_type": 8},
]

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 1 << 63)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
    | st.sampled_from(
        ["1b", "TLS ", "HTTP/", "failed", "::1", "2026-11-22T03:00:00Z", "1969-01-01T00:00:00Z"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def told(read: Any, line: bytes) -> Event | str | None:
    """The event, or what was told instead."""
    try:
        return read(line)
    except ValueError as error:
        return str(error)


def same(record: dict[str, Any]) -> bool:
    """Was the line read in one step? Then with the same outcome."""
    line = orjson.dumps(record)
    quick = told(at_once, line)
    if quick is None:
        return False
    assert quick == told(part_by_part, line)
    assert isinstance(quick, str) or misfits(quick) == []
    return True


@pytest.mark.parametrize("line", QUICK, ids=[str(line["event_type"]) for line in QUICK])
def test_everyday_lines_are_read_in_one_step(line: dict[str, Any]) -> None:
    assert same(line)


@pytest.mark.parametrize("more", MORE, ids=str)
@pytest.mark.parametrize("line", QUICK, ids=[str(line["event_type"]) for line in QUICK])
def test_other_lines_say_the_same(line: dict[str, Any], more: dict[str, Any]) -> None:
    same({**line, **more})
    part = line[line["event_type"]]
    same({**line, line["event_type"]: {**part, **more.get(line["event_type"], {})}})


@settings(max_examples=400)
@given(st.sampled_from(QUICK), st.data())
def test_values_of_any_kind_say_the_same(line: dict[str, Any], data: st.DataObject) -> None:
    record = cast("dict[str, Any]", orjson.loads(orjson.dumps(line)))
    target = record
    while True:
        name = data.draw(st.sampled_from([*sorted(target), "new"]))
        inner = target.get(name)
        if not isinstance(inner, dict) or not inner or data.draw(st.booleans()):
            break
        target = cast("dict[str, Any]", inner)
    if data.draw(st.booleans()):
        target.pop(name, None)
    else:
        target[name] = data.draw(anything)
    same(record)


@pytest.mark.parametrize("kind", ["smb", "stats", "flow-like", ""])
def test_other_types_are_left_to_the_longer_way(kind: str) -> None:
    assert at_once(orjson.dumps({**QUICK[0], "event_type": kind})) is None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b'{"event_type":"flow"',
        b'{"timestamp":' + b"[" * 100_000,
        orjson.dumps(QUICK[0]).replace(b"wire/pcap", b"wire/\xff"),
        orjson.dumps({**QUICK[0], "metadata": "?"}).replace(b"?", b"\xff"),
    ],
    ids=["empty", "list", "cut off", "deep", "no text", "no text where nobody looks"],
)
def test_what_is_no_such_line_is_left_to_the_longer_way(line: bytes) -> None:
    assert at_once(line) is None
