"""Does a typed line become the condition that it says, and does nonsense get a clear answer?"""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.ports import All, Condition, Either, Everything, Exists, Is, Like, Not, Range, Text
from citywatch.store.meaning import over_events
from console.web.query import QueryError, read_alert_query, read_event_query
from console.web.show import pivot


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("", Everything()),
        ("  ", Everything()),
        ("vssadmin", Text("vssadmin")),
        ('"delete shadows"', Text("delete shadows")),
        ("source.ip:10.0.0.0/8", Is("source.ip", "10.0.0.0/8")),
        ("tags:", Text("tags:")),
        ("source.ip:2001:db8::1", Is("source.ip", "2001:db8::1")),
        ("destination.port:445", Is("destination.port", 445)),
        ("event.code:4624", Is("event.code", "4624")),
        ("url.path:*admin*", Like("url.path", "*admin*")),
        ('url.path:"*"', Is("url.path", "*")),
        (r"url.path:a\*b", Is("url.path", "a*b")),
        ("url.path:*", Exists("url.path")),
        ("-tags:*", Not(Exists("tags"))),
        ("NOT tags:*", Not(Exists("tags"))),
        ("a b", All((Text("a"), Text("b")))),
        ("a AND b", All((Text("a"), Text("b")))),
        ("a OR b c", Either((Text("a"), All((Text("b"), Text("c")))))),
        ("(a OR b) c", All((Either((Text("a"), Text("b"))), Text("c")))),
        ("destination.port:>=1024", Range("destination.port", 1024, None)),
        (
            "destination.port:<10",
            All((Range("destination.port", None, 10), Not(Range("destination.port", 10, 10)))),
        ),
        ("destination.port:[1 TO 9]", Range("destination.port", 1, 9)),
        ("destination.port:[* TO 9]", Range("destination.port", None, 9)),
        ("winlog.event_data.X:y", Is("winlog.event_data.X", "y")),
        ("so-y-te", Text("so-y-te")),
        ("process.command_line:-enc", Is("process.command_line", "-enc")),
    ],
)
def test_a_line_means(line: str, meant: Condition) -> None:
    assert read_event_query(line) == meant


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("severity:high", Is("severity", 3)),
        ("severity:>=medium", Range("severity", 2, None)),
        ("rule:abc", Is("rule_id", "abc")),
        ("title:*cờ*", Either((Like("title", "*cờ*"), Like("title_vi", "*cờ*")))),
        (
            "source.ip:10.1.2.3",
            Either((Is("values.source.ip", "10.1.2.3"), Is("subject_fields.source.ip", "10.1.2.3"))),
        ),
    ],
)
def test_a_line_over_alerts_means(line: str, meant: Condition) -> None:
    assert read_alert_query(line) == meant


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("url.paht:x", "unknown_field"),
        ("(a", "bracket_open"),
        ("a)", "not_understood"),
        ("a OR", "ends_early"),
        ("tags:(a b)", "value_missing"),
        ('"open', "not_understood"),
        ("(" * 25 + "a" + ")" * 25, "too_deep"),
        ("a " * 101, "too_many"),
        ("a" * 2001, "too_long"),
    ],
)
def test_nonsense_is_told(line: str, code: str) -> None:
    with pytest.raises(QueryError) as told:
        read_event_query(line)
    assert told.value.code == code


def test_a_wrong_field_gets_a_hint() -> None:
    with pytest.raises(QueryError, match=r"did you mean 'url\.path'"):
        read_event_query("url.paht:x")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80) | st.text(alphabet='ab:"()*-[]<>\\ .', max_size=60))
def test_any_line_is_read_or_refused(line: str) -> None:
    for read in (read_event_query, read_alert_query):
        with contextlib.suppress(QueryError):
            read(line)


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1, max_size=60).filter(lambda text: text.strip() == text and text.isprintable()))
def test_a_pivot_finds_the_event_it_came_from(value: str) -> None:
    judge = over_events(read_event_query(pivot("process.command_line", value)))
    assert judge({"process.command_line": value})
    assert not judge({"process.command_line": value + "x"})
