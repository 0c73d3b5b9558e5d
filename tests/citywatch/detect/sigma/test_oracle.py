"""Does the plain evaluator mean what decision 0020 says?"""

from __future__ import annotations

import re
import time
from datetime import UTC
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from citywatch.clock import parse_stamp, stamp
from citywatch.detect.sigma import oracle, tree
from citywatch.detect.sigma.load import load_file
from citywatch.detect.sigma.oracle import explain, holds, matches
from citywatch.detect.sigma.tree import MANY, Tree
from citywatch.model import Event

HEAD = """title: A
id: 5c1d7a34-0b1e-4c33-9f0b-6f6e1d2a9a10
logsource: {product: windows}
detection:
  a:
    X%s
  condition: a
"""
FIELD = "winlog.event_data.X"


def asks(question: str, value: Any) -> bool:
    """A rule of one line, on an event that holds this value (`...`: the field is missing)."""
    file = load_file((HEAD % question).encode(), "a.yml")
    assert file.refusals == (), str(file.refusals[0].error)
    event: Event = {} if value is ... else {FIELD: value}
    event["winlog.event_data.Y"] = "C:\\Tools\\Run.exe"
    return matches(file.events[0].tree, event)


CASES: list[tuple[str, list[Any], list[Any]]] = [
    (": abc", ["ABC", ["x", "Abc"]], ["abcd", "", ...]),
    (": 'a*c'", ["ac", "AxxC", "a\nc"], ["acd"]),
    (": 'a\\*c'", ["a*c"], ["abc"]),
    (": 'a?c'", ["abc", "aéc"], ["ac", "abbc"]),
    (": '\\\\srv'", ["\\srv"], ["\\\\srv"]),
    ("|contains: [x, y]", ["ayb"], ["z"]),
    ("|contains|all: [x, y]", ["yx"], ["y", ["x", "z"]]),
    ("|startswith: 'C:\\'", ["c:\\a"], ["ac:\\"]),
    ("|endswith: .exe", ["a.EXE", ".exe"], ["a.exe "]),
    ("|cased: aB", ["aB"], ["ab"]),
    ("|contains|cased: aB", ["xaBx"], ["xabx"]),
    ("|re: '^a+b'", ["aab"], ["Aab", "xab"]),
    ("|re|i: '^a+B$'", ["AAb"], ["aab\n"]),
    ("|re|m: '^b$'", ["a\nb"], ["a b"]),
    ("|re|s: 'a.b'", ["a\nb"], ["ab"]),
    ("|cidr: 10.0.0.0/8", ["10.1.2.3", "::ffff:10.1.2.3"], ["11.1.1.1", "10.1", "", 10]),
    ("|cidr: 2001:db8::/32", ["2001:DB8::1"], ["10.1.2.3"]),
    ("|base64: foo", ["Zm9v"], ["foo"]),
    ("|base64offset|contains: foo", ["xxZm9vxx", "Zvb", "mb2"], ["foo"]),
    ("|wide: ab", ["a\0b\0"], ["ab"]),
    ("|utf16|contains: ab", ["x\ufeffa\0b\0"], ["a\0b\0"]),
    ("|utf16be: ab", ["\0a\0b"], ["ab"]),
    ("|windash|contains: ' -f'", ["a -f", "a /f", "a \u2013f"], ["a f"]),
    ("|exists: true", ["", None, 0], [...]),
    ("|exists: false", [...], ["", None]),
    (": null", [..., None, []], ["", 0, "null"]),
    (": ''", ["", ["a", ""]], [..., None, " "]),
    (": '*'", ["", 0, "a"], [..., None]),
    ("|fieldref: Y", ["c:\\tools\\RUN.exe"], ["run.exe", ...]),
    ("|fieldref|endswith: Y", ["x c:\\tools\\run.exe"], ["c:\\tools\\run.exe x"]),
    ("|gt: 5", [6, "7", 5.5], [5, "x", True, "", ...]),
    ("|gte: 5", [5, "5"], [4]),
    ("|lt: 5", [-1, "4.9"], [5, True]),
    ("|lte: 5", [5], ["5.1"]),
    ("|neq: abc", ["x", ...], ["ABC", ["x", "abc"]]),
    (": 5", [5, "5", 5.0, ["a", 5]], ["05", "5.0", True, 6]),
    (": 1", [1, "1"], [True, "true"]),
    (": true", [True, "True"], [1, "yes"]),
    (": '4688'", [4688, "4688"], ["46880"]),
    ("|minute: 5", ["2026-11-22T08:05:00.000000Z"], ["2026-11-22T08:06:00Z", "soon", 5]),
    ("|hour: 1", ["2026-11-22T08:05:00+07:00"], ["2026-11-22T08:05:00Z"]),
    ("|day: 22", ["2026-11-22 08:05:00.123"], ["2026-11-21T08:05:00Z"]),
    ("|week: 47", ["2026-11-22T08:05:00Z"], ["2026-11-23T08:05:00Z"]),
    ("|month: 11", ["2026-11-22T08:05:00Z"], ["2026-10-22T08:05:00Z"]),
    ("|year: 2026", ["2026-11-22T08:05:00Z"], ["2025-11-22T08:05:00Z"]),
]


@pytest.mark.parametrize(("question", "yes", "no"), CASES)
def test_each_modifier_means_what_sigma_says(question: str, yes: list[Any], no: list[Any]) -> None:
    for value in yes:
        assert asks(question, value), f"{question} must say yes to {value!r}"
    for value in no:
        assert not asks(question, value), f"{question} must say no to {value!r}"


def test_a_keyword_is_met_by_any_value_but_our_bookkeeping() -> None:
    word = tree.Like("", (MANY, "kiwi", MANY))
    assert holds(word, {"a.b": 1, "tags": ["x", "Mimi KIWI"]}) == ("tags", "Mimi KIWI")
    assert not matches(word, {"event.id": "kiwi", "log.file.path": "kiwi.log"})


def test_a_hit_names_field_value_and_pattern_also_when_it_is_only_a_not() -> None:
    question = tree.Not(tree.Like("user.name", ("an",)))
    (reason,) = explain(question, {"user.name": "binh"})
    assert (reason.field, reason.pattern) == ("user.name", "not an")
    both: Tree = tree.Or((tree.Compare("a", "gte", 5), tree.Like("b", (MANY, "x"))))
    assert [(each.field, each.value, each.pattern) for each in explain(both, {"a": 7, "b": "yx"})] == [
        ("a", "7", ">= 5"),
        ("b", "yx", "*x"),
    ]


def test_hostile_patterns_on_hostile_values_cost_little() -> None:
    begun = time.process_time()
    for question in (tree.Regex("a", "(a+)+$"), tree.Regex("a", "(.*)*x"), tree.Like("a", (MANY, "a") * 9)):
        matches(question, {"a": "a" * 65_000 + "b"})
    assert time.process_time() - begun < 2


def test_expressions_of_plain_ascii_mean_what_python_makes_of_them() -> None:
    for pattern in (r"\d+\.\d+", r"[^\w]x", r"a{2,3}?b", r"(?:ab|c)+$", r"\\x[0-9a-f]{2}", r"^\s*-e\w*"):
        for text in ("1.25", " x", "aaab", "abcab", "\\x0f", "  -enc", "", "-e", "é x", "a\tb"):
            assert bool(oracle.regex(pattern, "").search(text)) is bool(re.search(pattern, text, re.ASCII))


@given(
    text=st.one_of(
        st.datetimes(timezones=st.just(UTC)).map(stamp),
        st.from_regex(
            r"[0-9]{4}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-9]{2}[.,][0-9]{6}Z", fullmatch=True
        ),
    ),
    part=st.sampled_from(["minute", "hour", "day", "week", "month", "year"]),
)
@example(text="2026-11-22T08:05:60.000000Z", part="hour")
@example(text="2026-02-30T08:05:00.000000Z", part="day")
def test_a_part_of_a_time_is_that_of_the_whole_time(text: str, part: str) -> None:
    try:
        moment = parse_stamp(text)
    except ValueError:
        expected = None
    else:
        expected = moment.isocalendar().week if part == "week" else getattr(moment, part)
    assert oracle.time_part(text, part) == expected
