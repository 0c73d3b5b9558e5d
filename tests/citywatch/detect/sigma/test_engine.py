"""Does the fast engine say exactly what the plain evaluator says?"""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.detect.sigma import oracle, tree
from citywatch.detect.sigma.engine import Engine
from citywatch.detect.sigma.load import EventRule, load_file
from citywatch.detect.sigma.resolve import resolve
from citywatch.detect.sigma.tree import MANY, Tree
from citywatch.model import Event
from sensors.winlog import translate
from tests.citywatch.detect.sigma.drawn import a_rule, events, gates, trees


def slow(rules: list[EventRule], event: Event) -> list[str]:
    return [
        each.rule.id
        for each in rules
        if oracle.matches(each.gate, event) and oracle.matches(each.tree, event)
    ]


@settings(max_examples=150)
@given(st.lists(st.tuples(trees, gates), min_size=1, max_size=6), st.lists(events, min_size=1, max_size=4))
def test_fast_and_plain_agree_on_any_rules_and_events(
    drawn: list[tuple[Tree, Tree]], seen: list[Event]
) -> None:
    rules = [a_rule(number, *each) for number, each in enumerate(drawn)]
    engine = Engine(rules)
    for event in (*seen, *seen, *seen):  # a value that comes again is looked at more closely
        assert [each.rule.id for each in engine.hits(event)] == slow(rules, event)


def test_what_a_field_held_before_does_not_answer_for_what_it_holds_now() -> None:
    rule = a_rule(1, tree.Number("user.name", 1), tree.Const(yes=True))
    engine = Engine([rule])
    assert [bool(engine.hits({"user.name": value})) for value in (1, True, "1", 1.0, "1.0", [2, 1])] == [
        True, False, True, True, False, True,
    ]  # fmt: skip


def test_an_over_long_value_is_cut_and_counted() -> None:
    rule = a_rule(1, tree.Like("user.name", (MANY, "end")), tree.Const(yes=True))
    engine = Engine([rule])
    long = "x" * (oracle.MAX_VALUE - 3) + "end" + "y" * 10
    assert engine.hits({"user.name": long}) == [rule]
    assert engine.long_values == 1


def sigmahq(groundtruth: Path) -> list[EventRule]:
    """SigmaHQ's Windows rules, as their release zip has them."""
    archive = zipfile.ZipFile(io.BytesIO((groundtruth / "sigmahq-rules.zip").read_bytes()))
    files = [load_file(archive.read(name), name) for name in archive.namelist() if name.endswith(".yml")]
    return [rule for rule in resolve(files).events.values() if rule.logs.product == "windows"]


@pytest.mark.groundtruth
def test_fast_and_plain_agree_on_sigmahq_and_real_attacks(groundtruth: Path) -> None:
    rules = sigmahq(groundtruth)
    assert len(rules) > 2800
    engine = Engine(rules)
    lines = gzip.decompress((groundtruth / "windows-attack-events.ndjson.gz").read_bytes()).splitlines()
    seen = [translate(orjson.loads(line)) for line in lines]
    hits = [[each.rule.id for each in engine.hits(event)] for event in seen]
    assert sum(map(len, hits)) > 1500
    gated = {id(rule.gate): rule for rule in rules}.values()
    for at in range(0, len(seen), 61):  # every one: `benchmarks/sigma_engine.py --all-pairs`, two minutes
        gates = {id(rule.gate): oracle.matches(rule.gate, seen[at]) for rule in gated}
        wanted = [rule for rule in rules if gates[id(rule.gate)] and oracle.matches(rule.tree, seen[at])]
        assert hits[at] == [rule.rule.id for rule in wanted]
