"""What must every store do? One class of tests, run on each store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from citywatch.errors import Conflict, StoreError
from citywatch.model import Event
from citywatch.ports import (
    All,
    Either,
    Everything,
    Exists,
    Is,
    Like,
    Not,
    Query,
    Range,
    Store,
    Text,
)


def event(number: int, *, day: str = "2026-11-22", **fields: Any) -> Event:
    """A journalled event; field names with `__` for the dot."""
    made: Event = {
        "@timestamp": f"2026-11-22T08:{number // 60:02}:{number % 60:02}.000000Z",
        "event.id": f"{number:032x}",
        "event.dataset": "network.flow",
        "event.sequence": number,
        "event.ingested": f"{day}T09:00:00.000000Z",
    }
    return made | {name.replace("__", "."): value for name, value in fields.items()}


def numbers(events: Sequence[Event]) -> list[int]:
    return [found["event.sequence"] for found in events]


class StoreContract:
    """Inherit, and give a class-wide fixture `make` that opens an empty store each time."""

    @pytest.fixture
    def store(self, make: Callable[[], Store]) -> Store:
        return make()

    @pytest.fixture(scope="class")
    @classmethod
    def filled(cls, make: Callable[[], Store]) -> Store:
        """A store with samples in it, for tests that only read."""
        store = make()
        store.append(SAMPLE)
        store.put_many("ticket", RECORDS)
        return store

    # -- events ------------------------------------------------------------------------------------------

    def test_an_event_is_written_once_whatever_is_replayed(self, store: Store) -> None:
        events = [event(number) for number in range(1, 6)]
        assert store.append(events[:3]) == 3
        assert store.append(events) == 2
        assert store.append(events) == 0
        assert numbers(store.scan(0, 100)) == [1, 2, 3, 4, 5]

    def test_an_event_journalled_again_on_a_later_day_is_not_doubled(self, store: Store) -> None:
        store.append([event(1)])
        assert store.append([event(1, day="2026-11-23") | {"event.sequence": 9}, event(2)]) == 1
        assert store.search(Query()).total == 2

    def test_the_same_event_twice_in_one_batch_is_written_once(self, store: Store) -> None:
        assert store.append([event(1), event(1), event(2)]) == 2

    def test_an_event_comes_back_as_it_went(self, store: Store) -> None:
        whole = event(1, source__ip="10.0.0.1", url__path="/a\\b\"'%_*?", message="Thành phố Hà Nội\n\t😀")
        whole |= {
            "dns.answers.data": ["1.1.1.1", "1.1.1.1"],
            "citywatch.beacon.score": 0.1,
            "source.port": 80,
        }
        store.append([whole])
        assert store.get_event(whole["event.id"]) == whole
        assert store.get_event("nothing") is None

    def test_scan_goes_by_sequence_in_pieces(self, store: Store) -> None:
        store.append([event(number) for number in (3, 1, 2, 5, 4)])
        assert numbers(store.scan(0, 2)) == [1, 2]
        assert numbers(store.scan(2, 2)) == [3, 4]
        assert numbers(store.scan(5, 2)) == []

    def test_search_pages_through_all_without_gap_or_double(self, store: Store) -> None:
        store.append(
            [
                event(number // 3) | {"event.id": f"e{number}", "event.sequence": number}
                for number in range(50)
            ]
        )
        seen: list[int] = []
        after = None
        for _ in range(20):
            page = store.search(Query(limit=7, after=after))
            assert page.total == 50
            seen += numbers(page.events)
            after = page.next
            if after is None:
                break
        assert seen == list(range(49, -1, -1))

    def test_search_pages_oldest_first_too(self, store: Store) -> None:
        store.append([event(number) for number in range(10)])
        first = store.search(Query(limit=6, newest_first=False))
        rest = store.search(Query(limit=6, newest_first=False, after=first.next))
        assert numbers(first.events) + numbers(rest.events) == list(range(10))
        assert rest.next is None

    def test_a_page_stays_in_place_while_events_arrive(self, store: Store) -> None:
        store.append([event(number) for number in range(10)])
        first = store.search(Query(limit=5))
        store.append([event(number) for number in range(10, 20)])
        second = store.search(Query(limit=5, after=first.next))
        assert numbers(second.events) == [4, 3, 2, 1, 0]
        assert second.total == 10

    def test_a_foreign_cursor_is_refused(self, store: Store) -> None:
        with pytest.raises(StoreError, match="not one of ours"):
            store.search(Query(after="AAAA"))

    def test_start_is_inclusive_and_end_exclusive(self, store: Store) -> None:
        store.append([event(number) for number in range(10)])
        found = store.search(Query(start=event(3)["@timestamp"], end=event(6)["@timestamp"]))
        assert numbers(found.events) == [5, 4, 3]

    def test_a_microsecond_tells_two_events_apart(self, store: Store) -> None:
        early = event(1) | {"@timestamp": "2026-11-22T08:00:01.000001Z"}
        late = event(2) | {"@timestamp": "2026-11-22T08:00:01.000002Z"}
        store.append([late, early])
        found = store.search(Query(end="2026-11-22T08:00:01.000002Z"))
        assert numbers(found.events) == [1]
        assert numbers(store.search(Query(newest_first=False)).events) == [1, 2]

    def test_a_time_that_is_none_is_refused(self, store: Store) -> None:
        with pytest.raises(StoreError, match="not a time"):
            store.search(Query(start="yesterday"))

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            (Everything(), [0, 1, 2, 3]),
            (All(()), [0, 1, 2, 3]),
            (Either(()), []),
            (Is("host.name", "CAM-0001"), [0]),
            (Is("host.name", "cam-*"), []),
            (Like("host.name", "cam-*"), [0, 1]),
            (Like("host.name", "CAM-000?"), [0, 1]),
            (Like("url.path", r"/what\?"), [2]),
            (Like("url.path", r"/star\*"), [3]),
            (Like("url.path", "/*\\\\back"), [1]),
            (Like("url.path", "*[a-z]*"), [0]),
            (Is("source.ip", "10.0.0.1"), [0]),
            (Is("source.ip", "10.0.0.0/8"), [0, 1]),
            (Is("source.ip", "2001:DB8::1"), [2]),
            (Is("source.ip", "2001:db8::/32"), [2]),
            (Like("source.ip", "10.*"), [0, 1]),
            (Is("source.ip", "not an address"), []),
            (Is("host.ip", "192.168.0.0/16"), [0]),
            (Is("source.port", 443), [0]),
            (Is("source.port", "443"), [0]),
            (Is("source.port", "https"), []),
            (Range("source.port", low=80, high=443), [0, 1]),
            (Range("source.port", low=81), [0]),
            (Range("@timestamp", low="2026-11-22T08:00:02.000000Z"), [2, 3]),
            (Exists("user.name"), [0, 1]),
            (Is("user.name", ""), [1]),
            (Not(Exists("user.name")), [2, 3]),
            (Is("user.name", "NGUYỄN VĂN ĐỨC"), [0]),
            (Like("user.name", "nguyễn*Đức"), [0]),
            (Is("tls.established", value=True), [0]),
            (Is("tls.established", "false"), [1]),
            (Is("dns.answers.type", "aaaa"), [0]),
            (Not(Is("dns.answers.type", "a")), [1, 2, 3]),
            (Text("văn đ"), [0]),
            (Text("BACK"), [1]),
            (Text("\\back"), [1]),
            (Text("source.ip"), []),
            (Text("10.0.0"), [0]),
            (Not(Text("10.0.0")), [1, 2, 3]),
            (Is("winlog.event_data.LogonType", 3), [2]),
            (Is("winlog.event_data.LogonType", "3"), [2]),
            (Like("winlog.event_data.LogonType", "3*"), [2]),
            (Is("no.such.field", "x"), []),
            (Not(Is("no.such.field", "x")), [0, 1, 2, 3]),
            (All((Is("source.ip", "10.0.0.0/8"), Not(Like("process.name", "CMD*")))), [1]),
            (Either((Is("process.name", "cmd.exe"), Is("source.ip", "2001:db8::1"))), [0, 2]),
        ],
    )
    def test_a_condition_finds(self, filled: Store, condition: Any, expected: list[int]) -> None:
        found = filled.search(Query(where=condition, newest_first=False))
        assert numbers(found.events) == expected
        assert found.total == len(expected)

    def test_aggregate_counts_values_most_first(self, store: Store) -> None:
        store.append([event(number, host__name=name) for number, name in enumerate("aBbccc")])
        assert store.aggregate(Query(), "host.name") == [("c", 3), ("b", 2), ("a", 1)]
        assert store.aggregate(Query(), "host.name", size=1) == [("c", 3)]
        assert store.aggregate(Query(where=Not(Is("host.name", "C"))), "host.name") == [("b", 2), ("a", 1)]

    def test_aggregate_counts_each_value_of_a_list(self, store: Store) -> None:
        store.append([event(1, tags=["x", "y", "x"]), event(2, tags=["y"]), event(3, source__port=80)])
        assert store.aggregate(Query(), "tags") == [("y", 2), ("x", 1)]
        assert store.aggregate(Query(), "source.port") == [("80", 1)]
        assert store.aggregate(Query(), "no.such.field") == []

    def test_aggregate_by_time_gives_the_start_of_each_slot(self, store: Store) -> None:
        store.append([event(number) for number in (0, 59, 60, 130)])
        assert store.aggregate(Query(), "@timestamp", interval_s=60) == [
            ("2026-11-22T08:00:00.000000Z", 2),
            ("2026-11-22T08:01:00.000000Z", 1),
            ("2026-11-22T08:02:00.000000Z", 1),
        ]

    def test_whole_days_are_dropped_by_when_they_came(self, store: Store) -> None:
        store.append([event(number, day=f"2026-11-{20 + number}") for number in range(5)])
        assert store.health().days == tuple(f"2026-11-{20 + number}" for number in range(5))
        assert store.drop_before("2026-11-22") == 2
        assert store.drop_before("2026-11-22") == 0
        assert numbers(store.scan(0, 10)) == [2, 3, 4]
        health = store.health()
        assert (health.events, health.days) == (3, ("2026-11-22", "2026-11-23", "2026-11-24"))
        assert store.append([event(0, day="2026-11-20")]) == 1

    # -- records -----------------------------------------------------------------------------------------

    def test_a_record_is_written_once_and_changed_by_version(self, store: Store) -> None:
        kind = "ticket"
        first = store.put_if(kind, "t1", {"state": "new", "note": {"a": [1, None]}}, 0)
        assert (first.version, first.doc) == (1, {"state": "new", "note": {"a": [1, None]}})
        second = store.put_if(kind, "t1", {"state": "triage"}, first.version)
        assert second.version == 2
        assert store.get(kind, "t1") == second
        assert store.get(kind, "t2") is None
        assert store.get("portal", "t1") is None

    @pytest.mark.parametrize("version", [0, 1, 3])
    def test_a_stale_writer_is_told(self, store: Store, version: int) -> None:
        store.put_if("ticket", "t1", {"state": "new"}, 0)
        store.put_if("ticket", "t1", {"state": "triage"}, 1)
        with pytest.raises(Conflict, match="somebody else") as told:
            store.put_if("ticket", "t1", {"state": "closed"}, version)
        assert told.value.found == 2
        stored = store.get("ticket", "t1")
        assert stored is not None
        assert stored.doc == {"state": "triage"}

    def test_a_version_of_nothing_conflicts(self, store: Store) -> None:
        with pytest.raises(Conflict):
            store.put_if("ticket", "t1", {}, 3)

    def test_what_was_put_is_found_at_once(self, store: Store) -> None:
        for number in range(5):
            store.put_if("ticket", f"t{number}", {"state": "new", "number": number}, 0)
            assert store.find("ticket", Query(where=Is("number", number), order="number")).total == 1

    def test_put_many_overwrites_and_counts_versions(self, store: Store) -> None:
        store.put_many("alert", {f"a{number}": {"count": 1} for number in range(3)})
        store.put_many("alert", {"a0": {"count": 2}, "a9": {"count": 1}})
        found = store.get_many("alert", ["a0", "a9", "a1", "none"])
        assert {key: (held.version, held.doc["count"]) for key, held in found.items()} == {
            "a0": (2, 2),
            "a9": (1, 1),
            "a1": (1, 1),
        }
        assert store.put_if("alert", "a0", {"count": 3}, 2).version == 3
        assert store.find("alert", Query(order="count")).total == 4
        store.put_many("alert", {})

    def test_create_many_leaves_what_is_there_and_tells_how_many_were_new(self, store: Store) -> None:
        store.put_many("alert", {"a0": {"count": 1}})
        docs = {f"a{number}": {"count": 2} for number in range(3)}
        assert store.create_many("alert", docs) == 2
        assert store.create_many("alert", docs) == 0
        found = store.get_many("alert", ["a0", "a1", "a2"])
        assert {key: (held.version, held.doc["count"]) for key, held in found.items()} == {
            "a0": (1, 1),
            "a1": (1, 2),
            "a2": (1, 2),
        }
        assert store.create_many("alert", {}) == 0

    def test_a_deleted_record_is_gone_and_may_come_again(self, store: Store) -> None:
        store.put_if("session", "s", {"user": "an"}, 0)
        assert store.delete("session", "s")
        assert not store.delete("session", "s")
        assert store.get("session", "s") is None
        assert store.find("session", Query(order="user")).total == 0
        assert store.put_if("session", "s", {"user": "ba"}, 0).version == 1

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            (Everything(), ["a", "b", "c", "d"]),
            (Is("state", "NEW"), ["a", "b"]),
            (Not(Is("state", "new")), ["c", "d"]),
            (Is("severity", 4), ["a"]),
            (Is("severity", "4"), ["a"]),
            (Range("severity", low=2), ["a", "b"]),
            (Range("severity", low=2, high=3), ["b"]),
            (Like("title", "trang*"), ["a"]),
            (Like("title", "TRANG chủ*"), ["a"]),
            (Exists("agency"), ["a", "c"]),
            (Is("agency", ""), ["c"]),
            (Is("alert_ids", "x2"), ["a", "b"]),
            (Is("values.source.ip", "10.0.0.1"), ["a"]),
            (Is("history.by", "an"), ["b"]),
            (Is("active", value=True), ["d"]),
            (Is("active", "true"), ["d"]),
            (Text("Đổi"), ["a"]),
            (Text("x3"), ["b"]),
            (Either((Is("state", "closed"), Is("severity", 4))), ["a", "c"]),
            (All((Is("state", "new"), Not(Is("agency", "stttt")))), ["b"]),
            (Range("opened_at", low="2026-11-22T02", high="2026-11-22T03"), ["b"]),
        ],
    )
    def test_a_record_is_found_by_any_field(self, filled: Store, condition: Any, expected: list[str]) -> None:
        found = filled.find("ticket", Query(where=condition, order="id", newest_first=False))
        assert [record.id for record in found.records] == expected
        assert found.total == len(expected)

    @pytest.mark.parametrize(
        ("order", "newest_first", "expected"),
        [
            ("opened_at", True, "cbad"),
            ("opened_at", False, "abcd"),
            ("severity", True, "abcd"),
            ("severity", False, "cbad"),
            ("changed_at", False, "cbad"),
            ("changed_at", True, "abcd"),
            ("nothing", True, "dcba"),
        ],
    )
    def test_records_are_ordered_and_paged(
        self,
        filled: Store,
        order: str,
        newest_first: bool,  # noqa: FBT001 - a row of the table
        expected: str,
    ) -> None:
        seen: list[str] = []
        after = None
        while True:
            page = filled.find("ticket", Query(order=order, newest_first=newest_first, limit=1, after=after))
            assert page.total == 4
            seen += [record.id for record in page.records]
            after = page.next
            if after is None:
                break
        assert "".join(seen) == expected

    def test_start_and_end_are_over_the_order_field(self, filled: Store) -> None:
        found = filled.find(
            "ticket", Query(order="opened_at", start="2026-11-22T01:00:00Z", end="2026-11-22T03:00:00Z")
        )
        assert [record.id for record in found.records] == ["b", "a"]

    def test_counting_stops_where_it_is_told_to(self, filled: Store) -> None:
        assert filled.search(Query(limit=1, count_to=3)).total == 3
        assert filled.search(Query(limit=1, count_to=10**6)).total == filled.search(Query()).total
        asked = Query(order="opened_at", limit=1, count_to=2)
        assert filled.find("ticket", asked).total == 2
        assert filled.find("ticket", replace(asked, where=Text("đổi"))).total == 1

    @pytest.mark.parametrize(
        ("by", "expected"),
        [
            ("state", [("new", 2), ("closed", 1)]),
            ("severity", [("0", 1), ("2", 1), ("4", 1)]),
            ("alert_ids", [("x2", 2), ("x1", 1), ("x3", 1)]),
            ("nothing", []),
        ],
    )
    def test_records_are_counted_by_any_field(
        self, filled: Store, by: str, expected: list[tuple[str, int]]
    ) -> None:
        some = Either(tuple(Is("id", one) for one in "abc"))
        assert filled.tally("ticket", some, by) == expected
        assert filled.tally("ticket", some, by, size=1) == expected[:1]

    def test_health_counts_events_and_records(self, store: Store) -> None:
        store.append([event(1), event(2)])
        store.put_many("alert", {"a": {"count": 1}, "b": {"count": 1}})
        health = store.health()
        assert health.ok
        assert (health.events, health.refused) == (2, 0)
        assert health.records["alert"] == 2
        assert health.bytes > 0

    def test_an_empty_store_answers(self, store: Store) -> None:
        assert store.search(Query()).total == 0
        assert store.find("ticket", Query(order="opened_at")).records == ()
        assert store.aggregate(Query(), "host.name") == []
        assert store.scan(0, 10) == []
        assert store.drop_before("2030-01-01") == 0
        assert store.append([]) == 0
        assert store.get_many("ticket", []) == {}

    def test_a_refused_event_does_not_take_the_others_with_it(self, store: Store) -> None:
        assert store.append([event(1), {"event.id": "x"}, event(2)]) == 2
        health = store.health()
        assert health.refused == 1
        assert "event.sequence" in health.what

    def test_many_names_of_many_kinds_do_not_hurt(self, store: Store) -> None:
        doc = {f"field{number}": {uuid4().hex: number} for number in range(50)}
        store.put_if("run", "r", doc, 0)
        stored = store.get("run", "r")
        assert stored is not None
        assert stored.doc == doc


SAMPLE = [
    event(
        0,
        host__name="cam-0001",
        source__ip="10.0.0.1",
        host__ip=["192.168.1.5", "172.16.0.1"],
        source__port=443,
        user__name="Nguyễn Văn Đức",
        tls__established=True,
        process__name="cmd.exe",
        url__path="/x[a-z]y",
    )
    | {"dns.answers.type": ["A", "AAAA"]},
    event(
        1,
        host__name="CAM-0002",
        source__ip="10.200.3.4",
        source__port=80,
        user__name="",
        tls__established=False,
        url__path="/way\\back",
    ),
    event(2, source__ip="2001:db8::1", url__path="/what?") | {"winlog.event_data.LogonType": 3},
    event(3, url__path="/star*", source__port=7),
]

RECORDS: dict[str, dict[str, Any]] = {
    "a": {
        "id": "a",
        "state": "new",
        "severity": 4,
        "title": "Trang chủ bị Đổi",
        "agency": "STTTT",
        "opened_at": "2026-11-22T01:00:00Z",
        "alert_ids": ["x1", "x2"],
        "changed_at": "2026-11-22T09:00:00Z",
        "values": {"source.ip": ["10.0.0.1"]},
        "event": {"source.ip": "10.9.9.9"},
    },
    "b": {
        "id": "b",
        "state": "New",
        "severity": 2,
        "title": "",
        "opened_at": "2026-11-22T02:00:00Z",
        "alert_ids": ["x2", "x3"],
        "history": [{"by": "an"}, {"by": "ba"}],
        "changed_at": "2026-11-22T08:00:00Z",
    },
    "c": {
        "id": "c",
        "state": "closed",
        "severity": 0,
        "agency": "",
        "opened_at": "2026-11-22T03:00:00Z",
        "changed_at": "2026-11-22T07:00:00Z",
    },
    "d": {"id": "d", "active": True, "severity": None},
}
