"""Does a burst come out the same in whatever order its events come, over silence and restarts, kept small?"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citywatch.clock import stamp_us
from citywatch.detect.sigma.correlate import Correlator
from citywatch.model import Alert, Event, Match
from tests.citywatch.detect.sigma.bursts import BASE, T0, event, hits, rule, run

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


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(fed=moments, silence=st.sampled_from([500, 661, 5000]), cut=st.integers(0, 400))
def test_what_silence_parts_is_not_counted_together(
    kind: str, fed: list[tuple[int, int, str]], silence: int, cut: int
) -> None:
    parted = sorted((at + silence * (at > cut), value, base) for at, value, base in fed)
    matches = run(Correlator([KINDS[kind]]), feedable(kind, parted))[0]
    want = expected(kind, parted)
    assert sum(match.count for match in matches) == (want[0] if want else 0)


def test_one_event_long_after_a_burst_is_no_burst() -> None:
    correlator = Correlator([rule(count=20)])
    run(correlator, hits([event(second) for second in range(40)]))
    assert run(correlator, hits([event(40 + 661)]))[0] == []
