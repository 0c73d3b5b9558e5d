"""Do correlations see every burst, in any order, over restarts, in bounded memory?"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.clock import stamp_us
from citywatch.detect.fold import Fold
from citywatch.detect.sigma.correlate import Correlator
from citywatch.detect.sigma.load import CorrelationRule
from citywatch.detect.sigma.tree import And, Const, Not, Ref
from citywatch.model import Alert, Event, Match, Rule, Severity, repeatable_id

T0 = 1_700_000_000_000_000
BASE = "base-1"


def rule(kind: str = "event_count", rule_id: str = "c-1", **more: Any) -> CorrelationRule:
    made: dict[str, Any] = {
        "base_ids": (BASE,),
        "group_by": ("source.ip",),
        "timespan_s": 60,
        "count": 3,
        **more,
    }
    return CorrelationRule(
        rule=Rule(id=rule_id, title="A burst", severity=Severity.high), name=rule_id, type=kind, **made
    )


def event(seconds: float, source: str = "10.0.0.1", **more: Any) -> Event:
    fields = {name.replace("_", "."): value for name, value in more.items()}
    moment = stamp_us(T0 + round(seconds * 1_000_000))
    return {
        "@timestamp": moment,
        "event.id": repeatable_id(moment, source, *map(str, fields.values())),
        "source.ip": source,
        **fields,
    }


def run(
    correlator: Correlator, hits: Sequence[tuple[str, Event]], batch: int = 1000
) -> tuple[list[Match], list[Alert]]:
    fold = Fold()
    matches: list[Match] = []
    alerts: dict[str, Alert] = {}
    for start in range(0, len(hits), batch):
        out: list[Match] = []
        for base, one in hits[start : start + batch]:
            out += correlator.feed(base, one)
        out += correlator.settle()
        matches += out
        alerts.update({alert.id: alert for alert in fold.add(out)})
    return matches, list(alerts.values())


def hits(events: Sequence[Event], base: str = BASE) -> list[tuple[str, Event]]:
    return [(base, one) for one in events]


def test_three_in_a_minute_open_an_alert_that_counts_all_that_follow() -> None:
    matches, alerts = run(Correlator([rule()]), hits([event(second * 10) for second in range(100)]))
    assert len(alerts) == 1
    assert alerts[0].count == 100
    assert alerts[0].first_seen == stamp_us(T0)
    assert alerts[0].last_seen == stamp_us(T0 + 990_000_000)
    assert alerts[0].subject_fields == {"source.ip": "10.0.0.1"}
    assert len({match.window for match in matches}) == 1
    assert len(matches) == 2
    assert alerts[0].explanation[0].value == "100 events"
    assert alerts[0].explanation[0].pattern == "event_count >= 3 in 60s"


def test_two_in_a_minute_stay_silent() -> None:
    assert run(Correlator([rule()]), hits([event(second * 31) for second in range(50)])) == ([], [])


def test_a_burst_over_the_edge_of_a_minute_is_not_split() -> None:
    _, alerts = run(Correlator([rule()]), hits([event(59), event(60), event(61)]))
    assert [alert.count for alert in alerts] == [3]


def test_both_ends_belong_to_a_window() -> None:
    assert len(run(Correlator([rule()]), hits([event(0), event(30), event(60)]))[1]) == 1
    assert run(Correlator([rule()]), hits([event(0), event(30), event(60.000001)]))[1] == []


def test_a_port_scan_is_one_alert_with_all_it_touched() -> None:
    scan = rule("value_count", fields=("destination.port",), count=20)
    events = [
        event(port / 100, destination_ip=f"10.0.1.{port % 7}", destination_port=port)
        for port in range(1, 1001)
    ]
    for batch in (1000, 17, 1):
        matches, alerts = run(Correlator([scan]), hits(events), batch)
        assert [alert.count for alert in alerts] == [1000]
        assert alerts[0].explanation[0].field == "destination.port"
        assert alerts[0].explanation[0].value == "1000 different"
        assert alerts[0].explanation[0].pattern == "value_count(destination.port) >= 20 in 60s"
        assert sorted(alerts[0].values["destination.ip"]) == [f"10.0.1.{last}" for last in range(7)]
        assert len(alerts[0].values["destination.port"]) == 50
        assert len(matches) <= 1 + 1000 / batch


def test_ids_do_not_depend_on_where_batches_end() -> None:
    scan = rule("value_count", fields=("destination.port",), count=20)
    events = [event(port / 10, destination_port=port) for port in range(300)]
    alerts = [run(Correlator([scan]), hits(events), batch)[1] for batch in (1, 7, 64, 1000)]
    assert all(one == alerts[0] for one in alerts)


def test_letter_case_makes_no_second_group_and_no_second_value() -> None:
    users = rule("value_count", group_by=("host.name",), fields=("user.name",), count=2)
    events = [event(0, host_name="PC1", user_name="an"), event(1, host_name="pc1", user_name="AN")]
    assert run(Correlator([users]), hits(events))[1] == []
    events.append(event(2, host_name="Pc1", user_name="binh"))
    assert len(run(Correlator([users]), hits(events))[1]) == 1


def test_an_event_without_the_group_by_field_belongs_to_no_group() -> None:
    events = [event(second, host_name="pc") for second in range(9)]
    for one in events:
        del one["source.ip"]
    assert run(Correlator([rule()]), hits(events))[1] == []


def test_an_event_that_answers_two_of_the_rules_counts_once() -> None:
    two = rule(base_ids=(BASE, "base-2"), count=2)
    one = event(0)
    assert run(Correlator([two]), [(BASE, one), ("base-2", one)])[1] == []
    assert len(run(Correlator([two]), [(BASE, one), ("base-2", one), (BASE, event(1))])[1]) == 1


def both(kind: str, **more: Any) -> CorrelationRule:
    return rule(kind, base_ids=("a", "b"), count=2, **more)


@pytest.mark.parametrize(
    ("kind", "order", "fires"),
    [
        ("temporal", [("a", 0), ("b", 50)], True),
        ("temporal", [("b", 0), ("a", 50)], True),
        ("temporal", [("a", 0), ("b", 61)], False),
        ("temporal", [("a", 0), ("a", 5)], False),
        ("temporal_ordered", [("a", 0), ("b", 50)], True),
        ("temporal_ordered", [("b", 0), ("a", 50)], False),
        ("temporal_ordered", [("b", 0), ("a", 5), ("b", 9)], True),
        ("temporal_ordered", [("b", 7), ("a", 7)], True),
        ("temporal_ordered", [("a", 0), ("b", 61)], False),
        ("temporal_ordered", [("b", 50), ("a", 0)], True),
    ],
)
def test_rules_that_belong_together(kind: str, order: list[tuple[str, int]], *, fires: bool) -> None:
    fed = [(base, event(second, message=base)) for base, second in order]
    assert bool(run(Correlator([both(kind)]), fed)[1]) is fires


def test_an_explanation_calls_the_rules_by_their_titles_in_the_order_they_fired() -> None:
    correlator = Correlator([both("temporal")])
    correlator.call({"a": "Failed login", "b": "Login"})
    matches, _ = run(correlator, [("b", event(0)), ("a", event(1))])
    assert matches[0].reasons[0].value == "Login, Failed login"
    assert matches[0].reasons[1].pattern == "group-by"


def test_an_extended_condition_looks_back_for_what_must_not_have_been() -> None:
    asked = And((Ref("a"), Not(Ref("b"))))
    correlator = Correlator([both("temporal", expression=asked)])
    assert run(correlator, [("b", event(0)), ("a", event(10))])[1] == []
    assert len(run(correlator, [("a", event(100))])[1]) == 1


def test_an_ordered_extended_condition_wants_its_rules_in_order() -> None:
    asked = And((Ref("a"), Ref("b")))
    ordered = both("temporal_ordered", expression=asked)
    assert run(Correlator([ordered]), [("b", event(0)), ("a", event(10))])[1] == []
    assert len(run(Correlator([ordered]), [("a", event(0)), ("b", event(10))])[1]) == 1


@pytest.mark.parametrize(
    ("kind", "more", "values", "fires"),
    [
        ("value_sum", {"count": 100}, [40, 40, 19.999999], False),
        ("value_sum", {"count": 100}, [40, 40, 20], True),
        ("value_sum", {"count": 100}, ["60", "40"], True),
        ("value_avg", {"count": 10, "op": "gt"}, [10, 10], False),
        ("value_avg", {"count": 10, "op": "gt"}, [1, 20], True),
        ("value_median", {"count": 5}, [1, 1, 4, 4], False),
        ("value_median", {"count": 5}, [9, 1], True),
        ("value_percentile", {"count": 10, "percentile": 95}, [1] * 40, False),
        ("value_percentile", {"count": 10, "percentile": 0}, [11], True),
        ("value_sum", {"count": 1}, ["many", True, float("inf"), float("nan")], False),
    ],
)
def test_what_is_added_up(kind: str, more: dict[str, Any], values: list[Any], *, fires: bool) -> None:
    asked = rule(kind, fields=("source.bytes",), **more)
    events = [event(second, source_bytes=value) for second, value in enumerate(values)]
    assert bool(run(Correlator([asked]), hits(events))[1]) is fires


def test_a_name_may_mean_different_fields_in_different_rules() -> None:
    asked = both(
        "temporal",
        group_by=("who",),
        aliases={"who": {"a": "source.ip", "b": "destination.ip"}},
    )
    fed = [
        ("a", event(0, source="10.0.0.7")),
        ("b", event(5, source="10.9.9.9", destination_ip="10.0.0.7")),
    ]
    _, alerts = run(Correlator([asked]), fed)
    assert alerts[0].subject == "10.0.0.7"
    assert alerts[0].subject_fields == {"source.ip": "10.0.0.7"}
    assert alerts[0].values["destination.ip"] == ["10.0.0.7"]
    assert alerts[0].values["source.ip"] == ["10.0.0.7", "10.9.9.9"]


def test_a_correlation_may_be_built_on_another() -> None:
    inner = rule(rule_id="guessing", base_ids=("failed",), count=5)
    outer = rule(
        "temporal_ordered",
        rule_id="guessed",
        base_ids=("guessing", "login"),
        count=2,
        timespan_s=30,
    )
    fed = [("failed", event(second)) for second in range(0, 300, 5)]
    fed.append(("login", event(310)))
    _, alerts = run(Correlator([outer, inner]), fed)
    assert [alert.rule_id for alert in alerts] == ["guessed"]
    assert Correlator([outer, inner]).wants == {"failed", "login"}
    loud = dataclasses.replace(outer, generate=True)
    assert {alert.rule_id for alert in run(Correlator([loud, inner]), fed)[1]} == {"guessed", "guessing"}


def test_bursts_of_bursts_are_counted_as_bursts() -> None:
    inner = rule(rule_id="inner", count=3)
    outer = rule(rule_id="outer", base_ids=("inner",), count=2, timespan_s=3600)
    long_burst = [event(second) for second in range(100)]
    assert run(Correlator([inner, outer]), hits(long_burst))[1] == []
    again = [event(1000 + second) for second in range(3)]
    assert len(run(Correlator([inner, outer]), hits(long_burst + again))[1]) == 1


def test_what_cannot_be_followed_is_left_out_with_its_reason_and_the_rest_goes_on() -> None:
    many = tuple("abcdefghijkl")
    asked = And(tuple(Ref(base) for base in many))
    correlator = Correlator(
        [
            rule(rule_id="x", base_ids=("y",)),
            rule(rule_id="y", base_ids=("x",)),
            rule("value_percentile", rule_id="p", percentile=101, fields=("source.bytes",)),
            rule(rule_id="on-p", base_ids=("p",)),
            rule("temporal_ordered", rule_id="o", base_ids=many, expression=asked),
            rule("temporal", rule_id="t", expression=Const(yes=True)),
            rule("nonsense", rule_id="n"),
            rule(rule_id="good"),
            rule(rule_id="on-good", base_ids=("good",)),
        ]
    )
    assert sorted(one.rule.id for one, _ in correlator.refused) == ["n", "o", "on-p", "p", "t", "x", "y"]
    assert all(why for _, why in correlator.refused)
    assert correlator.wants == {BASE}


def test_time_that_cannot_be_read_is_counted_not_raised() -> None:
    correlator = Correlator([rule()])
    assert correlator.feed(BASE, {"@timestamp": "yesterday", "source.ip": "10.0.0.1"}) == []
    assert correlator.feed(BASE, {"source.ip": "10.0.0.1"}) == []
    assert correlator.health().unusable == 2


# -- order of arrival ------------------------------------------------------------------------------------

KINDS = {
    "event_count": rule("event_count"),
    "value_count": rule("value_count", fields=("destination.port",)),
    "temporal": rule("temporal", base_ids=("a", "b", "c")),
    "temporal_ordered": rule("temporal_ordered", base_ids=("a", "b", "c")),
    "value_sum": rule("value_sum", fields=("destination.port",), count=9),
}
moments = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 4), st.sampled_from("abc")), min_size=1, max_size=60
)


def told(alerts: Sequence[Alert]) -> set[tuple[object, ...]]:
    return {
        (alert.rule_id, alert.subject, alert.count, alert.first_seen, alert.last_seen) for alert in alerts
    }


def expected(kind: str, fed: Sequence[tuple[int, int, str]]) -> tuple[int, int, int] | None:
    """Count, first and last of all events that lie in any window of 60 s which says yes: the slow way."""
    covered: set[int] = set()
    for end, _, _ in fed:
        inside = [one for one in enumerate(fed) if end - 60 <= one[1][0] <= end]
        if _slow(kind, [one for _, one in inside]):
            covered |= {place for place, _ in inside}
    if not covered:
        return None
    times = [fed[place][0] for place in covered]
    return len(covered), min(times), max(times)


def _slow(kind: str, inside: Sequence[tuple[int, int, str]]) -> bool:
    if kind == "event_count":
        return len(inside) >= 3
    if kind == "value_count":
        return len({value for _, value, _ in inside}) >= 3
    if kind == "value_sum":
        return sum(value for _, value, _ in inside) >= 9
    if kind == "temporal":
        return len({base for _, _, base in inside}) == 3
    return any(
        first[0] <= second[0] <= third[0]
        for first in inside
        if first[2] == "a"
        for second in inside
        if second[2] == "b"
        for third in inside
        if third[2] == "c"
    )


def feedable(kind: str, fed: Sequence[tuple[int, int, str]]) -> list[tuple[str, Event]]:
    bases = KINDS[kind].base_ids
    return [
        (base if len(bases) > 1 else BASE, event(at, destination_port=value, message=f"{base}{place}"))
        for place, (at, value, base) in enumerate(fed)
    ]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(fed=moments, batch=st.integers(1, 30))
def test_late_events_give_what_events_in_order_give(
    kind: str, fed: list[tuple[int, int, str]], batch: int
) -> None:
    late = run(Correlator([KINDS[kind]]), feedable(kind, fed), batch)[1]
    straight = run(Correlator([KINDS[kind]]), feedable(kind, sorted(fed)), batch)[1]
    assert told(late) == told(straight)
    want = expected(kind, fed)
    got = {(alert.count, alert.first_seen, alert.last_seen) for alert in late}
    assert got == (
        {(want[0], stamp_us(T0 + want[1] * 1_000_000), stamp_us(T0 + want[2] * 1_000_000))} if want else set()
    )


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(fed=moments, cut=st.integers(0, 60), batch=st.integers(1, 30))
def test_a_restart_anywhere_changes_nothing(
    kind: str, fed: list[tuple[int, int, str]], cut: int, batch: int
) -> None:
    whole = feedable(kind, fed)
    steady = Correlator([KINDS[kind]])
    straight = run(steady, whole[:cut], batch)[0] + run(steady, whole[cut:], batch)[0]
    first = Correlator([KINDS[kind]])
    before = run(first, whole[:cut], batch)[0]
    saved = {key: value for key, value in first.changes().items() if value is not None}
    second = Correlator([KINDS[kind]])
    second.restore(saved)
    after = run(second, whole[cut:], batch)[0]
    assert before + after == straight


def test_long_bursts_keep_little_and_count_late_events_inside_them_exactly() -> None:
    correlator = Correlator([rule("value_count", fields=("destination.port",), count=20)])
    events = [event(number / 1000, destination_port=number % 500) for number in range(20_000)]
    inside = [event(number + 0.0005, destination_port=7, message="late") for number in range(10)]
    _, alerts = run(correlator, hits(events + inside), 500)
    assert [alert.count for alert in alerts] == [20_010]
    assert alerts[0].explanation[0].value == "500 different"
    assert correlator.health().entries < 300
    assert correlator.health().dropped == 0


@pytest.mark.parametrize("repeat", [1, 7, 60])
def test_a_busy_group_keeps_little_and_still_sees_the_slow_scan_in_it(repeat: int) -> None:
    slow = rule("value_count", fields=("destination.port",), count=15, timespan_s=3600)
    correlator = Correlator([slow])
    busy = [event(number / 10, destination_port=443, message=str(number)) for number in range(20_000)]
    scan = [event(number * 60 + 1, destination_port=number, message="scan") for number in range(30 * repeat)]
    fed = sorted(busy + scan, key=lambda one: one["@timestamp"])
    matches, _ = run(correlator, hits(fed), 2000)
    assert matches[0].at == scan[13]["@timestamp"]
    assert correlator.health().entries < 700
    assert correlator.health().dropped == 0


@pytest.mark.parametrize("kind", ["value_count", "temporal", "temporal_ordered"])
@settings(max_examples=60, deadline=None)
@given(fed=moments)
def test_thinning_changes_neither_whether_nor_when_a_burst_opens(
    kind: str, fed: list[tuple[int, int, str]]
) -> None:
    whole = feedable(kind, sorted(fed))
    plain = run(Correlator([KINDS[kind]]), whole)[0]
    thinned = Correlator([KINDS[kind]])
    for table in thinned._tables.values():  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - to thin at once
        table.question.thin_at = table.question.trim_at = 3
    out: list[Match] = []
    for base, one in whole:
        out += thinned.feed(base, one)
        for table in thinned._tables.values():  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - as above
            for group in table.young.values():
                group.trim(table.question)
    assert {match.window: match.at for match in reversed(out)} == {
        match.window: match.at for match in reversed(plain)
    }


def test_a_sum_over_very_many_small_events_is_not_lost() -> None:
    volume = rule("value_sum", fields=("source.bytes",), count=50_000, timespan_s=86_400)
    correlator = Correlator([volume], most_in_group=2000)
    events = [event(number, source_bytes=1, message=str(number)) for number in range(50_000)]
    matches, alerts = run(correlator, hits(events), 2000)
    assert matches[0].at == events[-1]["@timestamp"]
    assert alerts[0].count == 50_000
    assert correlator.health().entries < 2000


def test_an_older_capture_read_later_is_judged_on_its_own() -> None:
    correlator = Correlator([rule()])
    year = 365 * 86_400
    old = [event(second - year) for second in range(3)]
    older = [event(second - 2 * year) for second in range(3)]
    new = [event(second) for second in range(3)]
    _, alerts = run(correlator, hits(new + old + older))
    assert [alert.count for alert in alerts] == [3, 3, 3]
    assert correlator.health().late > 0


def test_too_many_groups_push_out_the_longest_untouched_and_it_shows() -> None:
    correlator = Correlator([rule()], most_groups=500)
    for number in range(2000):
        correlator.feed(BASE, event(number / 1000, source=f"10.1.{number // 250}.{number % 250}"))
    correlator.settle()
    health = correlator.health()
    assert health.groups <= 500
    assert health.evicted >= 1500
    changes = correlator.changes()
    assert sum(value is not None for value in changes.values()) == health.groups
    assert sum(value is None for value in changes.values()) == 2000 - health.groups


def test_groups_whose_time_is_over_leave_quietly() -> None:
    correlator = Correlator([rule()], late_s=10)
    for number in range(3000):
        correlator.feed(BASE, event(number, source=f"10.1.{number // 250}.{number % 250}"))
    assert correlator.health().groups < 200
    assert correlator.health().evicted == 0


def test_one_group_can_hold_only_so_much_and_it_shows() -> None:
    correlator = Correlator([rule(count=50_000, op="eq")], most_in_group=1000)
    run(correlator, hits([event(number / 1000) for number in range(3000)]))
    assert correlator.health().entries <= 1000
    assert correlator.health().dropped >= 2000


def test_state_of_a_changed_rule_is_given_up_and_of_an_edited_title_kept() -> None:
    first = Correlator([rule()])
    run(first, hits([event(0), event(1)]))
    saved = {key: value for key, value in first.changes().items() if value is not None}
    renamed = rule()
    renamed = dataclasses.replace(renamed, rule=dataclasses.replace(renamed.rule, title="Another"))
    same = Correlator([renamed])
    same.restore(saved)
    assert len(run(same, hits([event(2)]))[1]) == 1
    other = Correlator([rule(count=2)])
    other.restore(saved)
    assert run(other, hits([event(2)]))[1] == []
    assert dict.fromkeys(saved) == {key: value for key, value in other.changes().items() if key in saved}


def test_a_reload_hands_groups_over() -> None:
    first = Correlator([rule(), rule(rule_id="gone")])
    run(first, hits([event(0), event(1)]))
    second = Correlator([rule()])
    second.adopt(first)
    assert sorted(value is None for value in second.changes().values()) == [False, True]
    assert len(run(second, hits([event(2)]))[1]) == 1


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(max_size=30), st.binary(max_size=60), max_size=5))
def test_spoilt_state_is_given_up(state: dict[str, bytes]) -> None:
    correlator = Correlator([rule()])
    correlator.restore(state)
    correlator.restore({f"{next(iter(_names()))}": raw for raw in state.values()})
    assert all(value is None for value in correlator.changes().values()) or correlator.health().groups


def _names() -> list[str]:
    correlator = Correlator([rule()])
    correlator.feed(BASE, event(0))
    return list(correlator.changes())
