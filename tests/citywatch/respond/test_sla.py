"""Do a ticket's clocks follow from its history: held, met, late, opened again; and who is told when?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.clock import stamp
from citywatch.errors import ContentError
from citywatch.model import Change, Severity, Ticket
from citywatch.respond.lifecycle import CLOSED, TRANSITIONS, move
from citywatch.respond.metrics import ALL, measure
from citywatch.respond.sla import GOALS, GoalClock, Sla, course_of, load_sla, read_sla
from citywatch.schema import TABLES

OPENED = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # a Monday, nine in the morning
HOUSE = load_sla(Path("/nowhere"), "Asia/Ho_Chi_Minh")


def at(**span: float) -> datetime:
    return OPENED + timedelta(**span)


def ticket(severity: Severity = Severity.high, *, agency: str = "", state: str = "new") -> Ticket:
    opened = stamp(OPENED)
    return Ticket(
        id="HN-2026-000001",
        key="k",
        title="t",
        severity=severity,
        opened_at=opened,
        changed_at=opened,
        agency=agency,
        state=state,
    )


def moved(ticket: Ticket, *moves: tuple[str, float]) -> Ticket:
    """Moved to states, so many hours after it was opened."""
    for to, hours in moves:
        ticket = move(ticket, to, by="lan", at=stamp(at(hours=hours)), note="vì")
    return ticket


def clock(ticket: Ticket, goal: str, now: datetime, sla: Sla = HOUSE) -> GoalClock:
    return next(one for one in sla.clocks(ticket, now, {"yte"}) if one.goal == goal)


def test_a_new_ticket_has_every_clock_of_its_policy_running() -> None:
    clocks = HOUSE.clocks(ticket(), at(minutes=30))
    assert [(one.goal, one.state, one.late) for one in clocks] == [(goal, "running", False) for goal in GOALS]
    first = HOUSE.next_due(clocks)
    assert first
    assert (first.goal, first.due, first.left) == ("acknowledge", at(hours=1), timedelta(minutes=30))


def test_goals_are_met_by_the_states_that_say_so() -> None:
    there = moved(ticket(), ("triage", 0.5), ("confirmed", 2), ("contained", 30))
    assert clock(there, "acknowledge", at(hours=40)).met_at == at(hours=0.5)
    contain = clock(there, "contain", at(hours=40))
    assert (contain.state, contain.late, contain.used) == ("met", True, timedelta(hours=30))
    assert clock(there, "close", at(hours=40)).due == at(days=5)


def test_on_hold_stops_the_clock() -> None:
    held = moved(ticket(), ("triage", 1), ("on_hold", 2))
    close = clock(held, "close", at(hours=50))
    assert (close.state, close.due, close.used) == ("held", None, timedelta(hours=2))
    going = moved(held, ("triage", 26))
    close = clock(going, "close", at(hours=50))
    assert (close.state, close.due, close.used) == ("running", at(days=6), timedelta(hours=26))
    assert HOUSE.notices(held) == []


def test_what_fell_back_is_not_contained_any_more() -> None:
    back = moved(ticket(), ("confirmed", 1), ("contained", 2), ("confirmed", 5))
    assert clock(back, "contain", at(hours=6)).state == "running"
    again = moved(back, ("contained", 7))
    assert clock(again, "contain", at(hours=8)).met_at == at(hours=7)


def test_a_ticket_opened_again_begins_a_new_round() -> None:
    closed = moved(ticket(), ("false_positive", 1))
    assert {one.state for one in HOUSE.clocks(closed, at(hours=2))} == {"met"}
    again = moved(closed, ("reopened", 100))
    acknowledge = clock(again, "acknowledge", at(hours=100.5))
    assert (acknowledge.state, acknowledge.due) == ("running", at(hours=101))
    assert {notice.round for notice in HOUSE.notices(again)} == {2}


def test_the_agencys_first_line_is_its_answer() -> None:
    waits = ticket(agency="so-y-te")
    assert clock(waits, "answer", at(hours=1)).state == "running"
    line = Change(at=stamp(at(hours=3)), by="yte", what="comment", note="đã nhận")
    answered = replace(waits, history=(line,))
    assert clock(answered, "answer", at(hours=9)).met_at == at(hours=3)


def test_working_hours_count_where_the_policy_says_so() -> None:
    medium = ticket(Severity.medium)
    assert clock(medium, "acknowledge", at(hours=1)).due == at(hours=5)  # over noon
    assert clock(medium, "contain", at(hours=1)).due == datetime(2026, 11, 25, 2, 0, tzinfo=UTC)


def test_who_takes_a_ticket_has_acknowledged_it() -> None:
    def assigned(to: str) -> Ticket:
        line = Change(at=stamp(at(minutes=5)), by="lan", what="assigned", note=to)
        return replace(ticket(), history=(line,))

    assert clock(assigned("lan"), "acknowledge", at(hours=1)).state == "met"
    assert clock(assigned("minh"), "acknowledge", at(hours=1)).state == "running"


def test_reminders_go_to_the_assignee_and_then_up_the_chain() -> None:
    told = [notice for notice in HOUSE.notices(ticket()) if notice.goal == "acknowledge"]
    assert [(notice.part, notice.to, notice.at) for notice in told] == [
        (50, ("assignee",), at(minutes=30)),
        (80, ("assignee",), at(minutes=48)),
        (100, ("lead",), at(minutes=60)),
        (150, ("lead", "admin"), at(minutes=90)),
    ]
    assert told[0].key("HN-1") == "HN-1:1:acknowledge:50"


def test_without_an_agency_nobody_waits_for_its_answer() -> None:
    assert "answer" not in {notice.goal for notice in HOUSE.notices(ticket())}
    asked = [notice.to for notice in HOUSE.notices(ticket(agency="so-y-te")) if notice.goal == "answer"]
    assert asked[0] == ("agency",)


def test_a_state_that_the_history_does_not_tell_counts_from_the_last_change() -> None:
    imported = ticket(state="contained")
    assert clock(imported, "contain", at(hours=1)).state == "met"
    assert course_of(Ticket(id="x", key="k", title="t", severity=Severity.low)) is None


walks = st.lists(st.tuples(st.integers(0, 20), st.floats(0.1, 50)), max_size=25)


@settings(max_examples=40)
@given(walk=walks, now=st.floats(0, 1500))
def test_on_any_walk_time_never_runs_while_held_and_due_agrees_with_late(
    walk: list[tuple[int, float]], now: float
) -> None:
    there, hours = ticket(), 0.0
    for choice, later in walk:
        ways = sorted(TRANSITIONS[there.state])
        hours += later
        there = moved(there, (ways[choice % len(ways)], hours))
    moment = at(hours=hours + now)
    course = course_of(there)
    assert course
    assert ("close" in course.met) == (there.state in CLOSED)
    assert course.held == (there.state == "on_hold")
    for one in HOUSE.clocks(there, moment):
        assert timedelta(0) <= one.used <= moment - OPENED
        if one.due is not None:
            assert one.late == (moment > one.due)
            assert one.late or abs(one.left - (one.due - moment)) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[policy]]\nname='a'\ncontain='soon'", "policy 'a': contain: 'soon' is no time"),
        ("[[policy]]\nname='a'\nclock='moon'", "clock 'moon'"),
        ("[[policy]]\nname='a'\npriority=['odd']", "no priority 'odd'"),
        ("[[policy]]\nname='a'\nclsoe='1d'", "there is no 'clsoe'"),
        ("[[policy]]\nclose='1d'", "name"),
        ("[polices]\n", "no section 'polices'"),
        ("[hours\n", "line 1"),
        ("[hours]\nmonday='8-17'", "no span of hours"),
    ],
)
def test_a_wrong_table_is_told_with_what_and_where(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "sla.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ContentError, match=r"sla\.toml") as error:
        read_sla(file, TABLES / "holidays.tsv", "Asia/Ho_Chi_Minh")
    assert told in str(error.value)


def test_the_houses_own_table_takes_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    own = "[[policy]]\nname='y tế'\nagency=['so-y-te']\nclose='1h'\n[[policy]]\nname='all'\nclose='2h'\n"
    (tmp_path / "tables" / "sla.toml").write_text(own, encoding="utf-8")
    sla = load_sla(tmp_path, "Asia/Ho_Chi_Minh")
    assert clock(ticket(agency="so-y-te"), "close", OPENED, sla).due == at(hours=1)
    assert clock(ticket(agency="so-noi-vu"), "close", OPENED, sla).due == at(hours=2)


def test_numbers_of_a_period_are_counted_by_agency_and_can_be_traced() -> None:
    def numbered(number: int, agency: str, *moves: tuple[str, float]) -> Ticket:
        return replace(moved(ticket(agency=agency), *moves), id=f"T{number}")

    tickets = [
        numbered(1, "a", ("triage", 1), ("confirmed", 2), ("recovered", 10), ("closed", 12)),
        numbered(2, "a", ("triage", 3), ("on_hold", 4), ("false_positive", 24)),
        numbered(3, "b"),
    ]
    rows = measure(tickets, HOUSE, OPENED, at(hours=48))
    assert set(rows) == {ALL, "a", "b"}
    assert (rows["a"].opened, rows["a"].closed, rows["a"].backlog) == (["T1", "T2"], ["T1", "T2"], [])
    assert rows["a"].mean("acknowledge") == 2 * 3600
    assert rows["a"].mean("close") == (12 + 4) / 2 * 3600  # twenty hours on hold are not counted
    assert rows["a"].late["acknowledge"] == ["T2"]
    assert rows["b"].flat()["backlog"] == 1
    assert rows["b"].flat()["mttr_s"] is None
    assert rows[ALL].ids() == ["T1", "T2", "T3"]
    later = measure(tickets, HOUSE, at(hours=11), at(hours=13))
    assert (later[ALL].opened, later[ALL].closed, later[ALL].backlog) == ([], ["T1"], ["T2", "T3"])
