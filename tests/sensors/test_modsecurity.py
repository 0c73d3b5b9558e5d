"""Does a transaction of ModSecurity become a request and its alerts, in each form?"""

from __future__ import annotations

from pathlib import Path

import pytest

from sensors.modsecurity import ModSecurity, from_json, from_serial, tags
from tests.sensors.expected import fits, sample
from tests.sensors.reading import read

REQUEST = {
    "event.dataset": "web.access",
    "source.ip": "203.0.113.66",
    "url.domain": "portal.example",
    "http.request.method": "GET",
    "http.response.status_code": 403,
    "user_agent.original": "sqlmap/1.8",
    "@timestamp": "2026-11-22T03:00:00.000000Z",
}


@pytest.mark.parametrize("name", ["modsecurity.serial.log", "modsecurity.v3.json", "modsecurity.v2.json"])
def test_each_form_tells_the_request_and_the_rule_that_stopped_it(name: str) -> None:
    request, *alerts = sample(ModSecurity(), name)
    fits(request, {**REQUEST, "@timestamp": request["@timestamp"]})
    assert request["@timestamp"][:19] == "2026-11-22T03:00:00"
    fits(alerts[0], {"event.dataset": "network.alert", "event.kind": "alert", "event.action": "denied"})
    assert alerts[0]["rule.id"] in {"942190", "942100"}
    assert alerts[0]["event.severity"] == 2


def test_a_body_that_looks_like_a_boundary_ends_nothing() -> None:
    events = sample(ModSecurity(), "modsecurity.serial.log")
    assert [event["event.dataset"] for event in events] == [
        "web.access",
        "network.alert",
        "network.alert",
        "web.access",
    ]
    assert events[3]["url.path"] == "/nop-ho-so"


def test_what_is_no_transaction_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(
        "--aa-A--\nno time\n--aa-Z--\n\n--bb-A--\n[22/Foo/2026:10:00:00 +0700] x\n--bb-Z--\n"
    )
    events, problems = read(ModSecurity(), tmp_path / "log")
    assert events == []
    assert [problem.position for problem in problems] == ["line 1", "line 5"]
    for bad in (b"{}", b'{"transaction": 7}', b'{"transaction": {"client_ip": "x", "time_stamp": "never"}}'):
        with pytest.raises(ValueError, match=r"transaction|time"):
            from_json(bad)
    with pytest.raises(ValueError, match="no time"):
        from_serial(b"")


def test_tags_end_at_their_own_quote() -> None:
    assert tags('x [id "1"] [data "a\\"] [id \\"2\\"]"]') == {"id": "1", "data": 'a"] [id "2"]'}
    assert tags('x [id "1') == {}
