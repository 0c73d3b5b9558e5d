"""What do the tests of the response room share?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from citywatch.model import Alert, Severity
from citywatch.ports import Effect, Order, Responder, Store
from citywatch.respond.catalogue import Catalogue
from citywatch.respond.playbook import read_playbook
from citywatch.respond.runner import Runner
from citywatch.respond.shape import Playbook
from citywatch.store.sqlite import SqliteStore


class Watch:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def store(tmp_path: Path, watch: Watch) -> Iterator[Store]:
    made = SqliteStore(tmp_path / "store.sqlite", clock=watch)
    yield made
    made.close()


def an_alert(number: int = 1, **given: Any) -> Alert:
    """An alert like a rule of the house would give it."""
    at = given.pop("at", "2026-11-23T01:59:00.000000Z")
    made: dict[str, Any] = {
        "id": f"alert-{number:05d}",
        "rule_id": "rule-1",
        "title": "Port scan",
        "title_vi": "Quét cổng",
        "severity": Severity.high,
        "subject": "10.0.0.1",
        "subject_fields": {"source.ip": "10.0.0.1"},
        "first_seen": at,
        "last_seen": at,
        "count": 1,
        "category": "network_attack",
    }
    return Alert(**(made | given))


@dataclass
class Recorder:
    """A responder that remembers what it was asked, and does what the test says."""

    name: str = "test.do"
    effect: Effect = "notify"
    repeats_safely: bool = True
    remote: bool = False
    answer: Callable[[Order], Mapping[str, Any]] = lambda _: {"ok": True}
    orders: list[Order] = field(default_factory=list[Order])

    def act(self, order: Order) -> Mapping[str, Any]:
        self.orders.append(order)
        return self.answer(order)

    @property
    def keys(self) -> list[str]:
        return [order.key.partition(":")[2] for order in self.orders]


HEAD = """
playbook: scan
version: 1
name: Quét
name_en: Scan
owner: csirt
risk: change
trigger: { where: { rule.category: network_attack }, group_by: [source.ip], within: 30m }
steps:
"""


def a_playbook(steps: str, head: str = HEAD) -> Playbook:
    """A playbook of these steps (YAML list items)."""
    playbook, errors = read_playbook(head + steps, "playbooks/scan.yml", effects=None)
    assert not errors, errors
    assert playbook is not None
    return playbook


RunnerOf = Callable[..., Runner]


@pytest.fixture
def runner_of(store: Store, watch: Watch) -> Iterator[RunnerOf]:
    """Makes runners of playbooks and responders over the test's store."""
    made: list[Runner] = []

    def make(playbooks: Sequence[Playbook] | Playbook, *responders: Responder) -> Runner:
        several = [playbooks] if isinstance(playbooks, Playbook) else playbooks
        by_name = {responder.name: responder for responder in responders}
        runner = Runner(store, several, by_name, Catalogue(store), watch)
        assert not runner.refused, runner.refused
        made.append(runner)
        return runner

    yield make
    for runner in made:
        runner.close()
