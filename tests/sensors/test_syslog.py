"""Is a syslog header taken off in each of its shapes, and the message given to who can read it?"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.syslog import Lines, Syslog
from tests.sensors.reading import misfits, read

LINES = Lines(datetime(2026, 2, 1, tzinfo=UTC), "Asia/Ho_Chi_Minh")
ROWS = [
    ("Jan 22 10:00:00 web1 app[12]: hello", "2026-01-22T03:00:00.000000Z", "web1", "app", "hello"),
    ("Dec 31 10:00:00 web1 app: hello", "2025-12-31T03:00:00.000000Z", "web1", "app", "hello"),
    ("<13>Jan  2 10:00:00 web1 hello there", "2026-01-02T03:00:00.000000Z", "web1", "", "hello there"),
    ("2026-01-22T10:00:00.5+07:00 web1 app: x", "2026-01-22T03:00:00.500000Z", "web1", "app", "x"),
    (
        '<34>1 2026-01-22T03:00:00.003Z web1 su 77 ID47 [a@1 b="c"] x',
        "2026-01-22T03:00:00.003000Z",
        "web1",
        "su",
        "x",
    ),
    (
        "2026-01-22 10:00:00.123 +07 [55] app@core LOG:  x",
        "2026-01-22T03:00:00.123000Z",
        "",
        "",
        "[55] app@core LOG:  x",
    ),
]


@pytest.mark.parametrize(("line", "at", "host", "app", "message"), ROWS)
def test_headers_as_programs_write_them(line: str, at: str, host: str, app: str, message: str) -> None:
    header = LINES.header(line)
    assert (header.at, header.host, header.app, header.message) == (at, host, app, message)


def test_priority_is_told_as_facility_and_severity() -> None:
    event = LINES(b"<34>Jan 22 10:00:00 web1 app: hello")
    assert (event["log.syslog.facility.code"], event["log.syslog.severity.code"]) == (4, 2)
    assert (event["event.dataset"], event["message"], event["host.name"]) == ("linux.syslog", "hello", "web1")


def test_lines_without_a_time_are_told(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("Jan 22 10:00:00 web1 app: a\n    at somewhere\nFoo 40 10:00:00 web1 x\n")
    events, problems = read(Syslog(), tmp_path / "log")
    assert len(events) == 1
    assert [problem.position for problem in problems] == ["line 2", "line 3"]


def test_syslog_is_recognized_and_prose_is_not() -> None:
    assert Syslog().recognizes(b"Jan 22 10:00:00 web1 app: hello\n", "x")
    assert Syslog().recognizes(b'date=2026-11-22 time=10:00:00 devid="F" type="traffic"\n', "x")
    assert not Syslog().recognizes(b"# A page\n\nthat tells something\n", "syslog")


pieces = st.sampled_from(
    [
        *(
            "Jan 22 10:00:00 ",
            "<34>",
            "1 2026-01-22T03:00:00Z ",
            "web1 ",
            "sshd[1]: ",
            "sudo: ",
            "cron: ",
            "su: ",
        ),
        *(
            "Failed password for ",
            "root ",
            "from 203.0.113.9 ",
            "port 22 ",
            "a : COMMAND=",
            "CEF:0|a|b|c|1|n|5|src=",
            "LEEF:2.0|a|b|c|1|^|",
        ),
        *(
            "type=EXECVE msg=audit(1.5:2): ",
            "a0=6162 ",
            "%ASA-4-106023: Deny tcp src o:",
            "1.2.3.4/5 ",
            "dst i:",
            "devid=1 type=x date=2026-01-01 time=x ",
        ),
        *(
            'AUDIT: SESSION,1,1,READ,SELECT,,,"x"',
            "<Event><EventID>1</EventID>",
            '<Data Name="Image">/x</Data>',
            "sysmon: ",
            "a,b,c,1,2,QUERY,d,'e',0",
        ),
        *(
            "1,2,3,TRAFFIC,end" + ",1" * 40,
            "IN=a OUT=b SRC=1.1.1.1 DST=x PROTO=TCP SPT=99999",
            "/x: y FOUND",
            "99999999999999999999 ",
        ),
    ]
)


@given(st.lists(pieces | st.text(max_size=4), max_size=9).map("".join))
def test_no_line_raises_anything_but_a_value_error(line: str) -> None:
    try:
        event = LINES(line.encode("utf-8", "replace"))
    except ValueError:
        return
    assert misfits(event) == []


HEAD = "Jan 22 10:00:00 h1 "
LONG = 32_000
TRAPS = [
    HEAD + "mysql: a,b,c,1,2,QUERY,d," + "1" * LONG + "x",
    HEAD + "sudo: a : " + "PWD= ; " * (LONG // 7),
    HEAD + "CEF:0|a|b|c|1|n|5|a=" + " " * LONG + "x",
    HEAD + "CEF:0|a|b|c|1|n|5|" + "a" * LONG,
    HEAD + "%ASA-4-106023: " + "tcp " * (LONG // 4),
    HEAD + "%ASA-4-106023: " + "from 1" * (LONG // 6),
    HEAD + "kernel: IN=a OUT=b " + "IN=a OUT=b " * (LONG // 11) + " SRC=",
    HEAD + "sshd[1]: Failed password for " + " from 1 port " * (LONG // 13),
    HEAD + "login: pam_unix(x:auth): authentication failure;" + " rhost" * (LONG // 6),
    "type=A msg=audit(1.5:2): " + "a-" * (LONG // 2),
    "<1>1 2026-11-22T10:00:00Z a b c d " + "[]" * (LONG // 2) + "[",
    HEAD + "a " * (LONG // 2),
]


@pytest.mark.parametrize("line", TRAPS, ids=[str(number) for number in range(len(TRAPS))])
def test_no_line_takes_long(line: str) -> None:
    begin = process_time()
    with suppress(ValueError):
        LINES(line.encode())
    assert process_time() - begin < 0.1
