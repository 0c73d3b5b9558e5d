"""Do several workers find exactly what one process finds, also when one of them is killed?"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from citywatch.detect.indicator_import import Defaults
from citywatch.errors import CityWatchError
from citywatch.model import Event
from citywatch.ports import Query
from citywatch.settings import load_settings
from console.crew import Workers
from console.house import House
from console.settle import settle
from tests.console.test_reload import RULES, asked

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


@contextmanager
def installed(folder: Path, workers: int) -> Generator[House]:
    content = folder.parent / "content"
    (content / "rules").mkdir(parents=True, exist_ok=True)
    (content / "playbooks").mkdir(exist_ok=True)
    (content / "rules" / "odd.yml").write_text(RULES, "utf-8")
    folder.mkdir()
    (folder / "citywatch.toml").write_text(f'content = "{content}"\n[watch]\nworkers = {workers}\n', "utf-8")
    with House(load_settings(folder, environ={}), lambda: NOW) as house:
        yield house


@pytest.fixture
def crewed(tmp_path: Path) -> Iterator[House]:
    with installed(tmp_path / "two", 2) as house:
        yield house


def events() -> Iterator[Event]:
    for number in range(900):
        event = asked(number) | {"source.ip": f"10.0.{number % 7}.5"}
        event["dns.question.name"] = ("odd.example", "a.listed.example", "even.example")[number % 3]
        yield event


def alerts(house: House) -> dict[str, Any]:
    """What was found, without when it was read."""
    house.warnings.take_in(b"listed.example\nother.example\n", "w", Defaults(source="A05"))
    house.journal.append(list(events()))
    settle(house, lambda _: None)
    found = house.store.find("alert", Query(order="id", limit=1000)).records
    return {record.id: (record.doc["title"], record.doc["subject"], record.doc["count"]) for record in found}


def test_two_workers_find_what_one_process_finds(crewed: House, tmp_path: Path) -> None:
    with installed(tmp_path / "one", 1) as alone:
        wanted = alerts(alone)
    found = alerts(crewed)
    assert {title for title, _, _ in found.values()} == {
        "Three odd names",
        "Contact with a listed domain (A05)",
    }
    assert found == wanted


def test_a_worker_that_is_killed_is_replaced_and_nothing_is_lost(crewed: House) -> None:
    crewed.journal.append(list(events()))
    crew = Workers(crewed, 2)
    whole = crew.look(0, 900)
    os.kill(crew.pids[0], signal.SIGKILL)
    again = crew.look(0, 900)
    crew.close()
    assert (whole.count, again.count, crew.restarts) == (900, 900, 1)
    assert again.seen == whole.seen


def test_workers_take_up_changed_rules_and_are_told_when_they_look_by_others(crewed: House) -> None:
    crewed.journal.append(list(events()))
    crew = Workers(crewed, 2)
    assert len(crew.look(0, 900).seen) == 300
    rule = crewed.content_dir / "rules" / "odd.yml"
    rule.write_text(RULES.replace("odd.example", "even.example").replace("Odd", "Even"), "utf-8")
    changed = crewed.load_rules()
    crew.renew(changed)
    seen = crew.look(0, 900)
    assert {one.event["dns.question.name"] for one in seen.seen} == {"even.example"}
    rule.write_text(RULES, "utf-8")
    crew.renew(changed)
    with pytest.raises(CityWatchError, match="other rules than the judge"):
        crew.look(0, 900)
    crew.close()


def test_nothing_to_look_at_asks_nobody(crewed: House) -> None:
    crew = Workers(crewed, 2)
    assert crew.look(5, 5).count == 0
    crew.close()
