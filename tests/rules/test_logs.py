"""Do the logs of an attack raise the right alerts, and those of a quiet day none?"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from citywatch.detect.fold import Fold
from citywatch.detect.rulebook import Rulebook
from citywatch.model import Alert
from sensors import logcraft
from sensors.tell import sources

ROOT = Path(__file__).parents[2]
START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
WANTED: dict[str, set[tuple[str, str]]] = {
    "access": {
        ("SQL injection in a web request", "203.0.113.66 · portal.example"),
        ("A web shell answers requests", "203.0.113.66 · portal.example"),
        ("A vulnerability scanner names itself", "203.0.113.66 · portal.example"),
        ("Path traversal in a web request", "203.0.113.66 · portal.example"),
        ("A system file was served through path traversal", "203.0.113.66 · portal.example"),
    },
    "windows": {
        ("Few passwords are tried on many accounts", "10.99.0.23"),
        ("A guessed Windows password worked", "10.99.0.23"),
        ("PowerShell runs hidden or encoded code", "pc7"),
        ("A service runs from a temporary folder", "pc7"),
        ("The memory of the password keeper was read", "pc7"),
        ("Shadow copies or backups are being destroyed", "pc7"),
        ("A Windows event log was cleared", "pc7"),
    },
    "auth": {
        ("SSH passwords are guessed on a server", "203.0.113.66 · web1"),
        ("A guessed SSH password worked", "203.0.113.66"),
        ("A shell as root was opened through sudo", "web1 · webadmin"),
    },
    "eve": {
        ("SQL injection in a web request", "203.0.113.66 · portal.example"),
        ("A vulnerability scanner names itself", "203.0.113.66 · portal.example"),
        ("Suricata raises a high alert", "203.0.113.66 · 192.0.2.80 · CITY test: UNION SELECT in URI"),
    },
}


def log(name: str, *, attack: bool) -> bytes:
    if name == "access":
        return logcraft.access_log(start=START, domain="portal.example", attack=attack)
    if name == "windows":
        return logcraft.windows_log(start=START, computer="pc7", attack=attack)
    if name == "auth":
        return logcraft.auth_log(start=START, host="web1", attack=attack)
    return logcraft.eve_log(start=START, server="192.0.2.80", attack=attack)


def alerts(content: bytes, folder: Path) -> list[Alert]:
    (folder / "log").write_bytes(content)
    ((path, sensor),) = sources([folder], lambda _: None)
    book, fold = Rulebook(rulebook().ruleset), Fold()
    events = list(sensor.read(path, lambda _: None, lambda _data, _kind: ""))
    return list({alert.id: alert for alert in fold.add(book.judge(events))}.values())


@cache
def rulebook() -> Rulebook:
    return Rulebook.load(ROOT)


@pytest.mark.parametrize("name", WANTED)
def test_an_attack_is_told_once_a_subject(name: str, tmp_path: Path) -> None:
    found = [(alert.title, alert.subject) for alert in alerts(log(name, attack=True), tmp_path)]
    assert set(found) == WANTED[name]
    assert len(found) == len(WANTED[name])


@pytest.mark.parametrize("name", WANTED)
def test_a_quiet_day_is_silent(name: str, tmp_path: Path) -> None:
    assert [alert.title for alert in alerts(log(name, attack=False), tmp_path)] == []
