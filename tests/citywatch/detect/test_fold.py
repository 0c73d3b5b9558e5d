"""Are matches folded into the alerts an analyst expects, and only once?"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.clock import stamp_us
from citywatch.detect import fold as folding
from citywatch.detect.fold import Fold, carried, row
from citywatch.model import Alert, Match, Reason, Rule, Severity, repeatable_id

T0 = 1_700_000_000_000_000
RULE = Rule(
    id="r-1", title="A rule", severity=Severity.high, tags=("attack.t1046",), category="network_attack"
)


def at(hours: float) -> str:
    return stamp_us(T0 + round(hours * 3_600_000_000))


def match(
    hours: float, subject: str = "10.0.0.1", *, window: str = "", rule: Rule = RULE, count: int = 1
) -> Match:
    event_id = repeatable_id(str(hours), subject)
    return Match(
        rule=rule,
        subject=(("source.ip", subject),),
        at=at(hours),
        first_at=at(hours),
        event_ids=(event_id,),
        count=count,
        reasons=(Reason(field="url.path", value=f"/{hours}", pattern="*"),),
        event={"event.id": event_id, "event.sequence": int(hours * 10) + 1, "source.ip": subject},
        window=window,
    )


def folded(fold: Fold, matches: Sequence[Match], batch: int = 100) -> dict[str, Alert]:
    alerts: dict[str, Alert] = {}
    for start in range(0, len(matches), batch):
        alerts.update({alert.id: alert for alert in fold.add(matches[start : start + batch])})
    return alerts


def test_one_rule_and_subject_make_one_alert_until_it_was_quiet_for_a_day() -> None:
    alerts = list(folded(Fold(), [match(hour) for hour in (0, 1, 20, 43.9, 68, 69)]).values())
    assert [alert.count for alert in alerts] == [4, 2]
    assert alerts[0].first_seen == at(0)
    assert alerts[0].last_seen == at(43.9)
    assert alerts[0].explanation[0].value == "/0"
    assert alerts[0].sequence == 440
    assert alerts[0].values == {"source.ip": ["10.0.0.1"]}
    assert alerts[0].category == "network_attack"


def test_rules_and_subjects_are_kept_apart() -> None:
    other = dataclasses.replace(RULE, id="r-2")
    alerts = folded(Fold(), [match(0), match(0, "10.0.0.2"), match(0, rule=other)])
    assert len(alerts) == 3


def test_a_rule_may_ask_for_another_quiet_time() -> None:
    assert len(folded(Fold({"r-1": "1h"}), [match(0), match(0.9), match(2)])) == 2
    assert len(folded(Fold({"r-1": "whenever"}), [match(0), match(0.9), match(2)])) == 1


def test_matches_of_one_correlation_window_fold_however_long_it_goes_on() -> None:
    fold = Fold({"r-1": "1s"})
    alerts = list(folded(fold, [match(hour, window="w", count=10) for hour in range(5)]).values())
    assert [alert.count for alert in alerts] == [50]


def test_a_burst_that_goes_on_updates_its_own_figures_only() -> None:
    def said(value: str, window: str) -> Match:
        reasons = (Reason(field="destination.port", value=value, pattern="value_count >= 20 in 60s"),)
        return dataclasses.replace(match(0, window=window), reasons=reasons)

    alert = next(iter(folded(Fold(), [said("20", "a"), said("900", "a"), said("31", "b")]).values()))
    assert alert.explanation[0].value == "900"
    assert alert.count == 3


def test_captures_of_different_years_in_any_order_are_different_alerts() -> None:
    year = 365 * 24
    alerts = folded(Fold(), [match(0), match(-year), match(1), match(1 - year), match(-2 * year)])
    assert sorted(alert.count for alert in alerts.values()) == [1, 2, 2]


def test_a_late_match_moves_first_seen_but_not_the_id() -> None:
    fold = Fold()
    first = folded(fold, [match(5)])
    later = folded(fold, [match(4)])
    assert first.keys() == later.keys()
    assert next(iter(later.values())).first_seen == at(4)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 100), st.sampled_from(["a", "b"])), max_size=30),
    st.integers(0, 30),
    st.integers(1, 30),
)
def test_a_restart_or_another_batch_border_changes_no_alert(
    seen: list[tuple[int, str]], cut: int, batch: int
) -> None:
    matches = [match(hour, subject) for hour, subject in seen]
    whole = folded(Fold(), matches)
    first = Fold()
    alerts = folded(first, matches[:cut], batch)
    saved = {key: value for key, value in first.changes().items() if value is not None}
    for _ in range(2):  # the second time is the batch judged again from the old state
        second = Fold()
        second.restore(saved)
        alerts.update(folded(second, matches[cut:], batch))
        assert alerts == whole


def test_only_so_many_alerts_stay_open_and_it_shows() -> None:
    fold = Fold(limit=10)
    folded(fold, [match(0, f"10.0.0.{number}") for number in range(30)])
    assert fold.health().open == 10
    assert fold.health().evicted == 20
    changes = fold.changes()
    assert sum(value is not None for value in changes.values()) == 10
    assert sum(value is None for value in changes.values()) == 20


def test_alerts_long_quiet_are_closed() -> None:
    fold = Fold()
    folded(fold, [match(0)])
    folded(fold, [match(100, f"s{number % 50}") for number in range(folding._STALE_AFTER + 10)])  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the test follows the constant
    assert fold.health().open == 50
    assert fold.health().closed == 1


def test_spoilt_state_is_dropped() -> None:
    fold = Fold()
    fold.restore({"x": b"\xff", "y": b""})
    assert fold.changes() == {"x": None, "y": None}


def test_values_are_carried_as_text_at_most_fifty_of_each() -> None:
    many = [f"10.0.0.{number}" for number in range(80)]
    assert len(carried({"dns.resolved_ip": many})["dns.resolved_ip"]) == 50
    assert carried({"destination.port": 22, "user.name": "", "message": "m"}) == {"destination.port": ["22"]}
    alerts = folded(
        Fold(),
        [match(0), *(dataclasses.replace(match(0), values={"user.name": [str(n)]}) for n in range(80))],
    )
    assert len(next(iter(alerts.values())).values["user.name"]) == 50


def test_a_row_says_what_other_programs_need() -> None:
    alert = next(iter(folded(Fold(), [match(0)]).values()))
    said = row(alert)
    assert said["rule_id"] == "r-1"
    assert said["severity"] == "high"
    assert said["source_ip"] == "10.0.0.1"
    assert said["source_ips"] == ["10.0.0.1"]
    assert said["destination_ip"] is None
    assert said["destination_ips"] == []
    assert said["explanation"] == [{"field": "url.path", "value": "/0", "pattern": "*"}]
