"""Is what is judged here the same as what a store would find, and does it end in time?"""

from __future__ import annotations

import pytest

from citywatch.model import Alert
from citywatch.ports import All, Condition, Either, Everything, Is, Like, Not, Query, Range, Text
from console.web.accounts import get_user
from console.web.desk import Desk
from console.web.scan import read_slice, split
from tests.console.web.conftest import SmallHouse

CONDITIONS: tuple[Condition, ...] = (
    Everything(),
    Is("agency", "so-y-te"),
    Is("subject", "CONG-so-y-te"),
    Is("severity", 3),
    Is("values.source.ip", "203.0.113.7"),
    Like("values.source.ip", "203.0.113.1*"),
    Is("subject_fields.host.name", "may-chu-07"),
    Like("title_vi", "*mật khẩu*"),
    Range("count", 100, None),
    Is("tags", "attack.t1490"),
    Text("vssadmin"),
    Text("phường"),
    Text('a "quoted" one'),
    Text("Web Shell"),
    Not(Text("cổng")),
    All((Is("agency", "so-y-te"), Text("cổng"), Range("severity", 1, None))),
    Either((Text("vssadmin"), Is("agency", "so-tai-chinh"))),
    All((Not(Is("category", "spam")), Is("explanation.field", "url.path"))),
)


def desk_of(house: SmallHouse) -> Desk:
    user = get_user(house.store, "lan")
    assert user
    return Desk(house.store, user)


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_pages_judged_here_are_those_that_the_store_would_find(
    house: SmallHouse, city: list[Alert], condition: Condition
) -> None:
    assert city
    whole = house.store.find("alert", Query(where=condition, order="last_seen", limit=500))
    seen: list[str] = []
    after: str | None = None
    for _ in range(200):
        query = Query(where=condition, order="last_seen", limit=7, after=after)
        found = read_slice(desk_of(house), "alert", query, budget_s=60)
        seen += [record.id for record in found.records]
        after = found.next
        if after is None:
            break
    assert seen == [record.id for record in whole.records]


def test_a_sift_and_a_budget_lose_nothing_over_the_pages(house: SmallHouse, city: list[Alert]) -> None:
    seen: list[str] = []
    after: str | None = None
    for _ in range(200):
        query = Query(where=Text("a"), order="last_seen", limit=5, after=after)
        found = read_slice(
            desk_of(house), "alert", query, lambda some: [hash(one.id) % 3 == 0 for one in some], budget_s=0
        )
        seen += [record.id for record in found.records]
        after = found.next
        if after is None:
            break
    assert sorted(seen) == sorted(one.id for one in city if hash(one.id) % 3 == 0)


def test_a_store_with_an_index_on_everything_is_asked_everything() -> None:
    condition = All((Text("a"), Is("agency", "b")))
    assert split("alert", condition, indexed=True) == (condition, Everything())
