"""Rules and events that nobody would think of, for the tests that compare."""

from __future__ import annotations

from hypothesis import strategies as st

from citywatch.detect.sigma import tree
from citywatch.detect.sigma.gate import Logs
from citywatch.detect.sigma.load import EventRule
from citywatch.detect.sigma.tree import MANY, ONE, Tree, fold
from citywatch.model import Rule, Severity

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
              st.sampled_from([5, 8, 22, 47, 11, 2026]), st.sampled_from(["eq", "lt", "gte", "neq"])),
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
