"""Do hunts find exactly what the evaluator finds, on both stores?"""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings

from citywatch.clock import system_clock
from citywatch.detect.sigma import oracle, tree
from citywatch.detect.sigma.hunt import MOST_LEAVES, hunt, widened
from citywatch.detect.sigma.load import load_file
from citywatch.detect.sigma.tree import MANY, Tree
from citywatch.model import Event
from citywatch.ports import All, Either, Everything, Not, Store
from citywatch.settings import Elastic
from citywatch.store.elastic import ElasticStore
from citywatch.store.meaning import over_events
from citywatch.store.sqlite import SqliteStore
from tests.citywatch.detect.sigma.drawn import a_rule, gates, trees

EVENTS: list[Event] = [
    {"process.command_line": "net USER x", "user.name": "An", "event.code": "5", "source.ip": "10.1.2.3"},
    {
        "process.command_line": ["a", "x*y"],
        "user.name": "",
        "event.code": "4",
        "source.ip": "::ffff:10.1.2.3",
    },
    {"process.command_line": "İ\nK", "event.code": "5", "message": "aab i b"},
    {"user.name": "aB5", "event.code": "4", "source.ip": "2001:db8::1", "message": "5"},
    {"user.name": "2026-11-22T08:05:00Z", "event.code": "true", "process.command_line": "x" * 70_000 + "b"},
    {"event.code": "5", "process.command_line": "x" * 65_535 + "bb", "user.name": ["a", "b", "-.-"]},
]


@settings(max_examples=200)
@given(trees, gates)
def test_the_widened_question_lets_no_hit_escape(question: Tree, gate: Tree) -> None:
    rule = a_rule(1, question, gate)
    asked = over_events(widened(rule))
    for event in EVENTS:
        if oracle.matches(gate, event) and oracle.matches(question, event):
            assert asked(event)


def test_what_stands_under_a_not_becomes_yes_to_all() -> None:
    rule = a_rule(1, tree.Not(tree.Regex("user.name", "x")), tree.Const(yes=True))
    assert widened(rule) == All((Everything(), Not(Either(()))))


def test_a_rule_of_thousands_of_patterns_does_not_reach_the_store() -> None:
    many = tree.Or(tuple(tree.Like("file.hash.sha256", (MANY, str(n), MANY)) for n in range(9000)))
    assert len(repr(widened(a_rule(1, many, tree.Const(yes=True))))) < 40 * MOST_LEAVES


def stamped(number: int, event: Event) -> Event:
    return {
        **event,
        "@timestamp": f"2026-11-22T08:00:{number:02}.000000Z",
        "event.id": f"e{number}",
        "event.dataset": "windows.security",
        "event.module": "winlog",
        "event.sequence": number + 1,
        "event.ingested": "2026-11-22T08:01:00.000000Z",
    }


RULE = """title: A
id: 5c1d7a34-0b1e-4c33-9f0b-6f6e1d2a9a10
logsource: {product: windows}
detection:
  a: {CommandLine|re: 'net\\s+user', User: an}
  b: {CommandLine|contains: X}
  five: {EventID: 5}
  condition: a or b and not five
"""


(RULE_LOADED,) = load_file(RULE.encode(), "a.yml").events


def stored() -> list[Event]:
    lines = [*EVENTS[:2], *({"user.name": "x"} for _ in range(700)), EVENTS[1], *EVENTS[2:]]
    return [
        stamped(number % 60, event) | {"event.id": str(number), "event.sequence": number + 1}
        for number, event in enumerate(lines)
    ]


def found(store: Store) -> list[str]:
    return sorted(match.event_ids[0] for match in hunt(RULE_LOADED, store, "2026-11-22T08:00:00.000000Z"))


def test_a_hunt_reads_every_page_and_explains_its_hits(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db", clock=system_clock)
    store.append(stored())
    assert found(store) == ["1", "702", "705"]
    (first, *_) = hunt(RULE_LOADED, store)
    assert first.reasons[0].field == "process.command_line"
    assert list(hunt(RULE_LOADED, store, None, "2026-11-22T08:00:00.000000Z")) == []
    store.close()


@pytest.mark.elasticsearch
def test_both_stores_give_the_same_hits(elasticsearch: str, tmp_path: Path) -> None:
    small = SqliteStore(tmp_path / "store.db", clock=system_clock)
    large = ElasticStore(
        elasticsearch, Elastic(prefix=f"hunt-{uuid4().hex[:8]}", replicas=0), clock=system_clock
    )
    rules = [
        RULE_LOADED,
        *(a_rule(number, question, tree.Const(yes=True)) for number, question in enumerate(ASKED)),
    ]
    for store in (small, large):
        store.append(stored())
    for rule in rules:
        hits = [sorted(match.event_ids[0] for match in hunt(rule, store)) for store in (small, large)]
        assert (
            hits[0]
            == hits[1]
            == sorted(
                str(event["event.id"])
                for event in stored()
                if oracle.matches(rule.gate, event) and oracle.matches(rule.tree, event)
            )
        )
    large.drop_before("2100-01-01")
    for store in (small, large):
        store.close()


ASKED: list[Tree] = [
    tree.Like("process.command_line", (MANY, "b")),
    tree.Like("process.command_line", (MANY, "b"), cased=True),
    tree.Not(tree.Like("process.command_line", (MANY, "user", MANY))),
    tree.Like("", (MANY, "aab i b", MANY)),
    tree.Like("process.command_line", ("x*y",)),
    tree.Cidr("source.ip", "10.0.0.0/8"),
    tree.Null("source.ip"),
    tree.And((tree.Exists("user.name", want=True), tree.Like("user.name", ()))),
    tree.Regex("user.name", "^[a-z]$", "i"),
    tree.Regex("", "(?i)K$"),
    tree.Like("process.command_line", ("i", tree.ONE, "k")),
]
