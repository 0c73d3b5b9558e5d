"""Does a plan answer the same the first, second and third time, and forget within its bounds?"""

from __future__ import annotations

import pytest

from citywatch.detect.sigma import oracle, plan, tree
from citywatch.detect.sigma.engine import Engine
from citywatch.detect.sigma.tree import MANY
from tests.citywatch.detect.sigma.drawn import a_rule

YES = tree.Const(yes=True)


def like(field: str, *pieces: str | int) -> tree.Like:
    return tree.Like(field, pieces)


SYSTEM_BUT_NOT_CMD = tree.And(
    (like("user.name", MANY, "system", MANY), tree.Not(like("process.command_line", MANY, "cmd", MANY)))
)


def test_a_value_that_comes_again_gives_the_same_answer() -> None:
    rule = a_rule(1, SYSTEM_BUT_NOT_CMD, YES)
    engine = Engine([rule])
    quiet = {"user.name": "SYSTEM", "process.command_line": "CMD.exe /c"}
    loud = {"user.name": "SYSTEM", "process.command_line": "whoami"}
    gone = {"user.name": "SYSTEM"}
    for _ in range(4):
        assert [bool(engine.hits(event)) for event in (quiet, loud, gone)] == [False, True, True]


def test_a_list_is_asked_value_by_value() -> None:
    engine = Engine([a_rule(1, SYSTEM_BUT_NOT_CMD, YES)])
    for _ in range(3):
        assert engine.hits({"user.name": ["bob", "SYSTEM", None]})
        assert not engine.hits({"user.name": ["SYSTEM"], "process.command_line": ["a", "cmd"]})


def test_whole_values_are_found_whatever_their_letters() -> None:
    engine = Engine([a_rule(1, like("user.name", "kai"), YES)])
    asked = ["KAI", "\u212aai", "ai", "kaii", "", "kai"]
    assert [bool(engine.hits({"user.name": name})) for name in asked * 2] == [
        True, True, False, False, False, True,
    ] * 2  # fmt: skip


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MOST_MEMORY", 50)
    engine = Engine([a_rule(1, SYSTEM_BUT_NOT_CMD, YES)])
    for number in range(500):
        event = {"user.name": f"system {number}", "process.command_line": f"run {number}"}
        assert engine.hits(event)
    held = [table for table in engine.memory.tables if table]
    assert sum(map(len, held)) <= 51


def test_keywords_of_several_plans_are_looked_for_together() -> None:
    rules = [
        a_rule(1, like("", MANY, "mimikatz", MANY), YES),
        a_rule(2, like("", MANY, "rubeus", MANY), like("event.code", "1")),
    ]
    engine = Engine(rules)
    seen = [
        {"event.code": "1", "message": "Rubeus.exe"},
        {"event.code": "2", "message": "Rubeus.exe"},
        {"event.code": "2", "message": "MIMIKATZ"},
        {"event.code": "1", "message": "nothing"},
    ]
    assert [[each.rule.id for each in found] for found in engine.hits_of(seen)] == [["2"], [], ["1"], []]


@pytest.mark.parametrize("order", [(1, True, 1.0, "1"), (True, 1, "1", 1.0), (443, 443.0, "443", True)])
def test_a_remembered_number_is_not_taken_for_a_truth(order: tuple[object, ...]) -> None:
    """`True == 1`, but its text is another."""
    rules = [a_rule(at, like("a", text), YES) for at, text in enumerate(("true", "1", "443"))]
    engine = Engine(rules)
    for _ in range(3):
        for value in order:
            expected = [rule.rule.id for rule in rules if oracle.matches(rule.tree, {"a": value})]
            assert [rule.rule.id for rule in engine.hits({"a": value})] == expected
