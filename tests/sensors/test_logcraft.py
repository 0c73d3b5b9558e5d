"""Are the made-up logs read whole by the sensors they are made for, and the same each time?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sensors import logcraft
from sensors.tell import sources
from tests.sensors.reading import misfits, read

START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
LOGS: dict[str, Callable[[int], bytes]] = {
    "weblog": lambda seed: logcraft.access_log(start=START, domain="portal.example", seed=seed),
    "winlog": lambda seed: logcraft.windows_log(start=START, computer="pc7", seed=seed),
    "eve": lambda seed: logcraft.eve_log(start=START, server="192.0.2.80", seed=seed),
    "zeek": lambda seed: logcraft.zeek_log(start=START, server="192.0.2.80", seed=seed),
    "syslog": lambda seed: logcraft.auth_log(start=START, host="web1", seed=seed),
}


@pytest.mark.parametrize("name", LOGS)
def test_the_log_is_read_whole_by_its_sensor(name: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(LOGS[name](1))
    ((path, sensor),) = sources([tmp_path], lambda _: None)
    events, problems = read(sensor, path)
    assert sensor.name == name
    assert problems == []
    assert len(events) >= 60
    assert [misfits(event) for event in events] == [[]] * len(events)
    assert [event["@timestamp"] for event in events] == sorted(event["@timestamp"] for event in events)


@pytest.mark.parametrize("name", LOGS)
def test_the_same_seed_gives_the_same_bytes(name: str) -> None:
    assert LOGS[name](3) == LOGS[name](3) != LOGS[name](4)


def test_a_quiet_day_has_nothing_of_the_attack() -> None:
    quiet = logcraft.access_log(start=START, domain="portal.example", attack=False)
    assert b"UNION" not in quiet
    assert b"203.0.113.66" not in quiet
    assert b"vssadmin" not in logcraft.windows_log(start=START, computer="pc7", attack=False)
    assert b"Failed password" not in logcraft.auth_log(start=START, host="web1", attack=False)
