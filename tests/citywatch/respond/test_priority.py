"""Is a ticket's priority the sum that is shown, and does no part of it lower it?"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.errors import ContentError
from citywatch.model import Severity, Ticket
from citywatch.respond.priority import Weights, load_weights
from tests.citywatch.respond.conftest import an_alert


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return load_weights(tmp_path_factory.mktemp("none"))


def a_ticket(severity: Severity = Severity.high, rules: int = 1) -> Ticket:
    rule_ids = tuple(f"r{number}" for number in range(rules))
    return Ticket(id="HN-1", key="k", title="t", severity=severity, rule_ids=rule_ids)


def test_the_sum_is_shown_part_by_part(weights: Weights) -> None:
    hosts = [f"10.0.0.{number}" for number in range(6)]
    alert = an_alert(asset_level=4, values={"destination.ip": hosts})
    found = weights.of(a_ticket(rules=2), [alert], confidence=50)
    assert found.total == 36 + 14 + 5 + 6 + 7
    assert found.sum == (
        "36 severity (high) + 14 asset_level (4) + 5 confidence (2) + 6 spread (6) + 7 threat (50 %) = 68"
    )


@given(
    st.sampled_from(list(Severity)),
    st.integers(0, 5),
    st.integers(0, 10),
    st.none() | st.integers(0, 100),
    st.integers(1, 60),
)
def test_it_lies_between_nothing_and_a_hundred_and_more_of_anything_never_lowers_it(
    severity: Severity, level: int, rules: int, confidence: int | None, hosts: int
) -> None:
    weights = load_weights(Path("/nonexistent"))
    alert = an_alert(values={"host.name": [f"h{number}" for number in range(hosts)]})
    found = weights.of(a_ticket(severity, rules), [alert], level=max(level, 1), confidence=confidence)
    assert 0 <= found.total <= 100
    assert found.total == min(100, sum(part.points for part in found.parts))
    more = weights.of(
        a_ticket(min(Severity.critical, Severity(min(severity + 1, 4))), rules + 1),
        [alert, an_alert(values={"host.name": ["one-more"]})],
        level=min(max(level, 1) + 1, 5),
        confidence=min((confidence or 0) + 1, 100),
    )
    assert more.total >= found.total


def test_a_house_may_weigh_otherwise_and_is_told_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    file = tmp_path / "tables" / "priority.toml"
    file.write_text("[severity]\nlow = 1\n", encoding="utf-8")
    with pytest.raises(ContentError, match="lacks 'informational'"):
        load_weights(tmp_path)
