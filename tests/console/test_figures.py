"""Are the figures that a lead sees those of the store?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from citywatch.clock import stamp
from citywatch.errors import StoreError
from citywatch.model import Agency, Severity, Ticket, to_doc
from citywatch.ports import Store
from citywatch.store.sqlite import SqliteStore
from console.figures import FRESH, STALE, Board, count, spiral

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = SqliteStore(tmp_path / "s.sqlite", clock=lambda: NOW)
    made.put_many(
        "agency", {key: to_doc(Agency(id=key, name=key.upper())) for key in ("so-y-te", "so-gd", "X-Phuong")}
    )
    yield made
    made.close()


def ticket(number: int, agency: str, severity: Severity, state: str = "new", **more: Any) -> Ticket:
    return Ticket(
        id=f"T{number}", key=str(number), title="t", severity=severity, state=state, agency=agency, **more
    )


def test_open_late_and_carried_tickets_are_counted_and_closed_ones_are_not(store: Store) -> None:
    late, soon = stamp(NOW - timedelta(hours=1)), stamp(NOW + timedelta(hours=1))
    held = (
        ticket(1, "so-y-te", Severity.critical, due_at=late, assignee="lan"),
        ticket(2, "so-y-te", Severity.low, "triage", due_at=soon, assignee="lan"),
        ticket(3, "X-Phuong", Severity.medium),
        ticket(4, "so-gd", Severity.critical, "closed", due_at=late),
        ticket(5, "so-gd", Severity.high, "false_positive", due_at=late),
    )
    store.put_many("ticket", {one.id: to_doc(one) for one in held})
    made = count(store, NOW, "Asia/Ho_Chi_Minh")
    assert (made.open, made.late) == (3, 1)
    assert [times for _, times in made.by_severity] == [1, 0, 1, 1, 0]
    assert dict(made.by_state) == {"new": 2, "triage": 1}
    assert set(made.workload) == {("lan", 2, 1), ("", 1, 0)}
    assert [(one.id, one.score, one.open, one.late, one.state) for one in made.agencies] == [
        ("so-y-te", 74, 2, 1, "bad"),
        ("X-Phuong", 96, 1, 0, "watch"),
        ("so-gd", 100, 0, 0, "good"),
    ]


def test_the_trend_counts_by_days_of_the_city(store: Store) -> None:
    times = ("2026-11-21T16:59:59.000000Z", "2026-11-21T17:00:00.000000Z", "2026-11-22T07:00:00.000000Z")
    store.put_many("alert", {str(n): {"id": str(n), "last_seen": at} for n, at in enumerate(times)})
    trend = count(store, NOW, "Asia/Ho_Chi_Minh").trend
    assert [(day.day, day.alerts) for day in trend[-2:]] == [("2026-11-21", 1), ("2026-11-22", 2)]


def test_figures_are_counted_anew_only_when_they_are_old(store: Store) -> None:
    moment = [NOW]
    board = Board(store, lambda: moment[0], "UTC")
    first = board.figures()
    assert board.figures() is first
    moment[0] += FRESH * 2
    assert board.figures() is first, "nobody waits for the new ones"
    board.settle()
    assert board.figures().at > first.at
    moment[0] += STALE * 2
    assert board.figures().at == stamp(moment[0]), "what is too old is not shown"


def test_figures_that_cannot_be_counted_are_shown_until_they_are_stale(store: Store) -> None:
    moment = [NOW]
    board = Board(store, lambda: moment[0], "UTC")
    first = board.figures()
    store.close()
    moment[0] += FRESH * 2
    assert board.figures() is first
    board.settle()
    assert board.figures() is first
    moment[0] += STALE * 2
    with pytest.raises(StoreError):
        board.figures()


@pytest.mark.parametrize("number", [0, 1, 7, 19, 600])
def test_hexagons_have_places_of_their_own_and_stay_close(number: int) -> None:
    places = spiral(number)
    assert len(set(places)) == max(number, 0) or number == 0
    farthest = max((max(abs(q), abs(r), abs(q + r)) for q, r in places), default=0)
    assert 3 * farthest * (farthest - 1) + 1 <= max(number, 1)
