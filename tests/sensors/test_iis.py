"""Are W3C logs of IIS read by the columns they name?"""

# ruff: noqa: E501 - log lines stand here as servers write them

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from citywatch.ports import Place
from sensors.iis import Iis, Table
from sensors.tell import sensor_for
from tests.sensors.reading import misfits, no_evidence, read

LOG = b"""#Software: Microsoft Internet Information Services 10.0
#Version: 1.0
#Date: 2026-11-22 03:00:00
#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs-host sc-status sc-bytes
2026-11-22 03:00:00 10.20.0.8 GET /tin.aspx id=7%27 443 - 203.0.113.9 Mozilla/5.0+(Windows) portal.example 500 1208\r
2026-11-22 03:00:01 10.20.0.8 GET / - 443 - ::1 - portal.example 200 10
cut off
"""


def test_each_column_becomes_its_field(tmp_path: Path) -> None:
    (tmp_path / "u_ex261122.log").write_bytes(LOG)
    events, problems = read(Iis(), tmp_path / "u_ex261122.log")
    assert [problem.position for problem in problems] == ["line 7"]
    wanted = {
        "@timestamp": "2026-11-22T03:00:00.000000Z",
        "event.dataset": "web.access",
        "source.ip": "203.0.113.9",
        "destination.ip": "10.20.0.8",
        "http.request.method": "GET",
        "url.query": "id=7%27",
        "url.full": "https://portal.example/tin.aspx?id=7%27",
        "user_agent.original": "Mozilla/5.0 (Windows)",
        "http.response.status_code": 500,
        "http.response.bytes": 1208,
        "event.outcome": "failure",
    }
    assert {name: events[0].get(name) for name in wanted} == wanted
    assert [misfits(event) for event in events] == [[], []]
    assert "url.query" not in events[1]


def test_a_log_is_read_on_from_its_middle(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(LOG)
    everything, _ = read(Iis(), tmp_path / "x")
    place = Place(offset=LOG.index(b"2026-11-22 03:00:01"), line=5)
    rest = list(Iis().read(tmp_path / "x", lambda _: None, no_evidence, place=place))
    assert rest == everything[1:]


def test_the_log_is_told_by_its_directive() -> None:
    sensor = sensor_for(Path("x"), LOG)
    assert sensor is not None
    assert sensor.name == "iis"


@given(st.lists(st.sampled_from(LOG.splitlines()) | st.binary(max_size=40), max_size=8))
def test_no_lines_raise_anything_but_a_value_error(rows: list[bytes]) -> None:
    table = Table()
    for row in rows:
        try:
            events = table(row)
        except ValueError:
            continue
        assert [misfits(event) for event in events] == [[] for _ in events]
