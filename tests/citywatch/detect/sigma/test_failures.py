"""Are rules that raise named with what they raised, and are only so many kept?"""

from __future__ import annotations

from citywatch.detect.sigma.failures import MOST_RULES, Failure, Failures
from citywatch.model import Rule, Severity


def rule(number: int) -> Rule:
    return Rule(id=f"r-{number}", title=f"Rule {number}", severity=Severity.low, source=f"rules/{number}.yml")


def test_a_rule_is_named_with_what_it_raised_last_and_how_often() -> None:
    failures = Failures()
    failures.note(rule(1), ValueError("too long"), {"event.id": "a"})
    failures.note(rule(2), KeyError("x"), {"event.id": "b"})
    failures.note(rule(1), ValueError("y" * 1000), {"event.id": "c"})
    first, second = failures.all()
    assert (first.rule_id, first.source, first.count, first.event_id) == ("r-1", "rules/1.yml", 2, "c")
    assert first.error.startswith("ValueError: yyy")
    assert len(first.error) <= 300
    assert (second.rule_id, second.error, second.count) == ("r-2", "KeyError: 'x'", 1)
    assert len(failures) == 3


def test_only_so_many_rules_are_kept_and_those_go_on_counting() -> None:
    failures = Failures()
    for number in range(2 * MOST_RULES):
        failures.note(rule(number), ValueError(), {"event.id": number})
    failures.note(rule(0), ValueError(), {})
    assert len(failures.all()) == MOST_RULES
    assert failures.all()[0].count == 2


def test_what_another_process_noted_is_added() -> None:
    one, other = Failures(), Failures()
    one.note(rule(1), ValueError("a"), {"event.id": "a"})
    other.note(rule(1), ValueError("b"), {"event.id": "b"})
    for failure in other.take():
        one.add(failure)
    assert one.all() == (
        Failure(
            rule_id="r-1", title="Rule 1", source="rules/1.yml", error="ValueError: b", event_id="b", count=2
        ),
    )
    assert other.all() == ()
