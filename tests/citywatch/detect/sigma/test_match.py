"""Is what is remembered of an explanation what the oracle says?"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.detect.sigma import oracle, tree
from citywatch.detect.sigma.match import Explanations
from citywatch.detect.sigma.tree import MANY
from tests.citywatch.detect.sigma.drawn import a_rule

TREES = [
    tree.Or((tree.Like("a", (MANY, "x", MANY)), tree.Number("b", 1), tree.Bool("b", value=True))),
    tree.And((tree.Compare("b", "gte", 0), tree.Not(tree.Null("a")))),
    tree.And((tree.Exists("a", want=True), tree.Number("b", 2))),
    tree.Or((tree.Like("", (MANY, "x", MANY)), tree.FieldRef("a", "b"))),
]
VALUES = st.sampled_from([None, "x", "axe", "x" * 500, 0, 1, 2, True, False, 1.0, 2.0, ["x", "y"], [1, True]])


@pytest.mark.parametrize("part", TREES)
@given(events=st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES), max_size=12))
def test_a_remembered_explanation_is_the_oracles(part: tree.Tree, events: list[dict[str, Any]]) -> None:
    rule, known = a_rule(1, part, tree.Const(yes=True)), Explanations()
    for event in [*events, *events]:
        if oracle.matches(rule.tree, event):
            assert known.of(rule, event) == tuple(oracle.explain(rule.tree, event))
