"""Does an allowance close what lies wholly within it, nothing else, and can it be taken back?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from citywatch.errors import CityWatchError
from citywatch.model import Alert, AlertState, Severity, from_doc, to_doc
from citywatch.respond.allow import Allowance, Gate, active, covered, end, new_allowance, put, undo
from citywatch.store.sqlite import SqliteStore

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
RULE = "6a6f1c1e-0000-4000-8000-000000000001"


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "store.sqlite", clock=clock)
    yield made
    made.close()


def alert(name: str, sources: list[str], targets: list[str], rule: str = RULE) -> Alert:
    return Alert(
        id=name,
        rule_id=rule,
        title="Ports are tried",
        severity=Severity.medium,
        subject=sources[0] if sources else "",
        subject_fields={"source.ip": sources[0]} if sources else {},
        first_seen="2026-11-23T07:00:00.000000Z",
        last_seen="2026-11-23T07:30:00.000000Z",
        count=3,
        values={"source.ip": sources, "destination.ip": targets},
    )


def allowance(**given: Any) -> Allowance:
    said: dict[str, Any] = {
        "source": "10.0.0.1", "destination": "10.0.0.2", "either_way": True, "rule_id": "", "title": "",
        "owner": "Lan", "reason": "the own scanner", "by": "minh", "now": NOW, "days": 7,
    }  # fmt: skip
    return new_allowance(**(said | given))


CASES: list[tuple[dict[str, Any], list[str], list[str], bool]] = [
    ({}, ["10.0.0.1"], ["10.0.0.2"], True),
    ({}, ["10.0.0.2"], ["10.0.0.1"], True),
    ({"either_way": False}, ["10.0.0.2"], ["10.0.0.1"], False),
    ({}, ["10.0.0.1"], ["10.0.0.2", "10.0.0.3"], False),
    ({}, ["10.0.0.1", "10.0.0.9"], ["10.0.0.2"], False),
    ({"destination": "10.0.0.0/24"}, ["10.0.0.1"], ["10.0.0.2", "10.0.0.3"], True),
    ({"destination": ""}, ["10.0.0.1"], [], True),
    ({"destination": ""}, ["10.0.0.7"], ["10.0.0.1"], True),
    ({"source": "", "either_way": False}, ["192.0.2.1"], ["10.0.0.2"], True),
    ({}, ["10.0.0.1"], [], False),
    ({}, [], [], False),
    ({"rule_id": RULE}, ["10.0.0.1"], ["10.0.0.2"], True),
    ({"rule_id": "another"}, ["10.0.0.1"], ["10.0.0.2"], False),
    ({"destination": "2001:db8::/32"}, ["10.0.0.1"], ["2001:db8::7"], True),
    ({"destination": "10.0.0.0/8"}, ["10.0.0.1"], [f"10.0.1.{n}" for n in range(50)], False),
    ({"destination": "10.0.0.0/8"}, ["10.0.0.1"], ["no address"], False),
]


@pytest.mark.parametrize(("given", "sources", "targets", "wanted"), CASES)
def test_it_covers_what_lies_wholly_within_it(
    given: dict[str, Any], sources: list[str], targets: list[str], *, wanted: bool
) -> None:
    assert allowance(**given).covers(alert("a", sources, targets)) is wanted


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"source": "nobody"}, "neither an address nor a network"),
        ({"source": "", "destination": ""}, "at least one end"),
        ({"owner": " "}, "an owner and a reason"),
        ({"reason": ""}, "an owner and a reason"),
        ({"days": 0}, "1 to 366 days"),
        ({"days": 1000}, "1 to 366 days"),
    ],
)
def test_what_says_too_much_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(CityWatchError, match=told):
        allowance(**given)


def state(store: SqliteStore, name: str) -> AlertState:
    record = store.get("alert_state", name)
    return from_doc(record.doc, AlertState) if record else AlertState(alert_id=name)


def test_the_past_is_closed_and_put_back(store: SqliteStore, clock: Clock) -> None:
    alerts = [
        alert("within", ["10.0.0.1"], ["10.0.0.2"]),
        alert("looked_at", ["10.0.0.2"], ["10.0.0.1"]),
        alert("done", ["10.0.0.1"], ["10.0.0.2"]),
        alert("beyond", ["10.0.0.1"], ["10.0.0.2", "192.0.2.9"]),
    ]
    store.put_many("alert", {one.id: to_doc(one) for one in alerts})
    looked_at = AlertState(alert_id="looked_at", state="acknowledged", assignee="lan", changed_by="lan")
    done = AlertState(alert_id="done", state="false_positive", changed_by="lan")
    store.put_many("alert_state", {one.alert_id: to_doc(one) for one in (looked_at, done)})
    made = allowance()
    assert {found.id for found, _ in covered(store, made)} == {"within", "looked_at"}
    assert put(store, made) == 2
    assert active(store, clock) == [made]
    assert state(store, "within").state == "closed"
    assert state(store, "within").reason == "allowed: the own scanner"
    assert (state(store, "done"), state(store, "beyond").state) == (done, "new")
    touched = state(store, "within")
    store.put_many(
        "alert_state", {"within": to_doc(touched) | {"state": "false_positive", "changed_by": "an"}}
    )
    assert undo(store, clock, made.id, by="minh") == 1
    assert state(store, "looked_at") == looked_at
    assert state(store, "within").state == "false_positive", "what somebody said since then holds"
    assert active(store, clock) == []
    assert undo(store, clock, made.id, by="minh") == 0


def test_what_comes_is_closed_before_any_playbook_and_opened_when_it_grows_beyond(
    store: SqliteStore, clock: Clock
) -> None:
    gate = Gate(store, clock)
    put(store, allowance())
    within, other = alert("a", ["10.0.0.1"], ["10.0.0.2"]), alert("b", ["10.0.0.5"], ["10.0.0.2"])
    assert gate.let_through([within, other]) == [other]
    assert state(store, "a").state == "closed"
    assert gate.let_through([within]) == []
    grown = alert("a", ["10.0.0.1"], ["10.0.0.2", "192.0.2.9"])
    assert gate.let_through([grown]) == [grown]
    assert state(store, "a").state == "new"


def test_an_end_is_an_end(store: SqliteStore, clock: Clock) -> None:
    gate = Gate(store, clock)
    made = allowance()
    put(store, made)
    within = alert("a", ["10.0.0.1"], ["10.0.0.2"])
    assert gate.let_through([within]) == []
    clock.now += timedelta(days=8)
    assert gate.let_through([within]) == [within], "it has expired"
    again = allowance(now=clock(), by="an")
    put(store, again)
    clock.now += timedelta(minutes=1)
    assert gate.let_through([alert("c", ["10.0.0.1"], ["10.0.0.2"])]) == []
    assert undo(store, clock, again.id, by="minh") == 1, "also one that came later is opened again"
    clock.now += timedelta(minutes=1)
    assert gate.let_through([within]) == [within]
    with pytest.raises(CityWatchError, match="there is no allowance 'x'"):
        end(store, clock, "x", by="minh")
