"""Do both stores answer every question exactly as a condition's meaning says?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from citywatch.clock import system_clock
from citywatch.model import Event
from citywatch.ports import (
    All,
    Condition,
    Either,
    Everything,
    Exists,
    Is,
    Like,
    Not,
    Query,
    Range,
    Store,
    Text,
)
from citywatch.settings import Elastic
from citywatch.store import meaning
from citywatch.store.sqlite import SqliteStore
from tests.citywatch.store.contract import event
from tests.citywatch.store.test_elastic import clear

WORDS = (
    "",
    "a",
    "A",
    "b*",
    "b?",
    "\\",
    "a\\b",
    "Đà Nẵng",
    "đà nẵng",
    "ĐÀ",
    "İ",
    "i",
    "ΑΣ",
    "ας",
    "ασ",
    "K",
    "k",
    "%_!",
    "'\"",
    "5",
    "05",
    "5.0",
    "true",
    "x[a-z]",
    "10.0.0.1",
    "a\nb",
    "a\tb",
    "a\0b",
    "😀",
    "ẞ",
    "ß",
    "ﬁ",
    "x" * 8191,
    "x" * 8192,
    "é" * 9000 + "!",
)
ADDRESSES = (
    "10.0.0.1",
    "10.200.3.4",
    "192.168.0.1",
    "2001:db8::1",
    "2001:DB8:0::1",
    "::ffff:10.0.0.1",
    "::1",
    "nowhere",
    "",
    "fe80::1%eth0",
    "010.0.0.1",
)
NETWORKS = (
    "10.0.0.0/8",
    "10.0.0.1/8",
    "0.0.0.0/0",
    "::/0",
    "2001:db8::/32",
    "::ffff:10.0.0.0/104",
    "10.0.0.0/33",
    "/",
)
NUMBERS = (0, 5, -5, 443, 5.0, 5.5, 2**63 - 1, -(2**63), 2**64 - 1, 0.1, 1e22, "5", "5.5", "five", "", True)
MOMENTS = (
    "2026-11-22T08:00:00.000000Z",
    "2026-11-22T08:00:00.000001Z",
    "2026-11-22T15:00:00+07:00",
    "1969-01-01T00:00:00Z",
    "9999-12-31T23:59:59.000000Z",
    "2026-11-22T08:00:00.000000999Z",
    "2026-11-22",
    "soon",
)
FLAGS = (True, False, "true", "False", 1, "")
SPACE = "winlog.event_data."

VALUES: dict[str, tuple[Any, ...]] = {
    "host.name": WORDS,
    "process.command_line": WORDS,
    "message": WORDS,
    "tags": WORDS,
    SPACE + "Data": (*WORDS, *NUMBERS),
    "source.ip": ADDRESSES,
    "host.ip": ADDRESSES,
    "source.port": NUMBERS,
    "citywatch.beacon.score": NUMBERS,
    "tls.server.not_after": MOMENTS,
    "tls.established": FLAGS,
    "no.such.field": WORDS,
}
ASKED: dict[str, tuple[Any, ...]] = VALUES | {
    "source.ip": (*ADDRESSES, *NETWORKS),
    "host.ip": (*ADDRESSES, *NETWORKS),
    "@timestamp": MOMENTS,
    "event.dataset": ("network.flow", "NETWORK.*"),
}
PATTERNS = (
    "*",
    "?",
    "",
    "a*",
    "*a*",
    "*\\",
    "\\*",
    "b\\*",
    "b\\?",
    "b?",
    "*\\\\*",
    "Đ*",
    "*nẵNG",
    "*ΣΑ*",
    "*σ",
    "5*",
    "?.?",
    "*.0.*",
    "x*x",
    "x*!",
    "[a-z]",
    "x[*",
    "*\n*",
    "tr*e",
    "2026*",
    "::*",
    "\\",
    "a\\b",
    "*" * 25,
    "K",
    "i",
)
BAD_BOUNDS = (None, "b", "5", 5, 0.5, 2**70, "đ", "2026-11-22T08:00:00.000000Z", "10.0.0.0", "::2")


@st.composite
def events(draw: st.DrawFn) -> Event:
    fields = draw(st.dictionaries(st.sampled_from(sorted(VALUES)), st.integers(0, 9), max_size=6))
    made: Event = {}
    for name, shape in fields.items():
        one = st.sampled_from(VALUES[name])
        made[name] = draw(st.lists(one, max_size=3)) if shape < 3 else draw(one)
    return made


@st.composite
def atoms(draw: st.DrawFn) -> Condition:
    name = draw(st.sampled_from(sorted(ASKED)))
    match draw(st.integers(0, 5)):
        case 0 | 1:
            return Is(name, draw(st.sampled_from(ASKED[name])))
        case 2:
            return Like(name, draw(st.sampled_from((*PATTERNS, *(str(value) for value in ASKED[name])))))
        case 3:
            bounds = st.sampled_from(BAD_BOUNDS)
            return Range(name, draw(bounds), draw(bounds))
        case 4:
            return Exists(name)
        case _:
            return Text(draw(st.sampled_from((*WORDS, "1", "nẵ", "flow", "X" * 100))))


CONDITIONS = st.recursive(
    atoms() | st.just(Everything()),
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(All, st.lists(inner, max_size=3).map(tuple))
        | st.builds(Either, st.lists(inner, max_size=3).map(tuple))
    ),
    max_leaves=5,
)


def expected(condition: Condition, held: list[Event]) -> list[str]:
    judge = meaning.over_events(condition)
    return [found["event.id"] for found in held if judge(found)]


def journalled(drawn: list[Event]) -> list[Event]:
    return [event(number) | made for number, made in enumerate(drawn)]


def agree(store: Store, conditions: list[Condition], held: list[Event]) -> None:
    for condition in conditions:
        page = store.search(Query(where=condition, newest_first=False, limit=1000))
        assert [found["event.id"] for found in page.events] == expected(condition, held), condition
        assert page.total == len(page.events)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(drawn=st.lists(events(), max_size=12), conditions=st.lists(CONDITIONS, min_size=1, max_size=12))
def test_sqlite_answers_as_the_meaning_says(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[Event], conditions: list[Condition]
) -> None:
    store = SqliteStore(tmp_path_factory.mktemp("agree") / "store.sqlite", clock=system_clock)
    held = journalled(drawn)
    assert store.append(held) == len(held)
    agree(store, conditions, held)
    store.close()


MANY = [
    {name: value if shape else [value, VALUES[name][0]]}
    for name in sorted(VALUES)
    for value in VALUES[name]
    for shape in (0, 1)
]
"""Every value once alone and once in a list."""


class Held(list[Event]):
    """Events that do not fill the report of a failure."""

    def __repr__(self) -> str:
        return f"<{len(self)} events>"


@pytest.fixture(scope="module")
def filled(elasticsearch: str) -> Iterator[tuple[Store, list[Event]]]:
    from citywatch.store.elastic import ElasticStore  # noqa: PLC0415 - its client takes a second to import

    chosen = Elastic(prefix=f"test-{uuid4().hex[:8]}", replicas=0)
    store = ElasticStore(elasticsearch, chosen, clock=system_clock)
    held = Held(journalled(MANY))
    assert store.append(held) == len(held)
    yield store, held
    clear(store, chosen.prefix)


@pytest.mark.elasticsearch
@settings(
    max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], database=None
)
@given(condition=CONDITIONS)
@example(condition=Is("tls.established", value=False))
@example(condition=Is("source.port", -(2**63)))
@example(condition=Range("source.port", None, -(2**63)))
def test_elasticsearch_answers_as_the_meaning_says(
    filled: tuple[Store, list[Event]], condition: Condition
) -> None:
    store, held = filled
    agree(store, [condition], held)


def every_atom() -> Iterator[Condition]:
    for name in sorted(ASKED):
        yield Exists(name)
        yield from (Is(name, value) for value in ASKED[name])
        yield from (Range(name, low, high) for low in BAD_BOUNDS for high in (None, *BAD_BOUNDS[1:4]))
        yield from (Like(name, pattern) for pattern in PATTERNS)
    yield from (Text(word) for word in WORDS)


def test_sqlite_answers_every_simple_question(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite", clock=system_clock)
    held = journalled(MANY)
    store.append(held)
    for number, condition in enumerate(islice(every_atom(), 0, None, 3)):
        agree(store, [Not(condition) if number % 2 else condition], held)
    store.close()


@pytest.mark.elasticsearch
def test_elasticsearch_answers_every_simple_question(filled: tuple[Store, list[Event]]) -> None:
    store, held = filled
    for number, condition in enumerate(islice(every_atom(), 0, None, 3)):
        agree(store, [condition if number % 2 else Not(condition)], held)


# -- the meaning itself ----------------------------------------------------------------------------------


RECORD = st.dictionaries(
    st.sampled_from(["state", "title", "severity", "agency", "alert_ids", "opened_at", "x"]),
    st.recursive(
        st.sampled_from((*WORDS[:28], 0, 4, 4.0, 4.5, "4", True, None)),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
        max_leaves=3,
    ),
    max_size=4,
)
PATHS = st.sampled_from(
    ["state", "title", "severity", "agency", "alert_ids", "opened_at", "x", "x.a", "x.b.a"]
)
RECORD_ATOMS: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Is, PATHS, st.sampled_from((*WORDS[:28], 4, 4.0, 4.5, "4", "4.0", True))),
    st.builds(Like, PATHS, st.sampled_from(PATTERNS[:22])),
    st.builds(
        Range, PATHS, st.sampled_from((None, 0, 4, 4.5, "", "b")), st.sampled_from((None, 4, 4.0, "5", "z"))
    ),
    st.builds(Exists, PATHS),
    st.builds(Text, st.sampled_from(WORDS[:20])),
)
RECORD_CONDITIONS = st.recursive(
    RECORD_ATOMS,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(All, st.lists(inner, max_size=3).map(tuple))
        | st.builds(Either, st.lists(inner, max_size=3).map(tuple))
    ),
    max_leaves=4,
)


def records_agree(
    store: Store, kind: str, docs: list[dict[str, Any]], conditions: Sequence[Condition]
) -> None:
    store.put_many(kind, {f"r{number:03}": doc for number, doc in enumerate(docs)})
    for condition in conditions:
        judge = meaning.over_records(condition)
        wanted = [f"r{number:03}" for number, doc in enumerate(docs) if judge(doc)]
        page = store.find(kind, Query(where=condition, order="nothing", newest_first=False, limit=1000))
        assert [record.id for record in page.records] == wanted, condition
        assert page.total == len(wanted)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(docs=st.lists(RECORD, max_size=6), conditions=st.lists(RECORD_CONDITIONS, min_size=1, max_size=8))
def test_sqlite_finds_records_as_the_meaning_says(
    tmp_path_factory: pytest.TempPathFactory, docs: list[dict[str, Any]], conditions: list[Condition]
) -> None:
    store = SqliteStore(tmp_path_factory.mktemp("agree") / "store.sqlite", clock=system_clock)
    records_agree(store, "ticket", docs, conditions)
    store.close()


@pytest.mark.elasticsearch
@settings(
    max_examples=6, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], database=None
)
@given(data=st.data())
def test_elasticsearch_finds_records_as_the_meaning_says(
    filled: tuple[Store, list[Event]], data: st.DataObject
) -> None:
    docs = data.draw(st.lists(RECORD, min_size=30, max_size=30))
    conditions = data.draw(st.lists(RECORD_CONDITIONS, min_size=10, max_size=10))
    records_agree(filled[0], "ticket", docs, conditions)


def test_an_empty_value_exists_and_a_missing_one_does_not() -> None:
    judge = meaning.over_events(All((Is("host.name", "a"), Not(Exists("user.name")))))
    assert judge({"host.name": ["b", "A"]})
    assert not judge({"host.name": "a", "user.name": ""})
