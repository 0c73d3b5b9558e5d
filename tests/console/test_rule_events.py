"""Is every event of a file judged as it is written, and does it keep its number?"""

from __future__ import annotations

from pathlib import Path

import orjson

from citywatch.model import Problem
from console.rule_events import numbered

RECORD = {"EventID": 1, "Channel": "Security", "Computer": "pc", "TimeCreated": "2026-11-20T01:02:03.000004Z"}


def read(path: Path, *lines: bytes) -> tuple[list[tuple[int, str]], list[Problem]]:
    path.write_bytes(b"\n".join(lines) + b"\n")
    told: list[Problem] = []
    return [(number, str(event.get("event.code"))) for number, event in numbered(path, told.append)], told


def test_a_line_that_cannot_be_read_keeps_its_number(tmp_path: Path) -> None:
    second = {**RECORD, "EventID": 2}
    found, told = read(tmp_path / "a.ndjson", orjson.dumps(RECORD), b"{broken", orjson.dumps(second))
    assert found == [(1, "1"), (3, "2")]
    assert [each.position for each in told] == ["line 2"]


def test_a_record_without_a_time_is_judged_and_its_nulls_stay(tmp_path: Path) -> None:
    record = {"EventID": 7, "Channel": "System", "BackupPath": None}
    path = tmp_path / "a.ndjson"
    path.write_bytes(orjson.dumps(RECORD) + b"\n" + orjson.dumps(record) + b"\n")
    told: list[Problem] = []
    (_, _), (number, event) = numbered(path, told.append)
    assert (number, event["event.code"], told) == (2, "7", [])
    assert event["winlog.event_data.BackupPath"] is None


def test_records_of_one_document_are_numbered_in_their_order(tmp_path: Path) -> None:
    found, told = read(tmp_path / "a.json", orjson.dumps([RECORD, {**RECORD, "EventID": 2}]))
    assert found == [(1, "1"), (2, "2")]
    assert not told


def test_events_of_ours_are_taken_as_they_are(tmp_path: Path) -> None:
    ours = {"event.dataset": "citywatch.portal", "event.code": "9", "citywatch.portal.id": "p1"}
    found, told = read(tmp_path / "a.ndjson", orjson.dumps(ours), b"[]", b"nothing", orjson.dumps(ours))
    assert found == [(1, "9"), (4, "9")]
    assert [each.position for each in told] == ["line 2", "line 3"]


def test_what_nobody_can_read_is_told(tmp_path: Path) -> None:
    found, told = read(tmp_path / "a.txt", b"who knows")
    assert not found
    assert told
    assert told[0].fatal
