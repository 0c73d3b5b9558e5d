"""Do correlations see every burst, in any order, over restarts, in bounded memory?"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.clock import stamp_us
from citywatch.detect.sigma.correlate import Correlator
from citywatch.detect.sigma.load import CorrelationRule
from citywatch.detect.sigma.tree import And, Const, Not, Ref
from tests.citywatch.detect.sigma.bursts import BASE, T0, event, hits, rule, run


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
