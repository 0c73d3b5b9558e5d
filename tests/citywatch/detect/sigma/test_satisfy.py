"""Is a rule called impossible only when no event can ever answer it?"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from citywatch.detect.sigma import oracle, tree
from citywatch.detect.sigma.satisfy import is_possible
from citywatch.detect.sigma.tree import MANY, And, Exists, Like, Not, Null, Number, Or, Tree
from tests.citywatch.detect.sigma import drawn

CODE = "event.code"
CMD = "process.command_line"
IMPOSSIBLE: list[Tree] = [
    And((Like(CODE, ("1",)), Like(CODE, ("4688",)))),
    And((Like(CODE, ("1",)), Or((Like(CODE, ("2",)), Like(CODE, ("3",)))))),
    And((Like(CMD, ("cmd.exe",)), Like(CMD, (MANY, "powershell", MANY)))),
    And((Like(CMD, (MANY, "a", MANY)), Not(Like(CMD, (MANY, "a", MANY))))),
    And((Like(CMD, (MANY, "a")), Null(CMD))),
    And((Exists(CMD, want=False), Like(CMD, ("a",)))),
    And((Number(CODE, 5), Number(CODE, 6))),
    And((tree.Compare("source.port", "gt", 10), tree.Compare("source.port", "lt", 5))),
    And((Number("source.port", 3), tree.Compare("source.port", "gte", 5))),
    tree.Const(yes=False),
    Not(Or((Like(CODE, ("1",)), Not(Like(CODE, ("1",)))))),
]
POSSIBLE: list[Tree] = [
    And((Like(CODE, ("1",)), Not(Like(CODE, ("4688",))))),
    And((Like("process.args", ("a",)), Like("process.args", ("b",)))),
    And((Like(CMD, (MANY, "a")), Like(CMD, ("b", MANY)))),
    And((tree.Compare("source.port", "gte", 5), tree.Compare("source.port", "lte", 5))),
    And((Like(CMD, ("abc",)), Like(CMD, ("ABC",), cased=True))),
    And((Null(CMD), Exists(CMD, want=True))),
]


@pytest.mark.parametrize("question", IMPOSSIBLE, ids=repr)
def test_what_contradicts_itself_is_impossible(question: Tree) -> None:
    assert not is_possible(question)


@pytest.mark.parametrize("question", POSSIBLE, ids=repr)
def test_what_some_event_answers_is_possible(question: Tree) -> None:
    assert is_possible(question, lambda field: field != "process.args")


@given(drawn.trees, drawn.gates, drawn.events)
def test_no_event_answers_what_is_called_impossible(
    question: Tree, gate: Tree, event: dict[str, Any]
) -> None:
    one_each = {name: value for name, value in event.items() if not isinstance(value, list)}
    both = And((question, gate))
    if oracle.matches(both, one_each):
        assert is_possible(both)
