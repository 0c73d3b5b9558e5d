"""Is each line of an access log told as what was asked and answered?"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from time import process_time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.model import Event, Problem
from sensors.lines import MAX_LINE, Place
from sensors.weblog import Weblog, translate
from tests.sensors.reading import misfits, no_evidence

AT = b"[22/Nov/2026:10:00:00 +0700]"
COMBINED = b"203.0.113.9 - - " + AT + b' "GET /tin.php?id=7 HTTP/1.1" 200 512 "https://a.test/" "Mozilla/5.0"'


NGINX = {
    "time_iso8601": "2026-11-22T10:00:00+07:00",
    "remote_addr": "10.0.0.1",
    "request": "GET /x?y HTTP/2.0",
    "status": "200",
    "body_bytes_sent": "5",
    "http_user_agent": "curl/8",
    "http_host": "a.test:8080",
}
ASKED = {
    "remote_ip": "10.0.0.1",
    "method": "get",
    "host": "a.test",
    "uri": "/q",
    "headers": {"User-Agent": ["curl"]},
}
CADDY = {"ts": 1700000000.5, "request": ASKED, "status": 401, "size": 3}
HOSTILE: list[dict[str, object]] = [{"uri": "/", "headers": {"User-Agent": []}}, {"uri": ["/"], "headers": 7}]


def read(path: Path, place: Place | None = None, *, whole: bool = True) -> tuple[list[Event], list[Problem]]:
    problems: list[Problem] = []
    return list(Weblog().read(path, problems.append, no_evidence, place=place, whole=whole)), problems


def test_a_combined_line_gives_every_field() -> None:
    event = translate(COMBINED)
    wanted = {
        "@timestamp": "2026-11-22T03:00:00.000000Z",
        "source.ip": "203.0.113.9",
        "http.request.method": "GET",
        "http.version": "1.1",
        "url.original": "/tin.php?id=7",
        "url.path": "/tin.php",
        "url.query": "id=7",
        "url.extension": "php",
        "http.response.status_code": 200,
        "http.response.body.bytes": 512,
        "http.request.referrer": "https://a.test/",
        "user_agent.original": "Mozilla/5.0",
        "event.outcome": "success",
        "event.dataset": "web.access",
    }
    assert {name: event[name] for name in wanted} == wanted


ROWS: list[tuple[bytes, dict[str, object]]] = [
    (
        b'::1 - - [22/Nov/2026:10:00:00 +0700] "GET / HTTP/1.0" 404 -',
        {"source.ip": "::1", "event.outcome": "failure"},
    ),
    (
        b'c.test:8443 10.0.0.1 - - [22/Nov/2026:10:00:00 +0700] "GET / HTTP/1.1" 200 1 "-" "-"',
        {"url.domain": "c.test", "url.port": 8443, "source.ip": "10.0.0.1"},
    ),
    (
        b'10.0.0.1 - Nguyen Van A [22/Nov/2026:10:00:00 +0700] "GET / HTTP/1.1" 200 1 "-" "-"',
        {"user.name": "Nguyen Van A", "source.ip": "10.0.0.1"},
    ),
    (
        b'host.test - - [22/Nov/2026:10:00:00 +0700] "GET / HTTP/1.1" 200 1',
        {"source.domain": "host.test"},
    ),
    (
        b'10.0.0.1 - - [22/Nov/2026:10:00:00 +0700] "GET http://other.test/x HTTP/1.1" 200 1 "-" "-"',
        {"url.full": "http://other.test/x", "url.domain": "other.test", "url.path": "/x"},
    ),
    (
        b"10.0.0.1 - - " + AT + rb' "GET /?q=%2527+oR HTTP/1.1" 200 1 "-" "a \"b\" \x22c\x22"',
        {"citywatch.url.decoded": "/?q=' or", "user_agent.original": 'a "b" "c"'},
    ),
    (
        rb'10.0.0.1 - - [22/Nov/2026:10:00:00 +0700] "\x16\x03\x01" 400 0 "-" "-"',
        {"url.original": "\x16\x03\x01", "event.outcome": "failure"},
    ),
    (
        b"10.0.0.1 - - " + AT + b' "GET /a b HTTP/1.1" 200 1 "-" "-" "198.51.100.1, 10.0.0.9"',
        {"url.path": "/a b", "client.ip": "198.51.100.1"},
    ),
    (
        '10.0.0.1 - - [22/Nov/2026:10:00:00 +0700] "GET /tin-tức HTTP/1.1" 200 1 "-" "-"'.encode(),
        {"url.path": "/tin-tức"},
    ),
    (
        b'10.0.0.1 - - [22/Nov/2026:10:00:00 +0700] "GET /\xe9 HTTP/1.1" 200 1 "-" "-"',
        {"url.path": "/é"},
    ),
    (
        orjson.dumps(NGINX),
        {"url.query": "y", "url.port": 8080, "user_agent.original": "curl/8", "http.response.body.bytes": 5},
    ),
    (
        orjson.dumps(CADDY),
        {
            "http.request.method": "GET",
            "user_agent.original": "curl",
            "@timestamp": "2023-11-14T22:13:20.500000Z",
        },
    ),
]


@pytest.mark.parametrize(("line", "wanted"), ROWS)
def test_lines_as_servers_write_them(line: bytes, wanted: dict[str, object]) -> None:
    event = translate(line)
    assert {name: event.get(name) for name in wanted} == wanted


def test_bad_lines_are_told_and_a_flood_of_them_is_told_as_a_sum(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(
        b"\n".join([COMBINED, b"garbage \x00\xff", *[b"x"] * 100, COMBINED, b"y" * (MAX_LINE + 9), COMBINED])
    )
    events, problems = read(log)
    assert len(events) == 3
    assert problems[0].position == "line 2"
    assert len(problems) == 21
    assert "82 more" in problems[-1].what


def test_a_log_that_grows_is_read_on_with_the_same_ids(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(COMBINED + b"\n" + COMBINED[:40])
    place = Place()
    first, problems = read(log, place, whole=False)
    assert (len(first), problems, place.offset) == (1, [], len(COMBINED) + 1)
    log.write_bytes(COMBINED + b"\n" + COMBINED + b"\n")
    second, _ = read(log, place, whole=False)
    everything, _ = read(log)
    assert [event["event.id"] for event in first + second] == [event["event.id"] for event in everything]


def test_a_log_is_recognized_also_when_some_lines_are_broken() -> None:
    assert Weblog().recognizes(b"cut off\n" + COMBINED + b"\n" + COMBINED[:20], "x")
    assert not Weblog().recognizes(b"Nov 22 10:00:00 host sshd[1]: Failed password\n", "access.log")


pieces = st.sampled_from(
    [
        b"10.0.0.1",
        b" - - ",
        b"[22/Nov/2026:10:00:00 +0700]",
        b' "GET /a%25',
        b' HTTP/1.1" ',
        b"200 5",
        b'"',
        b"\\",
        b"%u",
        b"{",
    ]
)


@given(st.lists(pieces | st.binary(max_size=6), max_size=12).map(b"".join))
def test_no_line_raises_anything_but_a_value_error(line: bytes) -> None:
    check(line)


@given(
    st.dictionaries(
        st.sampled_from(["ts", "time", "request", "status", "uri", "size", "host", "remote_addr", "headers"]),
        st.none()
        | st.integers(-5, 1 << 62)
        | st.text(max_size=12)
        | st.floats(allow_nan=False)
        | st.sampled_from(HOSTILE),
    )
)
def test_no_json_line_raises_anything_but_a_value_error(record: dict[str, object]) -> None:
    check(orjson.dumps({"status": 200, "uri": "/x", **record}))


@given(st.binary(max_size=40), st.text(max_size=40))
def test_any_request_in_a_good_line_becomes_an_event(raw: bytes, agent: str) -> None:
    request = raw.replace(b'"', b"").replace(b"\\", b"").replace(b"\n", b"")
    clean = agent.replace('"', "").replace("\\", "").encode("utf-8", "replace")
    line = b'10.0.0.1 - - [22/Nov/2026:10:00:00 +0700] "' + request + b'" 200 5 "-" "' + clean + b'"'
    assert translate(line)["source.ip"] == "10.0.0.1"


def check(line: bytes) -> None:
    try:
        event = translate(line)
    except ValueError:
        return
    orjson.dumps(event)
    assert misfits(event) == []


@pytest.mark.parametrize(
    "request_", ["\\" * MAX_LINE, "GET " + "%25" * (MAX_LINE // 3), "GET /" + ".a" * (MAX_LINE // 2)]
)
def test_no_line_takes_long(request_: str) -> None:
    begin = process_time()
    with suppress(ValueError):
        translate(b"10.0.0.1 - - " + AT + f' "{request_}" 200 1 "-" "-"'.encode())
    assert process_time() - begin < 2
