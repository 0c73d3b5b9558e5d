"""Are the error logs of nginx and Apache read, with the alerts of ModSecurity in them?"""

from __future__ import annotations

from pathlib import Path

from sensors.errorlog import ErrorLog
from tests.sensors.expected import fits, sample
from tests.sensors.reading import read


def test_nginx_tells_client_request_and_host() -> None:
    first, second, third, last = sample(ErrorLog(), "errorlog.nginx.log")
    fits(
        first, {"@timestamp": "2026-11-22T03:00:00.000000Z", "source.ip": "203.0.113.66", "url.path": "/.env"}
    )
    fits(
        second,
        {"http.request.referrer": "https://portal.example/", "http.version": "2.0", "log.level": "warn"},
    )
    fits(third, {"event.dataset": "network.alert", "rule.id": "942100", "event.action": "denied"})
    fits(last, {"process.pid": 1234, "message": "signal process started"})


def test_apache_tells_client_module_and_code() -> None:
    first, second, third, last = sample(ErrorLog(), "errorlog.apache.log")
    fits(first, {"@timestamp": "2026-11-22T03:00:00.123456Z", "source.port": 51_000, "event.code": "AH00126"})
    fits(second, {"log.level": "error", "source.ip": "203.0.113.66"})
    fits(
        third,
        {"event.dataset": "network.alert", "rule.name": "SQL injection: union", "event.action": "detected"},
    )
    fits(last, {"process.pid": 1, "log.level": "notice"})


def test_lines_that_are_none_are_told(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(
        "words\n2026/11/22 99:00:00 [error] 1#1: x\n"
        "[Sun Foo 22 10:00:00 2026] [a:b] x\n2026/11/22 10:00:00 none\n"
    )
    events, problems = read(ErrorLog(), tmp_path / "log")
    assert events == []
    assert [problem.position for problem in problems] == ["line 1", "line 2", "line 3", "line 4"]
