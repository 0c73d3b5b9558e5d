"""Are a rule's best parts looked for, in few fields?"""

from __future__ import annotations

import pytest

from citywatch.detect.sigma import tree
from citywatch.detect.sigma.engine import Engine
from citywatch.detect.sigma.sieve import RULES_A_FIELD, least_width, sieves_of
from citywatch.detect.sigma.tree import MANY, Tree
from tests.citywatch.detect.sigma.drawn import a_rule

YES = tree.Const(yes=True)


def has(field: str, text: str) -> tree.Like:
    return tree.Like(field, (MANY, text, MANY))


MANY_RULES: list[Tree] = [has("process.command_line", f"unusual text {at}") for at in range(RULES_A_FIELD)]


def looked_at(rule: Tree) -> set[str]:
    """Fields looked at for a rule beside many that begin with the command line."""
    chosen = sieves_of([*MANY_RULES, rule], 2)[-1]
    return {field for sieve in chosen for field in sieve.fields()}


def test_a_field_that_one_rule_would_begin_with_is_left_out_when_another_part_does() -> None:
    strong = has("winlog.event_data.Company", "a very unusual company name")
    assert looked_at(tree.And((strong, has("process.command_line", "mimidrv")))) == {"process.command_line"}


def test_a_field_that_a_rule_cannot_do_without_is_looked_at() -> None:
    assert looked_at(has("winlog.event_data.Company", "evil")) == {"winlog.event_data.Company"}
    weak = tree.And((has("winlog.event_data.Company", "evil corp"), has("process.command_line", "e")))
    assert "winlog.event_data.Company" in looked_at(weak)


@pytest.mark.parametrize(
    ("part", "width"),
    [
        (tree.Regex("a", r"\s[a-f]{64}\s[a-f]{16}"), 82),
        (tree.Or((tree.Regex("a", "[ab]{5}"), tree.Regex("a", "[ab]{3}"))), 3),
        (tree.And((tree.Regex("a", "[ab]{5}"), tree.Regex("a", "[ab]{3}"))), 5),
        (tree.Or((tree.Regex("a", "[ab]{5}"), has("a", "x"))), 0),
        (tree.Not(tree.Regex("a", "[ab]{5}")), 0),
    ],
)
def test_the_fewest_characters_of_a_yes(part: Tree, width: int) -> None:
    assert least_width(part) == width


def test_an_expression_without_a_word_is_asked_of_values_long_enough() -> None:
    engine = Engine([a_rule(1, tree.Regex("process.command_line", "[0-9]{4}"), YES)])
    for _ in range(3):
        asked = ["12", "1234", "ab 12345", "á1234", ["1", "1234"], ["12"], 12345, None]
        found = [bool(engine.hits({"process.command_line": value})) for value in asked]
        assert found == [False, True, True, True, True, False, True, False]


def test_two_fields_that_hold_the_same_are_told_whatever_they_hold() -> None:
    same = tree.FieldRef("process.executable", "process.parent.executable")
    engine = Engine([a_rule(1, same, YES)])
    rows = [
        ("C:\\A.exe", "c:\\a.EXE", True),
        ("a.exe", "b.exe", False),
        ("a.exe", "aa.exe", False),
        ("kelvin", "\u212aelvin", True),
        (["x", "a"], "A", True),
        (["x", "a"], "b", False),
        (7, "7", True),
        (None, None, False),
        ("x" * 70_000, "x" * 90_000, True),
    ]
    for mine, theirs, wanted in rows * 2:
        event = {"process.executable": mine, "process.parent.executable": theirs}
        assert bool(engine.hits(event)) is wanted, (str(mine)[:9], str(theirs)[:9])
    assert not engine.hits({"process.executable": "a"})
