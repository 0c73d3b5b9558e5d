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
from citywatch.detect.sigma.gate import Logs
from citywatch.detect.sigma.load import EventRule, load_file
from citywatch.detect.sigma.resolve import resolve
from citywatch.detect.sigma.tree import MANY, ONE, Tree, fold
from citywatch.model import Event, Rule, Severity
from sensors.winlog import translate

FIELDS = ("event.code", "process.command_line", "user.name", "source.ip")
LETTERS = 'aAbİiKkΣς*?\\.-_ \0\n"é5'
words = st.text(alphabet=LETTERS, max_size=4)
texts = st.one_of(
    words,
    words,
    st.sampled_from(
        ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1", "5", "true", "aab", "2026-11-22T08:05:00Z"]
    ),
)
values = st.one_of(texts, st.integers(-6, 6), st.booleans(), st.floats(-6, 6).map(lambda x: round(x, 1)))
events = st.dictionaries(
    st.sampled_from((*FIELDS, "event.id", "message")),
    st.one_of(values, values, st.lists(st.one_of(values, st.none()), max_size=3), st.none()),
)
fields = st.sampled_from(FIELDS)
pieces = st.lists(st.one_of(words.filter(bool), st.sampled_from([MANY, ONE])), max_size=4).map(tuple)


def likes(field: st.SearchStrategy[str]) -> st.SearchStrategy[Tree]:
    def like(name: str, parts: tuple[str | int, ...], *, cased: bool) -> Tree:
        kept = tuple(part if cased or isinstance(part, int) else fold(part) for part in parts)
        return tree.Like(name, kept if name else (MANY, *kept, MANY), cased)

    return st.builds(like, field, pieces, cased=st.booleans())


atoms: st.SearchStrategy[Tree] = st.one_of(
    likes(fields),
    likes(fields),
    likes(st.just("")),
    st.builds(tree.Number, fields, st.one_of(st.integers(-6, 6), st.sampled_from([1.5, 0.1]))),
    st.builds(tree.Bool, fields, st.booleans()),
    st.builds(tree.Null, fields),
    st.builds(tree.Exists, fields, st.booleans()),
    st.builds(
        tree.Regex,
        st.one_of(fields, st.just("")),
        st.sampled_from(["a+b", "^$", r"\s", "(?i)kı", "a|b", "[^a]", "b.a", "(ab|b)5?", ".*", r"\bi", "s$"]),
        st.sampled_from(["", "i", "s", "ims"]),
    ),
    st.builds(tree.Cidr, fields, st.sampled_from(["10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0"])),
    st.builds(tree.Compare, fields, st.sampled_from(["lt", "lte", "gt", "gte", "neq"]), st.integers(-3, 3)),
    st.builds(tree.TimePart, fields, st.sampled_from(["minute", "hour", "day", "week", "month", "year"]),
              st.sampled_from([5, 8, 22, 47, 11, 2026])),
    st.builds(tree.FieldRef, fields, fields, st.booleans(), st.booleans()),
)  # fmt: skip
trees: st.SearchStrategy[Tree] = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds(tree.Not, inner),
        st.lists(inner, max_size=4).map(lambda parts: tree.And(tuple(parts))),
        st.lists(inner, max_size=4).map(lambda parts: tree.Or(tuple(parts))),
    ),
    max_leaves=8,
)
gates = st.sampled_from(
    [tree.Like("event.code", ("5",)), tree.Const(yes=True), tree.Exists("user.name", want=True)]
)


def a_rule(number: int, question: Tree, gate: Tree) -> EventRule:
    rule = Rule(id=str(number), title="", severity=Severity.low)
    return EventRule(rule=rule, name="", logs=Logs(), tree=question, gate=gate)


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
    for event in (*seen, *seen):
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
    chosen = range(0, len(seen), 251)  # every pair: `benchmarks/sigma.py --all-pairs`, twelve minutes
    assert [hits[at] for at in chosen] == [slow(rules, seen[at]) for at in chosen]
